import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyring, inForce } from '../../db/keyring.ts';
import { sealedVersion, splitParties, wrappedKeys } from '../../db/person-keys.ts';
import { newPerson } from '../../db/fixtures.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { findSubscribers, optOut, rememberSubscriber, SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import { changePersonKeys, findKeyedPeople, listKeyJobs } from '../../db/queries/key-jobs.ts';
import { nextKey } from './reseal.ts';
import { dropOldKeys, GRACE_MS, rotateKeys } from './rotate.ts';
import { type PrivacyWorld, privacyWorld, TEST_KEYS } from './testing.ts';

const START_MS = Date.UTC(2026, 10, 20, 9);
let world: PrivacyWorld;
beforeEach(async () => {
  world = await privacyWorld(START_MS);
});
afterEach(() => world.close());

const wrappingIds = async (): Promise<number[]> =>
  (await world.pool.query<{ id: number }>('select distinct get_byte(data_key, 0) as id from users order by 1')).rows.map(({ id }) => id);

describe('wrapping keys', () => {
  test('everybody is wrapped anew, nothing else is written, and the old key is needed no more', async () => {
    const [amina, okello] = [await world.addPerson(), await world.addPerson()];
    const paymentId = await world.addPayment(amina, okello);
    const texts = await world.addTexts(paymentId);
    const sealed = await texts.bytes();
    const before = await world.pool.query(
      'select parties, person from payments join users on users.id = sender_id where payments.id = $1',
      [paymentId],
    );
    const both = createKeyring([...TEST_KEYS].reverse());
    expect(await rotateKeys({ ...world, keyring: both }, 'wrap')).toEqual({ looked: 4, changed: 2, state: 'done' });
    expect(await wrappingIds()).toEqual([2]);
    const after = await world.pool.query('select parties, person from payments join users on users.id = sender_id where payments.id = $1', [
      paymentId,
    ]);
    expect(after.rows).toEqual(before.rows);
    for (const keyring of [both, createKeyring(TEST_KEYS.slice(1))])
      expect(await texts.read(keyring)).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
    expect(await texts.bytes()).toEqual(sealed);
    await expect(texts.read()).rejects.toMatchObject({ code: 'internal' });
    expect(await world.partiesOf(paymentId, createKeyring(TEST_KEYS.slice(1)))).toEqual({ sender: amina.person, receiver: okello.person });
    await expect(world.partiesOf(paymentId)).rejects.toMatchObject({ code: 'internal' });
  });

  test('is not over while a text is left under the old key', async () => {
    const texts = await world.addTexts(await world.addPayment(await world.addPerson(), await world.addPerson()));
    await world.pool.query(
      `create function no_texts() returns trigger language plpgsql as $$ begin raise exception 'no texts today'; end $$;
       create trigger no_texts before update on text_keys for each row execute function no_texts()`,
    );
    const deps = { ...world, keyring: createKeyring([...TEST_KEYS].reverse()) };
    await expect(rotateKeys(deps, 'wrap')).rejects.toThrow('no texts today');
    expect(await listKeyJobs(world.pool)).toMatchObject([{ kind: 'wrap', finishedAt: null }]);
    await world.pool.query('drop trigger no_texts on text_keys');
    expect(await rotateKeys(deps, 'wrap')).toMatchObject({ state: 'done' });
    expect(await listKeyJobs(world.pool)).toMatchObject([{ kind: 'wrap', finishedAt: new Date(START_MS) }]);
    expect(await texts.read(createKeyring(TEST_KEYS.slice(1)))).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
  });

  test('a job goes on where it was left, in another process, and finds who came meanwhile under the old key', async () => {
    for (let index = 0; index < 7; index += 1) await world.addPerson();
    const both = createKeyring([...TEST_KEYS].reverse());
    const deps = { ...world, keyring: both };
    expect(await rotateKeys(deps, 'wrap', { page: 2, pages: 2 })).toEqual({ looked: 4, changed: 4, state: 'paused' });
    await world.pool.query(`update users set id = overlay(id::text placing '00000000' from 1 for 8)::uuid where id = $1`, [
      (await world.addPerson()).id,
    ]);
    const elsewhere = { ...deps, keyring: createKeyring([...TEST_KEYS].reverse()) };
    const rest = await rotateKeys(elsewhere, 'wrap', { page: 2 });
    expect(rest).toMatchObject({ changed: 4, state: 'done' });
    expect(await wrappingIds()).toEqual([2]);
    const jobs = await world.pool.query('select looked::int, changed::int, finished_at is not null as over from key_jobs');
    expect(jobs.rows).toEqual([{ looked: 4 + rest.looked, changed: 8, over: true }]);
  });

  test('two processes do not walk side by side', async () => {
    await world.addPerson();
    const holder = await world.pool.connect();
    await rotateKeys(world, 'wrap', { pages: 0 });
    await holder.query(`begin; select 1 from key_jobs for update`);
    expect(await rotateKeys(world, 'wrap')).toMatchObject({ state: 'busy' });
    await holder.query('rollback');
    holder.release();
    expect(await rotateKeys(world, 'wrap')).toMatchObject({ state: 'done' });
  });
});

describe('data keys', () => {
  test('everything of everybody goes under a new one, and nothing is lost on the way', async () => {
    const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
    const ids = [await world.addPayment(amina, okello), await world.addPayment(okello, juma), await world.addPayment(juma, juma)];
    world.clock.advance(1_000);
    expect(await rotateKeys(world, 'data', { page: 2 })).toMatchObject({ state: 'done' });
    expect(await world.partiesOf(ids[0] ?? '')).toEqual({ sender: amina.person, receiver: okello.person });
    expect(await world.partiesOf(ids[2] ?? '')).toEqual({ sender: juma.person, receiver: juma.person });
    const { rows } = await world.pool.query<{ parties: Buffer }>('select parties from payments');
    const versions = rows.flatMap(({ parties }) => Object.values(splitParties(parties) ?? {}).map(sealedVersion));
    expect(versions).toEqual(versions.map(() => 2));
    expect(wrappedKeys(await world.keyOf(amina.id))).toHaveLength(2);
  });

  test('a payment that is sealed under the old one meanwhile can be read, and the old one is dropped only behind it', async () => {
    const [amina, okello] = [await world.addPerson(), await world.addPerson()];
    const first = await world.addPayment(amina, okello);
    const late = await world.pool.query<{ parties: Buffer }>('select parties from payments where id = $1', [first]);
    world.clock.advance(1_000);
    await rotateKeys(world, 'data');
    // Another process still remembers the old keys.
    await world.pool.query(
      `insert into payments (id, client_id, reference_id, fingerprint, amount, from_currency, to_currency, from_country, to_country,
         sender_id, receiver_id, sender_wallet, receiver_wallet, parties)
       select gen_random_uuid(), client_id, 'late', fingerprint, amount, from_currency, to_currency, from_country, to_country,
         sender_id, receiver_id, sender_wallet, receiver_wallet, $2 from payments where id = $1`,
      [first, late.rows[0]?.parties],
    );
    const lateId = (await world.pool.query<{ id: string }>(`select id from payments where reference_id = 'late'`)).rows[0]?.id ?? '';
    expect(await world.partiesOf(lateId)).toEqual({ sender: amina.person, receiver: okello.person });
    expect(await dropOldKeys(world)).toBe(0);
    world.clock.advance(GRACE_MS);
    expect(await dropOldKeys(world)).toBe(2);
    expect(wrappedKeys(await world.keyOf(amina.id))).toHaveLength(1);
    expect(await world.partiesOf(lateId)).toEqual({ sender: amina.person, receiver: okello.person });
  });

  test('what is added to a person while they get a new key is not written over', async () => {
    const amina = await world.addPerson();
    const [read] = await findKeyedPeople(world.pool, [amina.id]);
    if (read === undefined || read.dataKey === null) throw new Error('no data key');
    const change = nextKey(world.keyring, read, world.clock.now());
    const said = { ...amina.person, name: `${amina.person.name} Njeri` };
    const sealed = world.keyring.people.seal(world.keyring.people.current(read.dataKey), said);
    await world.pool.query('update users set person = $2 where id = $1', [amina.id, sealed]);
    expect(await changePersonKeys(world.pool, [change])).toBe(0);
    world.clock.advance(1_000);
    expect(await rotateKeys(world, 'data')).toMatchObject({ state: 'done' });
    const [after] = await findKeyedPeople(world.pool, [amina.id]);
    expect(after && world.keyring.people.openPerson(after)).toEqual(said);
  });

  test('rows from before people had keys go over', async () => {
    const [amina, okello, other] = [await world.addOldPerson(), await world.addOldPerson(), await world.addOldPerson()];
    const [paymentId, second] = [await world.addOldPayment(amina, okello), await world.addOldPayment(okello, other)];
    world.clock.advance(1_000);
    expect(await rotateKeys(world, 'data', { page: 1 })).toMatchObject({ state: 'done' });
    expect(await world.partiesOf(paymentId)).toEqual({ sender: amina.person, receiver: okello.person });
    expect(await world.partiesOf(second)).toEqual({ sender: okello.person, receiver: other.person });
    const left = await world.pool.query(
      `select (select count(*)::int from users where person is null or name is not null or phone is not null) as people,
         (select count(*)::int from payments where get_byte(parties, 0) <> 0) as payments`,
    );
    expect(left.rows).toEqual([{ people: 0, payments: 0 }]);
  });

  test('parties change for a job that says so, and for nobody else', async () => {
    const paymentId = await world.addPayment(await world.addPerson(), await world.addPerson());
    const change = world.pool.query('update payments set parties = $2 where id = $1', [paymentId, randomBytes(60)]);
    await expect(change).rejects.toMatchObject({ constraint: 'payments_fixed' });
  });
});

test('indexes are made anew under another index key, and people are found by either meanwhile', async () => {
  const amina = await world.addPerson();
  const indexKeys = [randomBytes(32), TEST_KEYS[0]?.master ?? Buffer.alloc(0)];
  const keyring = createKeyring(TEST_KEYS.slice(0, 1), indexKeys.map(inForce));
  expect(keyring.blindIndexes(amina.person.phone, world.clientId)[1]).toEqual(world.keyring.blindIndex(amina.person.phone, world.clientId));
  expect(await rotateKeys({ ...world, keyring }, 'index')).toMatchObject({ changed: 1, state: 'done' });
  const { rows } = await world.pool.query('select phone_index from users where id = $1', [amina.id]);
  expect(rows[0].phone_index).toEqual(keyring.blindIndex(amina.person.phone, world.clientId));
});

test('what people told us goes over to another index key with them, and a wish for no texts with it', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  const keyring = createKeyring(TEST_KEYS.slice(0, 1), [randomBytes(32), TEST_KEYS[0]?.master ?? Buffer.alloc(0)].map(inForce));
  for (const { person } of [amina, okello])
    await optOut(world.pool, world.keyring.blindIndex(person.phone, SUBSCRIBER_SCOPE), 'keyword', START_MS);
  const indexOf = ({ person }: typeof amina) => keyring.blindIndex(person.phone, SUBSCRIBER_SCOPE);
  await rememberSubscriber(world.pool, { phoneIndex: indexOf(amina), language: 'sw', name: null }, START_MS);
  expect(await rotateKeys({ ...world, keyring }, 'index')).toMatchObject({ state: 'done' });
  const found = await findSubscribers(world.pool, [indexOf(amina), indexOf(okello)]);
  expect([amina, okello].map((each) => found.get(indexOf(each).toString('hex')))).toMatchObject([
    { language: 'sw', optedOutAt: new Date(START_MS) },
    { language: null, optedOutAt: new Date(START_MS) },
  ]);
  expect((await world.pool.query('select from subscribers')).rowCount).toBe(2);
});

test('somebody whom another process stored again under the new index stops no rotation', async () => {
  const keyring = createKeyring(TEST_KEYS.slice(0, 1), [randomBytes(32), TEST_KEYS[0]?.master ?? Buffer.alloc(0)].map(inForce));
  const amina = await world.addPerson();
  const again = { ...newPerson(keyring, world.clientId, amina.person), country: 'KE' as const, walletId: 'mpesa-ke' };
  await storePeople(world.pool, [again], START_MS);
  const okello = await world.addPerson();
  expect(await rotateKeys({ ...world, keyring }, 'index')).toMatchObject({ changed: 1, state: 'done' });
  const { rows } = await world.pool.query('select phone_index from users where id = $1', [okello.id]);
  expect(rows[0].phone_index).toEqual(keyring.blindIndex(okello.person.phone, world.clientId));
});
