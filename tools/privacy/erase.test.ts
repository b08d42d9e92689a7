import { afterEach, beforeEach, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertPayment } from '../../db/fixtures.ts';
import { newId } from '../../domain/ids.ts';
import { sealAudit, verifyAudit } from '../audit/index.ts';
import { checkBooks } from '../ledger/index.ts';
import { type EraseDeps, erasePerson, obstaclesTo } from './erase.ts';
import { keptUntilMs, RETENTION, recordYears, yearsAfter } from './policy.ts';
import { runRetention } from './retention.ts';
import { sealText } from './texts.ts';
import { type PrivacyWorld, privacyWorld } from './testing.ts';
import { findSubjects } from './subject.ts';
import { findPerson, liftHold, lockPerson, placeHold, shredPerson } from '../../db/queries/privacy.ts';

const START_MS = Date.UTC(2010, 10, 20, 9);
const AFTER_MS = 20 * 366 * 86_400_000;
const ACTOR = 'operator:command-line';

let world: PrivacyWorld;
let deps: EraseDeps;
beforeEach(async () => {
  world = await privacyWorld(START_MS);
  deps = world;
});
afterEach(() => world.close());

/** Payments of the past: written now, ended long ago. */
async function age(): Promise<void> {
  await world.pool.query(`update payments set updated_at = $1`, [new Date(START_MS)]);
  world.clock.advance(AFTER_MS);
}

test('erasing one person leaves the other readable, and the books and the audit log as they were', async () => {
  const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addOldPerson()];
  const [first, second, old] = [
    await world.addPayment(amina, okello),
    await world.addPayment(okello, amina),
    await world.addOldPayment(juma, amina),
  ];
  await world.pool.query(
    `insert into payment_events (client_id, payment_id, from_status, to_status, cause) values ($1, $2, null, 'accepted', 'client')`,
    [world.clientId, first],
  );
  await age();
  await expect.poll(() => sealAudit(world)).toMatchObject({ rows: 1 });
  // Payments of fixtures have no transfers, which the check says before and after alike.
  const books = await checkBooks(world.pool);
  const { rows: before } = await world.pool.query<{ parties: Buffer }>('select parties from payments where id = $1', [first]);

  expect(await erasePerson(deps, amina.id, ACTOR)).toMatchObject({ userId: amina.id, resealed: 1 });

  const nobody = { name: '', phone: '' };
  expect(await world.partiesOf(first)).toEqual({ sender: nobody, receiver: okello.person });
  expect(await world.partiesOf(second)).toEqual({ sender: okello.person, receiver: nobody });
  expect(await world.partiesOf(old)).toEqual({ sender: juma.person, receiver: nobody });
  expect((await world.pool.query('select parties from payments where id = $1', [first])).rows).toEqual(before);
  expect((await verifyAudit(world)).findings).toEqual([]);
  expect(await checkBooks(world.pool)).toEqual(books);
  const events = await world.pool.query(`select action, subject from audit_events`);
  expect(events.rows).toEqual([{ action: 'person.erased', subject: `user:${amina.id}` }]);
});

test('what leads from a person to their attestation on the settlement chain goes with them, whether it stands there or not', async () => {
  const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const tell = ({ id }: { readonly id: string }, tier: number | null) =>
    world.pool.query('insert into registry_subjects (user_id, salt, subject, tier, expires_at) values ($1, $2, $3, $4, $5)', [
      id,
      Buffer.alloc(32, 7),
      `hash of ${id}`,
      tier,
      tier === null ? null : new Date(START_MS),
    ]);
  await tell(amina, 2);
  await tell(okello, null);
  await tell(juma, 2);
  await erasePerson(deps, amina.id, ACTOR);
  await erasePerson(deps, okello.id, ACTOR);
  const { rows } = await world.pool.query('select user_id as id from registry_subjects where salt is not null');
  expect(rows).toEqual([{ id: juma.id }]);
});

test('nothing that is left opens with any key of the platform', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  const paymentId = await world.addPayment(amina, okello);
  const keyBefore = await world.keyOf(amina.id);
  await age();
  await erasePerson(deps, amina.id, ACTOR);
  const { rows } = await world.pool.query('select data_key, person, name, phone, phone_index from users where id = $1', [amina.id]);
  expect(rows[0]).toMatchObject({ data_key: null, person: null, name: null, phone: null });
  expect(rows[0].phone_index).not.toEqual(world.keyring.blindIndex(amina.person.phone, world.clientId));
  const payment = (await world.pool.query<{ parties: Buffer }>('select parties from payments where id = $1', [paymentId])).rows[0];
  const okelloKey = await world.keyOf(okello.id);
  expect(() =>
    world.keyring.people.openParties({ parties: payment?.parties as Buffer, senderKey: okelloKey, receiverKey: okelloKey }),
  ).toThrow();
  // Only who kept the wrapped key could still read it: that is what shredding destroys.
  expect(
    world.keyring.people.openParty({ parties: payment?.parties as Buffer, senderKey: keyBefore, receiverKey: null }, 'sender'),
  ).toEqual(amina.person);
  await expect(erasePerson(deps, amina.id, ACTOR)).rejects.toMatchObject({ code: 'not_found' });
});

test('what was written about somebody opens nowhere any more: notes and answers of their cases, and reports on them', async () => {
  const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const [theirs, others] = [await world.addPayment(amina, okello), await world.addPayment(okello, juma)];
  const texts = [await world.addTexts(theirs), await world.addTexts(others)] as const;
  await age();
  for (const each of texts) expect(await each.read()).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
  const sealed = await texts[0].bytes();

  expect(await erasePerson(deps, amina.id, ACTOR)).toMatchObject({ cleared: { written: 2 } });

  expect(await texts[0].read()).toEqual([null, null, null]);
  expect(await texts[1].read()).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
  // What is sealed in the audit log is as it was.
  expect(await texts[0].bytes()).toEqual(sealed);
  await expect(
    sealText(world.pool, world.keyring, { id: texts[0].caseId, kind: 'case' }, { text: 'more', context: 'x.y', nowMs: 0 }),
  ).rejects.toMatchObject({
    code: 'internal',
  });
  await expect(world.pool.query(`update text_keys set wrapped = '\\x01', destroyed_at = null where wrapped is null`)).rejects.toMatchObject(
    {
      constraint: 'text_keys_fixed',
    },
  );
  await expect(world.pool.query('delete from text_keys')).rejects.toMatchObject({ constraint: 'text_keys_append_only' });
});

test('what was written about somebody who is held as well stays until nobody is', async () => {
  const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const [withHeld, withOther] = [await world.addPayment(amina, okello), await world.addPayment(juma, amina)];
  const texts = [await world.addTexts(withHeld), await world.addTexts(withOther)] as const;
  await age();
  const holdId = newId();
  await placeHold(world.pool, { id: holdId, userId: okello.id, reference: 'HC-2026-3', actor: ACTOR, nowMs: world.clock.now() });

  expect(await erasePerson(deps, amina.id, ACTOR)).toMatchObject({ cleared: { written: 2 } });

  expect(await texts[0].read()).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
  expect(await texts[1].read()).toEqual([null, null, null]);
  // Whoever was held goes on paying, and is erased for a long time not.
  await world.addPayment(okello, juma);
  world.clock.advance(1_000);
  const since = await world.addTexts(withHeld);
  expect(await runRetention(deps, { intervalMs: 0 })).toMatchObject({ written: 0, erased: 0 });
  await liftHold(world.pool, holdId, ACTOR, world.clock.now());
  expect(await runRetention(deps, { intervalMs: 0 })).toMatchObject({ written: 2, erased: 0 });
  expect(await texts[0].read()).toEqual([null, null, null]);
  // What was written of the other since then stays.
  expect(await since.read()).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
});

test('what operators said of a payment with somebody who is held stays as well, until nobody is', async () => {
  const [amina, okello, juma] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const of = async (sender: typeof amina, receiver: typeof amina) => {
    const paymentId = await world.addPayment(sender, receiver);
    const read = await world.addRecords(paymentId, (await world.addTexts(paymentId)).caseId);
    return async () => {
      const { handles, callbacks, answers } = await read();
      return [handles, callbacks, answers];
    };
  };
  const [withHeld, withOther] = [await of(amina, okello), await of(juma, amina)];
  await age();
  const holdId = newId();
  await placeHold(world.pool, { id: holdId, userId: okello.id, reference: 'HC-2026-4', actor: ACTOR, nowMs: world.clock.now() });
  expect(await erasePerson(deps, amina.id, ACTOR)).toMatchObject({ cleared: { callbacks: 1, answers: 1, handles: 1 } });
  expect([await withHeld(), await withOther()]).toEqual([
    [true, true, true],
    [false, false, false],
  ]);
  // Whoever was held goes on paying, so that no age lets them go.
  await world.addPayment(okello, juma);
  const nights = {
    intervalMs: 0,
    policy: {
      ...RETENTION,
      days: {
        ...RETENTION.days,
        operator_callbacks: { days: 99_999, source: 'a test' },
        operator_answers: { days: 99_999, source: 'a test' },
      },
    },
  };
  expect(await runRetention(deps, nights)).toMatchObject({ left_traces: 0 });
  expect(await withHeld()).toEqual([true, true, true]);
  await liftHold(world.pool, holdId, ACTOR, world.clock.now());
  expect(await runRetention(deps, nights)).toMatchObject({ left_traces: 3, erased: 0 });
  expect(await withHeld()).toEqual([false, false, false]);
});

test('a hold that is placed while somebody is being erased is seen, or comes too late and says so', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  const holdOf = (userId: string) => ({ id: newId(), userId, reference: 'HC-2026-5', actor: ACTOR, nowMs: world.clock.now() });
  // After the first look for obstacles, before the keys are destroyed.
  let isHeld = false;
  const pool = new Proxy(world.pool, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]) => {
        if (name === 'connect' && !isHeld) {
          isHeld = true;
          await placeHold(target as never, holdOf(amina.id));
        }
        return Reflect.apply(value, target, given);
      };
    },
  });
  await expect(erasePerson({ ...deps, pool }, amina.id, ACTOR)).rejects.toMatchObject({ code: 'erasure_refused' });
  expect(isHeld).toBe(true);
  expect(await findSubjects(world, amina.person.phone)).toEqual([amina.id]);

  const person = await findPerson(world.pool, okello.id);
  let late: Promise<boolean> | undefined;
  await withTransaction(world.pool, async (tx) => {
    expect(await lockPerson(tx, okello.id)).toBe(true);
    late = placeHold(world.pool, holdOf(okello.id));
    const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await world.pool.query(waits)).rowCount).toBe(1);
    expect(person !== null && (await shredPerson(tx, person, world.clock.now()))).toBe(true);
  });
  expect(await late).toBe(false);
});

test('a payment that is stored while its party is being erased is waited for, or refused', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  const untilSomebodyWaits = () => expect.poll(async () => (await world.pool.query(waits)).rowCount).toBe(1);
  const texts = await world.addTexts(await world.addPayment(okello, amina));
  await age();
  const payment = { clientId: world.clientId, senderId: okello.id, receiverId: amina.id };
  // Its parties were looked up, and it is not committed yet.
  let erasing: Promise<unknown> | undefined;
  await withTransaction(world.pool, async (tx) => {
    await insertPayment(tx, payment);
    erasing = erasePerson(deps, amina.id, ACTOR).catch((error: unknown) => error);
    await untilSomebodyWaits();
  });
  expect(await erasing).toMatchObject({ code: 'erasure_refused' });
  // What was destroyed of theirs before it was refused is there as it was.
  expect(await texts.read()).toEqual(['a note on them', 'an answer of theirs', 'a report on them']);
  expect(await findSubjects(world, amina.person.phone)).toEqual([amina.id]);

  const juma = await world.addPerson();
  const person = await findPerson(world.pool, juma.id);
  let storing: Promise<unknown> | undefined;
  await withTransaction(world.pool, async (tx) => {
    expect(await lockPerson(tx, juma.id)).toBe(true);
    storing = insertPayment(world.pool, { ...payment, receiverId: juma.id }).catch((error: unknown) => error);
    await untilSomebodyWaits();
    expect(person !== null && (await shredPerson(tx, person, world.clock.now()))).toBe(true);
  });
  expect(await storing).toMatchObject({ code: '23503' });
});

test('who was erased takes part in no payment, and comes back as somebody new', async () => {
  const amina = await world.addPerson();
  const okello = await world.addPerson();
  await erasePerson(deps, amina.id, ACTOR);
  await expect(world.pool.query('update users set erased_at = null where id = $1', [amina.id])).rejects.toMatchObject({
    constraint: 'users_fixed',
  });
  const row = (await world.pool.query('select * from users where id = $1', [okello.id])).rows[0];
  const insert = world.pool.query(
    `insert into payments (id, client_id, reference_id, fingerprint, amount, from_currency, to_currency, from_country, to_country,
       sender_id, receiver_id, sender_wallet, receiver_wallet, parties)
     values ($1, $2, 'late', '', 1, 'KES', 'UGX', 'KE', 'UG', $3, $4, 'mpesa-ke', 'mtn-ug', $5)`,
    [newId(), world.clientId, amina.id, okello.id, row.person],
  );
  await expect(insert).rejects.toMatchObject({ code: '23503' });
  expect(await findSubjects(world, amina.person.phone)).toEqual([]);
});

test('says what stands against it, and goes by the longer of both countries’ years', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  const paymentId = await world.addPayment(amina, okello, 'accepted');
  expect(await obstaclesTo(deps, amina.id)).toMatchObject([{ kind: 'payments_open', count: 1 }, { kind: 'records_kept' }]);
  await world.pool.query(`update payments set status = 'cancelled', updated_at = $2 where id = $1`, [paymentId, new Date(START_MS)]);
  const untilMs = yearsAfter(START_MS, 10);
  expect(recordYears('KE')).toBe(7);
  expect(keptUntilMs({ fromCountry: 'KE', toCountry: 'UG', updatedAt: new Date(START_MS) })).toBe(untilMs);
  expect(await obstaclesTo(deps, amina.id)).toEqual([{ kind: 'records_kept', untilMs }]);
  await expect(erasePerson(deps, amina.id, ACTOR)).rejects.toMatchObject({
    code: 'erasure_refused',
    detail: expect.stringContaining('2020-11-20'),
  });
  const holdId = newId();
  world.clock.advance(AFTER_MS);
  await placeHold(world.pool, { id: holdId, userId: amina.id, reference: 'HC-2026-114', actor: ACTOR, nowMs: world.clock.now() });
  await expect(erasePerson(deps, amina.id, ACTOR)).rejects.toThrow('erasure_refused');
  expect(await liftHold(world.pool, holdId, ACTOR, world.clock.now())).toBe(amina.id);
  expect(await erasePerson(deps, amina.id, ACTOR)).toMatchObject({ userId: amina.id });
});
