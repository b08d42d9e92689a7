import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { startRedis } from '../tests/setup/redis.ts';
import { assertRedisReachable } from './redis.ts';

async function unusedPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

test('a Redis that is there is well', async () => {
  const redis = await startRedis();
  try {
    await expect(assertRedisReachable(redis.url)).resolves.toBeUndefined();
  } finally {
    await redis.stop();
  }
});

test('one that is not is told in one line, without its password', async () => {
  const error = await assertRedisReachable(`redis://:hunter2@127.0.0.1:${await unusedPort()}`).catch((failure: Error) => failure);
  expect(String(error)).toMatch(/queue_unavailable: The Redis that REDIS_URL names cannot be reached \(ECONNREFUSED\)\.$/);
  expect(String(error)).not.toContain('hunter2');
});
