/**
 * How rails do, and how much their operators may be sent, shared through Redis. The rules are those of `health.ts` and
 * `rates.ts`; here is only how one process at a time changes a value.
 */
import type { Redis } from 'ioredis';
import {
  absorbOutcome,
  breakerState,
  downMs,
  type HealthLeg,
  healthKey,
  healthLegOf,
  type HealthStore,
  type RailHealth,
  untriedRail,
} from './health.ts';
import { FORGIVEN_AFTER_S, PAUSE_S_MAX, type RateStore } from './rates.ts';

/** By then every outcome has faded away. */
const KEPT_MS = 86_400_000;

const healthName = (key: string): string => `capp-rail-health:{${key}}`;

/** Puts a value in the place of the one that was read, an empty text standing for none. 0: somebody has changed it meanwhile. */
const REPLACE = `local held = redis.call('get', KEYS[1])
if (held or '') ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 1`;

const LEGS: readonly HealthLeg[] = ['collection', 'payout'];

/** Makes the store of breakers and success rates. A row is read, worked out by `health.ts`, and put back if nobody else was faster. */
export function redisHealthStore(client: Redis): HealthStore {
  /** Changes one row; null leaves it. False when somebody else was faster. */
  const change = async (railId: string, leg: HealthLeg, next: (row: RailHealth | null) => RailHealth | null): Promise<boolean> => {
    const name = healthName(healthKey(railId, leg));
    const held = (await client.get(name)) ?? '';
    const row = next(held === '' ? null : (JSON.parse(held) as RailHealth));
    if (row === null) return false;
    return (await client.eval(REPLACE, 1, name, held, JSON.stringify(row), KEPT_MS)) === 1;
  };
  return {
    async read(railIds) {
      if (railIds.length === 0) return new Map();
      const keys = railIds.flatMap((railId) => LEGS.map((leg) => healthKey(railId, leg)));
      const held = await client.mget(keys.map(healthName));
      return new Map(keys.flatMap((key, index) => (held[index] ? [[key, JSON.parse(held[index]) as RailHealth] as const] : [])));
    },
    async record(outcomes, nowMs) {
      const groups = Map.groupBy(outcomes, ({ railId, leg }) => healthKey(railId, healthLegOf(leg)));
      for (const all of groups.values()) {
        const [{ railId, leg }] = all as [(typeof all)[number]];
        const healthLeg = healthLegOf(leg);
        const absorb = (row: RailHealth | null): RailHealth =>
          all.reduce((state, outcome) => absorbOutcome(state, outcome, nowMs), row ?? untriedRail(railId, healthLeg, nowMs));
        // Of several who write one row each time one gets through, so everybody does in the end.
        while (!(await change(railId, healthLeg, absorb)));
      }
    },
    async takeProbes(wanted, nowMs) {
      const granted = new Set<string>();
      for (const { railId, leg } of wanted) {
        const take = (row: RailHealth | null): RailHealth | null => {
          if (row === null || breakerState(row, nowMs) !== 'half_open') return null;
          return { ...row, outages: row.outages + 1, downUntilMs: nowMs + downMs(row.outages + 1) };
        };
        // Whoever loses the row to another has lost the probe, or an answer is just coming in.
        if (await change(railId, leg, take)) granted.add(healthKey(railId, leg));
      }
      return granted;
    },
  };
}

const bucketName = (railId: string, product: string): string => `capp-operator-permits:{${railId} ${product}}`;
const pausesName = (product: string): string => `capp-operator-pauses:{${product}}`;
const refusalsName = (product: string): string => `capp-operator-refusals:{${product}}`;

/** The server's time in milliseconds. */
const NOW = `local time = redis.call('time')
local now = time[1] * 1000 + time[2] / 1000`;

const TAKE = `${NOW}
local held = redis.call('hmget', KEYS[1], 'permits', 'at')
local available = tonumber(ARGV[2])
if held[1] then available = math.min(available, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) / 1000 * tonumber(ARGV[3])) end
local permits = math.max(0, math.min(tonumber(ARGV[1]), math.floor(available)))
redis.call('hset', KEYS[1], 'permits', tostring(available - permits), 'at', tostring(now))
redis.call('pexpire', KEYS[1], ARGV[4])
return permits`;

const GIVE_BACK = `if redis.call('exists', KEYS[1]) == 1 then redis.call('hincrbyfloat', KEYS[1], 'permits', ARGV[1]) end
return 0`;

const PAUSE = `${NOW}
local till = tonumber(redis.call('zscore', KEYS[1], ARGV[1]) or '0')
if till > now then return 0 end
local refusals = 0
if till > now - ${FORGIVEN_AFTER_S * 1_000} then refusals = math.min(10, tonumber(redis.call('hget', KEYS[2], ARGV[1]) or '0')) end
redis.call('hset', KEYS[2], ARGV[1], refusals + 1)
redis.call('zadd', KEYS[1], tostring(now + 1000 * math.min(${PAUSE_S_MAX}, 2 ^ refusals)), ARGV[1])
return 1`;

const PAUSED = `${NOW}
return redis.call('zrangebyscore', KEYS[1], '(' .. tostring(now), '+inf')`;

/** Makes the store of buckets and pauses. All its times are the server's. */
export function redisRateStore(client: Redis): RateStore {
  return {
    async take(railId, product, wanted, { perSecond, burst }) {
      // Kept until it is full again, and full it need not be kept.
      const fullAfterMs = Math.ceil((burst / perSecond) * 1_000) + 1_000;
      return Number(await client.eval(TAKE, 1, bucketName(railId, product), wanted, burst, perSecond, fullAfterMs));
    },
    async giveBack(railId, product, permits) {
      await client.eval(GIVE_BACK, 1, bucketName(railId, product), permits);
    },
    async pause(railId, product) {
      await client.eval(PAUSE, 2, pausesName(product), refusalsName(product), railId);
    },
    async paused(product) {
      return (await client.eval(PAUSED, 1, pausesName(product))) as string[];
    },
  };
}
