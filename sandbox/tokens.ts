/** Access tokens as an operator gives them out: each for one scope, each with an end. Kept in memory; a restart ends them all. */
import type { Chance } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface Tokens {
  issue(scope: string): { token: string; lifetimeS: number };
  isLive(scope: string, token: string | null): boolean;
  /** Ends every token at once, as an operator's outage does. */
  expireAll(): void;
}

export interface TokenRules {
  readonly lifetimeMs: number;
  /** A new token kills the ones before it, as Safaricom's documents say of theirs. */
  readonly single: boolean;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function createTokens(scheduler: Scheduler, chance: Chance, rules: TokenRules): Tokens {
  const live = new Map<string, number>();
  let count = 0;
  return {
    issue(scope) {
      if (rules.single) for (const key of live.keys()) if (key.startsWith(`${scope} `)) live.delete(key);
      count += 1;
      const token = chance.text(ALPHABET, 28, 'token', scope, count, scheduler.now());
      live.set(`${scope} ${token}`, scheduler.now() + rules.lifetimeMs);
      return { token, lifetimeS: Math.floor(rules.lifetimeMs / 1000) };
    },
    isLive: (scope, token) => token !== null && (live.get(`${scope} ${token}`) ?? 0) > scheduler.now(),
    expireAll: () => live.clear(),
  };
}
