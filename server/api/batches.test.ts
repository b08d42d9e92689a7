import { afterAll, beforeAll, expect, test } from 'vitest';
import { INTENT_COLUMNS } from '../../domain/intent.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const HEADER = INTENT_COLUMNS.slice(0, 10).join(',');
const csvRow = (reference: string, over: Record<string, string> = {}) => {
  const cells: Record<string, string> = {
    reference_id: reference,
    amount: '500',
    from_currency: 'KES',
    to_currency: 'UGX',
    sender_name: 'Wanjiru Kamau',
    sender_phone: '0712345678',
    sender_country: 'KE',
    receiver_name: 'Okello Obote',
    receiver_phone: '0772123456',
    receiver_country: 'UG',
    ...over,
  };
  return HEADER.split(',')
    .map((column) => cells[column])
    .join(',');
};
const post = (body: string, type: string, headers: Record<string, string> = {}) =>
  api.call('POST', '/v1/payments/batches', { body, type, headers });
const postCsv = async (...lines: string[]) => bodyOf(await post([HEADER, ...lines].join('\n'), 'text/csv'));
type Verdict = { line: number; referenceId: string | null; status: string; errors?: { code: string; field: string; line: number }[] };
const brief = (rows: readonly Verdict[]) =>
  rows.map((row) => (row.errors ? [row.line, ...row.errors.map((error) => `${error.field}:${error.code}`)] : [row.line, row.status]));

test('the three formats take the same intents', async () => {
  const intents = [intentOf('format-1'), intentOf('format-2')];
  const json = await post(JSON.stringify({ intents }), 'application/json');
  expect(json.status).toBe(202);
  const first = await bodyOf(json);
  expect(first).toMatchObject({ accepted: 2, replayed: 0, rejected: 0 });
  const ndjson = await bodyOf(
    await post(intents.map((intent) => JSON.stringify(intent)).join('\n'), 'application/x-ndjson; charset=utf-8'),
  );
  expect(ndjson).toMatchObject({ accepted: 0, replayed: 2 });
  expect(ndjson.rows.map((row: { paymentId: string }) => row.paymentId)).toEqual(
    first.rows.map((row: { paymentId: string }) => row.paymentId),
  );
  const csv = await postCsv(csvRow('format-1', { amount: '1250.50' }), csvRow('format-3'));
  expect(brief(csv.rows)).toEqual([
    [2, 'replayed'],
    [3, 'accepted'],
  ]);
});

test('every kind of bad row is refused with line, field and code, and the others go on', async () => {
  const answer = await postCsv(
    csvRow('bad-ok-1'),
    csvRow('bad-1', { from_currency: 'KSH' }),
    csvRow('bad-2', { sender_phone: '020 222 2222' }),
    csvRow('bad-3', { amount: '-5' }),
    csvRow('bad-4', { amount: '10.005' }),
    csvRow('bad-5', { receiver_name: '' }),
    csvRow('bad-ok-1', { amount: '501' }),
    csvRow('bad-6', { sender_name: 'x'.repeat(10 * 1024 * 1024) }),
    csvRow('bad-7', { sender_name: '"Wanjiru' }),
    csvRow(''),
    'bad-8,1',
    csvRow('bad-ok-2'),
  );
  expect(brief(answer.rows)).toEqual([
    [2, 'accepted'],
    [3, 'fromCurrency:unknown_currency'],
    [4, 'sender.phone:phone_invalid'],
    [5, 'amount:amount_not_positive'],
    [6, 'amount:amount_too_precise'],
    [7, 'receiver.name:name_missing'],
    [8, 'referenceId:duplicate_reference'],
    [9, 'sender.name:row_too_large'],
    [10, ':malformed_body'],
    [11, 'referenceId:reference_missing'],
    [12, ':malformed_body'],
    [13, 'accepted'],
  ]);
  expect(answer).toMatchObject({ accepted: 2, rejected: 10 });
  expect(answer.rows[2].errors[0]).toMatchObject({ line: 4 });
  expect(answer.rows[2].referenceId).toBe('bad-2');
});

test('a row that says too much wrong of a party is refused by field, in CSV and NDJSON, and the others go on', async () => {
  const header = [HEADER, 'sender_type', 'sender_date_of_birth', 'receiver_address_town', 'receiver_address_country'].join(',');
  const rows = [
    [csvRow('told-1'), 'person', '1971-03-04', 'Kampala', 'UG'].join(','),
    [csvRow('told-2'), 'person', '1971-13-04', 'Kampala', 'Uganda'].join(','),
    [csvRow('told-3'), '', '', '', ''].join(','),
  ];
  const csv = await bodyOf(await post([header, ...rows].join('\n'), 'text/csv'));
  const wrong = ['sender.dateOfBirth:date_of_birth_invalid', 'receiver.address.country:country_code_invalid'];
  expect(brief(csv.rows)).toEqual([
    [2, 'accepted'],
    [3, ...wrong],
    [4, 'accepted'],
  ]);
  const sender = { ...(intentOf('told-4')['sender'] as object), type: 'organisation', document: { type: 'passport', number: 'A1' } };
  const lines = [intentOf('told-4', { sender }), intentOf('told-5')].map((intent) => JSON.stringify(intent));
  expect(brief((await bodyOf(await post(lines.join('\n'), 'application/x-ndjson'))).rows)).toEqual([
    [1, 'sender.document.type:document_invalid'],
    [2, 'accepted'],
  ]);
});

test('JSON that breaks off: the rows before it are kept', async () => {
  const whole = JSON.stringify({ intents: [intentOf('broken-1'), intentOf('broken-2'), intentOf('broken-3')] });
  const answer = await bodyOf(await post(whole.slice(0, -40), 'application/json'));
  expect(brief(answer.rows)).toEqual([
    [1, 'accepted'],
    [2, 'accepted'],
    [3, ':malformed_body'],
  ]);
  const listed = await bodyOf(await api.call('GET', `/v1/payments?batchId=${answer.batchId}`));
  expect(listed.items).toHaveLength(2);
});

test('a stream that breaks off in the middle of sending keeps what it brought', async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === 300) controller.error(new Error('connection reset'));
      else controller.enqueue(Buffer.from(`${JSON.stringify(intentOf(`cut-${sent++}`))}\n`));
    },
  });
  const response = await api.call('POST', '/v1/payments/batches', { body, type: 'application/x-ndjson' });
  expect(response.status).toBe(202);
  const answer = await bodyOf(response);
  expect(answer).toMatchObject({ accepted: 300, rejected: 1 });
  expect(brief(answer.rows.slice(-2))).toEqual([
    [300, 'accepted'],
    [301, ':request_unfinished'],
  ]);
  expect(await bodyOf(await api.call('GET', `/v1/payments/batches/${answer.batchId}`))).toMatchObject({ accepted: 300, rejected: 1 });
});

test('so many batches of a client are read at once, and another as soon as one has ended or broken off', async () => {
  const openBodies: ReadableStreamDefaultController<Uint8Array>[] = [];
  const begin = (key = api.keys.acme) => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void openBodies.push(controller) });
    return api.call('POST', '/v1/payments/batches', { body, key, type: 'application/x-ndjson' });
  };
  const open = Array.from({ length: 16 }, () => begin());
  const [first, second] = openBodies;
  const refused = await begin();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect(await bodyOf(refused)).toMatchObject({ code: 'rate_limited', detail: expect.stringMatching(/^16 batches of the client/) });
  const others = begin(api.keys.zawadi);
  first?.close();
  second?.error(new Error('connection reset'));
  expect([(await open[0])?.status, (await open[1])?.status]).toEqual([400, 408]);
  const again = [begin(), begin()];
  expect((await begin()).status).toBe(429);
  for (const body of openBodies.slice(2)) {
    body.enqueue(Buffer.from('{}\n'));
    body.close();
  }
  const answers = await Promise.all([...open.slice(2), ...again, others]);
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 17 }, () => 202));
});

test('10,000 rows are taken, the next is not read', async () => {
  const lines = Array.from({ length: 10_003 }, (_, index) => csvRow(`many-${index}`, { amount: index < 600 ? '500' : '0' }));
  const answer = await postCsv(...lines);
  expect(answer.rows).toHaveLength(10_001);
  expect(answer).toMatchObject({ accepted: 600, rejected: 9_401 });
  expect(brief(answer.rows.slice(-1))).toEqual([[10_002, ':too_many_rows']]);
  const state = await bodyOf(await api.call('GET', `/v1/payments/batches/${answer.batchId}`));
  expect(state).toMatchObject({ accepted: 600, rejected: 9_401, byStatus: { accepted: 600 } });
  expect((await api.call('GET', `/v1/payments/batches/${answer.batchId}`, { key: api.keys.zawadi })).status).toBe(404);
});

test('a single payment does not wait for a batch that is being read', async () => {
  const lines = Array.from({ length: 4_000 }, (_, index) => csvRow(`beside-${index}`));
  let batchDone = false;
  const batch = postCsv(...lines).then((answer) => {
    batchDone = true;
    return answer;
  });
  const single = await api.call('POST', '/v1/payments', { json: intentOf('beside-single') });
  expect([single.status, batchDone]).toEqual([202, false]);
  expect((await batch).accepted).toBe(4_000);
});

test('NDJSON answers come line by line, the counts last', async () => {
  const response = await post([HEADER, csvRow('lines-1'), csvRow('lines-2', { amount: 'x' })].join('\n'), 'text/csv', {
    accept: 'application/x-ndjson',
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([202, 'application/x-ndjson']);
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(brief(lines.slice(0, 2))).toEqual([
    [2, 'accepted'],
    [3, 'amount:amount_malformed'],
  ]);
  expect(lines[2]).toMatchObject({ accepted: 1, replayed: 0, rejected: 1, batchId: expect.any(String) });
});

test('400, 413, 415: a body that is no batch at all', async () => {
  const outcomes = [
    [await post('', 'application/json'), 400, 'malformed_body'],
    [await post('{"intents":[]}', 'application/json'), 400, 'malformed_body'],
    [await post('a,b\n1,2', 'text/csv'), 400, 'malformed_body'],
    [await post('<a/>', 'application/xml'), 415, 'unsupported_media_type'],
    [await post('x', 'text/csv', { 'content-length': String(65 * 1024 * 1024) }), 413, 'body_too_large'],
  ] as const;
  for (const [response, status, code] of outcomes) expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
});

test('401, 403: without a key, without the scope', async () => {
  expect((await api.call('POST', '/v1/payments/batches', { key: null, body: 'x', type: 'text/csv' })).status).toBe(401);
  const key = await api.makeKey(api.clients.acme, 'client:reader', ['payments:read']);
  expect((await api.call('POST', '/v1/payments/batches', { key, body: 'x', type: 'text/csv' })).status).toBe(403);
});
