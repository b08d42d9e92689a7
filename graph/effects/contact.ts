/**
 * Whether operators answer, told to the breakers as requests show it: an attempt without an answer may stay in doubt for
 * half an hour, and meanwhile everything else would be sent into the same silence.
 */
import { type HealthLeg, healthKey, healthLegOf, postgresHealthStore } from '../../tools/rails/health.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import { RAILS } from '../../domain/network.ts';
import type { Outcome } from '../../tools/mmo/operator.ts';
import type { Doubt, Reason } from '../../tools/mmo/reasons.ts';
import type { GraphDeps } from '../types.ts';

const RAIL_IDS = RAILS.map(({ id }) => id);

/** What a request says of its operator: it answered, it did not or could not work, or nothing. */
export type Contact = 'answer' | 'silence' | 'nothing';

const SILENCES: ReadonlySet<string> = new Set(['no_answer', 'operator_error', 'unreadable_answer'] satisfies Doubt[]);
/** Our own code or store was at fault. */
const UNTOLD: ReadonlySet<string> = new Set(['client_error', 'store_unavailable'] satisfies (Reason | 'client_error')[]);

/** Pure: what the outcome of a request says. What could not be reached at all is an end, and counted when that is worked in. */
export function contactOf(outcome: Outcome): Contact {
  if (!('reasonCode' in outcome)) return 'answer';
  if (outcome.state === 'unknown' && SILENCES.has(outcome.reasonCode)) return 'silence';
  if (UNTOLD.has(outcome.reasonCode) || outcome.reasonCode === 'operator_unavailable') return 'nothing';
  return outcome.state === 'failed' && outcome.isUnsent === true ? 'nothing' : 'answer';
}

/** Tells the breaker of a rail and leg what the outcome of a request says. */
export type TellContact = (railId: string, leg: Leg, outcome: Outcome) => Promise<void>;

/** How old at most is what a process knows of silences that others have told, milliseconds. */
const LOOK_EVERY_MS = 1_000;

/**
 * Makes the teller of one process. Every silence is told. Answers are many, and each has an end that is counted: one is told
 * only where it is the first after a silence, whoever told of that, so that silences among answers never count as one row and
 * a probe that is answered closes the breaker whichever process made it.
 */
export function createContacts(deps: Pick<GraphDeps, 'pool' | 'clock' | 'railHealth'>): TellContact {
  const store = deps.railHealth ?? postgresHealthStore(deps.pool);
  const silent = new Set<string>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    if (deps.clock.now() - lookedAtMs < LOOK_EVERY_MS) return;
    lookedAtMs = deps.clock.now();
    const rows = await store.read(RAIL_IDS);
    for (const [key, row] of rows) if (row.outages > 0 || row.downUntilMs !== null) silent.add(key);
  }

  return async (railId, leg, outcome) => {
    const healthLeg: HealthLeg = healthLegOf(leg);
    const key = healthKey(railId, healthLeg);
    const contact = contactOf(outcome);
    if (contact === 'nothing') return;
    if (contact === 'silence') silent.add(key);
    else {
      await look();
      if (!silent.delete(key)) return;
    }
    const isSilence = contact === 'silence';
    await store.record([{ railId, leg, ok: isSilence ? false : null, outage: isSilence, latencyMs: null }], deps.clock.now());
  };
}
