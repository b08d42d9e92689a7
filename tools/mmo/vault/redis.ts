/** Operator tokens in Redis: a key for each token that ends with it, and one for the claim to fetch the next. */
import type { Redis } from 'ioredis';
import type { TokenStore } from './shared.ts';

const KEEP = `if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
redis.call('del', KEYS[2])
return 1`;

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 0`;

/** Makes the store. All its times are the server's. */
export function redisTokenStore(client: Redis): TokenStore {
  const tokenKey = (name: string): string => `capp-operator-token:{${name}}`;
  const claimKey = (name: string): string => `${tokenKey(name)}:claim`;
  return {
    async read(name) {
      const [sealed, renewInMs] = await Promise.all([client.getBuffer(tokenKey(name)), client.pttl(tokenKey(name))]);
      return sealed === null || renewInMs <= 0 ? null : { sealed, renewInMs };
    },
    async claim(name, holder, leaseMs) {
      return (await client.set(claimKey(name), holder, 'PX', leaseMs, 'NX')) === 'OK';
    },
    async keep(name, holder, { sealed, renewInMs }) {
      const kept = await client.eval(KEEP, 2, tokenKey(name), claimKey(name), holder, sealed, Math.max(1, Math.floor(renewInMs)));
      return kept === 1;
    },
    async release(name, holder) {
      await client.eval(RELEASE, 1, claimKey(name), holder);
    },
  };
}
