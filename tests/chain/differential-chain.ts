/**
 * The same random sequences over the chain itself: each step a transaction that is signed, submitted to the node in BCS, committed
 * in a block and read back. What becomes of it must be what the rules say of that step at that moment, and the node's views must
 * answer as theirs; the rules in their turn are held against the compiled contracts.
 */
import { AccountAddress, Bool, EntryFunction, type EntryFunctionArgument, MoveVector, U128, U64, U8 } from '@aptos-labs/ts-sdk';
import { NO_CHAIN_FAULTS } from '../../sandbox/aptos/faults.ts';
import { ENTRIES } from '../../sandbox/aptos/functions.ts';
import { mint, setFrozen, setTax } from '../../sandbox/aptos/fungible.ts';
import { DISPUTE_LIMIT_SECS, openChainJournal } from '../../sandbox/aptos/journal.ts';
import { APT } from '../../sandbox/aptos/ledger.ts';
import { createNode } from '../../sandbox/aptos/node.ts';
import { serveNode } from '../../sandbox/aptos/rest.ts';
import { commit, openFrame, type Value } from '../../sandbox/aptos/vm.ts';
import { createChance } from '../../sandbox/random.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import { VIEW_FUNCTIONS, type ViewArgs, type ViewName } from '../../tools/aptos/functions.ts';
import { type AptosNode, createAptosNode } from '../../tools/aptos/node.ts';
import { parseChainProfile } from '../../tools/aptos/profile.ts';
import { type ChainAccount, ed25519Account, localSigner } from '../../tools/aptos/signer.ts';
import { buildTransaction, signTransaction } from '../../tools/aptos/transaction.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import { answerOf, ASSET, CONTRACT, createWorld, play, type Result, type Step, type ViewCall, type World } from './differential.ts';
import { BEGINNING, type Dice, EVERYBODY, nextStep } from './differential-steps.ts';

const NODE_URL = 'http://chain.test/v1';
const GAS_PRICE = 100n;
const GAS_MAX = 500_000n;
const COMMITTED_MS = 1_000;
/** Everybody's account is opened with these keys: one signs, one pays for gas. */
const [SIGNER, PAYER] = ['11'.repeat(32), '22'.repeat(32)].map((key) => ed25519Account(localSigner(key))) as [ChainAccount, ChainAccount];

/** A chain that has played a sequence, and the rules that have played the same steps at the same moments. */
export interface ChainPlayed {
  /** By the rules alone, with the time that passed between blocks among its steps. */
  readonly rules: World;
  /** What became of each step on the chain and by the rules, where the two differ. */
  readonly differences: readonly string[];
  readonly transactions: number;
  /** What the node answers to a view, in the words of the rules; null for a view that our client does not ask. */
  view(call: ViewCall): Promise<readonly Value[] | null>;
}

interface Chain {
  readonly world: World;
  readonly scheduler: ManualScheduler;
  readonly client: AptosNode;
}

function openChain(): Chain {
  const world = createWorld();
  const { ledger } = world;
  const scheduler = manualScheduler(Number(world.nowSecs) * 1_000);
  for (const [address, key] of [...EVERYBODY.map((each) => [each, SIGNER] as const), [PAYER.address, PAYER] as const])
    ledger.state.set(`account/${address}`, { sequence: 0n, authKey: key.address });
  const frame = openFrame(ledger.state, CONTRACT, world.nowSecs);
  mint(frame, PAYER.address, APT, 10n ** 15n);
  commit(ledger.state, frame);
  const genesis = {
    chainId: ledger.chainId,
    seed: 'differential',
    partners: [],
    currencies: [],
    startedAtMs: scheduler.now(),
    disputeLimitSecs: DISPUTE_LIMIT_SECS,
  };
  const deps = { ledger, journal: openChainJournal(null, genesis), scheduler, chance: createChance('differential'), speed: 1 };
  const node = createNode(deps, NO_CHAIN_FAULTS);
  const wire: Fetch = async (address, init) => {
    const url = new URL(address);
    const body = init.body === undefined || init.body === null ? Buffer.alloc(0) : Buffer.from(await new Response(init.body).arrayBuffer());
    const headers = Object.fromEntries(new Headers(init.headers));
    const path = url.pathname.replace(/^\/v1/, '');
    const asked = { method: init.method ?? 'GET', path, query: url.searchParams, headers, body: body.toString('utf8'), bytes: body };
    const answer = await serveNode(node, asked);
    if (answer === 'cut') throw new TypeError('the connection was cut');
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  };
  const profile = parseChainProfile({
    network: 'local',
    nodeUrl: NODE_URL,
    chainId: ledger.chainId,
    contract: CONTRACT,
    treasury: PAYER.address,
    assets: { KES: ASSET },
    partners: {},
  });
  return { world, scheduler, client: createAptosNode({ profile, fetch: wire, clock: scheduler }) };
}

function argument(type: string, value: Value): EntryFunctionArgument {
  const list = value as readonly Value[];
  const bytes = (hex: Value): MoveVector<U8> => MoveVector.U8(Buffer.from(hex as string, 'hex'));
  switch (type) {
    case 'bool':
      return new Bool(value as boolean);
    case 'u8':
      return new U8(Number(value));
    case 'u64':
      return new U64(value as bigint);
    case 'u128':
      return new U128(value as bigint);
    case 'vector<u8>':
      return bytes(value);
    case 'vector<u64>':
      return MoveVector.U64([...list] as bigint[]);
    case 'vector<address>':
      return new MoveVector(list.map((each) => AccountAddress.fromString(each as string)));
    case 'vector<vector<u8>>':
      return new MoveVector(list.map(bytes));
    default:
      return AccountAddress.fromString(value as string);
  }
}

/** Sends a step as its signer; what the node says of the committed transaction, and the second of its block. */
async function submit({ world, scheduler, client }: Chain, step: Extract<Step, { kind: 'call' }>, nonce: bigint) {
  const [module = '', name = ''] = step.fn.split('::');
  const params = ENTRIES[module]?.[name]?.params ?? [];
  const args = params.map((param, index) => argument(param, step.args[index] ?? null));
  const transaction = buildTransaction({
    sender: step.signer,
    call: EntryFunction.build(`${CONTRACT}::${module}`, name, [], args),
    replay: { nonce },
    expiresAtSecs: BigInt(Math.floor(scheduler.now() / 1_000)) + 30n,
    maxGas: GAS_MAX,
    gasUnitPrice: GAS_PRICE,
    chainId: world.ledger.chainId,
    feePayer: PAYER.address,
  });
  const { bytes, hash } = await signTransaction(transaction, SIGNER, PAYER);
  const reply = await client.submit(bytes);
  if (reply.kind !== 'accepted') throw new Error(`${step.fn} was not accepted: ${JSON.stringify(reply)}`);
  await scheduler.advance(COMMITTED_MS);
  const { found } = await client.transaction(hash);
  if (found?.timestamp === undefined || found.vm_status === undefined) throw new Error(`${step.fn} was not committed`);
  return { status: found.success === true ? 'done' : found.vm_status, atSecs: BigInt(found.timestamp) / 1_000_000n };
}

/** What the node says of a transaction that ended so. */
function statusOf(result: Result): string {
  const shown = (location: string): string => location.replace(/^0x0+/, '0x');
  if (result.kind === 'done') return 'done';
  if (result.kind === 'aborted') return `Move abort in ${shown(result.location)}: 0x${result.code.toString(16)}`;
  return `Execution failed in ${shown(result.location)}: ARITHMETIC_ERROR`;
}

/** Plays a sequence of the dice on a chain, and step by step by the rules. */
export async function playOverChain(roll: Dice, steps: number): Promise<ChainPlayed> {
  const chain = openChain();
  const rules = createWorld();
  const differences: string[] = [];
  let transactions = 0;
  const secs = (): bigint => BigInt(Math.floor(chain.scheduler.now() / 1_000));
  const passUntil = (atSecs: bigint): void => {
    if (atSecs > rules.nowSecs) play(rules, { kind: 'pass', secs: atSecs - rules.nowSecs });
  };
  for (let count = 0; count < BEGINNING.length + steps; count += 1) {
    chain.world.nowSecs = secs();
    const step = BEGINNING[count] ?? nextStep(roll, chain.world);
    if (step.kind === 'pass') await chain.scheduler.advance(Number(step.secs) * 1_000);
    else if (step.kind === 'freeze' || step.kind === 'tax') {
      const frame = openFrame(chain.world.ledger.state, CONTRACT, secs());
      if (step.kind === 'freeze') setFrozen(frame, step.owner, ASSET, step.frozen);
      else setTax(frame, step.owner, ASSET, step.units);
      commit(chain.world.ledger.state, frame);
      play(rules, step);
    } else {
      transactions += 1;
      const { status, atSecs } = await submit(chain, step, BigInt(transactions));
      passUntil(atSecs);
      const expected = statusOf(play(rules, step));
      if (status !== expected) differences.push(`step ${count}, ${step.fn}: ${status} on the chain, ${expected} by the rules`);
    }
  }
  passUntil(secs());
  return { rules, differences, transactions, view: (call) => viewOf(chain.client, call) };
}

async function viewOf(client: AptosNode, { fn, args }: ViewCall): Promise<readonly Value[] | null> {
  if (!Object.hasOwn(VIEW_FUNCTIONS, fn)) return null;
  const name = fn as ViewName;
  return (await client.view(name, ...(args as unknown as ViewArgs<typeof name>))) as unknown as readonly Value[];
}

/** Views that the node answers otherwise than the rules; and how many were asked. */
export async function compareViews(played: ChainPlayed, views: readonly ViewCall[]): Promise<{ asked: number; different: string[] }> {
  const different: string[] = [];
  let asked = 0;
  const show = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each));
  for (const call of views) {
    const answer = await played.view(call);
    if (answer === null) continue;
    asked += 1;
    const expected = answerOf(played.rules, call);
    if (show(answer) !== show(expected)) different.push(`${call.fn}: ${show(answer)} from the node, ${show(expected)} by the rules`);
  }
  return { asked, different };
}
