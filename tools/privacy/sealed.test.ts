import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyring } from '../../db/keyring.ts';
import { SEALED_PLACES } from '../../db/queries/sealed-places.ts';
import { newId } from '../../domain/ids.ts';
import { listFiles, readText } from '../../tests/tidy/source.ts';
import { rotateKeys } from './rotate.ts';
import { countPlaces } from './sealed.ts';
import { type PrivacyWorld, privacyWorld, TEST_KEYS } from './testing.ts';

const ROOT = join(import.meta.dirname, '../..');
let world: PrivacyWorld;
beforeAll(async () => {
  world = await privacyWorld(Date.UTC(2026, 10, 20, 9));
});
afterAll(() => world.close());

test('what field keys seal goes over to the new one, and the old one can go', async () => {
  const { pool, keyring, clientId } = world;
  const sealed = (text: string, context: string) => keyring.encrypt(text, context);
  await pool.query(
    `insert into webhook_endpoints (id, client_id, url, secret, previous_secret, previous_secret_until, topics) values ($1, $2, 'https://shop.test/', $3, $4, now(), '{}')`,
    [newId(), clientId, sealed('whsec_now', 'webhook_endpoints.secret'), sealed('whsec_before', 'webhook_endpoints.secret')],
  );
  await pool.query(`insert into subscribers (phone_index, name) values ('\\x01', $1)`, [sealed('Amina Wanjiku', 'subscribers.name')]);
  const before = await countPlaces(pool);
  expect(before.map(({ place, keyId, sealed: count }) => [place, keyId, count])).toEqual([
    ['webhook_endpoints.secret', 1, 1n],
    ['webhook_endpoints.previous_secret', 1, 1n],
    ['subscribers.name', 1, 1n],
  ]);
  expect(await rotateKeys({ ...world, keyring: createKeyring([...TEST_KEYS].reverse()) }, 'wrap')).toMatchObject({ state: 'done' });
  expect(await countPlaces(pool)).toEqual(before.map((count) => ({ ...count, keyId: 2 })));
  const alone = createKeyring(TEST_KEYS.slice(1));
  const { rows } = await pool.query('select secret, previous_secret, name from webhook_endpoints, subscribers');
  expect(alone.decrypt(rows[0].secret, 'webhook_endpoints.secret')).toBe('whsec_now');
  expect(alone.decrypt(rows[0].previous_secret, 'webhook_endpoints.secret')).toBe('whsec_before');
  expect(alone.decrypt(rows[0].name, 'subscribers.name')).toBe('Amina Wanjiku');
});

test('every place can be read, and written where the rotation seals anew, in the role of the processes', async () => {
  const { rows } = await world.pool.query<{ place: string }>(
    `select given.t || '.' || given.c as place from unnest($1::text[], $2::text[], $3::text[]) as given(t, c, verb)
     where not has_column_privilege('capp_service', given.t, given.c, given.verb)`,
    [
      SEALED_PLACES.map(({ table }) => table),
      SEALED_PLACES.map(({ column }) => column),
      SEALED_PLACES.map(({ fate }) => (fate === 'rewrapped' ? 'update' : 'select')),
    ],
  );
  expect(rows).toEqual([]);
});

test('no source encrypts or decrypts for a place that is not listed', () => {
  const files = listFiles(ROOT, ['.ts'])
    .filter((path) => !path.endsWith('.test.ts') && !/^(sandbox|tests)\//.test(path))
    // Both are told the context: by the table itself, and by whoever asks for what is kept of an operator.
    .filter((path) => !['tools/privacy/sealed.ts', 'server/cli/commands/operator-messages.ts'].includes(path))
    .map((path) => readText(ROOT, path));
  const constants = (text: string) =>
    new Map([...text.matchAll(/const ([A-Z_]+) = '(\w+\.\w+)'/g)].map(([, name, value]) => [name, value]));
  const everywhere = constants(files.join('\n'));
  const found = files.flatMap((text) =>
    [...text.matchAll(/(?:keyring|deps|encrypting)\.(?:en|de)crypt\(/g)].map(({ index }) => {
      const [, name, literal] = /\b([A-Z][A-Z_]*CONTEXT|CONTEXT)\)|'(\w+\.\w+)'\)/.exec(text.slice(index, index + 300)) ?? [];
      return literal ?? constants(text).get(name) ?? everywhere.get(name) ?? text.slice(index, index + 80);
    }),
  );
  expect(found.length).toBeGreaterThan(25);
  const known = new Set<string>(SEALED_PLACES.map(({ context }) => context));
  expect(found.filter((context) => !known.has(context))).toEqual([]);
});
