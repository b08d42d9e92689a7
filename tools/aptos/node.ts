/**
 * One node of the chain, through the Aptos SDK over a `fetch` that is handed in. Every answer is held against the chain it
 * must come from, and reads against the ledger that was seen before: a node of another chain, or one that has fallen
 * behind, is a fault and never an answer.
 */
import {
  AptosApiError,
  AptosConfig,
  type Client,
  type ClientRequest,
  type EntryFunction,
  getAptosFullNode,
  MimeType,
  Network,
  parseTypeTag,
  postAptosFullNode,
  Serializer,
} from '@aptos-labs/ts-sdk';
import type { Clock } from '../../domain/clock.ts';
import { fault, isFault } from '../../domain/errors.ts';
import { createSend, type Fetch, type HttpAnswer } from '../mmo/http.ts';
import {
  BALANCE_VIEW,
  balanceCall,
  readAnswer,
  VIEW_FUNCTIONS,
  type ViewAnswer,
  type ViewArgs,
  viewCall,
  type ViewName,
} from './functions.ts';
import type { ChainProfile } from './profile.ts';
import { decodeReply, type NodeReply, type NodeTransaction } from './reply.ts';

export interface NodeDeps {
  readonly profile: ChainProfile;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Time for one exchange; 10 s unless given. */
  readonly timeoutMs?: number;
  /** How old the node's newest block may be; 30 s unless given. */
  readonly lagMsMax?: number;
}

/** The ledger as an answer showed it. */
export interface LedgerSight {
  readonly version: bigint;
  /** Time of its newest block. */
  readonly timestampUs: bigint;
}

export interface AccountState {
  readonly sequenceNumber: bigint;
  /** What the account's keys must come to, `0x` and 64 digits. */
  readonly authenticationKey: string;
}

export interface AptosNode {
  /** The newest block. Throws `chain_behind` when it is too old. */
  ledger(): Promise<LedgerSight>;
  /** Octas for a unit of gas that gets into a block soon. */
  gasPrice(): Promise<bigint>;
  /** What the chain holds of an account; one that nobody has used yet begins at 0, and its address is its key. */
  account(address: string): Promise<AccountState>;
  view<N extends ViewName>(name: N, ...args: ViewArgs<N>): Promise<ViewAnswer<N>>;
  balance(owner: string, asset: string): Promise<bigint>;
  /** What is known of a hash, and the ledger that knows it. */
  transaction(hash: string): Promise<{ readonly found: NodeTransaction | null; readonly sight: LedgerSight | null }>;
  simulate(bytes: Uint8Array): Promise<NodeTransaction>;
  /** Hands a signed transaction over. Throws for nothing: what cannot be known is said. */
  submit(bytes: Uint8Array): Promise<NodeReply>;
}

/** With an address of a node's own; what the SDK knows of the networks is not asked. */
const NETWORKS = { mainnet: Network.MAINNET, testnet: Network.TESTNET, local: Network.LOCAL } as const;
const TIMEOUT_MS = 10_000;
const LAG_MS_MAX = 30_000;

/** What was thrown instead of an answer. */
class Silence extends Error {
  readonly wasSent: boolean;

  constructor(wasSent: boolean) {
    super('the node did not answer');
    this.wasSent = wasSent;
  }
}

interface Watch {
  readonly config: AptosConfig;
  /** The ledger of an answer, by what it said. */
  readonly sights: WeakMap<object, LedgerSight>;
  /** The highest version that an answer showed. */
  seen: bigint;
}

/** Makes a client of the profile's node. */
export function createAptosNode(deps: NodeDeps): AptosNode {
  const watch: Watch = { config: new AptosConfig(), sights: new WeakMap(), seen: 0n };
  const client: Client = {
    provider: <Req, Res>(request: ClientRequest<Req>) =>
      exchange(deps, watch, request as ClientRequest<unknown>) as Promise<{ status: number; statusText: string; data: Res }>,
  };
  Object.assign(watch, { config: new AptosConfig({ network: NETWORKS[deps.profile.network], fullnode: deps.profile.nodeUrl, client }) });
  const get = async <T extends object>(path: string): Promise<T> => {
    const { data } = await asked(getAptosFullNode<object, T>({ aptosConfig: watch.config, originMethod: 'capp', path }));
    return data;
  };
  const view = async (call: EntryFunction): Promise<readonly unknown[]> => {
    const serializer = new Serializer();
    call.serialize(serializer);
    const body = serializer.toUint8Array();
    const options = { aptosConfig: watch.config, originMethod: 'view', path: 'view', contentType: MimeType.BCS_VIEW_FUNCTION, body };
    const { data } = await asked(postAptosFullNode<Uint8Array, unknown[]>(options));
    return data;
  };
  return {
    ledger: async () => ledgerSight(deps, watch, await get<LedgerInfo>('')),
    gasPrice: async () => BigInt((await get<{ gas_estimate: number }>('estimate_gas_price')).gas_estimate),
    account: (address) => accountOf(watch, address),
    async view(name, ...args) {
      const answer = await view(viewCall(deps.profile.contract, name, args as never));
      return readAnswer(VIEW_FUNCTIONS[name].returns, answer) as ViewAnswer<typeof name>;
    },
    async balance(owner, asset) {
      const metadata = parseTypeTag('0x1::fungible_asset::Metadata');
      return readAnswer(BALANCE_VIEW.returns, await view(balanceCall(metadata, owner, asset)))[0];
    },
    transaction: (hash) => lookUp(watch, hash),
    simulate: (bytes) => simulate(watch, bytes),
    submit: (bytes) => submit(watch, bytes),
  };
}

type LedgerInfo = { readonly chain_id: number; readonly ledger_version: string; readonly ledger_timestamp: string };

/** The SDK's transport: sends, reads JSON, and looks at what ledger the answer comes from. */
async function exchange(
  deps: NodeDeps,
  watch: Watch,
  request: ClientRequest<unknown>,
): Promise<{ status: number; statusText: string; data: unknown }> {
  const send = createSend({ fetch: deps.fetch, baseUrl: '', timeoutMs: deps.timeoutMs ?? TIMEOUT_MS });
  const params = Object.entries((request.params ?? {}) as Record<string, unknown>).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(Object.fromEntries(params.map(([name, value]) => [name, String(value)]))).toString();
  const headers = Object.entries(request.headers ?? {}).filter(([, value]) => value !== undefined);
  const isBytes = request.body instanceof Uint8Array;
  const seenBefore = watch.seen;
  const answer: HttpAnswer = await send({
    method: request.method,
    path: `${request.url.replace(/\/$/, '')}${query === '' ? '' : `?${query}`}`,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    ...(request.body === undefined ? {} : { body: isBytes ? new Uint8Array(request.body as Uint8Array) : JSON.stringify(request.body) }),
  });
  if (answer.kind !== 'answered') throw new Silence(answer.kind === 'no_answer');
  assertChain(deps.profile, answer.headers);
  const data = parseJson(answer.body);
  const sight = sightOf(answer.headers);
  if (sight !== null) {
    watch.sights.set(data, sight);
    const isRead = !request.url.endsWith('/transactions');
    // Balanced nodes differ a little; what was seen once is not unseen. What was seen while this answer was on its way is no matter.
    if (isRead && sight.version < seenBefore) throw fault('chain_behind', { internal: `version ${sight.version} after ${seenBefore}` });
    if (sight.version > watch.seen) watch.seen = sight.version;
  }
  return { status: answer.status, statusText: String(answer.status), data };
}

/** The body as an object or list; what is neither, as an empty object. */
function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function assertChain({ chainId, network }: ChainProfile, headers: Headers): void {
  const shown = headers.get('x-aptos-chain-id');
  if (shown !== null && shown !== String(chainId)) {
    throw fault('chain_mismatch', { internal: `${network} is chain ${chainId}, the node's is ${shown}` });
  }
}

function sightOf(headers: Headers): LedgerSight | null {
  const [version, timestamp] = [headers.get('x-aptos-ledger-version'), headers.get('x-aptos-ledger-timestampusec')];
  if (version === null || timestamp === null || !/^\d{1,20}$/.test(version) || !/^\d{1,20}$/.test(timestamp)) return null;
  return { version: BigInt(version), timestampUs: BigInt(timestamp) };
}

function ledgerSight(deps: NodeDeps, watch: Watch, info: LedgerInfo): LedgerSight {
  if (info.chain_id !== deps.profile.chainId) throw fault('chain_mismatch', { internal: `the node's chain is ${info.chain_id}` });
  const sight = { version: BigInt(info.ledger_version), timestampUs: BigInt(info.ledger_timestamp) };
  const lagMs = deps.clock.now() - Number(sight.timestampUs / 1000n);
  if (lagMs > (deps.lagMsMax ?? LAG_MS_MAX)) throw fault('chain_behind', { internal: `the newest block is ${lagMs} ms old` });
  if (sight.version > watch.seen) watch.seen = sight.version;
  return sight;
}

/** Waits for an answer; no answer, or one of no use, is `chain_unavailable`. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Silence) throw fault('chain_unavailable', { cause: error });
    if (error instanceof AptosApiError) {
      const { message } = decodeReply(error.status, error.data);
      throw fault('chain_unavailable', { internal: `HTTP ${error.status} ${message}`, cause: error });
    }
    throw error;
  }
}

async function lookUp(watch: Watch, hash: string): Promise<{ found: NodeTransaction | null; sight: LedgerSight | null }> {
  const path = `transactions/by_hash/${hash}`;
  try {
    const { data } = await getAptosFullNode<object, NodeTransaction>({ aptosConfig: watch.config, originMethod: 'capp', path });
    return { found: data, sight: watch.sights.get(data) ?? null };
  } catch (error) {
    if (error instanceof AptosApiError && error.status === 404) {
      const isAbsent = decodeReply(error.status, error.data).errorCode === 'transaction_not_found';
      return { found: null, sight: isAbsent ? (watch.sights.get(error.data as object) ?? null) : null };
    }
    return asked(Promise.reject(error as Error));
  }
}

async function accountOf(watch: Watch, address: string): Promise<AccountState> {
  const options = { aptosConfig: watch.config, originMethod: 'capp', path: `accounts/${address}` };
  try {
    const { data } = await getAptosFullNode<object, { sequence_number: string; authentication_key: string }>(options);
    return { sequenceNumber: BigInt(data.sequence_number), authenticationKey: data.authentication_key };
  } catch (error) {
    const isUnused =
      error instanceof AptosApiError && error.status === 404 && decodeReply(404, error.data).errorCode === 'account_not_found';
    return isUnused ? { sequenceNumber: 0n, authenticationKey: address } : asked(Promise.reject(error as Error));
  }
}

async function simulate(watch: Watch, body: Uint8Array): Promise<NodeTransaction> {
  const options = { aptosConfig: watch.config, originMethod: 'simulate', path: 'transactions/simulate', body };
  const { data } = await asked(
    postAptosFullNode<Uint8Array, NodeTransaction[]>({ ...options, contentType: MimeType.BCS_SIGNED_TRANSACTION }),
  );
  const [result] = data;
  if (result === undefined) throw fault('chain_unavailable', { internal: 'a simulation without a result' });
  return result;
}

async function submit(watch: Watch, body: Uint8Array): Promise<NodeReply> {
  const options = { aptosConfig: watch.config, originMethod: 'submit', path: 'transactions', body };
  try {
    await postAptosFullNode<Uint8Array, object>({ ...options, contentType: MimeType.BCS_SIGNED_TRANSACTION });
    return { kind: 'accepted' };
  } catch (error) {
    if (error instanceof Silence) return { kind: error.wasSent ? 'no_answer' : 'not_sent' };
    if (error instanceof AptosApiError) return decodeReply(error.status, error.data).reply;
    // A transaction names its chain: another one cannot take it.
    if (isFault(error, 'chain_mismatch')) return { kind: 'refused', status: 'BAD_CHAIN_ID' };
    throw error;
  }
}
