import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInvestigator } from '../../agents/investigator/index.ts';
import { insertCase, insertHeldPayment } from '../../agents/investigator/testing.ts';
import { insertClient } from '../../db/fixtures.ts';
import { createKeyring } from '../../db/keyring.ts';
import { testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { createPeople } from '../../examples/people.ts';
import { seededRandom } from '../../examples/random.ts';
import { createLlm } from '../../tools/llm/index.ts';
import { testLlmSettings } from '../../tools/llm/testing.ts';
import { plainWords } from '../../tools/sanctions/name.ts';
import { intentOf, startTestApi, type TestApi } from '../../server/api/testing.ts';
import { searchDump } from './dump.ts';
import { startRedisJournal } from './redis-journal.ts';
import { createNeedles, formsOf, soughtOf } from './needles.ts';
import { leaksOf, searchFiles, searchTables, searchText } from './places.ts';
import { startStandIn } from './stand-in-model.ts';

const PAYMENTS = 300;

test('a name that is written to Redis and deleted again is found', { timeout: 240_000 }, async () => {
  const journal = await startRedisJournal();
  const redis = new Redis(journal.url);
  try {
    const needles = createNeedles(['Achieng Odhiambo Wafula']);
    await redis.set('hint', 'authorize');
    expect((await journal.search(needles)).found).toEqual([]);
    await redis.set('job', JSON.stringify({ who: 'Achieng Odhiambo Wafula' }));
    await redis.del('job', 'hint');
    expect(leaksOf([await journal.search(needles)])).toEqual(['all that was written to Redis holds 1 of the values (utf8)']);
  } finally {
    redis.disconnect();
    await journal.stop();
  }
});

/** What a client says of somebody, unlike anything else that is written down. */
function createdDetails(index: number, country: string) {
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  return {
    dateOfBirth: `19${twoDigits(40 + (index % 50))}-${twoDigits(1 + (index % 12))}-${twoDigits(1 + (index % 28))}`,
    address: { line: `${index} Secret Station Road`, town: 'Gulu', country },
    document: { type: 'national_id', number: `${country}77${String(index).padStart(6, '0')}` },
  };
}

describe('after some hundred payments came in', () => {
  let api: TestApi;
  const values: string[] = [];
  const words: string[] = [];
  beforeAll(async () => {
    api = await startTestApi();
    const people = createPeople(seededRandom(7));
    const bodies = Array.from({ length: PAYMENTS }, (_, index) => {
      const party = (country: 'KE' | 'UG') => {
        const { name, phone } = people.person(country);
        const details = createdDetails(index, country);
        const said = [details.dateOfBirth, details.address.line, details.document.number];
        const sought = soughtOf({ name, phone, country, said });
        values.push(...sought.values);
        words.push(...sought.words);
        return { name, phone, country, ...details };
      };
      return intentOf(`leak-${index}`, { sender: party('KE'), receiver: party('UG') });
    });
    const answers = await Promise.all(bodies.map((json) => api.call('POST', '/v1/payments', { json })));
    if (answers.some(({ status }) => status !== 202)) throw new Error('a payment was not accepted');
    await api.call('GET', '/v1/payments?limit=100');
    // What is wrong with names and numbers goes through errors and their log.
    for (const json of bodies.slice(0, 50)) await api.call('POST', '/v1/payments', { json: { ...json, amount: '-1', toCurrency: 'XXX' } });
  }, 120_000);
  afterAll(() => api.stop());

  test('no name, no number and nothing else that was said of anybody stands in any table, nor in the log, nor in the metrics', async () => {
    const needles = createNeedles([...new Set(values)], [...new Set(words)]);
    const metrics = await (await api.call('GET', '/metrics', { key: null })).text();
    const places = [
      ...(await searchTables(api.pool, needles)),
      await searchDump(api, needles),
      searchText('log', api.logLines.join(''), needles),
      searchText('metrics', metrics, needles),
    ];
    expect(leaksOf(places)).toEqual([]);
    expect(places.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(200_000);
    expect(places.length).toBeGreaterThan(50);
  });

  test('and one that does is found, in whatever form', async () => {
    const [name = '', phone = ''] = values;
    const needles = createNeedles([name, phone], [name.split(' ')[0] ?? '']);
    const documents = [
      { who: name },
      { who: Buffer.from(`x${name}y`).toString('base64') },
      { who: Buffer.from(phone).toString('hex') },
      { who: name.split(' ')[0]?.toUpperCase() },
    ];
    for (const [at, document] of documents.entries()) {
      await api.pool.query(`insert into audit_events (actor, action, subject, details) values ('system', 'leak', $1, $2)`, [
        String(at),
        JSON.stringify(document),
      ]);
    }
    const place = (await searchTables(api.pool, needles)).find(({ name: table }) => table === 'table public.audit_events');
    const found = place?.found.map(({ value, encoding }) => `${value} ${encoding}`);
    expect(found).toEqual(['0 utf8', '2 a word', '0 base64+1', '1 hex', '2 a word, upper case']);
    expect((await searchDump(api, needles)).found.length).toBe(found?.length);
  });
});

test('whatever customers write of somebody, a model is told of nobody', async () => {
  const database = await testDatabase();
  const model = await startStandIn();
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 5) }]);
  const people = createPeople(seededRandom(11));
  const clientId = await insertClient(database.pool);
  const llm = createLlm(testLlmSettings(model.url), { pool: database.pool, clock: manualClock(0) });
  const investigator = createInvestigator({ pool: database.pool, keyring, clock: manualClock(0), llm });
  const [values, words]: [string[], string[]] = [[], []];
  for (let count = 0; count < 12; count += 1) {
    const [sender, receiver] = [people.person('KE'), people.person(count % 2 === 0 ? 'UG' : 'CI')];
    for (const person of [sender, receiver]) {
      const sought = soughtOf(person);
      values.push(...sought.values);
      words.push(...sought.words);
    }
    const reference = `fees-${receiver.name.replaceAll(/[^A-Za-z]/g, '-')}-${sender.phone.slice(-9)}`.slice(0, 64);
    const held = {
      senderName: sender.name,
      receiverName: receiver.name,
      senderPhone: sender.phone,
      receiverPhone: receiver.phone,
      reference,
    };
    const caseId = await insertCase(database.pool, clientId, await insertHeldPayment(database.pool, keyring, clientId, held));
    const answer = `School fees for ${receiver.name.toUpperCase()}, call 0${sender.phone.slice(-9)} or ${receiver.phone}; ${plainWords(sender.name)[0]} is his aunt`;
    const sealed = keyring.encrypt(answer, 'case_information.answer');
    await database.pool.query(
      `insert into case_information (id, client_id, case_id, payment_id, decision_id, code, asked_at, due_at, answer, answer_digest, answered_by, answered_at)
       select $1, client_id, id, payment_id, $1, 'purpose_of_payment', now(), now(), $2, $3, 'client:someone', now() from cases where id = $4`,
      [newId(), sealed, digestOf(sealed.toString('hex')), caseId],
    );
    const { facts } = await investigator.investigate(caseId);
    expect(facts.model.outcome).toBe('answered');
  }
  const told = searchText('prompts', model.bodies.join('\n'), createNeedles([...new Set(values)], [...new Set(words)]));
  expect(leaksOf([told])).toEqual([]);
  expect(model.bodies.length).toBeGreaterThan(24);
  // The texts were read: what is left of them are the words that are nobody's.
  expect(model.bodies.some((body) => body.includes('[name]') || body.includes('[word]'))).toBe(true);
  await model.close();
  await database.close();
});

describe('the search', () => {
  test('finds every form of a value wherever it stands', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 30 }).filter((each) => each.trim() !== '');
    fc.assert(
      fc.property(text, fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (value, before, after) => {
        const needles = createNeedles([value]);
        for (const [encoding, latin] of formsOf(value)) {
          const found = needles.search(Buffer.concat([before, Buffer.from(latin, 'latin1'), after]));
          expect(
            found.map((each) => each.offset),
            encoding,
          ).toContain(before.length);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('finds base64 of a value at every offset within what was encoded', () => {
    for (const before of ['', 'a', 'ab', 'abc']) {
      for (const after of ['', 'z', 'zy']) {
        const encoded = Buffer.from(`${before}Wanjiru Kamau${after}`).toString('base64');
        expect(createNeedles(['Wanjiru Kamau']).search(Buffer.from(encoded)).length).toBeGreaterThan(0);
      }
    }
  });

  test('finds a short form as a word of its own alone, however it is written', () => {
    const { search } = createNeedles([], ['Immaculée', '712345678', 'N’Guessan']);
    const found = (text: string) => search(Buffer.from(text)).map(({ value }) => value);
    expect(found('paid to IMMACULEE, immaculée and Immaculee')).toEqual([0, 0, 0]);
    expect(found('0 712345678;nguessan_x')).toEqual([1, 2]);
    expect(found('maculee Immaculées 17123456789 0712345678')).toEqual([]);
    expect(found(Buffer.from('xxImmaculeexx').toString('hex'))).toEqual([0]);
  });

  test('finds a number in no longer row of digits, as identifiers and times are', () => {
    const { search } = createNeedles(['0712345678']);
    const found = (text: string) => search(Buffer.from(text)).length;
    expect(['0712345678', 'tel:0712345678,', 'x0712345678_', Buffer.from('to 0712345678').toString('hex')].map(found)).toEqual([
      1, 1, 1, 1,
    ]);
    expect(['1707123456789', '0f0712345678', '0712345678a4'].map(found)).toEqual([0, 0, 0]);
  });

  test('finds a whole name without its accents, and as screening folds it', () => {
    const { search } = createNeedles(['Hervé N’Guessan-Touré']);
    for (const text of ['Herve NGuessan Toure', 'HERVE NGUESSAN TOURE', 'herve nguessan toure'])
      expect(search(Buffer.from(text)).length, text).toBe(1);
  });

  test('finds nothing where nothing is', () => {
    const { search } = createNeedles(['Wanjiru Kamau', '+254712345678']);
    expect(search(Buffer.from('+254712345679 wanjiru kama'))).toEqual([]);
  });

  test('looks into files below a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capp-leaks-'));
    await writeFile(join(folder, 'worker.log'), '{"who":"+254712345678"}');
    const place = await searchFiles('logs', folder, createNeedles(['+254712345678']));
    expect(leaksOf([place])).toEqual(['logs holds 1 of the values (utf8)']);
    await rm(folder, { recursive: true, force: true });
  });
});
