import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import type { PartyDetails } from '../../domain/party.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

const DIGEST = 'a'.repeat(64);

let api: TestApi;
let amina: string;
let baraka: string;
let reader: string;
beforeAll(async () => {
  api = await startTestApi();
  amina = await api.makeKey(api.clients.acme, 'officer:amina', ['cases:read', 'cases:decide']);
  reader = await api.makeKey(api.clients.acme, 'officer:rehema', ['cases:read']);
  baraka = await api.makeKey(api.clients.acme, 'officer:baraka', ['cases:read', 'cases:decide']);
});
afterAll(() => api.stop());

let count = 0;

/** A held payment with its case, claimed by amina. */
async function openCase({ kind = 'held', receiver = {} }: { readonly kind?: string; readonly receiver?: PartyDetails } = {}) {
  count += 1;
  const intent = intentOf(`details-${count}`, {
    receiver: { name: 'Okot Lango', phone: `0772 99${1000 + count}`, country: 'UG', ...receiver },
  });
  const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intent }));
  await api.pool.query(`update payments set status = 'held' where id = $1`, [paymentId]);
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, kind, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, interrupt_id)
     values ($1, $2, $3, $4, 50, '[]', '{"facts":{"hits":[]}}', $5, $6, now(), 'interrupt')`,
    [caseId, api.clients.acme, paymentId, kind, DIGEST, kind === 'refused' ? 2 : 1],
  );
  await api.call('POST', `/v1/cases/${caseId}/claim`, { key: amina });
  return { caseId, paymentId: paymentId as string };
}

const file = async (caseId: string) => bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key: amina }));
const add = (caseId: string, json: Record<string, unknown>, key = amina) =>
  api.call('POST', `/v1/cases/${caseId}/details`, { key, json: { evidenceDigest: DIGEST, ...json } });
const refusalOf = async (response: Response) => {
  const { code, errors = [] } = await bodyOf(response);
  return [response.status, code, ...errors.map(({ field }: { readonly field: string }) => field)];
};
const actsOn = async (caseId: string) =>
  (await api.pool.query(`select actor, action, details from audit_events where subject = $1 order by id`, [`case:${caseId}`])).rows;

/** The receiver as they are stored, with the payment and as a person. */
async function storedReceiver(paymentId: string) {
  const { rows } = await api.pool.query(
    `select p.parties, s.data_key as "senderKey", r.data_key as "receiverKey", r.person, r.data_key as "dataKey", null as name, null as phone
      from payments p join users s on s.id = p.sender_id join users r on r.id = p.receiver_id where p.id = $1`,
    [paymentId],
  );
  const { people } = testKeyring;
  return { inPayment: people.openParties(rows[0]), asPerson: people.openPerson(rows[0]) };
}

describe('what an officer learned of a party', () => {
  const more = { dateOfBirth: '1971-03-04', document: { type: 'passport', number: 'a-778899' } };
  const sealed = { dateOfBirth: '1971-03-04', document: { type: 'passport', number: 'A-778899' } };

  test('is sealed with the payment and the person, named by its parts alone, and decided on by nobody before it is screened', async () => {
    const { caseId, paymentId } = await openCase();
    api.logLines.length = 0;
    api.hints.length = 0;
    const response = await add(caseId, { receiver: more });
    const text = await response.text();
    expect(response.status).toBe(202);
    expect(JSON.parse(text)).toMatchObject({ round: 2, claimedBy: 'officer:amina', rescreenSince: expect.any(String) });
    expect(api.hints).toContain('cases');
    const { inPayment, asPerson } = await storedReceiver(paymentId);
    expect([inPayment.receiver.details, asPerson.details]).toEqual([sealed, sealed]);
    expect(inPayment.sender.details).toBeUndefined();
    const shown = await file(caseId);
    expect(shown.parties.receiver).toMatchObject(sealed);
    const added = ['receiver.dateOfBirth', 'receiver.document.type', 'receiver.document.number'];
    expect(shown.evidence.details).toMatchObject([{ by: 'officer:amina', added, partiesDigest: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    expect(await actsOn(caseId)).toContainEqual({ actor: 'officer:amina', action: 'case.details_added', details: { added } });
    const { rows } = await api.pool.query(
      `select p::text || u::text || c::text || array(select a::text from audit_events a where a.payment_id = p.id)::text as text
        from payments p join users u on u.id = p.receiver_id join cases c on c.payment_id = p.id where p.id = $1`,
      [paymentId],
    );
    for (const place of [text, rows[0].text, api.logLines.join('')]) expect(place).not.toMatch(/1971-03-04|778899/);

    const release = { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: shown.evidenceDigest };
    const decide = () => api.call('POST', `/v1/cases/${caseId}/decisions`, { key: amina, json: release });
    expect(await refusalOf(await decide())).toEqual([409, 'evidence_stale']);
    await api.pool.query('update cases set rescreen_since = null where id = $1', [caseId]);
    expect((await decide()).status).toBe(202);
  });

  test('is nothing new where it was said before, and is not taken where it was said otherwise', async () => {
    const { caseId, paymentId } = await openCase({ receiver: { dateOfBirth: '1971', nationality: 'UG' } });
    expect(await bodyOf(await add(caseId, { receiver: { nationality: 'UG' } }))).toMatchObject({ round: 1, rescreenSince: null });
    expect(await refusalOf(await add(caseId, { receiver: { nationality: 'KE' } }))).toEqual([409, 'detail_given', 'receiver.nationality']);
    expect((await add(caseId, { receiver: { dateOfBirth: '1971-03-04' } })).status).toBe(202);
    const { inPayment, asPerson } = await storedReceiver(paymentId);
    const whole = { dateOfBirth: '1971-03-04', nationality: 'UG' };
    expect([inPayment.receiver.details, asPerson.details]).toEqual([whole, whole]);
  });

  test.each<[string, Record<string, unknown>, readonly unknown[]]>([
    ['nothing', {}, [422, 'validation_failed']],
    ['a field that is none', { receiver: { name: 'Another' } }, [422, 'validation_failed']],
    ['a day that is none', { receiver: { dateOfBirth: '1971-02-30' } }, [422, 'date_of_birth_invalid', 'receiver.dateOfBirth']],
    ['no country', { sender: { nationality: 'XX' } }, [422, 'country_code_invalid', 'sender.nationality']],
    [
      'a birth of an organisation',
      { sender: { type: 'organisation', dateOfBirth: '1971' } },
      [422, 'date_of_birth_invalid', 'sender.dateOfBirth'],
    ],
    [
      'a number that is none',
      { sender: { document: { type: 'passport', number: '--' } } },
      [422, 'document_invalid', 'sender.document.number'],
    ],
    ['evidence that has changed', { receiver: more, evidenceDigest: 'b'.repeat(64) }, [409, 'evidence_stale', 'evidenceDigest']],
  ])('%s is refused, and changes nothing', async (_, json, refusal) => {
    const { caseId } = await openCase();
    expect((await refusalOf(await add(caseId, json))).slice(0, refusal.length)).toEqual(refusal);
    expect(await file(caseId)).toMatchObject({ round: 1, evidenceDigest: DIGEST, rescreenSince: null });
  });

  test('is taken from whoever holds the case, of a held payment alone', async () => {
    const { caseId, paymentId } = await openCase();
    expect(await refusalOf(await add(caseId, { receiver: more }, baraka))).toEqual([409, 'case_claimed']);
    expect((await add(caseId, { receiver: more }, reader)).status).toBe(403);
    expect(await refusalOf(await add(newId(), { receiver: more }))).toEqual([404, 'not_found']);
    await api.call('POST', `/v1/cases/${caseId}/release-claim`, { key: amina });
    expect(await refusalOf(await add(caseId, { receiver: more }))).toEqual([409, 'case_not_claimed']);
    await api.call('POST', `/v1/cases/${caseId}/claim`, { key: amina });
    await api.pool.query(`update payments set status = 'rejected', reason_code = 'compliance_refused' where id = $1`, [paymentId]);
    expect(await refusalOf(await add(caseId, { receiver: more }))).toEqual([409, 'case_not_open']);
    const refused = await openCase({ kind: 'refused' });
    expect(await refusalOf(await add(refused.caseId, { receiver: more }))).toEqual([409, 'verdict_not_applicable']);
  });
});

describe('what a client says of a party when it is asked', () => {
  async function ask(paymentId: string, caseId: string): Promise<string> {
    const asked = { verdict: 'request_information', reasonCode: 'date_of_birth', evidenceDigest: DIGEST };
    await api.call('POST', `/v1/cases/${caseId}/decisions`, { key: amina, json: asked });
    return (await bodyOf(await api.call('GET', `/v1/payments/${paymentId}/information`))).items[0].id;
  }
  const answer = (paymentId: string, json: Record<string, unknown>) =>
    api.call('POST', `/v1/payments/${paymentId}/information`, { json: { answer: 'As asked.', ...json } });

  test('is added with the answer, which is not taken where it cannot be', async () => {
    const { caseId, paymentId } = await openCase();
    const questionId = await ask(paymentId, caseId);
    const wrong = await answer(paymentId, { questionId, receiver: { dateOfBirth: '2071-03-04' } });
    expect(await refusalOf(wrong)).toEqual([422, 'date_of_birth_invalid', 'receiver.dateOfBirth']);
    expect((await file(caseId)).information).toMatchObject([{ answer: null }]);
    const given = { receiver: { dateOfBirth: '1971-03-04' }, sender: { address: { town: 'Kisumu', country: 'KE' } } };
    expect((await answer(paymentId, { questionId, ...given })).status).toBe(200);
    const shown = await file(caseId);
    const added = ['sender.address.town', 'sender.address.country', 'receiver.dateOfBirth'];
    expect(shown).toMatchObject({ status: 'open', round: 3, rescreenSince: expect.any(String) });
    expect(shown.evidence.information).toMatchObject([{ questionId, added }]);
    expect(shown.parties).toMatchObject(given);
    expect(await actsOn(caseId)).toContainEqual({ actor: 'client:acme', action: 'case.details_added', details: { added } });
    expect((await answer(paymentId, { questionId, ...given })).status).toBe(409);
  });

  test('in words alone leaves the payment as it was screened', async () => {
    const { caseId, paymentId } = await openCase();
    const questionId = await ask(paymentId, caseId);
    expect((await answer(paymentId, { questionId })).status).toBe(200);
    expect(await file(caseId)).toMatchObject({ status: 'open', rescreenSince: null });
  });
});
