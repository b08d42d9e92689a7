/**
 * The registry in the simulation: customers whose identity was checked before the first step, lists in force, and what the chain must
 * hold of both in the end: each once, whatever died, was lost or lay about the node on the way.
 */
import type { Pool } from 'pg';
import { withTransaction } from '../db/connect.ts';
import { recordIdentityCheck } from '../db/queries/identity.ts';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { digestOf } from '../domain/ids.ts';
import type { AptosNode } from '../tools/aptos/node.ts';
import { lastList, readAttestation } from '../tools/aptos/registry.ts';
import { type ListRoll, listNumber, rollRoot } from '../tools/sanctions/roll.ts';

/** Tiers that were found; the contract knows four. */
const TIERS = [1, 2, 3, 4, 6] as const;
const TIER_MAX = 4;

const idOf = (index: number): string => `00000000-0000-7000-b000-00000000000${index}`;

/** Writes down the customers, each checked by an officer. */
export async function seedChecked(pool: Pool, nowMs: number): Promise<void> {
  for (const [index, tier] of TIERS.entries()) {
    const userId = idOf(index);
    await pool.query(
      `insert into users (id, client_id, phone_index, country, wallet_id, created_at, updated_at, key_made_at) values ($1, $2, $3, 'KE', 'mpesa-ke', $4, $4, $4)`,
      [userId, DEMO_CLIENT_ID, Buffer.from(userId), new Date(nowMs)],
    );
    const check = {
      status: 'verified',
      tier,
      checkedBy: 'officer:amina',
      evidenceHash: digestOf(userId),
      actor: 'officer:amina',
      nowMs,
    } as const;
    await withTransaction(pool, (tx) => recordIdentityCheck(tx, { userId, ...check }));
  }
}

export interface RegistryEvidence {
  readonly pool: Pool;
  readonly node: AptosNode;
  readonly rolls: readonly ListRoll[];
  /** The chain's name of whoever attests. */
  readonly issuer: string;
  /** Successful calls of a function of the registry. */
  readonly executions: (fn: string) => number;
}

/** What the registry lacks, or was told twice; a sentence each. */
export async function wrongRegistry({ pool, node, rolls, issuer, executions }: RegistryEvidence): Promise<string[]> {
  const wrong: string[] = [];
  for (const roll of rolls) {
    const found = await lastList(node, listNumber(roll.list));
    const isRight = found?.root === rollRoot(roll) && found.count === BigInt(roll.entries.length) && found.version === 1n;
    if (!isRight) wrong.push(`the registry has version ${found?.version ?? 'none'} of ${roll.list}, and not once what is in force`);
  }
  const { rows } = await pool.query<{ userId: string; subject: string }>('select user_id as "userId", subject from registry_subjects');
  for (const [index, tier] of TIERS.entries()) {
    const subject = rows.find(({ userId }) => userId === idOf(index))?.subject;
    const found = subject === undefined ? null : await readAttestation(node, subject, issuer);
    const isRight = found?.isValid === true && found.tier === BigInt(Math.min(tier, TIER_MAX));
    if (!isRight) wrong.push(`the registry does not attest customer ${index} for tier ${tier}`);
  }
  if (rows.length !== TIERS.length) wrong.push(`${rows.length} customers are attested, ${TIERS.length} were checked`);
  for (const [fn, times] of [
    ['publish_list', rolls.length],
    ['attest', TIERS.length],
    ['renew', 0],
    ['revoke', 0],
  ] as const)
    if (executions(fn) !== times) wrong.push(`the registry's ${fn} was executed ${executions(fn)} times, not ${times}`);
  return wrong;
}
