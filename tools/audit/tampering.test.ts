/** Whoever changes, removes, puts in or reorders a sealed row, or touches the chain itself, is found, and so is the place. */
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { disarm, type Edit, EDIT_NAMES, findingsAfter as findingsOf, rowsOf as rowsIn, tryEdits } from './intruder.ts';
import { type Source, SOURCE_NAMES, SOURCES } from './sources.ts';
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
  await disarm(client);
});

afterAll(async () => {
  client.release(true);
  await log.close();
});

const rowsOf = (source: Source) => rowsIn(client, source);
const findingsAfter = async (edit: () => Promise<unknown>, trusted: TrustedBlock | null) =>
  (await findingsOf(client, log.deps, edit, trusted)).findings;

test(`of ${EDITS} random edits every one is found`, { timeout: 600_000 }, async () => {
  const of = (kinds: readonly string[]) =>
    fc.record({
      kind: fc.constantFrom(...kinds),
      source: fc.constantFrom(...SOURCE_NAMES),
      random: fc.array(fc.nat({ max: 1_000_000 }), { minLength: 3, maxLength: 3 }),
    });
  const ofRows = of(EDIT_NAMES.filter((kind) => kind !== 'chain'));
  const edits: Edit[] = fc.sample(fc.oneof({ weight: 6, arbitrary: ofRows }, { weight: 1, arbitrary: of(['chain']) }), EDITS);
  const { tried, found, missed, unplaced } = await tryEdits(client, log.deps, head, edits);
  expect(missed).toEqual([]);
  expect(unplaced).toEqual([]);
  expect([tried, found]).toEqual([EDITS, EDITS]);
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
  const stranger = { keyring: { seals: () => [Buffer.alloc(16, 1)] as [Buffer] } };
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
