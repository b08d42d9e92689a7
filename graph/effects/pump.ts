/**
 * A pump keeps a bounded number of calls under way: whenever one ends there is room for the next, so a
 * slow operator delays nobody but itself.
 */
import type { GraphDeps } from '../types.ts';

export interface PumpOptions<Row> {
  /** Calls under way at most. */
  readonly capacity: number;
  /** Claims up to `limit` rows, none of a group in `saturated`. */
  readonly claim: (limit: number, saturated: readonly string[]) => Promise<readonly Row[]>;
  /** Works on one row; must settle by itself, errors are reported. */
  readonly work: (row: Row) => Promise<void>;
  /** Rows of one group share a limit of their own, so that one operator never takes all the room. */
  readonly groupOf: (row: Row) => string;
  readonly groupCapacity: number;
  readonly onError: (error: unknown) => void;
  /** Waited for before each claim. */
  readonly courtesy?: (() => Promise<void>) | undefined;
}

export interface Pump {
  /** Looks for work; resolves when this look has claimed all it could, not when the calls have ended. */
  kick(): Promise<void>;
  /** Calls under way. */
  readonly underWay: number;
  /** Resolves when no look and no call is under way. */
  idle(): Promise<void>;
  /** Claims nothing more and resolves once every call has ended. */
  drain(): Promise<void>;
}

/** Makes a pump over rows that are claimed from the database. */
export function createPump<Row>(options: PumpOptions<Row>): Pump {
  const groups = new Map<string, number>();
  const calls = new Set<Promise<void>>();
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  function run(row: Row): void {
    const group = options.groupOf(row);
    groups.set(group, (groups.get(group) ?? 0) + 1);
    const call = options
      .work(row)
      .catch(options.onError)
      .finally(() => {
        const left = (groups.get(group) ?? 1) - 1;
        if (left === 0) groups.delete(group);
        else groups.set(group, left);
        calls.delete(call);
        void kick();
      });
    calls.add(call);
  }

  async function look(): Promise<void> {
    try {
      do {
        again = false;
        await options.courtesy?.();
        const room = options.capacity - calls.size;
        if (stopped || room <= 0) return;
        const saturated = [...groups].filter(([, count]) => count >= options.groupCapacity).map(([group]) => group);
        // All that is claimed may be of one group, the fullest that is not left out; its limit must hold even then.
        const fullest = Math.max(0, ...[...groups.values()].filter((count) => count < options.groupCapacity));
        const rows = await options.claim(Math.min(room, options.groupCapacity - fullest), saturated);
        for (const row of rows) run(row);
        if (rows.length > 0) again = true;
      } while (again);
    } catch (error) {
      options.onError(error);
    } finally {
      looking = null;
    }
  }

  function kick(): Promise<void> {
    again = true;
    // A look that ends before its first wait must not end before it is noted down.
    looking ??= Promise.resolve().then(look);
    return looking;
  }

  async function idle(): Promise<void> {
    while (looking !== null || calls.size > 0) await Promise.allSettled([looking, ...calls]);
  }

  return {
    kick,
    get underWay() {
      return calls.size;
    },
    idle,
    drain: () => {
      stopped = true;
      return idle();
    },
  };
}

/** A pump over rows of rails, within the limits of the settings: for what is sent, asked and read. */
export function createRailPump<Row extends { readonly rail_id: string }>(
  deps: Pick<GraphDeps, 'settings' | 'log' | 'courtesy'>,
  options: Pick<PumpOptions<Row>, 'claim' | 'work'> & { readonly what: string },
): Pump {
  return createPump<Row>({
    capacity: deps.settings.effectsMax,
    groupCapacity: deps.settings.effectsMaxPerRail,
    groupOf: (row) => row.rail_id,
    courtesy: deps.courtesy,
    claim: options.claim,
    work: options.work,
    onError: (error) => deps.log.error({ what: options.what, error: nameOf(error) }, 'effect failed'),
  });
}

/** The name of an error, which tells our logs what happened without telling them to whom. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
