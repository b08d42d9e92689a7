import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApiKey, findApiKey, revokeApiKey } from './queries/api-keys.ts';
import { DEMO_CLIENT_ID, DEMO_PRINCIPALS, seedClients } from './seed.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

const pepper = randomBytes(32);
let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.close());

test('makes a key for each principal once, also when two processes start at once', async () => {
  const { pool } = database;
  const [one, two] = await Promise.all([seedClients(pool, pepper), seedClients(pool, pepper)]);
  const keys = { ...one.keys, ...two.keys };
  expect(Object.keys(keys).sort()).toEqual(Object.keys(DEMO_PRINCIPALS).sort());
  expect(Object.keys(one.keys).length + Object.keys(two.keys).length).toBe(Object.keys(DEMO_PRINCIPALS).length);
  expect((await seedClients(pool, pepper)).keys).toEqual({});
  for (const [principal, key] of Object.entries(keys)) {
    expect(key).toMatch(/^capp_test_[0-9a-f]{12}_[0-9a-f]{48}$/);
    expect(await findApiKey(pool, pepper, key, Date.now())).toMatchObject({
      clientId: DEMO_CLIENT_ID,
      principal,
      scopes: DEMO_PRINCIPALS[principal],
    });
  }
});

test('the two officers are two principals, and may not pay', async () => {
  await seedClients(database.pool, pepper);
  const officers = Object.entries(DEMO_PRINCIPALS).filter(([, scopes]) => scopes.includes('cases:decide'));
  expect(officers.map(([principal]) => principal)).toEqual(['officer:amina', 'officer:kofi']);
  for (const [, scopes] of officers) expect(scopes).not.toContain('payments:write');
});

test('keeps no secret in the database', async () => {
  const { keys } = await seedClients(database.pool, pepper);
  const { rows } = await database.pool.query("select row_to_json(k)::text || encode(secret_hash, 'escape') as row from api_keys k");
  for (const key of Object.values(keys)) {
    for (const { row } of rows) expect(row).not.toContain(key.split('_')[3]);
  }
});

test('finds nothing for a wrong secret, another pepper, a malformed, expired or revoked key', async () => {
  const { pool } = database;
  await seedClients(pool, pepper);
  const made = await createApiKey(pool, pepper, { clientId: DEMO_CLIENT_ID, principal: 'client:two', scopes: [], expiresAtMs: 10_000 });
  expect(await findApiKey(pool, pepper, made.key, 9_999)).not.toBeNull();
  expect(await findApiKey(pool, pepper, made.key, 10_000)).toBeNull();
  expect(await findApiKey(pool, randomBytes(32), made.key, 0)).toBeNull();
  expect(
    await findApiKey(
      pool,
      pepper,
      made.key.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      0,
    ),
  ).toBeNull();
  expect(await findApiKey(pool, pepper, `${made.key} `, 0)).toBeNull();
  expect(await findApiKey(pool, pepper, '', 0)).toBeNull();
  expect(await revokeApiKey(pool, made.id, 5)).toBe(true);
  expect(await revokeApiKey(pool, made.id, 5)).toBe(false);
  expect(await findApiKey(pool, pepper, made.key, 0)).toBeNull();
});
