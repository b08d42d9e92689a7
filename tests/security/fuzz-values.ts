/**
 * Input for the fuzzing of routes: values that fit a schema of the OpenAPI document, and what is made of them to do harm. All
 * of it follows from the random numbers that are handed in.
 */
import { seededRandom } from '../../examples/random.ts';

export interface Dice {
  pick<Item>(items: readonly Item[]): Item;
  chance(share: number): boolean;
  /** Both ends included. */
  integer(least: number, most: number): number;
}

/** The same numbers for the same seed, everywhere. */
export function diceOf(seed: number): Dice {
  const { next, below, pick } = seededRandom(seed);
  return { pick, chance: (share) => next() < share, integer: (least, most) => least + below(most - least + 1) };
}

export type Schema = Readonly<Record<string, unknown>>;
export type Document = Readonly<Record<string, unknown>>;

/** A name and a number that stand for those of a person: neither may show in an answer that refuses, or in the log. */
export const CANARY_NAME = 'Zzyzxova Canarywala';
export const CANARY_PHONE = '+254799123457';

/** What breaks programs: types, sizes, encodings, injections, keys of prototypes, tricks of Unicode. */
const NASTY: readonly unknown[] = [
  null,
  true,
  [],
  {},
  [[]],
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\u202e\u0000txt',
  'ﷺ'.repeat(50),
  'a\u0300'.repeat(200),
  '\ufeff1',
  '１２５０',
  '١٢٣',
  'İıſK',
  '-0',
  '0x10',
  '1e3',
  '1e400',
  '0.1',
  'NaN',
  'Infinity',
  '99999999999999999999999999999999.99',
  '9223372036854775808',
  '-9223372036854775809',
  `${'9'.repeat(400)}`,
  -1,
  0,
  1.5,
  2 ** 53,
  9_007_199_254_740_993n.toString(),
  1e308,
  -1e308,
  5e-324,
  "' or 1=1 --",
  "'; drop table payments; --",
  '" or ""="',
  '$1',
  '%00',
  '%s%s%n',
  '../../../../etc/passwd',
  '..%2f..%2f',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '${7*7}',
  '{"$gt":""}',
  '`id`',
  'http://169.254.169.254/latest/meta-data/',
  'file:///etc/passwd',
  'https://user:pass@127.0.0.1:1/',
  '=cmd|calc!A1',
  '__proto__',
  'constructor',
  'toString',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '0000-00-00T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '9999-12-31T23:59:59.999Z',
  '2026-02-30',
  'x'.repeat(5_000),
  CANARY_NAME,
  CANARY_PHONE,
  { __proto__: { admin: true } },
  { constructor: { prototype: { admin: true } } },
  Array.from({ length: 300 }, (_, index) => index),
];

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'clientId',
  'client_id',
  'principal',
  'scopes',
  '',
  '$where',
  'a.b',
  CANARY_NAME,
  CANARY_PHONE,
];

export const nastyValue = (random: Dice): unknown => random.pick(NASTY);

/** A nasty value as a text. */
export function nastyText(random: Dice): string {
  const value = nastyValue(random);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A value that fits the schema, as far as its types, enumerations and formats go. `ids` are values for what is a UUID. */
export function valueOf(document: Document, schema: Schema, random: Dice, ids: readonly string[], depth = 0): unknown {
  if (typeof schema.$ref === 'string') return valueOf(document, resolve(document, schema.$ref), random, ids, depth);
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return random.pick(schema.enum);
  const choices = (schema.oneOf ?? schema.anyOf) as readonly Schema[] | undefined;
  if (choices !== undefined) return valueOf(document, random.pick(choices), random, ids, depth + 1);
  if (Array.isArray(schema.allOf)) {
    return Object.assign({}, ...(schema.allOf as Schema[]).map((each) => valueOf(document, each, random, ids, depth + 1)));
  }
  if (schema.example !== undefined && random.chance(0.8)) return schema.example;
  const type = Array.isArray(schema.type) ? random.pick(schema.type as string[]) : schema.type;
  return ofType(document, schema, { type: String(type), random, ids, depth });
}

interface Asked {
  readonly type: string;
  readonly random: Dice;
  readonly ids: readonly string[];
  readonly depth: number;
}

function ofType(document: Document, schema: Schema, { type, random, ids, depth }: Asked): unknown {
  if (type === 'null') return null;
  if (type === 'boolean') return random.chance(0.5);
  if (type === 'integer' || type === 'number') return random.integer(0, 100);
  if (type === 'array') {
    const items = (schema.items ?? {}) as Schema;
    return Array.from({ length: depth > 6 ? 0 : random.integer(0, 2) }, () => valueOf(document, items, random, ids, depth + 1));
  }
  if (type === 'string') return textOf(schema, random, ids);
  const required = new Set((schema.required ?? []) as string[]);
  const wanted = Object.entries((schema.properties ?? {}) as Record<string, Schema>).filter(
    ([name]) => required.has(name) || random.chance(0.5),
  );
  return Object.fromEntries(wanted.map(([name, each]) => [name, namedValue(name) ?? valueOf(document, each, random, ids, depth + 1)]));
}

/** Texts that schemas describe by more than their type. */
function namedValue(name: string): unknown {
  if (name === 'name') return CANARY_NAME;
  if (name === 'phone') return CANARY_PHONE;
  return name === 'amount' ? '1250.50' : undefined;
}

function textOf(schema: Schema, random: Dice, ids: readonly string[]): string {
  if (schema.format === 'uuid') return random.pick(ids);
  if (schema.format === 'date-time') return '2026-03-31T10:00:00.000Z';
  if (schema.format === 'date') return '2026-03-30';
  if (schema.format === 'uri') return 'https://196.201.214.200/capp';
  return `text-${random.integer(0, 1_000_000)}`;
}

function resolve(document: Document, reference: string): Schema {
  let at: unknown = document;
  for (const step of reference.replace(/^#\//, '').split('/')) at = (at as Record<string, unknown>)[step];
  return at as Schema;
}

/** The value with one place in it changed for the worse. */
export function spoil(value: unknown, random: Dice): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.15)) return nastyValue(random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [nastyValue(random)];
    const at = random.integer(0, value.length - 1);
    return value.map((each, index) => (index === at ? spoil(each, random) : each));
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || random.chance(0.15)) return Object.fromEntries([...entries, [random.pick(KEYS), nastyValue(random)]]);
  const at = random.integer(0, entries.length - 1);
  if (random.chance(0.15)) return Object.fromEntries(entries.filter((_, index) => index !== at));
  return Object.fromEntries(entries.map(([key, each], index) => [key, index === at ? spoil(each, random) : each]));
}

/** JSON that is none, or means two things at once. */
const RUINED: readonly ((json: string, random: Dice) => string | Uint8Array)[] = [
  (json) => json.slice(0, Math.floor(json.length / 2)),
  (json) => `${json}${json}`,
  (json) => `\ufeff${json}`,
  (json) => json.replace('{', '{"amount":"1","amount":"2",'),
  (json) => json.replace('{', '{"__proto__":{"scopes":["cases:decide"]},'),
  (json) => json.replaceAll('"', "'"),
  (json) => json.replace(/"[^"]*"$/, 'NaN'),
  () => '['.repeat(60) + ']'.repeat(60),
  () => '{"a":'.repeat(4_000),
  () => '1e400',
  () => 'null',
  () => '""',
  () => '',
  () => ' '.repeat(20_000),
  (json) => new Uint8Array([0xff, 0xfe, ...Buffer.from(json, 'utf16le')]),
  (json) => new Uint8Array([...Buffer.from(json.slice(0, 20)), 0xc3, 0x28, 0x80, 0xf5]),
  (json) => json.replace(/"([^"]{3})/, '"\\ud83d$1'),
  (json) => `/* */${json}`,
];

/** The body as it is sent: spoiled in its meaning, in its writing, or not at all. */
export function bodyFor(value: unknown, random: Dice): string | Uint8Array {
  const spoiled = random.chance(0.7) ? spoil(value, random) : value;
  const json = JSON.stringify(spoiled) ?? 'null';
  return random.chance(0.2) ? random.pick(RUINED)(json, random) : json;
}
