import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { findProgram, type RedisServer, startRedis } from './redis.ts';

const servers: RedisServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

test('starts a server that answers, and ends it', { timeout: 240_000 }, async () => {
  const server = await startRedis();
  servers.push(server);
  const client = new Redis(server.url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  await client.connect();
  expect(await client.ping()).toBe('PONG');
  expect(await client.config('GET', 'maxmemory-policy')).toContain('noeviction');

  const closed = new Promise((resolve) => client.once('end', resolve));
  await server.stop();
  await closed;
  await expect(client.ping()).rejects.toThrow();
  await server.stop();
});

test('two servers stand side by side', { timeout: 240_000 }, async () => {
  servers.push(...(await Promise.all([startRedis(), startRedis()])));
  expect(servers[0]?.url).not.toBe(servers[1]?.url);
});

test('finds a program only where it can be run', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-path-'));
  await writeFile(join(folder, 'tool'), '#!/bin/sh\n', { mode: 0o644 });
  expect(await findProgram('tool', folder)).toBeNull();
  await writeFile(join(folder, 'other'), '#!/bin/sh\n', { mode: 0o755 });
  expect(await findProgram('other', folder)).toBe(join(folder, 'other'));
});
