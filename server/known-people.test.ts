import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient } from '../db/fixtures.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { testDatabase, type TestDatabase } from '../db/testing.ts';
import { manualClock } from '../domain/clock.ts';
import type { Party } from '../domain/intent.ts';
import { createKnownPeople } from './known-people.ts';

const AMINA: Party = { name: 'Amina Otieno', phone: '+254712345678', country: 'KE', walletId: 'mpesa-ke' };
const clock = manualClock(Date.parse('2026-03-31T09:00:00Z'));

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

/** Takes a party in, as a process that has met nobody does. */
async function takeIn(keyring: Keyring, clientId: string) {
  const people = createKnownPeople({ pool: database.pool, keyring, clock });
  const prepared = people.prepare(clientId, AMINA);
  return (await people.settle([prepared], clock.now())).get(prepared.personKey);
}

test('somebody is who they were to a process that never met them, also under an older index key, and gets the new index', async () => {
  const clientId = await insertClient(database.pool);
  const master = { id: 1, master: randomBytes(32) };
  const [older, newer] = [randomBytes(32), randomBytes(32)];
  const first = await takeIn(createKeyring([master], [older]), clientId);
  expect(await takeIn(createKeyring([master], [older]), clientId)).toMatchObject({ userId: first?.userId });
  const keyring = createKeyring([master], [newer, older]);
  expect(await takeIn(keyring, clientId)).toMatchObject({ userId: first?.userId });
  const { rows } = await database.pool.query('select id, phone_index from users where client_id = $1', [clientId]);
  expect(rows).toEqual([{ id: first?.userId, phone_index: keyring.blindIndex(AMINA.phone, clientId) }]);
});
