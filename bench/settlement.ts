/**
 * What settlement on chain costs, netted, against one transfer per payment: transactions and units of gas, on the sandbox
 * chain in virtual time. Gas is the sandbox's estimate after the published schedule, not a measurement of the real chain.
 * At the end every batch must be settled once, and everybody's balance must have moved by exactly the net.
 */
import { AccountAddress, EntryFunction, U64 } from '@aptos-labs/ts-sdk';
import type { Currency } from '../domain/currency.ts';
import { RAILS } from '../domain/network.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../sandbox/scheduler.ts';
import { createAptosBatches, type SettlementDeps } from '../tools/aptos/create-batches.ts';
import { hashLeaf, merkleRoot } from '../tools/aptos/merkle.ts';
import { createAptosNode } from '../tools/aptos/node.ts';
import { type ChainProfile, parseChainProfile } from '../tools/aptos/profile.ts';
import { memorySent } from '../tools/aptos/sent.ts';
import { ed25519Account, localSigner } from '../tools/aptos/signer.ts';
import { buildTransaction, signTransaction } from '../tools/aptos/transaction.ts';
import type { Finding } from './finding.ts';
import { figure } from './finding.ts';

export interface SettlementBenchOptions {
  readonly payments: number;
  /** Partners that collect and pay out. */
  readonly partners: number;
  /** Transfers of the baseline that are really sent; the rest cost what these did. */
  readonly singles: number;
  readonly leastRatio: number;
}

const START_MS = Date.UTC(2026, 0, 5);
const SEED = 20_261_125;
const APPROVALS = 2;

interface Net {
  readonly partner: string;
  readonly currency: Currency;
  netMinor: bigint;
  readonly leaves: string[];
  readonly batchId: string;
}

interface World {
  readonly sandbox: Sandbox;
  readonly scheduler: ManualScheduler;
  readonly profile: ChainProfile;
  readonly deps: SettlementDeps;
}

export async function runSettlementBench(options: SettlementBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const world = await openWorld(options.partners);
  const nets = netted(options, world.profile);
  const before = await balancesOf(world, nets);
  const failures = await settleAll(world, nets);
  const settled = await costOf(world);
  failures.push(...(await imbalances(world, nets, before)));
  await sendSingles(world, options.singles);
  const all = await costOf(world);
  await world.sandbox.close();
  const singles = { transactions: all.transactions - settled.transactions, gas: all.gas - settled.gas };
  const perPayment = { netted: settled.gas / options.payments, single: singles.gas / singles.transactions };
  const ratio = perPayment.single / perPayment.netted;
  const paymentsPerTransaction = options.payments / settled.transactions;
  tell(
    `${options.payments} payments of ${options.partners} partners netted into ${nets.length} batches, ${settled.transactions} transactions.`,
  );
  tell(`Netted: ${figure(paymentsPerTransaction)} payments per transaction, ${figure(perPayment.netted)} units of gas per payment.`);
  tell(
    `One transfer per payment: 1 payment per transaction, ${figure(perPayment.single)} units of gas per payment (${singles.transactions} sent).`,
  );
  tell(`Netting takes ${figure(ratio)} times less gas. Gas is estimated by the sandbox after the published schedule of Aptos.`);
  if (failures.length === 0) tell('Every batch was settled once, and every balance moved by exactly its net.');
  if (ratio < options.leastRatio) failures.push(`netting saves ${figure(ratio)} times; at least ${options.leastRatio} are asked for`);
  const figures = {
    payments: options.payments,
    batches: nets.length,
    transactions: settled.transactions,
    paymentsPerTransaction,
    gasPerPaymentNetted: perPayment.netted,
    gasPerPaymentSingle: perPayment.single,
    gasRatio: ratio,
  };
  return { bench: 'settlement', figures, failures };
}

async function openWorld(partners: number): Promise<World> {
  const scheduler = manualScheduler(START_MS);
  const rails = RAILS.filter(({ protocol }) => protocol !== 'on_us').slice(0, partners);
  const sandbox = await createSandbox({ rails, chain: {}, scheduler });
  const shown = sandbox.chainProfile();
  if (shown === null) throw new Error('the chain is not played');
  const profile = parseChainProfile(shown);
  const account = (key: string) => ed25519Account(localSigner(key));
  const deps: SettlementDeps = {
    node: createAptosNode({ profile, fetch: sandbox.fetch, clock: scheduler }),
    profile,
    clock: scheduler,
    sent: memorySent(),
    sleep: (ms) => scheduler.advance(ms),
    feePayer: account(shown.keys.feePayer),
    settler: account(shown.keys.settler),
    treasury: account(shown.keys.treasury),
    approvers: shown.keys.approvers.slice(0, APPROVALS).map(account),
    arbiters: [],
  };
  return { sandbox, scheduler, profile, deps };
}

/** Payments between random partners, netted per partner and currency; what nets to nothing settles on the books. */
function netted({ payments }: SettlementBenchOptions, profile: ChainProfile): Net[] {
  const random = seeded(SEED);
  const partners = RAILS.filter(({ id }) => profile.partners[id] !== undefined);
  const nets = new Map<string, Net>();
  const add = (place: number, paymentId: string, leg: 'collection' | 'payout', amountMinor: bigint): void => {
    const rail = partners[place];
    if (rail === undefined) throw new RangeError('no such partner');
    const id = `0190a5c0-0000-7000-9000-${place.toString(16).padStart(12, '0')}`;
    const net = nets.get(rail.id) ?? { partner: rail.id, currency: rail.currency, netMinor: 0n, leaves: [], batchId: id };
    nets.set(rail.id, net);
    net.netMinor += leg === 'collection' ? amountMinor : -amountMinor;
    net.leaves.push(hashLeaf({ batchId: id, paymentId, leg, amountMinor, currency: rail.currency }));
  };
  for (let index = 0; index < payments; index += 1) {
    const paymentId = `0190a5c0-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
    const amountMinor = BigInt(1_000 + Math.floor(random() * 500_000));
    const from = Math.floor(random() * partners.length);
    const to = (from + 1 + Math.floor(random() * (partners.length - 1))) % partners.length;
    add(from, paymentId, 'collection', amountMinor);
    add(to, paymentId, 'payout', amountMinor);
  }
  return [...nets.values()].filter(({ netMinor }) => netMinor !== 0n);
}

/** A small generator (mulberry32), so that every run nets the same payments. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Takes every batch over the chain; sentences for those that did not get there. */
async function settleAll({ deps, scheduler }: World, nets: readonly Net[]): Promise<string[]> {
  const batches = createAptosBatches(deps);
  const failures: string[] = [];
  for (const { batchId, partner, currency, netMinor, leaves } of nets) {
    const root = merkleRoot(leaves);
    const obligation = { partner, currency, netMinor };
    const deadlineMs = START_MS + 86_400_000;
    const proposal = { batchId, obligation, merkleRoot: root, itemCount: leaves.length, approvalsNeeded: APPROVALS, deadlineMs };
    const { proposalDigest } = await batches.propose(proposal, 0);
    await batches.fund(batchId);
    await scheduler.advance(3_000);
    for (const signer of batches.signers) await batches.approveAs(batchId, signer, proposalDigest ?? '');
    await batches.execute(batchId);
    const again = await batches.execute(batchId);
    if (again.state !== 'settled') failures.push(`the batch of ${partner} is ${again.state}`);
    if (again.terms?.merkleRoot !== root) failures.push(`the batch of ${partner} has another root on the chain`);
  }
  return failures;
}

interface Cost {
  readonly transactions: number;
  readonly gas: number;
}

/** All that the chain has committed so far, partners' transactions included. */
async function costOf({ sandbox, profile }: World): Promise<Cost> {
  let [transactions, gas, start] = [0, 0, 0n];
  for (;;) {
    const response = await sandbox.fetch(`${profile.nodeUrl}/transactions?start=${start}&limit=100`, { method: 'GET' });
    const page = (await response.json()) as { version: string; gas_used: string }[];
    for (const { version, gas_used: used } of page) {
      transactions += 1;
      gas += Number(used);
      start = BigInt(version) + 1n;
    }
    if (page.length === 0) return { transactions, gas };
  }
}

/** What partners hold, and what our treasury holds of each currency. */
async function balancesOf({ deps, profile }: World, nets: readonly Net[]): Promise<Map<string, bigint>> {
  const held = new Map<string, bigint>();
  for (const { partner, currency } of nets) {
    const asset = profile.assets[currency] ?? '';
    held.set(`${partner} ${currency}`, await deps.node.balance(profile.partners[partner] ?? '', asset));
    held.set(`treasury ${currency}`, await deps.node.balance(profile.treasury, asset));
  }
  return held;
}

/** The invariant: each balance moved by its net, the treasury's by the sum of them. */
async function imbalances(world: World, nets: readonly Net[], before: ReadonlyMap<string, bigint>): Promise<string[]> {
  const due = new Map<string, bigint>();
  const add = (who: string, minor: bigint): void => void due.set(who, (due.get(who) ?? 0n) + minor);
  for (const { partner, currency, netMinor } of nets) {
    add(`${partner} ${currency}`, -netMinor);
    add(`treasury ${currency}`, netMinor);
  }
  const after = await balancesOf(world, nets);
  return [...due].flatMap(([who, minor]) => {
    const moved = (after.get(who) ?? 0n) - (before.get(who) ?? 0n);
    return moved === minor ? [] : [`${who} moved by ${moved} instead of ${minor}`];
  });
}

/** The baseline: a transfer between two accounts that hold the asset, for each payment one. */
async function sendSingles({ deps, scheduler, profile }: World, count: number): Promise<void> {
  const [partner = ''] = Object.values(profile.partners);
  const call = EntryFunction.build(
    '0x1::primary_fungible_store',
    'transfer',
    [],
    [AccountAddress.fromString(profile.assets.KES ?? ''), AccountAddress.fromString(partner), new U64(1_000)],
  );
  for (let index = 0; index < count; index += 1) {
    const { timestampUs } = await deps.node.ledger();
    const transaction = buildTransaction({
      sender: deps.treasury.address,
      call,
      replay: { nonce: BigInt(index + 1) },
      expiresAtSecs: timestampUs / 1_000_000n + 45n,
      maxGas: 2_000n,
      gasUnitPrice: 100n,
      chainId: profile.chainId,
      feePayer: null,
    });
    await deps.node.submit((await signTransaction(transaction, deps.treasury, null)).bytes);
    if (index % 50 === 49 || index === count - 1) await scheduler.advance(1_000);
  }
}
