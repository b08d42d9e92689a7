/** What goes wrong between a client and the chain: by script for certain, and by seeded chance for the rest. */
import { z } from 'zod';
import type { Chance } from '../random.ts';

/**
 * What becomes of one submission.
 * `lost_request`: the connection is cut and nothing was taken · `lost_answer`: taken, then the connection is cut ·
 * `dropped`: accepted and never committed · `hidden`: accepted, then unknown to the node until it is committed late ·
 * `slow`: committed late · `full`: the mempool is full · `error`: HTTP 500, nothing taken
 */
export const FATES = ['well', 'lost_request', 'lost_answer', 'dropped', 'hidden', 'slow', 'full', 'error'] as const;
export type Fate = (typeof FATES)[number];

/**
 * `up` · `silent`: cuts every connection · `behind`: knows nothing that came later than the moment it fell behind ·
 * `foreign`: belongs to another chain · `full`: takes no transaction
 */
export const MODES = ['up', 'silent', 'behind', 'foreign', 'full'] as const;
export type Mode = (typeof MODES)[number];

const share = z.number().min(0).max(1);

export const chainFaultsSchema = z.strictObject({
  lostRequest: share.default(0),
  lostAnswer: share.default(0),
  dropped: share.default(0),
  hidden: share.default(0),
  slow: share.default(0),
  full: share.default(0),
  error: share.default(0),
  /** Partners who do not pay into a batch of theirs. */
  unfunded: share.default(0),
  /** Partners who dispute a batch of theirs that has a dispute window. */
  disputing: share.default(0),
});

export type ChainFaults = z.infer<typeof chainFaultsSchema>;

export const NO_CHAIN_FAULTS: ChainFaults = chainFaultsSchema.parse({});

/** A bad day: about one submission in ten goes wrong in some way. */
export const MODEST_CHAIN_FAULTS: ChainFaults = {
  lostRequest: 0.01,
  lostAnswer: 0.02,
  dropped: 0.01,
  hidden: 0.02,
  slow: 0.02,
  full: 0.01,
  error: 0.01,
  unfunded: 0,
  disputing: 0,
};

/** The fate of a submission; the same for the same names. */
export function fateOf(chance: Chance, faults: ChainFaults, ...names: readonly (string | number)[]): Fate {
  const shares: readonly (readonly [Fate, number])[] = [
    ['lost_request', faults.lostRequest],
    ['lost_answer', faults.lostAnswer],
    ['dropped', faults.dropped],
    ['hidden', faults.hidden],
    ['slow', faults.slow],
    ['full', faults.full],
    ['error', faults.error],
  ];
  let left = chance.draw('chain fate', ...names);
  for (const [fate, size] of shares) {
    if (left < size) return fate;
    left -= size;
  }
  return 'well';
}
