/** What a batch left behind, with no payment of the partner after it: proposed again by itself, paid once, and provable. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { SETTLEMENT_POLICY, settle } from '../agents/settlement/index.ts';
import { insertPaid } from '../agents/settlement/testing.ts';
import { emptyDatabase, type SeededPayment } from '../agents/testing.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { manualClock } from '../domain/clock.ts';
import { driveToEnd, memoryChain, type MemoryChain, memoryDeps, memoryReader } from '../graph/settlement/testing.ts';
import type { DriverDeps } from '../graph/settlement/types.ts';
import { checkOnChain, checkSettlementProof } from '../tools/aptos/settlement-proof.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { proveSettlement } from './api/resources/settlement-proof.ts';

const START_MS = Date.UTC(2026, 5, 1);
const LIFE_MS = SETTLEMENT_POLICY.proposalLifeMs;
const PEOPLE = ['treasury:nia', 'treasury:sam'];
/** No key of the policy may consent to anything. */
const POLICY = { ...SETTLEMENT_POLICY, keyTimesMax: 0n };

let database: TestDatabase;
let clock: ReturnType<typeof manualClock>;
let chain: MemoryChain;
let deps: DriverDeps;
let payment: SeededPayment['payment'];
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  clock = manualClock(START_MS);
  chain = memoryChain(clock);
  deps = memoryDeps({ pool: database.pool, clock, chain }, { approvers: PEOPLE });
  ({ payment } = await insertPaid(database.pool, START_MS, { payment: { amountMinor: 39_000_000n } }));
  clock.advance(POLICY.ageMsMax);
});
afterEach(async () => {
  // The payment stands here by itself, without what brought it about.
  const violations = (await checkBooks(database.pool)).filter(({ subject }) => !/^(?:payment|attempt) /.test(subject));
  if (violations.length > 0) throw new Error(JSON.stringify(violations));
});

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;
const look = (isOnChain = true, policy = POLICY) => settle({ pool: database.pool, clock, policy, isOnChain: () => isOnChain });
const batches = () =>
  query(
    `select status, method, net_amount as net, due_amount as due, payment_count as payments, item_count as items, carried_to is not null as taken
     from settlement_batches where partner = 'mpesa-ke' order by created_at, id`,
  );
const FIRST = { method: 'chain', net: 39_000_000n, due: 39_000_000n, payments: 1, items: 1 };
const AGAIN = { method: 'chain', net: 0n, due: 39_000_000n, payments: 0, items: 1 };

/** Drives until the proposal that is open has missed its deadline and is refunded. */
async function letExpire(): Promise<void> {
  await driveToEnd(deps, clock, 2);
  clock.advance(LIFE_MS);
  await driveToEnd(deps, clock, 6);
}

async function approveOpen(): Promise<void> {
  await query(
    `insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest)
     select gen_random_uuid(), id, who, 'key of ' || who, proposal_digest from settlement_batches, unnest($1::text[]) as people(who) where status = 'proposed'`,
    [PEOPLE],
  );
}

it('is proposed again without a payment, executed once, posted once, and proven from root to root', async () => {
  expect(await look()).toMatchObject({ closedBy: 'age', nettedCount: 1 });
  await letExpire();
  expect(await batches()).toEqual([{ ...FIRST, status: 'expired', taken: false }]);
  const again = await look();
  expect(again).toMatchObject({ closedBy: 'carried', nettedCount: 0, batches: [{ netMinor: 0n, dueMinor: 39_000_000n, method: 'chain' }] });
  expect(
    await query("select closed_by, payment_count, facts -> 'carried' as carried from settlement_windows order by number desc limit 1"),
  ).toEqual([
    {
      closed_by: 'carried',
      payment_count: 0,
      carried: [{ partner: 'mpesa-ke', currency: 'KES', carriedMinor: '39000000', waitedMs: expect.any(Number) }],
    },
  ]);
  expect(await look()).toMatchObject({ closedBy: null, batches: [] });
  await driveToEnd(deps, clock, 2);
  await approveOpen();
  await driveToEnd(deps, clock, 6);
  expect(await batches()).toEqual([
    { ...FIRST, status: 'expired', taken: true },
    { ...AGAIN, status: 'settled', taken: false },
  ]);
  const [paid] = again.batches;
  expect(chain.executions(paid?.id ?? '')).toBe(1);
  expect(await query(`select amount, link_id as batch from transfers where reason = 'settlement'`)).toEqual([
    { amount: 39_000_000n, batch: paid?.id },
  ]);
  const proof = await proveSettlement(database.pool, payment.clientId, payment.id);
  expect(proof.carried).toMatchObject([{ carriedTo: paid?.id }]);
  expect(checkSettlementProof(proof)).toEqual([]);
  // The chain has paid what was collected; the payout is too small for it and stays on the books.
  expect(await checkOnChain(memoryReader(chain), proof)).toEqual([
    { code: 'not_on_chain', detail: expect.stringMatching(/^the payout ends in batch/) },
  ]);
  // Nothing is left to propose, however long one waits.
  clock.advance(10 * LIFE_MS);
  expect(await look()).toMatchObject({ closedBy: null, batches: [] });
});

it('is proposed once by several workers at a time, and by the next when one dies before it has committed', async () => {
  await look();
  await letExpire();
  await query('alter table settlement_items add constraint dying check (false) not valid');
  await expect(look()).rejects.toThrow(/dying/);
  await query('alter table settlement_items drop constraint dying');
  expect(await batches()).toEqual([{ ...FIRST, status: 'expired', taken: false }]);
  const causes = (await Promise.all([1, 2, 3, 4].map(() => look()))).map(({ closedBy }) => closedBy);
  expect(causes.filter((cause) => cause === 'carried')).toHaveLength(1);
  expect(await batches()).toEqual([
    { ...FIRST, status: 'expired', taken: true },
    { ...AGAIN, status: 'closed', taken: false },
  ]);
});

it('that nobody approves comes back once in the life of a proposal, each time with a case', async () => {
  await look();
  for (let day = 1; day <= 3; day += 1) {
    await letExpire();
    for (let tries = 0; tries < 3; tries += 1) await look();
    expect(await batches()).toHaveLength(day + 1);
  }
  expect(await query(`select count(*)::int as cases from settlement_cases where kind = 'expired'`)).toEqual([{ cases: 3 }]);
  expect((await batches()).at(-1)).toEqual({ ...AGAIN, status: 'closed', taken: false });
});

it('that stays on the books waits for the life of a proposal, and goes over the chain only when that is worth it', async () => {
  const dear = { ...POLICY, gasUnits: 240_000_000n };
  await look(true, dear);
  expect(await batches()).toEqual([{ ...FIRST, method: 'books', status: 'settled', taken: false }]);
  clock.advance(LIFE_MS - 1);
  expect((await look()).closedBy).toBeNull();
  clock.advance(1);
  expect((await look(true, dear)).closedBy).toBeNull();
  expect((await look(false)).closedBy).toBeNull();
  expect(await look()).toMatchObject({ closedBy: 'carried', batches: [{ dueMinor: 39_000_000n, method: 'chain' }] });
});
