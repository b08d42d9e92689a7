/**
 * How far a standby of the database is behind. Places in the write-ahead log of the server that writes are noted with their moments, and
 * the newest that the standby has replayed says how old its picture is at most. That takes no right beyond a connection to each, and
 * counts the way between the servers as well as the standby's own work.
 */
import type { Queryable } from './connect.ts';

export interface Replica {
  /** How old at most what it shows is, milliseconds; null while that is not known. */
  lagMs(): number | null;
  /** Whether what it shows is new enough. */
  isCurrent(): boolean;
  /** It failed whoever asked: it is not current again before it was looked at once more. */
  suspend(): void;
  /** Ends looking; what was begun is waited for. */
  close(): Promise<void>;
}

export interface ReplicaOptions {
  /** The server that writes. */
  readonly primary: Queryable;
  readonly standby: Queryable;
  /** What is older is not shown, milliseconds. */
  readonly lagMsMax: number;
  /** Hears why the standby cannot be looked at, once until it can again. */
  readonly onError: (error: unknown) => void;
  /** How often both are asked, milliseconds; 250 unless told. */
  readonly everyMs?: number;
  /** Milliseconds of a clock that never goes back; the process's own unless told. */
  readonly now?: () => number;
}

/** A place in the log of the server that writes, and a moment at which it had come so far. */
interface Mark {
  readonly place: bigint;
  readonly atMs: number;
}

/** A standby that lacks more is not current anyway; without the oldest it is only known to be so later. */
const MARKS_MAX = 1_000;

/** The same words for both servers: how far each is in the one log, and whose log it is. */
const PLACE_SQL = `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0' as place,
  pg_is_in_recovery() as follows, system_identifier::text as server from pg_control_system()`;

interface PlaceRow {
  /** Bytes from the beginning of the log. */
  readonly place: string;
  readonly follows: boolean;
  readonly server: string;
}

/** Looks at both servers from now on, until it is closed. What does not follow the first never becomes current. */
export function watchReplica(options: ReplicaOptions): Replica {
  const { primary, standby, lagMsMax, onError, everyMs = 250, now = () => performance.now() } = options;
  let marks: Mark[] = [];
  /** The newest moment whose picture the standby is known to have. */
  let shownMs: number | null = null;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function look(): Promise<void> {
    const writer = await placeIn(primary);
    if (writer.follows) throw new RangeError('the server that should write follows another');
    marks.push({ place: BigInt(writer.place), atMs: now() });
    if (marks.length > MARKS_MAX) marks.shift();
    const reader = await placeIn(standby);
    if (!reader.follows || reader.server !== writer.server) throw new RangeError('the replica does not follow the server that writes');
    const replayed = BigInt(reader.place);
    shownMs = marks.findLast(({ place }) => place <= replayed)?.atMs ?? shownMs;
    marks = marks.filter(({ place }) => place > replayed);
  }

  async function lookOn(): Promise<void> {
    try {
      await look();
      isFailing = false;
    } catch (error) {
      shownMs = null;
      if (!isFailing) onError(error);
      isFailing = true;
    }
    if (isClosed) return;
    timer = setTimeout(() => {
      looking = lookOn();
    }, everyMs).unref();
  }

  const lagMs = (): number | null => (shownMs === null ? null : now() - shownMs);
  let looking = lookOn();
  return {
    lagMs,
    isCurrent: () => (lagMs() ?? Number.POSITIVE_INFINITY) <= lagMsMax,
    suspend: () => {
      shownMs = null;
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

async function placeIn(server: Queryable): Promise<PlaceRow> {
  const { rows } = await server.query<PlaceRow>({ name: 'place_in_log', text: PLACE_SQL });
  return rows[0] as PlaceRow;
}
