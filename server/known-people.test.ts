import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { insertClient } from '../db/fixtures.ts';
import { createKeyring, inForce, type Keyring } from '../db/keyring.ts';
import { testDatabase, type TestDatabase } from '../db/testing.ts';
import { manualClock } from '../domain/clock.ts';
import type { Party } from '../domain/intent.ts';
import type { PartyDetails } from '../domain/party.ts';
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
  const first = await takeIn(createKeyring([master], [inForce(older)]), clientId);
  expect(await takeIn(createKeyring([master], [inForce(older)]), clientId)).toMatchObject({ userId: first?.userId });
  const keyring = createKeyring([master], [newer, older].map(inForce));
  expect(await takeIn(keyring, clientId)).toMatchObject({ userId: first?.userId });
  const { rows } = await database.pool.query('select id, phone_index from users where client_id = $1', [clientId]);
  expect(rows).toEqual([{ id: first?.userId, phone_index: keyring.blindIndex(AMINA.phone, clientId) }]);
});

describe('what else is said of somebody', () => {
  const master = { id: 1, master: randomBytes(32) };
  const keyring = createKeyring([master]);
  const people = () => createKnownPeople({ pool: database.pool, keyring, clock });
  const told = (details: PartyDetails): Party => ({ ...AMINA, details });

  async function settle(by: ReturnType<typeof people>, clientId: string, ...parties: readonly Party[]): Promise<string> {
    const prepared = parties.map((party) => by.prepare(clientId, party));
    const settled = await by.settle(prepared, clock.now());
    return settled.get(prepared[0]?.personKey ?? '')?.userId ?? '';
  }

  async function kept(userId: string) {
    const { rows } = await database.pool.query('select person, data_key as "dataKey", name, phone from users where id = $1', [userId]);
    return keyring.people.openPerson(rows[0]);
  }

  test('is stored with them, and what lacked is added when it is said', async () => {
    const clientId = await insertClient(database.pool);
    const process = people();
    const userId = await settle(process, clientId, AMINA);
    expect(await kept(userId)).toEqual({ name: 'Amina Otieno', phone: '+254712345678' });
    await settle(process, clientId, told({ nationality: 'KE' }));
    await settle(process, clientId, told({ dateOfBirth: '1971-03-04' }), told({ nationality: 'UG', placeOfBirth: 'Kisumu' }));
    const details = { nationality: 'KE', dateOfBirth: '1971-03-04', placeOfBirth: 'Kisumu' };
    expect(await kept(userId)).toEqual({ name: 'Amina Otieno', phone: '+254712345678', details });
    // Another process, which met nobody, adds to the same.
    await settle(people(), clientId, told({ type: 'person', dateOfBirth: '1980' }));
    expect((await kept(userId)).details).toEqual({ ...details, type: 'person' });
    // Of somebody who is said to be something else nothing is taken.
    await settle(people(), clientId, told({ type: 'organisation', document: { type: 'registration', number: 'C-1' } }));
    expect((await kept(userId)).details).toEqual({ ...details, type: 'person' });
  });

  test('costs a payment that says nothing new no statement', async () => {
    const clientId = await insertClient(database.pool);
    const process = people();
    const first = told({ dateOfBirth: '1971-03-04' });
    await settle(process, clientId, first);
    let statements = 0;
    const query = database.pool.query.bind(database.pool);
    const spy = vi.spyOn(database.pool, 'query').mockImplementation((...args: unknown[]) => {
      statements += 1;
      return (query as (...args: unknown[]) => never)(...args);
    });
    await settle(process, clientId, AMINA, first);
    spy.mockRestore();
    expect(statements).toBe(0);
  });

  test('is not added to somebody who was erased', async () => {
    const clientId = await insertClient(database.pool);
    const process = people();
    const userId = await settle(process, clientId, AMINA);
    await database.pool.query('update users set data_key = null, person = null, erased_at = now() where id = $1', [userId]);
    await settle(process, clientId, told({ dateOfBirth: '1971-03-04' }));
    expect((await database.pool.query('select person from users where id = $1', [userId])).rows).toEqual([{ person: null }]);
  });
});
