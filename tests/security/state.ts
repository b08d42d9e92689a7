/**
 * What a request may not have changed: every table there is, as one text to compare. The tables come from PostgreSQL's catalogue, so
 * that a new one is guarded from its first day.
 */
import type { Pool } from '../../db/connect.ts';

/**
 * What a refused request may change all the same, and why. A condition leaves those rows out and guards the others; null leaves out
 * the table.
 */
export const CHANGED_BY_REFUSALS: Readonly<Record<string, { readonly rows: string | null; readonly because: string }>> = {
  audit_events: { rows: `action = 'login.refused'`, because: 'who did not get in, and where, is part of the proof' },
  logins: { rows: null, because: 'a wrong password or code counts against its login' },
  passkey_challenges: { rows: null, because: 'a challenge is used up by whoever fails to answer it' },
  api_key_uses: { rows: null, because: 'a key that may not do this was used all the same' },
  rate_limits: { rows: null, because: 'a refused request counts as one' },
  idempotency_keys: { rows: null, because: 'the key of a refused request is taken while it is looked at, and its answer is kept' },
  operator_callbacks: { rows: `verdict = 'quarantined'`, because: 'what came to an address of nobody is kept aside' },
  gateway_records: { rows: `verdict = 'refused'`, because: 'what a gateway posted in vain is kept aside' },
  request_nonces: { rows: null, because: 'a signed request counts once, also when what it asks for is refused' },
};

export interface StateGuard {
  /** Tables that are looked at, those in part as well. */
  readonly tables: readonly string[];
  /** What stands in the database now; equal texts, equal rows. */
  read(): Promise<string>;
}

/** Makes the guard. Throws for an exception that names a table which is not there. */
export async function openStateGuard(pool: Pool): Promise<StateGuard> {
  const { rows } = await pool.query<{ name: string; logged: boolean }>(
    `select relname as name, relpersistence = 'p' as logged from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  );
  const unknown = Object.keys(CHANGED_BY_REFUSALS).filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0) throw new RangeError(`there is no table ${unknown.join(', ')}`);
  const guarded = rows.filter(({ name }) => CHANGED_BY_REFUSALS[name]?.rows !== null);
  const sumsOf = (logged: boolean): string =>
    guarded
      .filter((table) => table.logged === logged)
      .map(({ name }) => fingerprintOf(name))
      .join(' union all ');
  const cheap = `select 'written up to' as name, pg_current_wal_insert_lsn()::text as sum union all ${sumsOf(false)}`;
  let last: { readonly at: string; readonly state: string } | null = null;
  return {
    tables: guarded.map(({ name }) => name),
    read: async () => {
      const [written, ...unlogged] = await linesOf(pool, 'state_of_unlogged', cheap);
      const at = written ?? '';
      // Whatever changes a row of the others stands in the write-ahead log first. Most refusals write nothing at all.
      if (last?.at !== at) last = { at, state: (await linesOf(pool, 'state_of_logged', sumsOf(true))).join('\n') };
      return [last.state, ...unlogged].join('\n');
    },
  };
}

async function linesOf(pool: Pool, name: string, text: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string; sum: string }>({ name, text });
  return rows.map((row) => `${row.name}=${row.sum}`);
}

function fingerprintOf(name: string): string {
  const left = CHANGED_BY_REFUSALS[name]?.rows;
  const where = left === undefined ? '' : ` where (${left}) is not true`;
  return `select '${name}' as name, count(*)::text || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0)::text as sum from "${name}" t${where}`;
}

/** The tables in which two states differ. */
export function differenceOf(before: string, after: string): string[] {
  const was = new Set(before.split('\n'));
  return after
    .split('\n')
    .filter((line) => !was.has(line))
    .map((line) => line.split('=', 1)[0] as string);
}
