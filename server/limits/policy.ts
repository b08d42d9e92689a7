/**
 * How much may be asked for: classes of routes, each with so many requests in so many seconds. What comes with a key counts twice, for
 * the key and for its client, whose keys together may ask for more than any of them: no key uses up what the others need.
 */
import { fault } from '../../domain/errors.ts';

/** By whom a class is counted: a key, the client of a key, or the address a request comes from. */
const COUNTED_BY = {
  read: 'key',
  write: 'key',
  batch: 'key',
  client_read: 'client',
  client_write: 'client',
  client_batch: 'client',
  public: 'address',
  callback: 'address',
  failed_auth: 'address',
} as const;

export type LimitClass = keyof typeof COUNTED_BY;

export interface LimitPolicy {
  readonly name: LimitClass;
  readonly countedBy: 'key' | 'client' | 'address';
  /** Requests in one window. */
  readonly requestsMax: number;
  readonly windowS: number;
}

export type LimitPolicies = Readonly<Record<LimitClass, LimitPolicy>>;

/** The classes in which all keys of a client count together, by those in which each counts for itself. */
export const CLIENT_CLASSES = { read: 'client_read', write: 'client_write', batch: 'client_batch' } as const;
const KEY_CLASSES = ['read', 'write', 'batch'] as const;

/** So many times what one key may ask for, a client may with all of its keys, unless told otherwise. */
const KEYS_OF_CLIENT = 4;
/** The store counts in 32 bits, whatever so many processes have taken unused. */
const REQUESTS_MAX = 999_999_999;

type Bound = readonly [requestsMax: number, windowS: number];

/** Far above what one client needs; whoever shares a machine among many sets lower ones. */
const DEFAULTS: Readonly<Record<Exclude<LimitClass, `client_${string}`>, Bound>> = {
  read: [20_000, 1],
  write: [20_000, 1],
  batch: [100, 1],
  public: [20_000, 1],
  callback: [20_000, 1],
  // What somebody needs who mistypes a key, and useless to somebody who tries keys.
  failed_auth: [100, 60],
};

const ENTRY = /^([a-z_]+)=(\d{1,9})\/(\d{1,5})$/;

/**
 * Reads `class=requests/seconds` entries, separated by commas; classes not named keep their defaults. Throws `config_invalid`, also for
 * a client that is to have no more than one of its keys.
 */
export function readLimits(text: string): LimitPolicies {
  const wanted: Partial<Record<LimitClass, Bound>> = { ...DEFAULTS };
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [, name = '', requests, seconds] = ENTRY.exec(entry.trim()) ?? [];
    if (!isClass(name) || Number(requests) === 0 || Number(seconds) === 0)
      throw wrong(`is wrong at "${entry.trim().slice(0, 40)}": write class=requests/seconds, a class being one of ${CLASSES.join(', ')}.`);
    wanted[name] = [Number(requests), Number(seconds)];
  }
  for (const keyClass of KEY_CLASSES) {
    const clientClass = CLIENT_CLASSES[keyClass];
    const [requests, seconds] = wanted[keyClass] ?? DEFAULTS[keyClass];
    const ofClient = (wanted[clientClass] ??= [Math.min(requests * KEYS_OF_CLIENT, REQUESTS_MAX), seconds]);
    if (ofClient[1] !== seconds || (ofClient[0] <= requests && ofClient[0] < REQUESTS_MAX))
      throw wrong(`lets one key use up what its client has: ${clientClass} must be more than ${requests} requests in ${seconds} seconds.`);
  }
  const policyOf = (name: LimitClass): LimitPolicy => {
    const bound = wanted[name];
    if (bound === undefined) throw new RangeError(`the class ${name} has no limit`);
    return { name, countedBy: COUNTED_BY[name], requestsMax: bound[0], windowS: bound[1] };
  };
  return Object.fromEntries(CLASSES.map((name) => [name, policyOf(name)])) as unknown as LimitPolicies;
}

const CLASSES = Object.keys(COUNTED_BY) as LimitClass[];
const isClass = (name: string): name is LimitClass => Object.hasOwn(COUNTED_BY, name);
const wrong = (what: string) => fault('config_invalid', { field: 'CAPP_RATE_LIMITS', detail: `CAPP_RATE_LIMITS ${what}` });

/** The class of a route. `keyed`: it asks for a key. */
export function classOfRoute(route: { readonly method: string; readonly path: string; readonly keyed: boolean }): LimitClass {
  if (['/v1/callbacks/', '/v1/balances/', '/v1/c2b/', '/v1/gateways/'].some((start) => route.path.startsWith(start))) return 'callback';
  if (!route.keyed) return 'public';
  if (route.method === 'get') return 'read';
  return route.path.endsWith('/batches') ? 'batch' : 'write';
}
