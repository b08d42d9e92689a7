import { afterEach, beforeEach, expect, test } from 'vitest';
import { wrappedKeys } from '../../db/person-keys.ts';
import { insertPayment } from '../../db/fixtures.ts';
import { liftHold, placeHold } from '../../db/queries/privacy.ts';
import { listRetentionRuns } from '../../db/queries/retention.ts';
import { findTextKeys } from '../../db/queries/text-keys.ts';
import { forgetUssdSessions } from '../../db/queries/ussd.ts';
import { newId } from '../../domain/ids.ts';
import { erasePerson } from './erase.ts';
import { runRetention } from './retention.ts';
import { GRACE_MS, rotateKeys } from './rotate.ts';
import { sealText } from './texts.ts';
import { type PrivacyWorld, privacyWorld } from './testing.ts';

const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;
const START_MS = Date.UTC(2026, 0, 10, 1);

let world: PrivacyWorld;
beforeEach(async () => {
  world = await privacyWorld(START_MS);
});
afterEach(() => world.close());

async function addCallback(ageDays: number, isRead: boolean): Promise<void> {
  const at = new Date(world.clock.now() - ageDays * DAY_MS);
  await world.pool.query(
    `insert into operator_callbacks (rail_id, body, body_digest, source_address, received_at, processed_at, verdict)
     values ('mpesa-ke', '\\x01', '\\x02', 'somewhere', $1, $2, $3)`,
    [at, isRead ? at : null, isRead ? 'matched' : null],
  );
}

const callbacks = async (): Promise<number> => (await world.pool.query('select 1 from operator_callbacks')).rowCount ?? 0;

test('what is older than its policy goes, what is younger or still in work stays, and the report says how much', async () => {
  await addCallback(401, true);
  await addCallback(401, false);
  await addCallback(399, true);
  expect(await runRetention(world)).toMatchObject({ operator_callbacks: 1, erased: 0, held_back: 0 });
  expect(await callbacks()).toBe(2);
  const [run] = await listRetentionRuns(world.pool, 5);
  expect(run).toMatchObject({ report: { operator_callbacks: 1 }, startedAt: new Date(START_MS), finishedAt: new Date(START_MS) });
});

test('what is of a payment of somebody who is held stays whatever its age, until nobody is held', async () => {
  const [held, other, free] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const of = async (sender: typeof held, receiver: typeof held) => {
    const paymentId = await world.addPayment(sender, receiver);
    return world.addRecords(paymentId, (await world.addTexts(paymentId)).caseId);
  };
  const [sent, received, free1] = [await of(held, other), await of(other, held), await of(other, free)];
  const hold = newId();
  const holding = { id: hold, userId: held.id, reference: 'HC-2026-7', actor: 'operator:test', nowMs: START_MS };
  expect(await placeHold(world.pool, holding)).toBe(true);
  const all = { handles: true, callbacks: true, answers: true, texts: true, deliveries: true, sessions: true, checkpoints: true };
  // Handles go with the person alone, whatever their age.
  const none = { handles: true, callbacks: false, answers: false, texts: false, deliveries: false, sessions: false, checkpoints: false };
  world.clock.advance(401 * DAY_MS);
  expect(await runRetention(world)).toMatchObject({
    operator_callbacks: 1,
    operator_answers: 1,
    sms_messages: 1,
    webhook_deliveries: 1,
    ussd_sessions: 1,
    checkpoints: 1,
  });
  expect(await forgetUssdSessions(world.pool, world.clock.now())).toBe(0);
  expect([await sent(), await received(), await free1()]).toEqual([all, all, none]);
  await liftHold(world.pool, hold, 'operator:test', world.clock.now());
  world.clock.advance(DAY_MS);
  expect(await runRetention(world)).toMatchObject({
    operator_callbacks: 2,
    operator_answers: 2,
    sms_messages: 2,
    webhook_deliveries: 2,
    ussd_sessions: 2,
    checkpoints: 2,
  });
  expect([await sent(), await received()]).toEqual([none, none]);
});

test('callbacks whose partition is full go with it, and one by one while somebody they are about is held', async () => {
  const [held, free] = [await world.addPerson(), await world.addPerson()];
  const paymentId = await world.addPayment(held, free);
  await world.addRecords(paymentId, (await world.addTexts(paymentId)).caseId);
  for (const _ of [1, 2]) await addCallback(1, true);
  await world.pool.query(`select setval('operator_callbacks_id_seq', (select min(ends) from partitions))`);
  const hold = newId();
  await placeHold(world.pool, { id: hold, userId: held.id, reference: 'HC-2026-9', actor: 'operator:test', nowMs: START_MS });
  world.clock.advance(401 * DAY_MS);
  expect(await runRetention(world)).toMatchObject({ operator_callbacks: 2, partitions: 0, astray: 0 });
  expect(await callbacks()).toBe(1);
  await liftHold(world.pool, hold, 'operator:test', world.clock.now());
  world.clock.advance(DAY_MS);
  expect(await runRetention(world)).toMatchObject({ operator_callbacks: 1, partitions: 1, astray: 0 });
  expect(await callbacks()).toBe(0);
});

test('runs once a night, however many ask', async () => {
  const reports = await Promise.all([runRetention(world), runRetention(world), runRetention(world)]);
  expect(reports.filter((report) => report !== null).length).toBeLessThanOrEqual(1);
  expect(await listRetentionRuns(world.pool, 5)).toHaveLength(reports.filter((report) => report !== null).length);
  world.clock.advance(DAY_MS);
  expect(await runRetention(world)).not.toBeNull();
  expect(await runRetention(world)).toBeNull();
});

test('reports and statements can be read for as long as any country keeps records, and longer while somebody they may be about is held', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  // Of nobody's payments in particular: a report over a period names many.
  const reportId = newId();
  const statementId = newId();
  await sealText(
    world.pool,
    world.keyring,
    { id: reportId, kind: 'report' },
    { text: 'of many', context: 'reports.content', nowMs: START_MS },
  );
  await sealText(
    world.pool,
    world.keyring,
    { id: statementId, kind: 'statement' },
    { text: 'of all', context: 'statements.body', nowMs: START_MS },
  );
  const texts = await world.addTexts(await world.addPayment(amina, okello));
  const kept = async () => (await findTextKeys(world.pool, [reportId, statementId, texts.reportId, texts.caseId])).size;
  await world.pool.query('update payments set updated_at = $1', [new Date(START_MS + 9 * YEAR_MS)]);
  const hold = newId();
  await placeHold(world.pool, { id: hold, userId: amina.id, reference: 'HC-2026-2', actor: 'operator:test', nowMs: START_MS });
  world.clock.advance(9 * YEAR_MS);
  expect(await runRetention(world)).toMatchObject({ written: 0 });
  world.clock.advance(2 * YEAR_MS);
  // The statement may be about anybody; the report over a period is of a client that this one no longer knows of.
  expect(await runRetention(world)).toMatchObject({ written: 1, erased: 0 });
  expect(await kept()).toBe(3);
  await liftHold(world.pool, hold, 'operator:test', world.clock.now());
  world.clock.advance(DAY_MS);
  expect(await runRetention(world)).toMatchObject({ written: 2, erased: 0 });
  expect(await kept()).toBe(1);
  expect(await texts.read()).toEqual(['a note on them', 'an answer of theirs', null]);
});

test('people are erased when the longest of their countries’ years is over, unless somebody holds them', async () => {
  const [amina, okello, held] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  const paymentId = await world.addPayment(amina, okello);
  await world.addPayment(held, held);
  await placeHold(world.pool, { id: newId(), userId: held.id, reference: 'HC-2026-1', actor: 'operator:test', nowMs: START_MS });
  const erased = async (): Promise<string[]> =>
    (await world.pool.query<{ id: string }>('select id from users where erased_at is not null order by id')).rows.map(({ id }) => id);
  // Kenya keeps seven years, Uganda ten: from the day on which the payment ended.
  world.clock.advance(8 * YEAR_MS);
  expect(await runRetention(world)).toMatchObject({ erased: 0, held_back: 2 });
  world.clock.advance(4 * YEAR_MS);
  expect(await runRetention(world)).toMatchObject({ erased: 2, held_back: 0 });
  expect(await erased()).toEqual([amina.id, okello.id].sort());
  expect(await world.partiesOf(paymentId)).toEqual({ sender: { name: '', phone: '' }, receiver: { name: '', phone: '' } });
});

test('whoever is erased by hand while the night looks at them is passed over, and the others are not', async () => {
  const [amina, okello] = [await world.addPerson(), await world.addPerson()];
  await world.addPayment(amina, okello);
  world.clock.advance(12 * YEAR_MS);
  let byHand: unknown;
  const pool = new Proxy(world.pool, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return async (...given: unknown[]) => {
        const [asked] = given as [{ readonly name?: string; readonly values?: readonly string[] }?];
        if (byHand === undefined && key === 'query' && asked?.name === 'list_person_payments') {
          byHand = asked.values?.[0];
          await erasePerson(world, String(byHand), 'operator:test');
        }
        return Reflect.apply(value, target, given);
      };
    },
  });
  expect(await runRetention({ ...world, pool })).toMatchObject({ erased: 1, held_back: 0 });
  expect([amina.id, okello.id]).toContain(byHand);
});

test('somebody whose data does not open is named in the report and left as they are, and the others are erased', async () => {
  const [amina, okello, broken] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  // After the one who is broken in the order of ids as well.
  await world.addPerson();
  await world.addPayment(amina, okello);
  await world.pool.query(
    `update users set person = set_byte(person, length(person) - 1, get_byte(person, length(person) - 1) # 1) where id = $1`,
    [broken.id],
  );
  world.clock.advance(12 * YEAR_MS);
  const failures = [{ userId: broken.id, reason: 'a ciphertext of users.person does not open' }];
  expect(await runRetention(world)).toMatchObject({ erased: 3, held_back: 0, failed: 1, failures });
  const kept = await world.pool.query<{ id: string }>('select id from users where erased_at is null');
  expect(kept.rows).toEqual([{ id: broken.id }]);
  const [run] = await listRetentionRuns(world.pool, 1);
  expect(run).toMatchObject({ finishedAt: new Date(world.clock.now()), report: { erased: 3, failed: 1, failures } });
  world.clock.advance(DAY_MS);
  expect(await runRetention(world)).toMatchObject({ erased: 0, failed: 1, failures });
});

test('older keys of the others are dropped beside somebody whose payment does not open, and what comes after them is done', async () => {
  const [amina, okello, broken] = [await world.addPerson(), await world.addPerson(), await world.addPerson()];
  await world.addPayment(amina, okello);
  const before = await world.pool.query<{ parties: Buffer }>('select parties from payments where id = $1', [
    await world.addPayment(broken, broken),
  ]);
  const parties = before.rows[0]?.parties as Buffer;
  parties[parties.length - 1] = (parties.at(-1) ?? 0) ^ 1;
  world.clock.advance(1_000);
  await rotateKeys(world, 'data');
  // Written under the older key by a process that still remembered it, and damaged on the way.
  await insertPayment(world.pool, { clientId: world.clientId, status: 'paid', senderId: broken.id, receiverId: broken.id, parties });
  world.clock.advance(GRACE_MS);
  const report = await runRetention(world);
  expect(report).toMatchObject({ data_keys: 2, failed: 1, left_traces: 0, written: 0 });
  expect(report?.failures).toEqual([{ userId: broken.id, reason: 'a ciphertext of users.person does not open' }]);
  expect(await Promise.all([amina, okello, broken].map(async ({ id }) => wrappedKeys(await world.keyOf(id)).length))).toEqual([1, 1, 2]);
});
