/** How much one caller may ask for: classes of routes, each with so many requests in so many seconds. */
import { fault } from '../../domain/errors.ts';

/** By whom a class is counted: the client and principal of a key, or the address a request comes from. */
const COUNTED_BY = {
  read: 'caller',
  write: 'caller',
  batch: 'caller',
  public: 'address',
  callback: 'address',
  failed_auth: 'address',
} as const;

export type LimitClass = keyof typeof COUNTED_BY;

export interface LimitPolicy {
  readonly name: LimitClass;
  readonly countedBy: 'caller' | 'address';
  /** Requests in one window. */
  readonly requestsMax: number;
  readonly windowS: number;
}

export type LimitPolicies = Readonly<Record<LimitClass, LimitPolicy>>;

/** Far above what one client needs; whoever shares a machine among many sets lower ones. */
const DEFAULTS: Readonly<Record<LimitClass, readonly [requestsMax: number, windowS: number]>> = {
  read: [20_000, 1],
  write: [20_000, 1],
  batch: [100, 1],
  public: [20_000, 1],
  callback: [20_000, 1],
  // What somebody needs who mistypes a key, and useless to somebody who tries keys.
  failed_auth: [100, 60],
};

const ENTRY = /^([a-z_]+)=(\d{1,9})\/(\d{1,5})$/;

/** Reads `class=requests/seconds` entries, separated by commas; classes not named keep their defaults. Throws `config_invalid`. */
export function readLimits(text: string): LimitPolicies {
  const wanted: Record<string, readonly [number, number]> = { ...DEFAULTS };
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [, name = '', requests, seconds] = ENTRY.exec(entry.trim()) ?? [];
    const known = Object.hasOwn(DEFAULTS, name) && Number(requests) > 0 && Number(seconds) > 0;
    if (!known)
      throw fault('config_invalid', {
        field: 'CAPP_RATE_LIMITS',
        detail: `CAPP_RATE_LIMITS is wrong at "${entry.trim().slice(0, 40)}": write class=requests/seconds, a class being one of ${Object.keys(DEFAULTS).join(', ')}.`,
      });
    wanted[name] = [Number(requests), Number(seconds)];
  }
  const policyOf = (name: LimitClass): LimitPolicy => {
    const [requestsMax, windowS] = wanted[name] ?? DEFAULTS[name];
    return { name, countedBy: COUNTED_BY[name], requestsMax, windowS };
  };
  return Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, policyOf(name as LimitClass)])) as unknown as LimitPolicies;
}

/** The class of a route. `keyed`: it asks for a key. */
export function classOfRoute(route: { readonly method: string; readonly path: string; readonly keyed: boolean }): LimitClass {
  if (['/v1/callbacks/', '/v1/c2b/', '/v1/gateways/'].some((start) => route.path.startsWith(start))) return 'callback';
  if (!route.keyed) return 'public';
  if (route.method === 'get') return 'read';
  return route.path.endsWith('/batches') ? 'batch' : 'write';
}
