import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPeople } from '../../examples/people.ts';
import { seededRandom } from '../../examples/random.ts';
import { intentOf, startTestApi, type TestApi } from '../../server/api/testing.ts';
import { startRedisJournal } from './redis-journal.ts';
import { createNeedles, formsOf, phoneForms } from './needles.ts';
import { leaksOf, searchFiles, searchTables, searchText } from './places.ts';

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
  beforeAll(async () => {
    api = await startTestApi();
    const people = createPeople(seededRandom(7));
    const bodies = Array.from({ length: PAYMENTS }, (_, index) => {
      const party = (country: 'KE' | 'UG') => {
        const { name, phone } = people.person(country);
        values.push(name, ...phoneForms(phone, country === 'KE' ? '254' : '256'));
        const details = createdDetails(index, country);
        values.push(details.dateOfBirth, details.address.line, details.document.number);
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
    const needles = createNeedles([...new Set(values)]);
    const metrics = await (await api.call('GET', '/metrics', { key: null })).text();
    const places = [
      ...(await searchTables(api.pool, needles)),
      searchText('log', api.logLines.join(''), needles),
      searchText('metrics', metrics, needles),
    ];
    expect(leaksOf(places)).toEqual([]);
    expect(places.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(200_000);
    expect(places.length).toBeGreaterThan(50);
  });

  test('and one that does is found, in whatever form', async () => {
    const [name = '', phone = ''] = values;
    const needles = createNeedles([name, phone]);
    const documents = [{ who: name }, { who: Buffer.from(`x${name}y`).toString('base64') }, { who: Buffer.from(phone).toString('hex') }];
    for (const [at, document] of documents.entries()) {
      await api.pool.query(`insert into audit_events (actor, action, subject, details) values ('system', 'leak', $1, $2)`, [
        String(at),
        JSON.stringify(document),
      ]);
    }
    const place = (await searchTables(api.pool, needles)).find(({ name: table }) => table === 'table public.audit_events');
    expect(place?.found.map(({ value, encoding }) => `${value} ${encoding}`)).toEqual(['0 utf8', '0 base64+1', '1 hex']);
  });
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
