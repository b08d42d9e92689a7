/** Whoever changes, removes, puts in or reorders a sealed row, or touches the chain itself, is found, and so is the place. */
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { columnsOf, type Source, SOURCE_NAMES, SOURCES } from './sources.ts';
import { testLog, type TestLog } from './testing.ts';
import { type TrustedBlock, verifyWithin } from './verify.ts';

const EDITS = 1_000;

let log: TestLog;
let client: PoolClient;
let head: TrustedBlock;

beforeAll(async () => {
  log = await testLog();
  for (let round = 0; round < 3; round++) {
    await log.writePayment();
    await log.writePayment();
    head = (await log.sealAll({ rowsMax: 40 })).head as TrustedBlock;
  }
  client = await log.pool.connect();
  // An intruder who owns the database: no trigger, no constraint is in the way.
  const { rows } = await client.query<{ drop: string }>(
    `select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) as drop from pg_constraint
     where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'u', 'p') and conrelid::regclass::text = any($1)
     union all select format('drop index if exists %s', indexrelid::regclass) from pg_index where indisunique and indrelid::regclass::text = any($1)`,
    [[...SOURCE_NAMES, 'audit_blocks', 'audit_ranges']],
  );
  for (const { drop } of rows) await client.query(drop).catch(() => undefined);
  await client.query('set session_replication_role = replica');
});

afterAll(async () => {
  client.release(true);
  await log.close();
});

/** A document with something more in it. */
const alteredJson = (document: string): string =>
  `case jsonb_typeof(${document}) when 'array' then ${document} || '["x"]' else ${document} || '{"x": 1.50}' end`;

/** Another value of the same type, as an SQL expression. */
function otherValue(type: string, column: string): string {
  if (type === 'uuid') return `coalesce(overlay(${column}::text placing 'feed' from 10 for 4)::uuid, gen_random_uuid())`;
  if (type === 'jsonb') return alteredJson(`coalesce(${column}, '{}')`);
  if (type === 'json') return `(${alteredJson(`${column}::jsonb`)})::json`;
  if (type === 'bytea') return `${column} || '\\x00'::bytea`;
  if (type === 'xid8') return `(${column}::text::bigint + 1)::text::xid8`;
  if (type.startsWith('timestamp')) return `coalesce(${column}, '2026-01-01Z') + interval '1 millisecond'`;
  if (type === 'boolean') return `not ${column}`;
  if (type === 'real') return `${column} * 1.0000002::real`;
  if (type === 'text') return `coalesce(${column}, '') || ' '`;
  return `coalesce(${column}, 0) + 1`;
}

interface Row {
  readonly key: string;
  readonly at: string;
}

/** The rows of a source, by where they are stored: a key may stand twice. */
async function rowsOf(source: Source): Promise<Row[]> {
  return (await client.query<Row>(`select ${source.key}::text as key, ctid::text as at from ${source.name} order by tx_id, ${source.key}`))
    .rows;
}

type Edit = (source: Source, random: readonly number[]) => Promise<void>;

const pick = <T>(items: readonly T[], random: number): T => items[random % items.length] as T;

const EDIT_KINDS: Readonly<Record<string, Edit>> = {
  change: async (source, [row = 0, column = 0]) => {
    const name = pick(columnsOf(source), column);
    const type = await client.query<{ type: string }>(
      `select format_type(atttypid, null) as type from pg_attribute where attrelid = $1::regclass and attname = $2`,
      [source.name, name],
    );
    const { at } = pick(await rowsOf(source), row);
    await client.query(`update ${source.name} set ${name} = ${otherValue(type.rows[0]?.type ?? '', name)} where ctid = $1`, [at]);
  },
  delete: async (source, [row = 0]) => {
    await client.query(`delete from ${source.name} where ctid = $1`, [pick(await rowsOf(source), row).at]);
  },
  insert: async (source, [row = 0]) => {
    const { at } = pick(await rowsOf(source), row);
    const columns = columnsOf(source).filter((name) => name !== 'id' && name !== source.key);
    const names = [...new Set(['id', source.key])];
    const fresh = names.map((name) =>
      name === source.key && source.keyType === 'bigint' ? '0 - (random() * 1e9)::bigint + 2e9::bigint' : 'gen_random_uuid()',
    );
    await client.query(
      `insert into ${source.name} (${[...names, ...columns].join(', ')}) select ${[...fresh, ...columns].join(', ')} from ${source.name} where ctid = $1`,
      [at],
    );
  },
  duplicate: async (source, [row = 0]) => {
    await client.query(`insert into ${source.name} select * from ${source.name} where ctid = $1`, [pick(await rowsOf(source), row).at]);
  },
  reorder: async (source, [one = 0, other = 0]) => {
    const rows = await rowsOf(source);
    const [a, b] = [pick(rows, one), pick(rows, one + 1 + (other % (rows.length - 1)))];
    await client.query(
      `with pair as (select ctid as at, tx_id, ${source.key} as key from ${source.name} where ctid = any($1::tid[]))
       update ${source.name} r set tx_id = pair.tx_id, ${source.key} = pair.key from pair
       where r.ctid = any($1::tid[]) and pair.at <> r.ctid`,
      [[a.at, b.at]],
    );
  },
};

/** Each with what it does to the block `$1`. */
const CHAIN_EDITS: readonly string[] = [
  'delete from audit_blocks where number = $1',
  'delete from audit_ranges where block_number = $1',
  `delete from audit_ranges where block_number = $1 and source = 'transfers'`,
  `with gone as (delete from audit_ranges where block_number >= $1) delete from audit_blocks where number >= $1`,
  `update audit_blocks set merkle_root = repeat('0', 64) where number = $1`,
  `update audit_blocks set hash = repeat('1', 64) where number = $1`,
  `update audit_blocks set previous_hash = repeat('2', 64) where number = $1`,
  `update audit_blocks set sealed_at = sealed_at + interval '1 second' where number = $1`,
  'update audit_blocks set leaf_count = leaf_count + 1 where number = $1',
  `update audit_blocks set seal = seal || '\\x00'::bytea where number = $1`,
  `update audit_blocks set seal = sha256(seal) where number = $1`,
  `update audit_ranges set up_to_tx = '99999999' where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set after_tx = '0', after_key = '1' where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set hashes = sha256(hashes) || hashes where block_number = $1 and source = 'payment_events'`,
  `update audit_ranges set keys = sha256(keys) where block_number = $1 and source = 'transfers'`,
  `update audit_ranges set source = 'elsewhere' where block_number = $1 and source = 'transfers'`,
  'update audit_ranges set form = 1 where block_number = $1',
  'update audit_ranges set form = form + 1 where block_number = $1',
  `update audit_blocks set number = case number when $1 then $1 + 1 else $1 end where number in ($1, $1 + 1)`,
  `with other as (select * from audit_ranges where block_number = $1)
   update audit_ranges r set block_number = r.block_number + 500 from other where r.block_number = $1 and r.source = other.source`,
];

/** Runs an edit and verifies, then undoes it. */
async function findingsAfter(edit: () => Promise<unknown>, trusted: TrustedBlock | null) {
  await client.query('savepoint before_edit');
  await edit();
  const report = await verifyWithin(client, log.deps, trusted);
  await client.query('rollback to before_edit');
  return report.findings;
}

test(`of ${EDITS} random edits every one is found`, { timeout: 600_000 }, async () => {
  await client.query('begin');
  expect((await verifyWithin(client, log.deps, head)).findings).toEqual([]);
  const numbers = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 3, maxLength: 3 });
  const ofRows = fc.record({
    kind: fc.constantFrom(...Object.keys(EDIT_KINDS)),
    source: fc.constantFrom(...SOURCE_NAMES),
    random: numbers,
  });
  const ofChain = fc.record({ kind: fc.constant('chain'), source: fc.constantFrom(...SOURCE_NAMES), random: numbers });
  const edits = fc.sample(fc.oneof({ weight: 6, arbitrary: ofRows }, { weight: 1, arbitrary: ofChain }), EDITS);
  const missed: string[] = [];
  const unplaced: string[] = [];
  for (const { kind, source: name, random } of edits) {
    const source = SOURCES[name];
    const [first = 0, second = 0] = random;
    const block = 1n + (BigInt(first) % BigInt(head.number));
    const sql = pick(CHAIN_EDITS, second).replaceAll('$1', String(block));
    const ofTheChain = kind === 'chain';
    const edit = () => (ofTheChain ? client.query(sql) : (EDIT_KINDS[kind] as Edit)(source, random));
    const findings = await findingsAfter(edit, ofTheChain ? head : null);
    const label = ofTheChain ? sql : `${kind} in ${name} with ${random.join(', ')}`;
    if (findings.length === 0) missed.push(label);
    if (!ofTheChain && !findings.some((each) => each.source === name && each.block !== null && each.key !== null)) unplaced.push(label);
  }
  await client.query('rollback');
  expect(missed).toEqual([]);
  expect(unplaced).toEqual([]);
});

test('what is found names the row and what became of it', async () => {
  await client.query('begin');
  const [first, second] = await rowsOf(SOURCES.payment_events);
  const changed = await findingsAfter(() => client.query(`update payment_events set cause = 'sweeper' where id = $1`, [first?.key]), null);
  expect(changed).toEqual([
    { fault: 'changed', block: '1', source: 'payment_events', key: first?.key, detail: 'changed since it was sealed' },
  ]);
  const removed = await findingsAfter(() => client.query('delete from payment_events where id = $1', [second?.key]), null);
  expect(removed).toEqual([{ fault: 'removed', block: '1', source: 'payment_events', key: second?.key, detail: 'sealed, and gone' }]);
  const late = await findingsAfter(
    () => client.query(`update audit_events set tx_id = '18446744073709551615' where id = (select max(id) from audit_events)`),
    null,
  );
  expect(late.map(({ fault }) => fault)).toEqual(['removed', 'out_of_time']);
  await client.query('rollback');
});

test('a chain made anew by somebody without the keys is found, block by block', async () => {
  const stranger = { keyring: { blindIndex: () => Buffer.alloc(16, 1) } };
  await client.query('begin');
  const report = await verifyWithin(client, stranger);
  await client.query('rollback');
  expect(report.findings.map(({ fault }) => fault)).toEqual(Array.from({ length: report.blocks }, () => 'seal_wrong'));
});

test('what an approval is for, until when and of whom, and which rules were in force, are sealed', async () => {
  await client.query('begin');
  for (const [table, column, value] of [
    ['case_decisions', 'round', 'round + 1'],
    ['case_decisions', 'action_digest', `repeat('0', 64)`],
    ['case_decisions', 'senior', 'not senior'],
    ['case_decisions', 'expires_at', `coalesce(expires_at, '2026-01-01Z') + interval '1 day'`],
    ['compliance_records', 'rule_set', `coalesce(rule_set, '') || 'x'`],
    ['compliance_records', 'shadow', `coalesce(shadow, '[]') || '[{"rule": "x"}]'`],
  ] as const) {
    const [row] = await rowsOf(SOURCES[table]);
    const findings = await findingsAfter(() => client.query(`update ${table} set ${column} = ${value} where ctid = $1`, [row?.at]), null);
    expect([column, findings]).toEqual([
      column,
      [{ fault: 'changed', block: expect.any(String), source: table, key: row?.key, detail: 'changed since it was sealed' }],
    ]);
  }
  await client.query('rollback');
});
