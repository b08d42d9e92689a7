/**
 * Looks for anything in the database that breaks an invariant of the design. Every check is a query for
 * rows that must not exist; all of them see one and the same snapshot, so a system at work can be checked.
 *
 * What the operators' own books say, signatures and the audit chain are checked elsewhere.
 */
import type { Pool, PoolClient } from 'pg';
import { TERMINAL_STATUSES } from '../../domain/lifecycle.ts';
import type { Check } from './check.ts';
import { BOOK_CHECKS } from './checks-books.ts';
import { PAYMENT_CHECKS } from './checks-payments.ts';
import { SETTLEMENT_CHECKS } from './checks-settlement.ts';

export interface Violation {
  /** Number of the invariant in the design. */
  readonly invariant: number;
  /** What breaks it: `account float:mpesa-ke`, `payment <id>`. */
  readonly subject: string;
  readonly detail: string;
}

export const CHECKS: readonly Check[] = [...BOOK_CHECKS, ...PAYMENT_CHECKS, ...SETTLEMENT_CHECKS];

/** Enough to see what is wrong; a broken invariant can concern every row. */
const VIOLATIONS_PER_CHECK_MAX = 50;

/** Runs every check and returns what it found: nothing, when every invariant holds. */
export async function checkBooks(pool: Pool): Promise<Violation[]> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    // The checks read everything there is.
    await client.query('set local statement_timeout = 0');
    const violations: Violation[] = [];
    for (const check of CHECKS) violations.push(...(await runCheck(client, check)));
    return violations;
  } finally {
    await client.query('rollback').catch(() => undefined);
    client.release();
  }
}

async function runCheck(client: PoolClient, check: Check): Promise<Violation[]> {
  const terminal = TERMINAL_STATUSES.map((status) => `'${status}'`).join(', ');
  const sql = check.sql.replaceAll(':terminal', terminal);
  const { rows } = await client.query<{ subject: string; detail: string }>(`${sql} limit ${VIOLATIONS_PER_CHECK_MAX}`);
  return rows.map(({ subject, detail }) => ({ invariant: check.invariant, subject, detail: `${check.name}: ${detail}` }));
}
