/** People and payments of theirs for tests, sealed as the way in seals them, and as it did before people had data keys. */
import { insertAttempt, insertClient, insertPayment, newPerson } from '../../db/fixtures.ts';
import { createKeyring, type Keyring } from '../../db/keyring.ts';
import { joinParties, type Parties, type Person } from '../../db/person-keys.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import type { PartyDetails } from '../../domain/party.ts';
import { sealText, textOpener } from './texts.ts';

export type PrivacyWorld = Awaited<ReturnType<typeof privacyWorld>>;

export const TEST_KEYS = [1, 2].map((id) => ({ id, master: Buffer.alloc(32, 40 + id) }));

/** A database with a client, and the keyring its rows are sealed with. */
export async function privacyWorld(startMs: number) {
  const database: TestDatabase = await testDatabase();
  const { pool } = database;
  const keyring = createKeyring(TEST_KEYS.slice(0, 1));
  const clock = manualClock(startMs);
  const clientId = await insertClient(pool);
  let count = 0;

  const personOf = (name: string) => ({ name, phone: `+2547${String((count += 1)).padStart(8, '0')}` });

  /** Stores somebody new; gives who they are. */
  async function addPerson(name = `Amina Wanjiku ${count + 1}`, by: Keyring = keyring, details?: PartyDetails) {
    const person: Person = { ...personOf(name), ...(details === undefined ? {} : { details }) };
    const [stored] = await storePeople(pool, [{ ...newPerson(by, clientId, person), country: 'KE', walletId: 'mpesa-ke' }], clock.now());
    if (!stored?.dataKey) throw new Error('somebody was not stored');
    return { id: stored.id, person };
  }

  /** Stores somebody as people were kept before they had data keys. */
  async function addOldPerson(name = `Okello James ${count + 1}`) {
    const [id, person] = [newId(), personOf(name)];
    await pool.query(
      `insert into users (id, client_id, phone, phone_index, name, country, wallet_id) values ($1, $2, $3, $4, $5, 'KE', 'mpesa-ke')`,
      [
        id,
        clientId,
        keyring.encrypt(person.phone, 'users.phone'),
        keyring.blindIndex(person.phone, clientId),
        keyring.encrypt(person.name, 'users.name'),
      ],
    );
    return { id, person };
  }

  type Added = Awaited<ReturnType<typeof addPerson>>;

  async function keyOf(id: string): Promise<Buffer> {
    return (await pool.query<{ data_key: Buffer }>('select data_key from users where id = $1', [id])).rows[0]?.data_key as Buffer;
  }

  /** Stores a payment between two people under the keys they have. */
  async function addPayment(sender: Added, receiver: Added, status: 'paid' | 'accepted' = 'paid'): Promise<string> {
    const seal = async ({ id, person }: Added) => keyring.people.seal(keyring.people.current(await keyOf(id)), person);
    const parties = joinParties(await seal(sender), await seal(receiver));
    return insertPayment(pool, { clientId, status, senderId: sender.id, receiverId: receiver.id, parties });
  }

  /** Stores a payment as parties were encrypted before people had data keys. */
  async function addOldPayment(sender: Added, receiver: Added): Promise<string> {
    const parties = keyring.encrypt(JSON.stringify({ sender: sender.person, receiver: receiver.person }), 'payments.parties');
    return insertPayment(pool, { clientId, status: 'paid', senderId: sender.id, receiverId: receiver.id, parties });
  }

  /** A payment's parties as a keyring opens them. */
  async function partiesOf(paymentId: string, by: Keyring = keyring): Promise<Parties> {
    const { rows } = await pool.query(
      `select p.parties, s.data_key as "senderKey", r.data_key as "receiverKey" from payments p
       join users s on s.id = p.sender_id join users r on r.id = p.receiver_id where p.id = $1`,
      [paymentId],
    );
    return by.people.openParties(rows[0]);
  }

  /** Writes a closed case of a payment with a note and an answer, and a report on it; as they can be read now, and the bytes. */
  async function addTexts(paymentId: string) {
    const [caseId, reportId, nowMs] = [newId(), newId(), clock.now()];
    const [ofCase, ofReport] = [{ id: caseId, kind: 'case' } as const, { id: reportId, kind: 'report' } as const];
    const seal = (subject: typeof ofCase | typeof ofReport, text: string, context: string) =>
      sealText(pool, keyring, subject, { text, context, nowMs });
    const client = await pool.connect();
    // What the guards of cases ask for beside these rows is no matter here.
    await client.query('set session_replication_role = replica');
    await client.query(
      `insert into cases (id, client_id, payment_id, status, priority, reasons, evidence, evidence_digest, due_at, closed_at)
       values ($1, $2, $3, 'rejected', 1, '[]', '{}', '', now(), now())`,
      [caseId, clientId, paymentId],
    );
    await client.query(
      `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest)
       values ($1, $2, $3, 'officer:amina', 'reject', 'suspicion', $4, '')`,
      [newId(), caseId, paymentId, await seal(ofCase, 'a note on them', 'case_decisions.note')],
    );
    await client.query(
      `insert into case_information (id, client_id, case_id, payment_id, decision_id, code, asked_at, due_at, answer, answer_digest, answered_by, answered_at)
       values ($1, $2, $3, $4, $1, 'purpose_of_payment', now(), now(), $5, '', 'client:acme', now())`,
      [newId(), clientId, caseId, paymentId, await seal(ofCase, 'an answer of theirs', 'case_information.answer')],
    );
    await client.query(
      `insert into reports (id, client_id, kind, country, case_id, payment_id, media_type, file_name, content, content_digest, details, made_by, created_at)
       values ($1, $2, 'str', 'KE', $3, $4, 'application/xml', 'a.xml', $5, '', '{}', 'officer:amina', $6)`,
      [reportId, clientId, caseId, paymentId, await seal(ofReport, 'a report on them', 'reports.content'), new Date(nowMs)],
    );
    client.release(true);
    const bytes = async (): Promise<readonly Buffer[]> => {
      const { rows } = await pool.query<{ sealed: Buffer }>(
        `select note as sealed from case_decisions where case_id = $1 union all select answer from case_information where case_id = $1
         union all select content from reports where case_id = $1`,
        [caseId],
      );
      return rows.map(({ sealed }) => sealed);
    };
    const read = async (by: Keyring = keyring) => {
      const [note, answer, report] = (await bytes()) as [Buffer, Buffer, Buffer];
      const [openCase, openReport] = [await textOpener(pool, by, caseId), await textOpener(pool, by, reportId)];
      return [openCase(note, 'case_decisions.note'), openCase(answer, 'case_information.answer'), openReport(report, 'reports.content')];
    };
    return { caseId, reportId, bytes, read };
  }

  /** Writes what is kept by age of a payment that its operators and its client were told of; what of it is still there, by kind. */
  async function addRecords(paymentId: string, caseId: string) {
    const at = new Date(clock.now());
    const attemptId = await insertAttempt(pool, { clientId, paymentId, leg: 'collection', state: 'succeeded', applied: true });
    await pool.query(`update attempts set operator_handle = '\\x01' where id = $1`, [attemptId]);
    await pool.query(
      `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, received_at, processed_at, verdict)
       values ('mpesa-ke', $1, '\\x01', '\\x02', 'somewhere', $2, $2, 'matched')`,
      [attemptId, at],
    );
    await pool.query(
      `insert into operator_answers (rail_id, product, attempt_id, status, reason_code, body, body_digest, received_at, last_received_at)
       values ('mpesa-ke', 'inquiry', $1, 503, 'unreadable_answer', '\\x01', '\\x02', $2, $2)`,
      [attemptId, at],
    );
    await pool.query(
      `insert into sms_messages (id, client_id, payment_id, outbox_id, topic, role, state, phone_index, created_at, ended_at)
       values (gen_random_uuid(), $1, $2, (select count(*) from sms_messages), 'payment.paid', 'sender', 'delivered', '\\x01', $3, $3)`,
      [clientId, paymentId, at],
    );
    const { rows } = await pool.query<{ id: string }>(
      `insert into webhook_endpoints (id, client_id, url, secret, topics) values (gen_random_uuid(), $1, 'https://shop.test/', '\\x01', '{}') returning id`,
      [clientId],
    );
    await pool.query(
      `insert into webhook_deliveries (id, client_id, endpoint_id, payment_id, event_id, topic, body, state, created_at, ended_at)
       values (gen_random_uuid(), $1, $2, $3, gen_random_uuid(), 'payment.paid', '{}', 'delivered', $4, $4)`,
      [clientId, rows[0]?.id, paymentId, at],
    );
    await pool.query(
      `insert into ussd_sessions (id, gateway, session_id, client_id, phone_index, step, input_length, input_digest, reply, payment_id, expires_at)
       values (gen_random_uuid(), 'mtn', $2::text, $1, '\\x01', 1, 0, '\\x02', '\\x03', $2::text::uuid, $3)`,
      [clientId, paymentId, at],
    );
    await pool.query('update cases set closed_at = $2 where id = $1', [caseId, at]);
    await pool.query(
      `insert into checkpoints (thread_id, namespace, id, state, channel_values, metadata) values ($1, '', '1', '{}', '{}', '{}')`,
      [caseId],
    );
    return async (): Promise<Readonly<Record<string, boolean>>> => {
      const left = await pool.query(
        `select exists (select from attempts where payment_id = $1 and operator_handle is not null) as handles,
          exists (select from operator_callbacks where attempt_id = $2) as callbacks,
          exists (select from operator_answers where attempt_id = $2) as answers,
          exists (select from sms_messages where payment_id = $1) as texts,
          exists (select from webhook_deliveries where payment_id = $1) as deliveries,
          exists (select from ussd_sessions where payment_id = $1) as sessions,
          exists (select from checkpoints where thread_id = $3) as checkpoints`,
        [paymentId, attemptId, caseId],
      );
      return left.rows[0];
    };
  }

  return {
    ...database,
    addRecords,
    addTexts,
    keyring,
    clock,
    clientId,
    addPerson,
    addOldPerson,
    addPayment,
    addOldPayment,
    partiesOf,
    keyOf,
  };
}
