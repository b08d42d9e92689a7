import { afterEach, beforeEach, expect, it } from 'vitest';
import { fault } from '../../domain/errors.ts';
import { money } from '../../domain/money.ts';
import type { EffectRequest } from '../../tools/mmo/operator.ts';
import { type StatementFile, wholeStatement } from '../../tools/reconciliation/file.ts';
import { balances } from '../../tools/ledger/index.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import type { GraphDeps } from '../types.ts';
import { dailyReconciliation } from './daily.ts';

const DAY = '2026-11-02';
const HOUR_MS = 3_600_000;

let platform: TestPlatform;
let paid: EffectRequest | undefined;
/** Statements as they lie there, by rail. */
let statements: Map<string, StatementFile>;
let deps: GraphDeps;

// The clock of the platform stands at noon of the second of November in Kampala; at three in the morning of the third it is yesterday.
beforeEach(async () => {
  platform = await testPlatform();
  statements = new Map();
  platform.script = {
    disburse: (_railId, request) => {
      paid = request;
      return { state: 'succeeded', receipt: 'R-1', amount: request.amount };
    },
  };
  deps = { ...platform.deps, statements: async (rail, day) => (day === DAY ? (statements.get(rail.id) ?? null) : null) };
  await platform.submit();
  await platform.settleDown();
  platform.clock.advance(15 * HOUR_MS);
});
afterEach(() => platform.close());

function statement(status = 'Successful'): string {
  const amount = (paid?.amount.minor ?? 0n).toString();
  return `Id,External id,Date,Status,Type,Amount,Currency,Fee\nR-1,${paid?.requestId},2026-11-02 12:00:00,${status},Transfer,${amount},UGX,0`;
}

const runs = async () =>
  (await deps.pool.query("select rail_id || ' ' || basis as run, started_by, summary from reconciliations order by rail_id, created_at"))
    .rows;
const runsOf = async (railId: string) => (await runs()).filter(({ run }) => (run as string).startsWith(railId));

it('reconciles yesterday by the statements that are there, once, whoever looks', async () => {
  statements.set('mtn-ug', wholeStatement(statement()));
  const looks = await Promise.all([1, 2, 3].map(() => dailyReconciliation(deps)()));
  expect(await runsOf('mtn-ug')).toMatchObject([{ run: 'mtn-ug statement', started_by: 'system', summary: { matched: 1, breaks: {} } }]);
  // The rail of the collection has neither a statement nor a balance: that is written down, and asks for one.
  expect(await runsOf('mpesa-ke')).toMatchObject([{ run: 'mpesa-ke none', summary: { code: 'statement_missing' } }]);
  expect(await runs()).toHaveLength(2);
  expect(looks.reduce((sum, each) => sum + each, 0)).toBe(2);
  const again = dailyReconciliation(deps);
  expect(await again()).toBe(0);
  expect(await runs()).toHaveLength(2);
});

it('waits until the operator can have the statement, and looks again every ten minutes only', async () => {
  const daysOf = async () =>
    (await deps.pool.query("select to_char(day, 'DD') as day, basis from reconciliations where rail_id = 'mtn-ug' order by created_at"))
      .rows;
  statements.set('mtn-ug', wholeStatement(statement()));
  platform.clock.advance(-2 * HOUR_MS);
  const look = dailyReconciliation(deps);
  await look();
  const before = [{ day: '01', basis: 'none' }];
  // At one in the morning yesterday is still the day before, of which there is no statement.
  expect(await daysOf()).toEqual(before);
  platform.clock.advance(HOUR_MS - 5 * 60_000);
  await look();
  platform.clock.advance(9 * 60_000);
  expect(await look()).toBe(0);
  expect(await daysOf()).toEqual(before);
  platform.clock.advance(60_000);
  await look();
  expect(await daysOf()).toEqual([...before, { day: '02', basis: 'statement' }]);
});

it('takes a statement that comes late, or is mended, after a day that could not be reconciled', async () => {
  statements.set('mtn-ug', wholeStatement(statement('Perhaps')));
  for (let looks = 0; looks < 3; looks += 1) await dailyReconciliation(deps)();
  expect(await runsOf('mtn-ug')).toMatchObject([{ run: 'mtn-ug none', summary: { code: 'statement_malformed' } }]);
  statements.set('mtn-ug', wholeStatement(statement()));
  await dailyReconciliation(deps)();
  expect((await runsOf('mtn-ug')).map(({ run }) => run)).toEqual(['mtn-ug none', 'mtn-ug statement']);
});

it('goes on with the other rails when the statement of one cannot be read', async () => {
  statements.set('mtn-ug', wholeStatement(statement()));
  const unreadable: GraphDeps = {
    ...deps,
    statements: async (rail, day) => {
      if (rail.id === 'mpesa-ke') throw fault('file_unreadable');
      return deps.statements?.(rail, day) ?? null;
    },
  };
  await dailyReconciliation(unreadable)();
  await dailyReconciliation(unreadable)();
  expect(await runs()).toMatchObject([
    { run: 'mpesa-ke none', summary: { code: 'file_unreadable' } },
    { run: 'mtn-ug statement', summary: { matched: 1 } },
  ]);
});

it('holds the balance against the float where there is no statement, once a day', async () => {
  const [float] = await balances(deps.pool, ['float:mtn-ug']);
  const short = {
    ...deps,
    operators: (railId: string) => ({ ...deps.operators(railId), balance: async () => money((float?.posted ?? 0n) - 5n, 'UGX') }),
  };
  await dailyReconciliation(short)();
  await dailyReconciliation(short)();
  expect(await runsOf('mtn-ug')).toMatchObject([{ run: 'mtn-ug balance', summary: { breaks: { balance_differs: 1 } } }]);
});

it('does nothing where no statements are to be had', async () => {
  expect(await dailyReconciliation(platform.deps)()).toBe(0);
  expect(await runs()).toEqual([]);
});
