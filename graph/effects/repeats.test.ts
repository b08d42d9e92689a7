/** A collection that its customer pays twice, from the confirmation to the break that two people end. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listBreaks } from '../../db/queries/breaks.ts';
import { storeMessage } from '../../db/queries/callbacks.ts';
import { money } from '../../domain/money.ts';
import { railById } from '../../domain/network.ts';
import { balances, checkBooks } from '../../tools/ledger/index.ts';
import type { CallbackEvent, StatedPayment } from '../../tools/mmo/operator.ts';
import { wholeStatement } from '../../tools/reconciliation/file.ts';
import { approveEntries, entriesDigest, proposeEntries } from '../reconciliation/breaks.ts';
import { reconcileDay } from '../reconciliation/run.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import type { GraphDeps } from '../types.ts';
import { callbackPump } from './callbacks.ts';
import { createRecorder } from './record.ts';

const AMOUNT = money(150_000n, 'KES');
const SETTLES_WITHIN_MS = 600_000;
const KENYA_AHEAD_MS = 3 * 3_600_000;

let platform: TestPlatform;
let deps: GraphDeps;
let attemptId: string;
/** What the operator's statement has for the collection; null: it cannot be read. */
let statement: StatedPayment[] | null;
/** How often it was read. */
let asked: number;

beforeEach(async () => {
  platform = await testPlatform();
  statement = [];
  asked = 0;
  deps = {
    ...platform.deps,
    operators: (railId) => ({
      ...platform.deps.operators(railId),
      parseCallback: (body) => eventOf(body),
      stated: {
        settlesWithinMs: SETTLES_WITHIN_MS,
        paymentsFor: async () => {
          asked += 1;
          return statement;
        },
      },
    }),
  };
  platform.script = {
    collect: () => ({ state: 'pending' }),
    inquire: () => ({ state: 'succeeded', receipt: 'PROMPT0001', amount: AMOUNT }),
  };
  await platform.submit({ amount: '1500' });
  await platform.worker.work('authorize');
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  const { rows } = await platform.database.pool.query<{ id: string }>('select id from attempts');
  attemptId = rows[0]?.id ?? '';
});
afterEach(() => platform.close());

/** A message whose body is its transaction id: of a prompt, or of a payment that nobody asked for. */
function eventOf(transactionId: string): CallbackEvent {
  const isUnasked = transactionId.startsWith('OWN');
  return {
    kind: 'collection',
    outcome: {
      state: 'succeeded',
      receipt: transactionId,
      amount: AMOUNT,
      ...(isUnasked ? { handle: { ownPayment: transactionId } } : {}),
    },
    ourReference: null,
    operatorReference: transactionId,
    trust: 'confirm',
    ...(isUnasked ? { isUnasked } : {}),
  };
}

function stated(operatorReference: string, amount = AMOUNT): StatedPayment {
  return { operatorReference, amount, occurredAtMs: platform.clock.now() };
}

async function arrives(transactionId: string): Promise<void> {
  const message = {
    railId: 'mpesa-ke',
    attemptId,
    verdict: null,
    reasonCode: null,
    body: deps.keyring.encrypt(transactionId, 'operator_callbacks.body'),
    bodyDigest: Buffer.alloc(32, 1),
    sourceAddress: '127.0.0.1',
  };
  await storeMessage(platform.database.pool, message, platform.clock.now());
}

/** Reads what has arrived, as soon as it may be read again, and says what became of each message, in order. */
async function read(): Promise<string[]> {
  platform.clock.advance(2 * deps.settings.sendTimeoutMs + 1);
  const recorder = createRecorder(deps);
  const pump = callbackPump(deps, recorder);
  await pump.kick();
  await pump.idle();
  await recorder.drain();
  const { rows } = await platform.database.pool.query<{ verdict: string | null; reason_code: string | null }>(
    'select verdict, reason_code from operator_callbacks order by id',
  );
  return rows.map((row) => [row.verdict ?? 'waits', row.reason_code].filter((part) => part !== null).join(' '));
}

const breaks = () => listBreaks(platform.database.pool, {}, { after: null, limit: 10 });
const stateOf = async () => (await platform.database.pool.query('select state, receipt from attempts where id = $1', [attemptId])).rows[0];

it('is found as soon as the statement has it, once, with the money owed to the client', async () => {
  await arrives('OWN0000001');
  expect(await read()).toEqual(['waits']);
  expect(await stateOf()).toEqual({ state: 'succeeded', receipt: 'PROMPT0001' });
  statement = [stated('OWN0000001'), stated('PROMPT0001')];
  await arrives('OWN0000001');
  expect(await read()).toEqual(['matched paid_again', 'matched paid_again']);
  expect(await breaks()).toMatchObject([
    {
      kind: 'duplicate',
      railId: 'mpesa-ke',
      attemptId,
      status: 'open',
      ourAmount: 150_000n,
      theirAmount: 150_000n,
      evidence: { line: { operatorReference: 'OWN0000001' } },
      proposedEntries: [
        { debit: 'float:mpesa-ke', credit: expect.stringMatching(/^client:.*:KES$/), amountMinor: '150000', currency: 'KES' },
      ],
    },
  ]);
});

it('ends when two people post its entries, and the books balance', async () => {
  await platform.settleDown();
  statement = [stated('PROMPT0001'), stated('OWN0000001')];
  await arrives('OWN0000001');
  expect(await read()).toEqual(['matched paid_again']);
  const [found] = await breaks();
  const id = found?.id ?? '';
  const before = (await balances(platform.database.pool, ['float:mpesa-ke']))[0]?.posted ?? 0n;
  const { proposedEntries } = await proposeEntries(
    deps,
    { breakId: id, principal: 'treasury:zawadi', reasonCode: 'operator_confirmed' },
    null,
  );
  await approveEntries(deps, { breakId: id, principal: 'treasury:tunde', reasonCode: 'seen' }, entriesDigest(proposedEntries));
  expect((await balances(platform.database.pool, ['float:mpesa-ke']))[0]?.posted).toBe(before + AMOUNT.minor);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

it('stays before people though the day is reconciled by a statement that was taken before it', async () => {
  statement = [stated('PROMPT0001'), stated('OWN0000001')];
  await arrives('OWN0000001');
  expect(await read()).toEqual(['matched paid_again']);
  const [day = '', time = ''] = new Date(platform.clock.now() + KENYA_AHEAD_MS).toISOString().split(/[T.]/);
  const text = [
    'Receipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn,Balance,A/C No.,Currency',
    `PROMPT0001,${day.split('-').toReversed().join('-')} ${time},Pay Bill,Completed,1500.00,,1500.00,,KES`,
  ].join('\n');
  const report = await reconcileDay(deps, { rail: railById('mpesa-ke'), day, file: wholeStatement(text), by: 'system' });
  expect(report).toMatchObject({ matched: 1, breaks: [], resolved: 0 });
  expect(await breaks()).toMatchObject([{ kind: 'duplicate', status: 'open' }]);
});

it('is nothing when the statement has one payment alone, under whatever id the end was told', async () => {
  platform.script.inquire = () => ({ state: 'succeeded', receipt: '29115-34620561-1', amount: AMOUNT });
  statement = [stated('PROMPT0001')];
  await arrives('PROMPT0001');
  // Another may still be on its way.
  expect(await read()).toEqual(['waits']);
  platform.clock.advance(SETTLES_WITHIN_MS);
  expect(await read()).toEqual(['duplicate']);
  await arrives('PROMPT0001');
  platform.clock.advance(SETTLES_WITHIN_MS);
  expect(await read()).toEqual(['duplicate', 'duplicate']);
  expect(await breaks()).toEqual([]);
});

it('is found though the statement has the second payment before the one that our books have', async () => {
  await arrives('OWN0000001');
  await read();
  statement = [stated('OWN0000001')];
  expect(await read()).toEqual(['waits']);
  statement = [...statement, stated('PROMPT0001')];
  expect(await read()).toEqual(['matched paid_again']);
  expect(await breaks()).toMatchObject([{ kind: 'duplicate', evidence: { line: { operatorReference: 'OWN0000001' } } }]);
});

it('costs no question when the message is about the payment that our books have', async () => {
  await arrives('PROMPT0001');
  await arrives('PROMPT0001');
  expect(await read()).toEqual(expect.arrayContaining(['matched', expect.stringMatching(/^(duplicate|matched)$/)]));
  expect(asked).toBe(0);
});

it.each([
  ['never has it', []],
  ['cannot be read', null],
])('is set aside when the statement %s though it should by now, and changes nothing', async (_what, rows) => {
  statement = rows;
  await arrives('OWN0000001');
  expect(await read()).toEqual(['waits']);
  platform.clock.advance(SETTLES_WITHIN_MS);
  expect(await read()).toEqual(['quarantined not_stated']);
  expect(await breaks()).toEqual([]);
});

it('is found when both were made by themselves, and the second does not take the place of the first', async () => {
  let answer: 'pending' | 'succeeded' = 'pending';
  const told: (string | undefined)[] = [];
  platform.script.inquire = (_railId, request) => {
    told.push(request.handle['ownPayment']);
    return answer === 'pending' ? { state: 'pending' } : { state: 'succeeded', receipt: 'OWN0000001', amount: AMOUNT };
  };
  await arrives('OWN0000001');
  expect(await read()).toEqual(['waits']);
  await arrives('OWN0000002');
  expect(await read()).toEqual(['waits', 'waits']);
  answer = 'succeeded';
  statement = [stated('OWN0000001'), stated('OWN0000002', money(7_000n, 'KES'))];
  await read();
  const [first, second] = await read();
  expect([first, second]).toEqual([expect.stringMatching(/^(matched|duplicate)$/), 'matched paid_again']);
  expect(new Set(told)).toEqual(new Set(['OWN0000001']));
  expect(await breaks()).toMatchObject([{ kind: 'duplicate', ourAmount: 150_000n, theirAmount: 7_000n }]);
});
