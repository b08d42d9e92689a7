/**
 * What goes wrong, and where. Every point at which something can go wrong has a name (`worker-1.0 commit #12`);
 * the seed says for each whether it does. A script is the list of those that did: with it only they happen
 * again, which is how a failing run is made short.
 */
import type { Chance } from '../sandbox/random.ts';

/** Groups that can be asked for, each with its faults and how often each befalls a point where it could. */
export const FAULTS = {
  operators: {
    request_lost: 0.01,
    connection_refused: 0.008,
    answer_lost: 0.015,
    answer_late: 0.01,
    error_before: 0.008,
    error_after: 0.008,
    page_before: 0.005,
    page_after: 0.005,
    callback_lost: 0.05,
    callback_doubled: 0.06,
    callback_late: 0.06,
    callback_lies: 0.03,
    operator_silent: 0.0015,
    operator_refusing: 0.0015,
    tokens_expire: 0.002,
  },
  workers: { killed_before: 0.0012, killed_after: 0.0012, paused: 0.0012 },
  api: { api_killed_before: 0.004, api_killed_after: 0.004, answer_to_client_lost: 0.02 },
  queue: { hint_lost: 0.15, hint_doubled: 0.1, hint_late: 0.1 },
  database: {
    statement_fails: 0.002,
    answer_of_database_lost: 0.002,
    statement_slow: 0.003,
    deadlock_told: 0.002,
    no_connection: 0.001,
  },
  clocks: { clock_jumps: 0.0008 },
  chain: {
    chain_request_lost: 0.004,
    chain_refuses_connection: 0.004,
    chain_answer_lost: 0.006,
    mempool_full: 0.02,
    submission_answered_500: 0.01,
    transaction_lost: 0.03,
    transaction_hidden: 0.03,
    transaction_late: 0.02,
    node_down: 0.0004,
    node_behind: 0.0004,
    node_of_another_chain: 0.0002,
    mempool_stays_full: 0.0003,
    gas_rises: 0.0008,
  },
  partitions: { cut_from_database: 0.0004, cut_from_operators: 0.0006 },
} as const satisfies Record<string, Record<string, number>>;

export type FaultGroup = keyof typeof FAULTS;
export type FaultKind = { [Group in FaultGroup]: keyof (typeof FAULTS)[Group] }[FaultGroup];

export const FAULT_GROUPS = Object.keys(FAULTS) as FaultGroup[];

/** One thing that went wrong. */
export interface Fault {
  readonly kind: FaultKind;
  readonly point: string;
}

export interface Faults {
  /** What befalls this point, of the kinds that could; null for nothing. */
  at<Kind extends FaultKind>(point: string, kinds: readonly Kind[]): Kind | null;
  /** How large it is: from `min` up to `max`, for this point, evenly in its logarithm. */
  sizeMs(point: string, min: number, max: number): number;
  /** What happens was written down before: the seed has no say. */
  readonly isScripted: boolean;
  /** What went wrong so far, in order. */
  readonly struck: readonly Fault[];
}

export interface FaultOptions {
  readonly chance: Chance;
  readonly groups: readonly FaultGroup[];
  /** Faults end once this says so, that what they left behind can come to its end. */
  readonly isOver: () => boolean;
  /** How often faults of a group strike, as a share of how often they do else; 1 unless told. */
  readonly share?: (group: FaultGroup) => number;
  /** Only these happen, in place of what the seed says. */
  readonly only?: readonly Fault[];
  readonly tell: (fault: Fault) => void;
}

/** Makes the fate of one run. */
export function createFaults(options: FaultOptions): Faults {
  const { chance } = options;
  const { share = () => 1 } = options;
  const shares = new Map<string, number>(
    options.groups.flatMap((group) => Object.entries(FAULTS[group]).map(([kind, often]) => [kind, often * share(group)] as const)),
  );
  const script = options.only === undefined ? null : new Map(options.only.map((fault) => [fault.point, fault.kind]));
  const struck: Fault[] = [];

  function drawn<Kind extends FaultKind>(point: string, kinds: readonly Kind[]): Kind | null {
    if (script !== null) return kinds.find((kind) => script.get(`${point} ${groupOf(kind)}`) === kind) ?? null;
    if (options.isOver()) return null;
    const draw = chance.draw('fault', point, kinds.join());
    let reached = 0;
    for (const kind of kinds) {
      reached += shares.get(kind) ?? 0;
      if (draw < reached) return kind;
    }
    return null;
  }

  return {
    at(point, kinds) {
      const kind = drawn(point, kinds);
      if (kind !== null) {
        const fault = { kind, point: `${point} ${groupOf(kind)}` };
        struck.push(fault);
        options.tell(fault);
      }
      return kind;
    },
    sizeMs: (point, min, max) => Math.round(min * (max / min) ** chance.draw('size', point)),
    isScripted: script !== null,
    struck,
  };
}

/** One point can be struck from several sides at once; the side is part of its name. */
function groupOf(kind: FaultKind): FaultGroup {
  const group = FAULT_GROUPS.find((name) => Object.hasOwn(FAULTS[name], kind));
  if (group === undefined) throw new RangeError(`the fault ${kind} is of no group`);
  return group;
}
