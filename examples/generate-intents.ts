/**
 * Writes `examples/intents.csv`: 1,000 payment intents between made-up people in eleven countries, with
 * what must become of each; and `examples/warm-up.csv`: 200 ordinary ones between others, which a measured
 * run pays beforehand. Seeded: the same file every time. Run it with `node examples/generate-intents.ts`.
 *
 * `expect` is the end a row must reach: a payment status, or `invalid` for a row that must be refused
 * when it is submitted. `expect_code` is the code that the client is told where the end is not `paid`.
 *
 * Fates that an operator decides are asked for by the last four digits of a number, which the sandbox
 * operators understand: 0001 the payer declines · 0002 the payer has not enough · 0003 the wallet can
 * receive nothing · 0004 the direct rail refuses the payout · 0005 the direct rail refuses the
 * collection · 0006 the answer is lost · 0007 the callback is lost · 0008 callbacks come twice · 0009 slow.
 */
import { writeFileSync } from 'node:fs';
import { INTENT_COLUMNS } from '../domain/intent.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import { drawUsd, LEAST_USD, purseOf, writeAmount } from './amounts.ts';
import { createDetails, DETAIL_COLUMNS, type DetailCells } from './details.ts';
import { createPeople, EXAMPLES_DAY, type People, type Person } from './people.ts';
import { type Random, seededRandom } from './random.ts';
import { draftBurst, draftSpecial } from './special-rows.ts';

export const SEED = 20_261_101;
export const ROWS = 1_000;
export const WARM_UP_ROWS = 200;
export const COLUMNS = [...INTENT_COLUMNS, ...DETAIL_COLUMNS, 'expect', 'expect_code'] as const;
export type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** How often each corridor is used. */
const CORRIDOR_WEIGHTS = {
  'KE-UG': 110,
  'KE-TZ': 85,
  'UG-KE': 70,
  'TZ-KE': 60,
  'UG-RW': 45,
  'KE-RW': 40,
  'RW-UG': 40,
  'RW-KE': 30,
  'TZ-RW': 20,
  'GH-NG': 55,
  'NG-GH': 45,
  'CI-SN': 50,
  'SN-CI': 45,
  'GH-CI': 35,
  'CI-GH': 30,
  'CM-NG': 35,
  'NG-CM': 25,
  'CM-CI': 20,
  'ZA-ZM': 50,
  'ZA-NG': 35,
  'ZA-KE': 25,
  'ZM-TZ': 25,
  'ZM-ZA': 15,
  'KE-NG': 10,
} as const;

const PREFERENCE_WEIGHTS = { '': 30, cheapest: 35, fastest: 22, most_reliable: 13 };
const PURPOSE_WEIGHTS = { '': 10, family_support: 48, education: 10, medical: 8, business: 9, goods: 7, gift: 5, savings: 2, other: 1 };

export interface Draft {
  readonly sender: Person;
  readonly receiver: Person;
  readonly usd: number;
  readonly expect?: string;
  readonly code?: string;
  /** Cells to write as they stand instead of what the draft would give. */
  readonly cells?: Partial<Row>;
}

/** A draft as a row of the file, with what is said of its people. */
export function writeRow(random: Random, people: People, reference: string, draft: Draft, details: DetailCells): Row {
  const { sender, receiver } = draft;
  return {
    reference_id: reference,
    amount: writeAmount(random, sender.country, draft.usd),
    from_currency: countryByCode(sender.country, EXAMPLES_DAY).currency,
    to_currency: countryByCode(receiver.country, EXAMPLES_DAY).currency,
    sender_name: sender.name,
    sender_phone: people.write(sender),
    sender_country: sender.country,
    receiver_name: receiver.name,
    receiver_phone: people.write(receiver),
    receiver_country: receiver.country,
    preference: random.weighted(PREFERENCE_WEIGHTS),
    purpose: random.weighted(PURPOSE_WEIGHTS),
    funding: random.next() < 0.1 ? 'wallet' : '',
    delivery: random.next() < 0.1 ? 'wallet' : '',
    quote_id: '',
    ...details,
    expect: draft.expect ?? 'paid',
    expect_code: draft.code ?? '',
    ...draft.cells,
  };
}

/** What is left to a person before the most that one of their country moves in the file, US dollars. */
function createRooms(): { of(person: Person): number; take(person: Person, usd: number): void } {
  const usedUsd = new Map<string, number>();
  return {
    of: (person) => purseOf(person.country).most / purseOf(person.country).perUsd - (usedUsd.get(person.phone) ?? 0),
    take: (person, usd) => void usedUsd.set(person.phone, (usedUsd.get(person.phone) ?? 0) + usd),
  };
}

/** Ordinary payments: a sender has one to three, often to the same receiver. */
function draftOrdinary(random: Random, people: People, count: number): Draft[] {
  const drafts: Draft[] = [];
  const rooms = createRooms();
  while (drafts.length < count) {
    const [from, to] = random.weighted(CORRIDOR_WEIGHTS).split('-') as [Country, Country];
    const sender = people.person(from);
    let receiver = people.person(to);
    for (let left = random.weighted({ '1': 72, '2': 20, '3': 8 }); drafts.length < count; left = left === '3' ? '2' : '1') {
      const roomUsd = Math.min(rooms.of(sender), rooms.of(receiver));
      if (roomUsd < 2 * LEAST_USD) break;
      const usd = drawUsd(random, roomUsd);
      rooms.take(sender, usd);
      rooms.take(receiver, usd);
      drafts.push({ sender, receiver, usd });
      if (left === '1') break;
      if (random.next() < 0.4) receiver = people.person(to);
    }
  }
  return drafts;
}

function writeRows(
  random: Random,
  people: People,
  prefix: string,
  drafts: readonly Draft[],
  detailsOf: ReturnType<typeof createDetails>,
): Row[] {
  return drafts.map((draft, index) => {
    const reference = `${prefix}-${String(index + 1).padStart(4, '0')}`;
    return writeRow(random, people, reference, draft, detailsOf(draft.sender, draft.receiver));
  });
}

/** Where the hurried sender's rows stand, all in one chunk of any usual size. */
const BURST_AT = 610;

/** Ordinary payments that run a platform warm, between people of whom the file of intents knows nothing. */
export function generateWarmUp(seed: number = SEED + 2): Row[] {
  const random = seededRandom(seed);
  const people = createPeople(random);
  const drafts = draftOrdinary(random, people, WARM_UP_ROWS);
  return writeRows(random, people, 'warm', drafts, createDetails(seededRandom(seed + 1)));
}

/** All rows of the file, in their order. */
export function generateIntents(seed: number = SEED): Row[] {
  const random = seededRandom(seed);
  const people = createPeople(random);
  const special = draftSpecial(random, people);
  const burst = draftBurst(random, people);
  const ordinary = draftOrdinary(random, people, ROWS - special.length - burst.length);
  const drafts = random.shuffle([...special, ...ordinary]).toSpliced(BURST_AT, 0, ...burst);
  // Of a seed of its own: who pays whom does not depend on what is said of them.
  const rows = writeRows(random, people, 'demo', drafts, createDetails(seededRandom(seed + 1)));
  return rows.map((row) => (row.expect_code === 'duplicate_reference' ? { ...row, reference_id: earlierReference(rows, row) } : row));
}

/** The reference of an earlier row that is itself in order, for the row that must be refused as a duplicate. */
function earlierReference(rows: readonly Row[], duplicate: Row): string {
  const earlier = rows.slice(0, rows.indexOf(duplicate)).find((row) => row.expect === 'paid');
  if (!earlier) throw new RangeError('the duplicate cannot stand first');
  return earlier.reference_id;
}

/** Rows as CSV (RFC 4180) with a header; a line ends with a newline alone. */
export function toCsv(rows: readonly Row[]): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [COLUMNS.join(','), ...rows.map((row) => COLUMNS.map((column) => cell(row[column])).join(','))]
    .map((line) => `${line}\n`)
    .join('');
}

if (import.meta.main) {
  for (const [name, rows] of [
    ['intents.csv', generateIntents()],
    ['warm-up.csv', generateWarmUp()],
  ] as const) {
    const path = new URL(name, import.meta.url);
    writeFileSync(path, toCsv(rows));
    console.log(`${rows.length} intents written to ${path.pathname}`);
  }
}
