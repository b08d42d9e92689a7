import { afterAll, beforeAll, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertAttempt } from '../../db/fixtures.ts';
import { createKeyring } from '../../db/keyring.ts';
import { CALLBACK_CONTEXT, HANDLE_CONTEXT } from '../../db/queries/callbacks.ts';
import { ANSWER_CONTEXT } from '../../db/queries/operator-answers.ts';
import { placeHold } from '../../db/queries/privacy.ts';
import { optOut, rememberSubscriber, SUBSCRIBER_NAME_CONTEXT, SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import { USSD_REPLY_CONTEXT, USSD_STATE_CONTEXT } from '../../db/queries/ussd.ts';
import { newId } from '../../domain/ids.ts';
import { issueMandate } from '../mandates/issue.ts';
import { exportSubject, findSubjects } from './subject.ts';
import { type PrivacyWorld, privacyWorld } from './testing.ts';

const START_MS = Date.parse('2026-03-30T09:00:00Z');
const AT = new Date(START_MS);
let world: PrivacyWorld;
beforeAll(async () => {
  world = await privacyWorld(START_MS);
});
afterAll(() => world.close());

type Person = Awaited<ReturnType<PrivacyWorld['addPerson']>>;

const isoOf = (atMs: number): string => new Date(atMs).toISOString();

/** What an operator was asked about one leg, the ids it gave and what it said of it. */
async function tellOf(paymentId: string, leg: 'collection' | 'payout', words: string): Promise<void> {
  const { pool, keyring, clientId } = world;
  const attemptId = await insertAttempt(pool, { clientId, paymentId, leg, state: 'succeeded', applied: true });
  const handle = keyring.encrypt(JSON.stringify({ payer: words }), HANDLE_CONTEXT);
  await pool.query('update attempts set operator_handle = $2 where id = $1', [attemptId, handle]);
  await pool.query(
    `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, received_at, processed_at, verdict)
     values ('mpesa-ke', $1, $2, '\\x02', 'somewhere', $3, $3, 'matched')`,
    [attemptId, keyring.encrypt(JSON.stringify({ said: words }), CALLBACK_CONTEXT), AT],
  );
  await pool.query(
    `insert into operator_answers (rail_id, product, attempt_id, status, reason_code, body, body_digest, received_at, last_received_at)
     values ('mpesa-ke', 'inquiry', $1, 503, 'unreadable_answer', $2, '\\x02', $3, $3)`,
    [attemptId, keyring.encrypt(`<html>${words}</html>`, ANSWER_CONTEXT), AT],
  );
}

async function textTo(paymentId: string, role: 'sender' | 'receiver'): Promise<void> {
  await world.pool.query(
    `insert into sms_messages (id, client_id, payment_id, outbox_id, topic, role, state, language, created_at, ended_at)
     values (gen_random_uuid(), $1, $2, (select count(*) from sms_messages), 'payment.paid', $3, 'delivered', $4, $5, $5)`,
    [world.clientId, paymentId, role, role === 'sender' ? 'sw' : 'fr', AT],
  );
}

/** A session that stands at a screen with somebody to be paid in it, and one that is over. */
async function dial({ person }: Person, receiver: Person, screen: string): Promise<void> {
  const { pool, keyring, clientId } = world;
  const state = {
    screen,
    language: 'sw',
    caller: person.phone,
    fullName: person.name,
    amountMinor: '5000',
    receiver: { e164: receiver.person.phone, fullName: receiver.person.name },
  };
  const text = `${receiver.person.name} ${receiver.person.phone.slice(1)} atapata, wewe ${person.phone.slice(1)}`;
  await pool.query(
    `insert into ussd_sessions (id, gateway, session_id, client_id, phone_index, step, input_length, input_digest, state, reply, expires_at)
     values (gen_random_uuid(), 'mtn', $1, $2, $3, 1, 0, '\\x02', $4, $5, $6)`,
    [
      newId(),
      clientId,
      keyring.blindIndex(person.phone, SUBSCRIBER_SCOPE),
      keyring.encrypt(JSON.stringify(state), USSD_STATE_CONTEXT),
      keyring.encrypt(
        JSON.stringify({ text: screen === 'confirm' ? text : text.replace(receiver.person.name, 'Yeye'), ends: false }),
        USSD_REPLY_CONTEXT,
      ),
      AT,
    ],
  );
}

test('who asks is told everything that is kept of them, and nothing of the other', async () => {
  const { pool, keyring, clientId } = world;
  const [amina, okello] = [await world.addPerson('Amina Wanjiku'), await world.addPerson('Okello James')];
  const paymentId = await world.addPayment(amina, okello);
  await tellOf(paymentId, 'collection', `MPESA ${amina.person.name}`);
  await tellOf(paymentId, 'payout', `MTN ${okello.person.name}`);
  for (const role of ['sender', 'receiver'] as const) await textTo(paymentId, role);
  for (const [{ person }, language] of [
    [amina, 'sw'],
    [okello, 'en'],
  ] as const) {
    const phoneIndex = keyring.blindIndex(person.phone, SUBSCRIBER_SCOPE);
    await rememberSubscriber(pool, { phoneIndex, language, name: keyring.encrypt(person.name, SUBSCRIBER_NAME_CONTEXT) }, START_MS);
    await optOut(pool, phoneIndex, 'keyword', START_MS);
  }
  await dial(amina, okello, 'confirm');
  await dial(amina, okello, 'root');
  const wish = {
    clientId,
    parentId: null,
    holder: 'agent:buyer',
    issuer: 'person:kofi',
    notBeforeMs: START_MS,
    expiresAtMs: START_MS + 86_400_000,
  };
  const naming = (person: Person) => ({ ...wish, policy: { payees: [keyring.blindIndex(person.person.phone, clientId).toString('hex')] } });
  const mandate = await withTransaction(pool, (tx) => issueMandate(tx, keyring, naming(amina), START_MS));
  await withTransaction(pool, (tx) => issueMandate(tx, keyring, naming(okello), START_MS));
  await placeHold(pool, { id: newId(), userId: amina.id, reference: 'HC-2026-114', actor: 'test', nowMs: START_MS });

  expect(await findSubjects(world, amina.person.phone)).toEqual([amina.id]);
  const file = await exportSubject(world, amina.id);
  expect(file).toMatchObject({
    person: amina.person,
    payments: [{ id: paymentId, role: 'sender', status: 'paid', sent: '1000.00 KES', keptUntil: file.keptUntil }],
    operators: [
      {
        paymentId,
        leg: 'collection',
        ids: { payer: `MPESA ${amina.person.name}` },
        answers: [{ body: `{"said":"MPESA ${amina.person.name}"}` }],
        unusable: [{ reasonCode: 'unreadable_answer', body: `<html>MPESA ${amina.person.name}</html>` }],
      },
    ],
    texts: [{ paymentId, topic: 'payment.paid', state: 'delivered', language: 'sw' }],
    wishes: [{ language: 'sw', name: amina.person.name, optedOutAt: isoOf(START_MS), optOutSource: 'keyword' }],
    sessions: [
      { gateway: 'mtn', place: { screen: 'confirm', caller: amina.person.phone, amountMinor: '5000' }, said: null },
      { place: { screen: 'root' }, said: `Yeye … atapata, wewe ${amina.person.phone.slice(1)}` },
    ],
    mandates: [{ id: mandate.id, isNamed: true, spends: 0, revokedAt: null }],
    retention: {
      records: [
        { country: 'KE', years: 7 },
        { country: 'UG', years: 10 },
      ],
      holds: [{ reference: 'HC-2026-114', placedAt: isoOf(START_MS), liftedAt: null }],
    },
  });
  expect(file.retention.kinds).toContainEqual({ kind: 'sms_messages', days: 400, because: 'complaints come within a year' });
  const text = JSON.stringify(file);
  for (const word of [...okello.person.name.split(' '), okello.person.phone.slice(1)]) expect(text).not.toContain(word);
  const other = createKeyring([{ id: 1, master: Buffer.alloc(32, 1) }]);
  await expect(exportSubject({ ...world, keyring: other }, amina.id)).rejects.toMatchObject({ code: 'internal' });
});

test('the receiver is told of their own leg, and of whom nothing is kept beside, nothing', async () => {
  const [amina, okello] = [await world.addPerson('Amina Wanjiku'), await world.addPerson('Okello James')];
  const paymentId = await world.addPayment(amina, okello);
  await tellOf(paymentId, 'collection', `MPESA ${amina.person.name}`);
  await tellOf(paymentId, 'payout', `MTN ${okello.person.name}`);
  const file = await exportSubject(world, okello.id);
  expect(file.operators).toMatchObject([{ leg: 'payout', answers: [{ body: `{"said":"MTN ${okello.person.name}"}` }] }]);
  const { texts, wishes, sessions, mandates, retention } = file;
  expect([texts, wishes, sessions, mandates, retention.holds]).toEqual([[], [], [], [], []]);
  for (const word of amina.person.name.split(' ')) expect(JSON.stringify(file)).not.toContain(word);
});

test('who asks is told what clients said of them, of themselves and with each payment, and nothing said of the other', async () => {
  const told = { dateOfBirth: '1971-03-04', address: { town: 'Kisumu', country: 'KE' } };
  const amina = await world.addPerson('Amina Told', world.keyring, told);
  const okello = await world.addPerson('Okello Told', world.keyring, { document: { type: 'passport', number: 'A1234567' } });
  await world.addPayment(amina, okello);
  const file = await exportSubject(world, amina.id);
  expect(file.person).toMatchObject({ name: 'Amina Told', ...told });
  expect(file.payments).toMatchObject([{ role: 'sender', said: told }]);
  expect(JSON.stringify(file)).not.toMatch(/A1234567|Okello/);
  expect((await exportSubject(world, okello.id)).payments).toMatchObject([
    { role: 'receiver', said: { document: { number: 'A1234567' } } },
  ]);
});
