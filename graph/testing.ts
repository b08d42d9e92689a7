/**
 * A payment platform in one test process: real database, real agents, real ledger, operators that do
 * as a test scripts them, a clock that stands still, and hints that are worked when the test says so.
 */
import { MemorySaver } from '@langchain/langgraph-checkpoint';
import { createHash } from 'node:crypto';
import { createComplianceAgent } from '../agents/compliance/index.ts';
import { createExchangeRateAgent } from '../agents/exchange-rate/index.ts';
import { createLiquidityAgent } from '../agents/liquidity/index.ts';
import { createRouteAgent } from '../agents/route-optimizer/index.ts';
import { newPerson } from '../db/fixtures.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { joinParties, type Person } from '../db/person-keys.ts';
import { storePayments, storePeople } from '../db/queries/intake.ts';
import { DEMO_CLIENT_ID, seedClients } from '../db/seed.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { manualClock } from '../domain/clock.ts';
import { CURRENCIES, type Currency } from '../domain/currency.ts';
import { newId } from '../domain/ids.ts';
import { fingerprintOf, type IntentInput, type PaymentIntent, parseIntent } from '../domain/intent.ts';
import { railsOfWallet } from '../domain/network.ts';
import { parseRate } from '../domain/rate.ts';
import type { RateSnapshot } from '../tools/fx/consensus.ts';
import { seedBooks } from '../tools/ledger/index.ts';
import type { EffectRequest, InquiryRequest, OperatorClient, Outcome } from '../tools/mmo/operator.ts';
import type { SanctionsList } from '../tools/sanctions/list.ts';
import { loadSanctions } from '../tools/sanctions/load.ts';
import type { Agents } from './agents.ts';
import { bindAgent } from './decide.ts';
import type { HintQueue } from './queue.ts';
import { findWork } from './sweep.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps, type GraphSettings } from './types.ts';
import { startWorker, type WorkerHandle } from './worker.ts';

const START_MS = Date.UTC(2026, 10, 2, 9);

/** Units per US dollar, near those of November 2026. */
const PER_USD: Partial<Record<Currency, string>> = {
  USD: '1',
  EUR: '0.88',
  KES: '129.6',
  UGX: '3914',
  TZS: '2639',
  RWF: '1475',
  GHS: '11.6',
  NGN: '1326',
  XOF: '577.25',
  XAF: '577.25',
  ZMW: '19.6',
  ZAR: '16.4',
};

/** How operators answer in a test; what is not scripted succeeds at once. */
export interface Script {
  collect?(railId: string, request: EffectRequest): Outcome;
  disburse?(railId: string, request: EffectRequest): Outcome;
  inquire?(railId: string, request: InquiryRequest): Outcome;
}

/** What operators were asked to do, in order. */
export interface Sent {
  readonly railId: string;
  readonly kind: 'collect' | 'disburse';
  readonly requestId: string;
  readonly amountMinor: bigint;
  readonly phone: string;
}

export interface TestPlatform {
  readonly deps: GraphDeps;
  readonly agents: Agents;
  readonly database: TestDatabase;
  readonly clock: ReturnType<typeof manualClock>;
  readonly sent: Sent[];
  /** What was logged as an error. */
  readonly problems: readonly object[];
  script: Script;
  /** Stores an intent as the API would; gives the payment's id. */
  submit(input?: IntentOverrides): Promise<string>;
  /** Works until nothing is ready at this moment of the clock. */
  settleDown(): Promise<void>;
  worker: WorkerHandle;
  status(paymentId: string): Promise<{ status: string; reasonCode: string | null }>;
  close(): Promise<void>;
}

export type IntentOverrides = Partial<Omit<IntentInput, 'sender' | 'receiver'>> & {
  readonly sender?: Partial<IntentInput['sender']>;
  readonly receiver?: Partial<IntentInput['receiver']>;
};

let counter = 0;

/** An intent from M-Pesa in Kenya to MTN in Uganda; each with numbers of its own. */
export function intentOf(overrides: IntentOverrides = {}): PaymentIntent {
  counter += 1;
  const suffix = String(100_000 + counter).slice(-5);
  const parsed = parseIntent({
    referenceId: `ref-${counter}`,
    amount: '1500',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    ...overrides,
    sender: { name: 'Achieng Odhiambo', phone: `+2547123${suffix}`, country: 'KE', ...overrides.sender },
    receiver: { name: 'Grace Nakato', phone: `+2567721${suffix}`, country: 'UG', ...overrides.receiver },
  });
  if (!parsed.ok) throw new Error(`the test's intent is wrong: ${parsed.errors.map((error) => `${error.field} ${error.code}`).join(', ')}`);
  return parsed.intent;
}

/** Starts a platform on a database of its own. */
export async function testPlatform(
  settings: Partial<GraphSettings> = {},
  over: { readonly sanctions?: SanctionsList } = {},
): Promise<TestPlatform> {
  const database = await testDatabase();
  const keyring = createKeyring([{ id: 1, master: Buffer.from(createHash('sha256').update('graph tests').digest()) }]);
  await seedClients(database.pool, Buffer.alloc(32, 7));
  await seedBooks(database.pool);
  const clock = manualClock(START_MS);
  const platform: { script: Script } = { script: {} };
  const sent: Sent[] = [];
  const problems: object[] = [];
  const deps: GraphDeps = {
    pool: database.pool,
    clock,
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields, message) => problems.push({ ...fields, message }),
    },
    keyring,
    operators: (railId) => scriptedOperator(railId, platform, sent),
    callbacks: {
      urlOf: (railId, attemptId) => `http://127.0.0.1/v1/callbacks/${railId}/${attemptId}`,
      tokenHash: (attemptId) => createHash('sha256').update(attemptId).digest(),
    },
    notify: () => undefined,
    perUsd: (currency) => snapshotAt(clock.now()).rates.get(currency)?.perUsd ?? null,
    settings: { ...DEFAULT_GRAPH_SETTINGS, ...settings },
  };
  const agents = testAgents(deps, keyring, over.sanctions ?? (await loadSanctions({})));
  const worker = startWorker({
    deps,
    agents,
    queue: silentQueue,
    checkpointer: new MemorySaver(),
    sweepMs: 3_600_000,
    housekeepingMs: 3_600_000,
  });
  return Object.assign(platform, {
    deps,
    agents,
    database,
    clock,
    sent,
    problems,
    worker,
    submit: (input?: IntentOverrides) => store(deps, intentOf(input)),
    settleDown: () => settleDown(deps, worker),
    status: async (paymentId: string) => {
      const result = await database.pool.query<{ status: string; reasonCode: string | null }>(
        'select status, reason_code as "reasonCode" from payments where id = $1',
        [paymentId],
      );
      return result.rows[0] ?? { status: 'missing', reasonCode: null };
    },
    close: async () => {
      await worker.stop();
      await database.close();
    },
  });
}

function testAgents(deps: GraphDeps, keyring: Keyring, sanctions: SanctionsList): Agents {
  const { pool, clock, perUsd, settings } = deps;
  const board = { current: () => snapshotAt(clock.now()) };
  return {
    exchangeRate: bindAgent(createExchangeRateAgent({ quoteKey: Buffer.alloc(32, 9) }), { pool, board, clock }),
    compliance: bindAgent(createComplianceAgent(), { db: pool, keyring, sanctions, fourEyes: settings, perUsd }),
    route: bindAgent(createRouteAgent(), { db: pool, clock, railsOfWallet }),
    liquidity: createLiquidityAgent({ clock }),
  };
}

/** Rates that two publishers agree on at the moment asked for. */
export function snapshotAt(nowMs: number): RateSnapshot {
  const rates: RateSnapshot['rates'] = new Map(
    CURRENCIES.flatMap((currency) => {
      const text = PER_USD[currency];
      if (text === undefined) return [];
      const perUsd = parseRate(text);
      const voices = ['first', 'second'].map((source) => ({ source, publisher: source, asOfMs: nowMs - 60_000, perUsd }));
      return [[currency, { currency, perUsd, voices, disagreementBps: 0, volatilityBps: 40, moveBps: 0, warnings: [] }] as const];
    }),
  );
  return { atMs: nowMs, rates, refusals: new Map(), dropped: [] };
}

function scriptedOperator(railId: string, platform: { readonly script: Script }, sent: Sent[]): OperatorClient {
  const effect = (kind: Sent['kind'], request: EffectRequest): Outcome => {
    sent.push({ railId, kind, requestId: request.requestId, amountMinor: request.amount.minor, phone: request.phone });
    const done: Outcome = { state: 'succeeded', receipt: `R-${request.requestId.slice(0, 8)}`, amount: request.amount };
    return platform.script[kind]?.(railId, request) ?? done;
  };
  return {
    railId,
    capabilities: {
      approval: 'prompt',
      repeatable: { collection: true, payout: true },
      refund: 'payout',
      refundsParts: true,
      refundByRequest: false,
      balance: 'none',
      walletCheck: 'none',
      callbackProof: 'none',
      callbackAddress: 'attempt',
    },
    collect: async (request) => effect('collect', request),
    disburse: async (request) => effect('disburse', request),
    refund: async (request) => effect('disburse', request),
    inquire: async (request) => platform.script.inquire?.(railId, request) ?? { state: 'pending' },
    balance: async () => null,
    parseCallback: (body) => JSON.parse(body) as ReturnType<OperatorClient['parseCallback']>,
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
  };
}

async function store(deps: GraphDeps, intent: PaymentIntent): Promise<string> {
  const { keyring, clock, pool } = deps;
  const [sender, receiver] = await storePeople(
    pool,
    [intent.sender, intent.receiver].map(({ name, phone, country, walletId }) => ({
      ...newPerson(keyring, DEMO_CLIENT_ID, { name, phone }),
      country,
      walletId,
    })),
    clock.now(),
  );
  if (!sender?.dataKey || !receiver?.dataKey) throw new Error('people were not stored');
  const sealed = (dataKey: Buffer, party: Person) => keyring.people.seal(keyring.people.current(dataKey), party);
  const id = newId();
  await storePayments(
    pool,
    [
      {
        id,
        clientId: DEMO_CLIENT_ID,
        referenceId: intent.referenceId,
        fingerprint: fingerprintOf(intent),
        batchId: null,
        amountMinor: intent.amount.minor,
        fromCurrency: intent.amount.currency,
        toCurrency: intent.toCurrency,
        fromCountry: intent.sender.country,
        toCountry: intent.receiver.country,
        funding: intent.funding,
        delivery: intent.delivery,
        senderId: sender.id,
        receiverId: receiver.id,
        senderWallet: intent.sender.walletId,
        receiverWallet: intent.receiver.walletId,
        parties: joinParties(sealed(sender.dataKey, intent.sender), sealed(receiver.dataKey, intent.receiver)),
        preference: intent.preference,
        purpose: intent.purpose,
        quoteId: intent.quoteId,
        principal: null,
      },
    ],
    clock.now(),
  );
  return id;
}

const ROUNDS_MAX = 60;

async function settleDown(deps: GraphDeps, worker: WorkerHandle): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const hints = await findWork(deps);
    if (hints.length === 0) return;
    for (const hint of hints) await worker.work(hint);
    await worker.idle();
  }
  throw new Error(`work is left after ${ROUNDS_MAX} rounds: ${(await findWork(deps)).join(', ')}`);
}

const silentQueue: HintQueue = {
  notify: () => undefined,
  consume: () => undefined,
  depth: async () => ({ cohorts: 0, effects: 0, cases: 0 }),
  close: async () => undefined,
};
