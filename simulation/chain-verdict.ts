/**
 * What must hold of settlement when everything has come to rest: every batch was executed on the chain exactly once, or never
 * and its due went on; everybody's balance there moved by what our books say and nothing else; the anchors are of our log; the registry was
 * told of each list and customer once.
 */
import type { Pool } from 'pg';
import type { Keyring } from '../db/keyring.ts';
import type { Clock } from '../domain/clock.ts';
import { CURRENCIES, type Currency } from '../domain/currency.ts';
import type { Chance } from '../sandbox/random.ts';
import type { KeyNames } from './chain.ts';
import { type BatchHistory, readHistories } from './chain-history.ts';
import { ledgerTransactions, type SandboxChain } from './chain-ledger.ts';
import { wrongRegistry } from './registry-people.ts';
import { wrongDisputes } from './dispute-verdict.ts';
import { wrongExpiries } from './expiry-verdict.ts';
import { compareChain } from '../server/verify-chain.ts';
import { createAptosNode, type AptosNode } from '../tools/aptos/node.ts';
import { createChainReader } from '../tools/aptos/reader.ts';
import { lastAnchor, readAnchor } from '../tools/aptos/registry.ts';
import { type TrustedBlock, verifyAudit } from '../tools/audit/index.ts';
import type { ListRoll } from '../tools/sanctions/roll.ts';

export interface ChainEvidence extends SandboxChain {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly keyNames: KeyNames;
  /** Who attests customers, by the chain's name. */
  readonly issuer: string;
  /** The lists in force. */
  readonly rolls: readonly ListRoll[];
  readonly clock: Clock;
  /** What the run was drawn from. */
  readonly chance: Chance;
  /** What everybody held before the first step. */
  readonly before: Balances;
}

/** Minor units by `owner currency`; the owner is a partner's rail, or `treasury`. */
export type Balances = ReadonlyMap<string, bigint>;

/** What settlement came to in one run. */
export interface ChainSummary {
  readonly batches: number;
  /** Batches by the state they ended in; those on the books apart. */
  readonly states: Readonly<Record<string, number>>;
  readonly executedOnce: number;
  /** Ended on the chain without execution; what was due is left to the partner's next batch, which has taken over so many. */
  readonly refunded: number;
  readonly takenOver: number;
  readonly onBooks: number;
  /** Committed transactions, and attempts that took more than the first. */
  readonly transactions: number;
  readonly resent: number;
  /** Steps whose outcome was not known for a while, and steps that were refused or lost and tried again. */
  readonly inquired: number;
  readonly setBack: number;
  readonly anchors: number;
  /** Batches with a dispute; of these, those of which arbiters gave something back, and those on which they let their time pass. */
  readonly disputed: number;
  readonly reversed: number;
  readonly lapsed: number;
  readonly votes: number;
  /** Batches that people approved, with their own keys. */
  readonly byPeople: number;
}

function nodeOf({ sandbox, profile, clock }: Pick<ChainEvidence, 'sandbox' | 'profile' | 'clock'>): AptosNode {
  return createAptosNode({ profile, fetch: sandbox.fetch, clock });
}

/** Reads what everybody holds. */
export async function readBalances(evidence: Pick<ChainEvidence, 'sandbox' | 'profile' | 'clock'>): Promise<Balances> {
  const { profile } = evidence;
  const node = nodeOf(evidence);
  const owners = [...Object.entries(profile.partners), ['treasury', profile.treasury] as const];
  const balances = new Map<string, bigint>();
  for (const currency of CURRENCIES) {
    const asset = profile.assets[currency];
    if (asset === undefined) continue;
    for (const [name, address] of owners) balances.set(`${name} ${currency}`, await node.balance(address, asset));
  }
  return balances;
}

/** Where a batch ended. */
interface BatchEnd {
  readonly id: string;
  readonly status: string;
  readonly method: string;
  readonly isTakenOver: boolean;
}

/** Everything that is wrong with settlement, a sentence each, and what it came to. */
export async function judgeChain(evidence: ChainEvidence): Promise<{ readonly violations: string[]; readonly summary: ChainSummary }> {
  const { pool, profile, sandbox, clock } = evidence;
  sandbox.changeChain({ mode: 'up' });
  const node = nodeOf(evidence);
  const compared = await compareChain(pool, createChainReader(node, profile), clock.now());
  const histories = await readHistories(evidence);
  const batches = await pool.query<BatchEnd>('select id, status, method, carried_to is not null as "isTakenOver" from settlement_batches');
  const anchored = await readAnchors(node);
  const ledger = await ledgerTransactions(evidence);
  const executions = (fn: string): number => ledger.filter((each) => each.fn === `compliance_registry::${fn}`).length;
  const audit = await verifyAudit({ pool, keyring: evidence.keyring }, anchored);
  const wrong = [
    ...(compared.state === 'compared' ? [] : [`the chain could not be compared: ${compared.state}`]),
    ...compared.violations.map(({ subject, detail }) => `${subject}: ${detail}`),
    ...wrongExecutions(batches.rows, histories),
    ...(await wrongDisputes(pool, evidence.keyNames, histories)),
    ...(await wrongExpiries(pool, evidence.chance, histories)),
    ...(await wrongBalances(evidence, await readBalances({ sandbox, profile, clock }))),
    ...(await wrongRegistry({ pool, node, rolls: evidence.rolls, issuer: evidence.issuer, executions })),
    ...audit.findings.map(({ block, detail }) => `audit log against its anchors: block ${block ?? '?'}: ${detail}`),
  ];
  const count = (is: (row: BatchEnd) => boolean): number => batches.rows.filter(is).length;
  const summary = {
    batches: batches.rows.length,
    states: countStates(batches.rows),
    executedOnce: count(({ status, method }) => method === 'chain' && status === 'settled'),
    refunded: count(({ status }) => status === 'expired'),
    takenOver: count(({ status, isTakenOver }) => status === 'expired' && isTakenOver),
    onBooks: count(({ method }) => method === 'books'),
    transactions: ledger.length,
    ...countDisputes([...histories.values()]),
    byPeople: await countByPeople(pool),
    ...(await countTroubles(pool)),
    anchors: anchored.length,
  };
  return { violations: wrong, summary };
}

const BOOKS = ' on the books';

function countStates(batches: readonly { status: string; method: string }[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { status, method } of batches) {
    const state = method === 'chain' ? status : `${status}${BOOKS}`;
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function wrongExecutions(
  batches: readonly { id: string; status: string; method: string }[],
  histories: ReadonlyMap<string, BatchHistory>,
): string[] {
  const known = new Set(batches.map(({ id }) => id));
  return [
    ...[...histories.keys()].filter((id) => !known.has(id)).map((id) => `batch ${id} was proposed on chain, and is none of ours`),
    ...[...histories.values()].flatMap(({ id, wrong }) => wrong.map((what) => `batch ${id} ${what}`)),
    ...batches.flatMap(({ id, status, method }) => {
      const times = histories.get(id)?.executions ?? 0;
      if (method === 'books') return times === 0 ? [] : [`batch ${id} is on the books and was executed on chain`];
      if (status !== 'settled' && status !== 'expired') return [`batch ${id} never came to an end: it is ${status}`];
      const wanted = status === 'settled' ? 1 : 0;
      return times === wanted ? [] : [`batch ${id} is ${status}, and was executed ${times} times`];
    }),
  ];
}

/** Every balance on the chain has moved by what the books say, so that nothing is left in any batch either. */
async function wrongBalances({ pool, before }: ChainEvidence, after: Balances): Promise<string[]> {
  const { rows } = await pool.query<{ kind: string; code: string; net: bigint }>(
    `select kind, code, (debits_posted - credits_posted)::bigint as net from accounts where kind = 'chain'`,
  );
  const ours = new Map(rows.map(({ code, net }) => [code.slice('chain:'.length), net]));
  const paid = await pool.query<{ partner: string; currency: Currency; paid: bigint }>(
    `select partner, currency, sum(case when due_amount < 0 then due_amount + reversed_amount else due_amount - reversed_amount end)::bigint as paid
     from settlement_batches where method = 'chain' and status = 'settled'
     group by partner, currency`,
  );
  const byPartner = new Map(paid.rows.map((row) => [`${row.partner} ${row.currency}`, -row.paid]));
  return [...after].flatMap(([holder, balance]) => {
    const [name = '', currency = ''] = holder.split(' ');
    const moved = balance - (before.get(holder) ?? 0n);
    const expected = (name === 'treasury' ? ours.get(currency) : byPartner.get(holder)) ?? 0n;
    return moved === expected ? [] : [`the balance of ${holder} moved by ${moved} on chain, by ${expected} in the books`];
  });
}

async function readAnchors(node: AptosNode): Promise<TrustedBlock[]> {
  const last = await lastAnchor(node);
  const blocks: TrustedBlock[] = [];
  for (let index = 0n; last !== null && index <= last.index; index += 1n) {
    const { block, head } = await readAnchor(node, index);
    blocks.push({ number: block.toString(), hash: head });
  }
  return blocks;
}

async function countTroubles(pool: Pool): Promise<Pick<ChainSummary, 'resent' | 'inquired' | 'setBack'>> {
  const { rows } = await pool.query<{ resent: number; inquired: number; setBack: number }>(
    `select (select count(*) from chain_transactions where attempt > 1)::int as resent,
       (select count(*) from settlement_steps where inquiries > 0)::int as inquired,
       (select count(*) from settlement_steps where state = 'failed')::int as "setBack"`,
  );
  return rows[0] ?? { resent: 0, inquired: 0, setBack: 0 };
}

function countDisputes(histories: readonly BatchHistory[]): Pick<ChainSummary, 'disputed' | 'reversed' | 'lapsed' | 'votes'> {
  const disputed = histories.filter(({ dispute }) => dispute !== null);
  return {
    disputed: disputed.length,
    reversed: disputed.filter(({ reversedMinor }) => (reversedMinor ?? 0n) > 0n).length,
    lapsed: disputed.filter(({ reversedMinor }) => reversedMinor === null).length,
    votes: disputed.reduce((sum, { votes }) => sum + votes.length, 0),
  };
}

async function countByPeople(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from settlement_batches where method = 'chain' and status = 'settled' and approval_by = 'people'`,
  );
  return rows[0]?.count ?? 0;
}

/** The logical state of settlement, line by line: what two runs of one seed must agree on besides their history. */
export async function settlementLines(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select concat_ws(' ', 'batch', b.id, b.partner, b.currency, b.due_amount, b.status, b.transaction_hash,
       (select string_agg(concat_ws(':', s.kind, s.sequence, s.state, s.reason_code), ',' order by s.sent_at, s.id) from settlement_steps s
         where s.batch_id = b.id)) as line
     from settlement_batches b order by b.id`,
  );
  return rows.map(({ line }) => line);
}

/** A run's settlement in a line. */
export function settlementLine(summary: ChainSummary): string {
  const { batches, executedOnce, refunded, takenOver, onBooks, transactions, resent, inquired, setBack, anchors } = summary;
  const { byPeople, disputed, reversed, lapsed, votes } = summary;
  return (
    `    settlement: ${batches} batches: ${executedOnce} executed once on chain, ${refunded} expired and refunded (${takenOver} taken over since), ` +
    `${onBooks} on the books; ` +
    `${byPeople} approved by people; ${disputed} disputed with ${votes} votes, ${reversed} reversed in part or whole, ${lapsed} let pass; ` +
    `${transactions} transactions, ${resent} sent anew; ${inquired} steps of unknown outcome, ${setBack} set back; ${anchors} anchors`
  );
}

/** The states that a run's batches ended in, in a line, each with its share of the batches over the chain. */
export function statesLine({ batches, onBooks, states }: ChainSummary): string {
  const overChain = batches - onBooks;
  const shown = Object.entries(states).map(([state, count]) =>
    state.endsWith(BOOKS) ? `${state} ${count}` : `${state} ${count} (${Math.round((100 * count) / overChain)} %)`,
  );
  return `    states of ${overChain} batches over the chain: ${shown.join(' · ')}`;
}
