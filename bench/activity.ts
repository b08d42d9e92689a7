/** What sessions of PostgreSQL do, looked at many times a second: the processor, or what they wait for, by statement. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../db/connect.ts';

export interface Activity {
  /** `cpu`, or what was waited for, as PostgreSQL names it: `Lock:transactionid`. */
  readonly doing: string;
  /** The beginning of the statement, or the kind of process. */
  readonly what: string;
  /** Sessions at it at a moment, on average. */
  readonly sessions: number;
}

const LOOK_MS = 10;
/** Letters told of a statement. */
const TOLD = 100;

// One that waits for nothing runs, or would if a processor were free.
const SQL = `
select coalesce(wait_event_type || ':' || wait_event, 'cpu') as doing,
  coalesce(nullif(left(regexp_replace(trim(query), '\\s+', ' ', 'g'), ${TOLD}), ''), backend_type) as what
from pg_stat_activity
where pid <> pg_backend_pid() and (state = 'active' or backend_type = 'autovacuum worker' or state is null and wait_event is null)`;

/** Does some work and looks meanwhile, over a connection of its own: what came of it, and what was seen, the commonest first. */
export async function whileWatched<Result>(
  url: string,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly activity: readonly Activity[] }> {
  const pool = connect({ url, applicationName: 'capp bench activity', max: 1 });
  const seen = new Map<string, { doing: string; what: string; times: number }>();
  let looks = 0;
  let isDone = false;
  const look = async (): Promise<void> => {
    while (!isDone) {
      const { rows } = await pool.query<{ doing: string; what: string }>({ name: 'activity', text: SQL });
      looks += 1;
      for (const row of rows) {
        const key = `${row.doing} ${row.what}`;
        seen.set(key, { ...row, times: (seen.get(key)?.times ?? 0) + 1 });
      }
      await delay(LOOK_MS);
    }
  };
  try {
    const [result] = await Promise.all([work().finally(() => (isDone = true)), look()]);
    const commonest = [...seen.values()].sort((a, b) => b.times - a.times);
    return { result, activity: commonest.map(({ doing, what, times }) => ({ doing, what, sessions: times / looks })) };
  } finally {
    isDone = true;
    await pool.end();
  }
}
