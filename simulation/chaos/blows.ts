/** What is done to the running system. Each blow resolves when its hand is off again; recovery is measured from there. */
import { type ChaosWorld, pause } from './world.ts';

export interface Blow {
  readonly name: string;
  /** What stands in the way of it here; null for nothing. */
  readonly hindrance: (world: ChaosWorld) => string | null;
  strike(world: ChaosWorld, round: number): Promise<void>;
}

const GONE_MS = 3_000;
const COMMIT_WITHIN_MS = 10_000;
const always = (): null => null;
const needsRedis = (world: ChaosWorld): string | null => (world.redis === null ? 'there is no redis-server' : null);

export const BLOWS: readonly Blow[] = [
  {
    name: 'worker killed',
    hindrance: always,
    strike: async ({ platform }, round) => void platform.killWorker(round),
  },
  {
    name: 'API killed',
    hindrance: always,
    strike: async ({ platform }) => void platform.killApi(),
  },
  {
    name: 'PostgreSQL killed',
    hindrance: always,
    strike: (world) => world.killPostgres(),
  },
  {
    name: 'connections cut',
    hindrance: always,
    strike: async ({ proxy }) => void proxy.cutAll(),
  },
  {
    name: 'commit cut',
    hindrance: always,
    strike: ({ proxy }) => Promise.race([proxy.cutNextCommit(), pause(COMMIT_WITHIN_MS)]),
  },
  {
    name: 'Redis flushed',
    hindrance: needsRedis,
    strike: async ({ redis }) => redis?.flush(),
  },
  {
    name: 'Redis gone',
    hindrance: needsRedis,
    strike: async ({ redis }) => {
      redis?.kill();
      await pause(GONE_MS);
      await redis?.start();
    },
  },
  {
    name: 'disk full',
    hindrance: (world) => (world.disk === null ? 'a small file system cannot be mounted here' : null),
    strike: async ({ disk }) => {
      await disk?.fill();
      await pause(GONE_MS);
      await disk?.free();
    },
  },
  {
    name: 'everything killed',
    hindrance: always,
    strike: async (world) => {
      for (let index = 0; index < world.platform.workerCount; index += 1) world.platform.killWorker(index);
      world.platform.killApi();
      await world.killPostgres();
    },
  },
];
