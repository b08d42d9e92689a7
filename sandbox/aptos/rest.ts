/**
 * The part of the Aptos node API v1 that clients use: ledger info, gas price, accounts, submission and simulation in BCS,
 * transactions by hash, version and range, and views. Answers carry the headers by which a client knows which ledger it saw.
 */
import { Deserializer, EntryFunction } from '@aptos-labs/ts-sdk';
import { type Answer, json, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import { decodeArguments, showFields, showReturns } from './arguments.ts';
import { carriesSignature } from './authenticate.ts';
import { assertArguments, BALANCE, VIEWS } from './functions.ts';
import { GAS_PRICE_MIN } from './gas.ts';
import { accountOf, type Committed, entryFunctionOf, execute, readSubmission, type Submitted, TREASURY_OF_GAS } from './ledger.ts';
import { type ChainNode, find, nowUs, sightOf, submit, validate } from './node.ts';
import { Abort, addressOf, type ChainEvent, ExecutionFailure, openFrame } from './vm.ts';

const FOREIGN_CHAIN_ID = 77;
const WAIT_MS = 1_000;
const PAGE_MAX = 100;
/** `StatusCode` of Move's VM, validation section. */
const VM_ERROR_CODES: Readonly<Record<string, number>> = {
  INVALID_SIGNATURE: 1,
  INVALID_AUTH_KEY: 2,
  SEQUENCE_NUMBER_TOO_OLD: 3,
  SEQUENCE_NUMBER_TOO_NEW: 4,
  INSUFFICIENT_BALANCE_FOR_TRANSACTION_FEE: 5,
  TRANSACTION_EXPIRED: 6,
  EXCEEDED_MAX_TRANSACTION_SIZE: 10,
  MAX_GAS_UNITS_EXCEEDS_MAX_GAS_UNITS_BOUND: 13,
  GAS_UNIT_PRICE_BELOW_MIN_BOUND: 15,
  GAS_UNIT_PRICE_ABOVE_MAX_BOUND: 16,
  BAD_CHAIN_ID: 23,
};

/** Answers a request whose path begins after `/v1`. */
export async function serveNode(node: ChainNode, request: SandboxRequest): Promise<Answer> {
  if (node.mode === 'silent') return 'cut';
  const answer = await route(node, request);
  return answer === 'cut' ? 'cut' : { ...answer, headers: { ...answer.headers, ...ledgerHeaders(node) } };
}

const chainIdOf = (node: ChainNode): number => (node.mode === 'foreign' ? FOREIGN_CHAIN_ID : node.ledger.chainId);

function ledgerHeaders(node: ChainNode): Record<string, string> {
  const { version, timestampUs } = sightOf(node);
  return {
    'x-aptos-chain-id': String(chainIdOf(node)),
    'x-aptos-ledger-version': version.toString(),
    'x-aptos-ledger-oldest-version': '0',
    'x-aptos-ledger-timestampusec': timestampUs.toString(),
    'x-aptos-block-height': version.toString(),
    'x-aptos-oldest-block-height': '0',
    'x-aptos-epoch': '1',
  };
}

async function route(node: ChainNode, request: SandboxRequest): Promise<Answer> {
  const { method, path } = request;
  if (method === 'POST') {
    if (path === '/transactions') return submission(node, request);
    if (path === '/transactions/simulate') return simulation(node, request);
    if (path === '/view') return viewing(node, request);
  }
  if (method !== 'GET') return problem(405, 'web_framework_error', 'method not allowed');
  if (path === '/' || path === '') return json(200, ledgerInfo(node));
  if (path === '/-/healthy') return json(200, { message: 'aptos-node:ok' });
  if (path === '/estimate_gas_price') return json(200, gasPrices(node));
  const [, account] = /^\/accounts\/(0x[0-9a-fA-F]{1,64})$/.exec(path) ?? [];
  if (account !== undefined) return accountInfo(node, addressOf(account));
  if (path === '/transactions') return page(node, request.query);
  const [, how, key = ''] = /^\/transactions\/(by_hash|wait_by_hash|by_version)\/(\w+)$/.exec(path) ?? [];
  if (how === 'by_version') return byVersion(node, key);
  if (how === 'by_hash') return byHash(node, key);
  return how === 'wait_by_hash' ? waitByHash(node, key) : problem(404, 'web_framework_error', 'not found');
}

function problem(status: number, code: string, message: string, vmErrorCode?: number): SandboxAnswer {
  return json(status, { message, error_code: code, vm_error_code: vmErrorCode ?? null });
}

function ledgerInfo(node: ChainNode): unknown {
  const { version, timestampUs } = sightOf(node);
  return {
    chain_id: chainIdOf(node),
    epoch: '1',
    ledger_version: version.toString(),
    oldest_ledger_version: '0',
    ledger_timestamp: timestampUs.toString(),
    node_role: 'full_node',
    oldest_block_height: '0',
    block_height: version.toString(),
    git_hash: '',
  };
}

function gasPrices({ gasPrice }: ChainNode): unknown {
  const estimate = gasPrice > GAS_PRICE_MIN ? gasPrice : GAS_PRICE_MIN;
  return {
    deprioritized_gas_estimate: Number(GAS_PRICE_MIN),
    gas_estimate: Number(estimate),
    prioritized_gas_estimate: Number((estimate * 3n) / 2n),
  };
}

function accountInfo(node: ChainNode, address: string): SandboxAnswer {
  const account = accountOf(openFrame(sightOf(node).state, node.ledger.contract, 0n), address);
  return json(200, { sequence_number: account.sequence.toString(), authentication_key: account.authKey });
}

/** The bytes of a request that must be BCS of the named kind; null otherwise. */
function bcsOf(request: SandboxRequest, kind: string): Uint8Array | null {
  const type = request.headers['content-type'] ?? '';
  return type.startsWith(`application/x.aptos.${kind}+bcs`) && request.bytes !== undefined ? request.bytes : null;
}

interface Read {
  readonly submitted: Submitted;
  readonly fault: string | null;
}

function readTransaction(node: ChainNode, request: SandboxRequest, isSimulation: boolean): Read | SandboxAnswer {
  const bytes = bcsOf(request, 'signed_transaction');
  if (bytes === null) return problem(415, 'bcs_not_supported', 'this node takes signed transactions in BCS');
  try {
    return readSubmission(node.ledger, bytes, isSimulation);
  } catch {
    return problem(400, 'invalid_input', 'Failed to deserialize input into SignedTransaction');
  }
}

const invalid = (status: string): SandboxAnswer =>
  problem(400, 'vm_error', `Invalid transaction: Type: Validation Code: ${status}`, VM_ERROR_CODES[status]);

function submission(node: ChainNode, request: SandboxRequest): Answer {
  const read = readTransaction(node, request, false);
  if ('status' in read) return read;
  if (node.mode === 'foreign') return invalid('BAD_CHAIN_ID');
  if (read.fault !== null) return invalid(read.fault);
  const result = submit(node, read.submitted);
  switch (result.kind) {
    case 'cut':
      return 'cut';
    case 'accepted':
      return json(202, pendingJson(result.submitted));
    case 'full':
      return problem(507, 'mempool_is_full', 'Mempool is full');
    case 'error':
      return problem(500, 'internal_error', 'Mempool failed to initially evaluate submitted transaction');
    case 'conflict':
      return problem(400, 'invalid_transaction_update', result.detail);
    case 'discarded':
      return result.status === 'SEQUENCE_NUMBER_TOO_OLD'
        ? problem(400, 'sequence_number_too_old', `Invalid transaction: Type: Validation Code: ${result.status}`, 3)
        : invalid(result.status);
  }
}

function simulation(node: ChainNode, request: SandboxRequest): Answer {
  const read = readTransaction(node, request, true);
  if ('status' in read) return read;
  const { submitted } = read;
  if (carriesSignature(submitted.signed)) return problem(400, 'invalid_input', 'Simulated transactions must not have a valid signature');
  const discard = validate(node, submitted);
  const outcome = discard === null ? execute(node.ledger, submitted, nowUs(node) / 1_000_000n) : null;
  return json(200, [
    {
      ...commonJson(submitted),
      type: 'user_transaction',
      version: sightOf(node).version.toString(),
      ...emptyProof(submitted.hash),
      gas_used: (outcome?.gasUsed ?? 0n).toString(),
      success: outcome?.success ?? false,
      vm_status: outcome?.vmStatus ?? discard?.status,
      changes: [],
      events: eventsJson(outcome?.events ?? []),
      timestamp: nowUs(node).toString(),
    },
  ]);
}

/** Proofs of the state tree, which this node does not keep. */
function emptyProof(hash: string): Record<string, string | null> {
  return { state_change_hash: hash, event_root_hash: hash, state_checkpoint_hash: null, accumulator_root_hash: hash };
}

function commonJson({ signed, hash, nonce, signers }: Submitted): Record<string, unknown> {
  const { raw_txn: raw } = signed;
  const fn = entryFunctionOf(signed);
  return {
    hash,
    sender: signers.sender,
    sequence_number: raw.sequence_number.toString(),
    replay_protection_nonce: nonce === null ? null : nonce.toString(),
    max_gas_amount: raw.max_gas_amount.toString(),
    gas_unit_price: raw.gas_unit_price.toString(),
    expiration_timestamp_secs: raw.expiration_timestamp_secs.toString(),
    payload: {
      type: 'entry_function_payload',
      function:
        fn === null ? '' : `${fn.module_name.address.toString()}::${fn.module_name.name.identifier}::${fn.function_name.identifier}`,
      type_arguments: fn?.type_args.map((tag) => tag.toString()) ?? [],
      arguments: fn?.args.map((argument) => `0x${Buffer.from(argument.bcsToBytes()).toString('hex')}`) ?? [],
    },
  };
}

const pendingJson = (submitted: Submitted): unknown => ({ type: 'pending_transaction', ...commonJson(submitted) });

const MODULE_EVENT_GUID = { creation_number: '0', account_address: '0x0' };

function eventsJson(events: readonly ChainEvent[]): unknown[] {
  return events.map(({ type, data }) => ({ guid: MODULE_EVENT_GUID, sequence_number: '0', type, data: showFields(data) }));
}

function committedJson(committed: Committed): unknown {
  return {
    type: 'user_transaction',
    version: committed.version.toString(),
    ...commonJson(committed),
    ...emptyProof(committed.hash),
    gas_used: committed.gasUsed.toString(),
    success: committed.success,
    vm_status: committed.vmStatus,
    changes: [],
    events: eventsJson(committed.events),
    timestamp: committed.timestampUs.toString(),
  };
}

const unknownHash = (hash: string): SandboxAnswer =>
  problem(404, 'transaction_not_found', `Transaction not found by Transaction hash(${hash})`);

function byHash(node: ChainNode, hash: string): SandboxAnswer {
  const found = find(node, hash);
  if (found === null) return unknownHash(hash);
  return json(200, found.kind === 'committed' ? committedJson(found.transaction) : pendingJson(found.submitted));
}

/** Answers when the transaction is committed, or after a second with what is known then. */
async function waitByHash(node: ChainNode, hash: string): Promise<SandboxAnswer> {
  if (find(node, hash)?.kind !== 'committed') {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        node.listeners.delete(listener);
        resolve();
      };
      const listener = (committed: Committed): void => {
        if (committed.hash === hash) end();
      };
      node.listeners.add(listener);
      node.scheduler.after(WAIT_MS, end);
    });
  }
  return byHash(node, hash);
}

function byVersion(node: ChainNode, key: string): SandboxAnswer {
  const found = node.ledger.transactions.find(({ version }) => version.toString() === key);
  if (found === undefined || found.version > sightOf(node).version)
    return problem(404, 'transaction_not_found', `Transaction not found by Ledger version(${key})`);
  return json(200, committedJson(found));
}

/** User transactions from a version on, the oldest first. */
function page(node: ChainNode, query: URLSearchParams): SandboxAnswer {
  const [start = '0', limit = '25'] = [query.get('start') ?? undefined, query.get('limit') ?? undefined];
  if (!/^\d{1,19}$/.test(start) || !/^\d{1,5}$/.test(limit)) return problem(400, 'invalid_input', 'start and limit are numbers');
  const { version: most } = sightOf(node);
  const found = node.ledger.transactions.filter(({ version }) => version >= BigInt(start) && version <= most);
  return json(200, found.slice(0, Math.min(Number(limit), PAGE_MAX)).map(committedJson));
}

function viewing(node: ChainNode, request: SandboxRequest): SandboxAnswer {
  const bytes = bcsOf(request, 'view_function');
  if (bytes === null) return problem(415, 'bcs_not_supported', 'this node takes view functions in BCS');
  const { state, timestampUs } = sightOf(node);
  try {
    const fn = EntryFunction.deserialize(new Deserializer(bytes));
    const address = fn.module_name.address.toStringLong();
    const [module, name] = [fn.module_name.name.identifier, fn.function_name.identifier];
    const isBalance = address === TREASURY_OF_GAS && module === 'primary_fungible_store' && name === 'balance';
    const found = isBalance ? BALANCE : address === node.ledger.contract ? VIEWS[module]?.[name] : undefined;
    if (found === undefined)
      return problem(404, 'invalid_input', `could not find entry function by Module ID(${module}) and name(${name})`);
    const frame = openFrame(state, node.ledger.contract, timestampUs / 1_000_000n);
    const args = decodeArguments(
      found.params,
      fn.args.map((argument) => argument.bcsToBytes()),
    );
    assertArguments(frame, found.params, args);
    return json(200, showReturns(found.returns, found.read(frame, args as unknown as readonly never[])));
  } catch (error) {
    if (error instanceof Abort) {
      const location = error.location.replace(/^0x0+/, '0x');
      return problem(400, 'vm_error', `Move abort in ${location}: 0x${error.code.toString(16)}`, 4016);
    }
    if (error instanceof ExecutionFailure) return problem(400, 'vm_error', `Execution failed: ${error.status}`, 4017);
    if (error instanceof RangeError) return problem(400, 'invalid_input', error.message);
    throw error;
  }
}
