import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { minorPerMajor } from '../domain/currency.ts';
import { intentFromRecord, parseIntent, type PaymentIntent } from '../domain/intent.ts';
import { limitsOf } from '../domain/rail.ts';
import { railsOfWallet } from '../domain/network.ts';
import { normaliseName } from '../tools/sanctions/name.ts';
import { sampleList } from '../tools/sanctions/sample.ts';
import { COLUMNS, generateIntents, generateWarmUp, ROWS, type Row, SEED, toCsv, WARM_UP_ROWS } from './generate-intents.ts';
import { EXAMPLES_DAY } from './people.ts';
import { purseOf } from './amounts.ts';

const text = readFileSync(new URL('intents.csv', import.meta.url), 'utf8');
const rows: Row[] = parse(text, { columns: true });
const read = (row: Row) => parseIntent(intentFromRecord(row), null, EXAMPLES_DAY);
const inOrder: { row: Row; intent: PaymentIntent }[] = rows.flatMap((row) => {
  const verdict = read(row);
  return verdict.ok ? [{ row, intent: verdict.intent }] : [];
});
/** Where only the operators or the agents could still object. */
const steering = (phone: string) => /000[1-9]$/.exec(phone)?.[0] ?? null;

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(items, keyOf)].map(([key, group]) => [key, group.length]));
}

describe('examples/intents.csv', () => {
  it('is what the generator writes', () => {
    expect(text).toBe(toCsv(generateIntents()));
  });

  it('is another file for another seed', () => {
    expect(toCsv(generateIntents(SEED + 1))).not.toBe(text);
  });

  it('has a thousand rows of the stated columns', () => {
    expect(rows).toHaveLength(ROWS);
    expect(text.split('\n')[0]).toBe(COLUMNS.join(','));
  });

  it('expects these ends', () => {
    expect(countBy(rows, (row) => `${row.expect} ${row.expect_code}`.trim())).toMatchInlineSnapshot(`
      {
        "failed collection_refused": 3,
        "held compliance_review": 6,
        "invalid amount_malformed": 1,
        "invalid amount_not_positive": 1,
        "invalid amount_too_precise": 1,
        "invalid corridor_unavailable": 1,
        "invalid currency_mismatch": 1,
        "invalid duplicate_reference": 1,
        "invalid name_invalid": 1,
        "invalid name_missing": 1,
        "invalid phone_country_mismatch": 1,
        "invalid phone_invalid": 1,
        "invalid unknown_currency": 1,
        "invalid wallet_unknown": 1,
        "paid": 969,
        "refunded payout_failed": 4,
        "rejected limit_exceeded": 3,
        "rejected sanctions_match": 3,
      }
    `);
    expect(rows.filter((row) => row.expect === 'paid').length).toBeGreaterThanOrEqual(960);
  });

  it('refuses exactly the rows that say so, each for its one reason', () => {
    for (const row of rows) {
      const verdict = read(row);
      const refused = row.expect === 'invalid' && row.expect_code !== 'duplicate_reference';
      expect([row.reference_id, verdict.ok ? [] : verdict.errors.map((error) => error.code)]).toEqual([
        row.reference_id,
        refused ? [row.expect_code] : [],
      ]);
    }
  });

  it('uses no reference twice but in the one row that is a duplicate, after the row it repeats', () => {
    const seen = new Map<string, Row>();
    for (const row of rows) {
      const earlier = seen.get(row.reference_id);
      expect([row.reference_id, earlier !== undefined]).toEqual([row.reference_id, row.expect_code === 'duplicate_reference']);
      if (earlier) expect([earlier.amount, earlier.sender_phone]).not.toEqual([row.amount, row.sender_phone]);
      seen.set(row.reference_id, row);
    }
  });

  it('spans all eleven countries, twenty corridors and more, and every wallet there is a share of', () => {
    const corridors = new Set(inOrder.map(({ intent }) => `${intent.sender.country}-${intent.receiver.country}`));
    expect(corridors.size).toBeGreaterThanOrEqual(20);
    expect(new Set(inOrder.flatMap(({ intent }) => [intent.sender.country, intent.receiver.country])).size).toBe(11);
    expect(new Set(inOrder.flatMap(({ intent }) => [intent.sender.walletId, intent.receiver.walletId])).size).toBeGreaterThanOrEqual(28);
  });

  it('writes numbers in many ways', () => {
    const shapes = countBy(rows, (row) => row.sender_phone.replace(/\d+/g, 'n'));
    for (const shape of ['+n', 'n', 'n n n', '+n n n n', 'n-n-n']) expect(shapes[shape] ?? 0).toBeGreaterThan(10);
  });
});

describe('ordinary rows', () => {
  const paid = inOrder.filter(({ row }) => row.expect === 'paid');

  it('are collected in whole units the rails take, within the limits of every rail', () => {
    for (const { row, intent } of paid) {
      for (const rail of railsOfWallet(intent.sender.walletId, EXAMPLES_DAY)) {
        const limits = limitsOf(rail, 'collection');
        expect(
          limits && intent.amount.minor >= limits.minMinor && intent.amount.minor <= limits.maxMinor,
          `${row.reference_id} ${rail.id}`,
        ).toBe(true);
      }
      if (intent.amount.currency === 'KES' || intent.amount.currency === 'TZS') expect(intent.amount.minor % 100n).toBe(0n);
    }
  });

  it('stay, for each sender and receiver, under what one person of the country moves', () => {
    const sums = new Map<string, number>();
    const takePart = (phone: string, share: number) => sums.set(phone, (sums.get(phone) ?? 0) + share);
    for (const { intent } of paid) {
      const from = purseOf(intent.sender.country);
      const to = purseOf(intent.receiver.country);
      const major = Number(intent.amount.minor) / Number(minorPerMajor(intent.amount.currency));
      takePart(intent.sender.phone, major / from.most);
      takePart(intent.receiver.phone, ((major / from.perUsd) * to.perUsd) / to.most);
    }
    expect(Math.max(...sums.values())).toBeLessThanOrEqual(1.02);
  });

  it('come from senders who pay three times at most, the hurried one apart', () => {
    const perSender = Object.values(countBy(inOrder, ({ intent }) => intent.sender.phone)).toSorted((a, b) => b - a);
    expect(perSender[0]).toBe(6);
    expect(perSender[1]).toBeLessThanOrEqual(3);
  });

  it('pay no receiver so often that it looks like fan-in', () => {
    expect(Math.max(...Object.values(countBy(inOrder, ({ intent }) => intent.receiver.phone)))).toBeLessThanOrEqual(6);
  });

  it('have amounts spread like real transfers: the logarithm is wide, small ones are many', () => {
    const logs = paid.map(({ intent }) =>
      Math.log(Number(intent.amount.minor) / Number(minorPerMajor(intent.amount.currency)) / purseOf(intent.sender.country).perUsd),
    );
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length);
    expect(Math.exp(mean)).toBeGreaterThan(12);
    expect(Math.exp(mean)).toBeLessThan(40);
    expect(deviation).toBeGreaterThan(0.75);
    expect(deviation).toBeLessThan(1.3);
  });
});

describe('numbers that steer the sandbox operators', () => {
  it('stand only where their fate is expected', () => {
    const fates = inOrder.flatMap(({ row, intent }) => {
      const sender = steering(intent.sender.phone);
      const receiver = steering(intent.receiver.phone);
      return sender || receiver ? [`${sender ?? ''}>${receiver ?? ''} ${row.expect} ${row.expect_code}`.trim()] : [];
    });
    expect(countBy(fates, (fate) => fate)).toMatchInlineSnapshot(`
      {
        "0001> failed collection_refused": 2,
        "0002> failed collection_refused": 1,
        "0005> paid": 3,
        "0006> paid": 1,
        "0007> paid": 1,
        "0008> paid": 2,
        "0009> paid": 1,
        ">0003 refunded payout_failed": 4,
        ">0004 paid": 6,
        ">0006 paid": 2,
        ">0007 paid": 2,
        ">0008 paid": 1,
        ">0009 paid": 1,
      }
    `);
  });

  it('are the only reason for failed and refunded', () => {
    for (const { row, intent } of inOrder) {
      if (row.expect === 'failed') expect(steering(intent.sender.phone)).toMatch(/000[12]/);
      if (row.expect === 'refunded') expect(steering(intent.receiver.phone)).toBe('0003');
    }
  });
});

describe('names of the sample list', () => {
  const listed = sampleList().entries.flatMap((entry) => entry.names);
  const wordsOf = (name: string): string => normaliseName(name).core.toSorted().join(' ');
  const listedWords = new Set(listed.map(wordsOf));

  it('stand only in the rows that are refused or held for them', () => {
    for (const { row, intent } of inOrder) {
      const names = [intent.sender.name, intent.receiver.name];
      const refused = row.expect_code === 'sanctions_match';
      expect([row.reference_id, names.some((name) => listed.includes(name))]).toEqual([row.reference_id, refused]);
      if (row.expect === 'paid') expect(names.some((name) => listedWords.has(wordsOf(name)) || normaliseName(name).obscured)).toBe(false);
    }
    const held = inOrder.filter(
      ({ row, intent }) =>
        row.expect === 'held' && [intent.sender.name, intent.receiver.name].some((name) => listedWords.has(wordsOf(name))),
    );
    expect(held).toHaveLength(4);
  });
});

describe('examples/warm-up.csv', () => {
  const warmUp = readFileSync(new URL('warm-up.csv', import.meta.url), 'utf8');
  const warmUpRows: Row[] = parse(warmUp, { columns: true });

  it('is what the generator writes, in order, and paid in any case', () => {
    expect(warmUp).toBe(toCsv(generateWarmUp()));
    expect(warmUpRows).toHaveLength(WARM_UP_ROWS);
    for (const row of warmUpRows) expect([read(row).ok, row.expect]).toEqual([true, 'paid']);
  });

  it('is between people whom the file of intents does not know: what they send counts towards nobody there', () => {
    const phonesOf = (of: readonly Row[]) =>
      of.flatMap((row) => {
        const verdict = read(row);
        return verdict.ok ? [verdict.intent.sender.phone, verdict.intent.receiver.phone] : [];
      });
    const known = new Set(phonesOf(rows));
    expect(phonesOf(warmUpRows).filter((phone) => known.has(phone))).toEqual([]);
    expect(known.size).toBeGreaterThan(ROWS);
  });
});
