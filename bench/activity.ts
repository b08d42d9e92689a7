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

/** Begins to look, over a connection of its own. `stop` ends that and gives what was seen, the commonest first. */
export function watchActivity(url: string): { stop(): Promise<readonly Activity[]> } {
  const pool = connect({ url, applicationName: 'capp bench activity', max: 1 });
  const seen = new Map<string, { doing: string; what: string; times: number }>();
  let looks = 0;
  let ended = false;
  const looking = (async () => {
    while (!ended) {
      const { rows } = await pool.query<{ doing: string; what: string }>({ name: 'activity', text: SQL });
      looks += 1;
      for (const { doing, what } of rows) {
        const key = `${doing} ${what}`;
        const known = seen.get(key) ?? { doing, what, times: 0 };
        seen.set(key, { ...known, times: known.times + 1 });
      }
      await delay(LOOK_MS);
    }
  })();
  // Heard of by whoever stops it.
  looking.catch(() => undefined);
  return {
    stop: async () => {
      ended = true;
      try {
        await looking;
      } finally {
        await pool.end();
      }
      return [...seen.values()]
        .sort((a, b) => b.times - a.times)
        .map(({ doing, what, times }) => ({ doing, what, sessions: times / looks }));
    },
  };
}
