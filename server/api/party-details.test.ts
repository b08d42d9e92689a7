import { afterAll, beforeAll, expect, test } from 'vitest';
import { intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const submit = (json: unknown) => api.call('POST', '/v1/payments', { json });

test('202: what is said of a party is sealed with it, and shown to no caller', async () => {
  const details = {
    type: 'person',
    dateOfBirth: '1971-03-04',
    nationality: 'KE',
    address: { line: '12 Secret Avenue', town: 'Kisumu', country: 'KE' },
    document: { type: 'national_id', number: '22334455', country: 'KE' },
  };
  const sender = { name: 'Amina Told', phone: '0712 345999', country: 'KE', ...details };
  const response = await submit(intentOf('pay-told', { sender }));
  const text = await response.text();
  expect(response.status).toBe(202);
  const { id } = JSON.parse(text);
  const { rows } = await api.pool.query(
    `select p.*, p.sender_id as "senderId", s.person, s.data_key as "senderKey", r.data_key as "receiverKey"
      from payments p join users s on s.id = p.sender_id join users r on r.id = p.receiver_id where p.id = $1`,
    [id],
  );
  expect(testKeyring.people.openParties(rows[0]).sender).toEqual({ name: 'Amina Told', phone: '+254712345999', details });
  expect(testKeyring.people.openPerson({ ...rows[0], dataKey: rows[0].senderKey, name: null, phone: null }).details).toEqual(details);
  const read = await (await api.call('GET', `/v1/payments/${id}`)).text();
  const { rows: whole } = await api.pool.query(
    'select payments::text || users::text as text from payments join users on users.id = sender_id where payments.id = $1',
    [id],
  );
  const stored = whole[0].text;
  for (const place of [text, read, stored, api.logLines.join('')]) expect(place).not.toMatch(/1971-03-04|Secret|22334455|Kisumu/);
  expect((await submit(intentOf('pay-told', { sender }))).status).toBe(200);
  expect((await submit(intentOf('pay-told', { sender: { ...sender, dateOfBirth: '1971-03-05' } }))).status).toBe(409);
});

test('422: what is said of a party is refused by its field, without its value', async () => {
  const sender = { name: 'Amina Told', phone: '0712 345999', country: 'KE', dateOfBirth: '4.3.1971', address: { town: 'Kisumu' } };
  const response = await submit(intentOf('pay-mistold', { sender }));
  const text = await response.text();
  expect(response.status).toBe(422);
  expect(text).not.toMatch(/1971|Kisumu/);
  expect(JSON.parse(text).errors.map(({ field, code }: { field: string; code: string }) => `${field} ${code}`)).toEqual([
    'sender.address.country country_code_invalid',
    'sender.dateOfBirth date_of_birth_invalid',
  ]);
});
