/**
 * The ledger: state, the transactions that made it, and the rules by which the next one is validated and executed.
 * Nothing here knows of time but what it is told, nor of faults: the same transactions at the same times give the same state.
 */
import { createHash } from 'node:crypto';
import {
  Deserializer,
  type EntryFunction,
  SignedTransaction,
  TransactionExecutableEntryFunction,
  TransactionExtraConfigV1,
  TransactionInnerPayloadV1,
  TransactionPayloadEntryFunction,
} from '@aptos-labs/ts-sdk';
import { decodeArguments } from './arguments.ts';
import { authenticate, type Signers } from './authenticate.ts';
import type { Entry } from './declare.ts';
import { assertArguments, ENTRIES, TRANSFER } from './functions.ts';
import { balanceOf, transfer } from './fungible.ts';
import { GAS_PRICE_MIN, gasUsed } from './gas.ts';
import { Abort, type ChainEvent, commit, ExecutionFailure, type Frame, type Key, openFrame, type State, type Value } from './vm.ts';

/** A transaction as it was submitted. */
export interface Submitted {
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly signed: SignedTransaction;
  readonly signers: Signers;
  /** Replay protection: a nonce, or null for the sequence number. */
  readonly nonce: bigint | null;
}

export interface Committed extends Submitted {
  readonly version: bigint;
  readonly timestampUs: bigint;
  readonly success: boolean;
  readonly vmStatus: string;
  readonly gasUsed: bigint;
  readonly events: readonly ChainEvent[];
}

export interface Ledger {
  readonly contract: string;
  readonly chainId: number;
  readonly state: State;
  readonly transactions: Committed[];
  readonly byHash: Map<string, Committed>;
}

/** Why a transaction may not be executed at all; no trace of it stays. */
export type Discard = {
  readonly status: string;
  /** `later`: it may become valid. */
  readonly retry: 'never' | 'later';
};

/** APT as a fungible asset; account balances are kept as such here. */
export const APT = `0x${'a'.padStart(64, '0')}`;
export const TREASURY_OF_GAS = `0x${'1'.padStart(64, '0')}`;
const ORDERLESS_SECS_MAX = 60n;
const NONCE_OVERLAP_SECS = 65n;
const TRANSACTION_BYTES_MAX = 64 * 1024;
const GAS_AMOUNT_MAX = 2_000_000n;
const GAS_PRICE_MAX = 10_000_000_000n;
/** Versions taken by a block that holds one transaction: its metadata, the transaction, its epilogue. */
const VERSIONS_PER_BLOCK = 3n;

type Account = { readonly sequence: bigint; readonly authKey: string };

const accountKey = (address: string): Key<Account> => ({ path: `account/${address}` });
const nonceKey = (address: string, nonce: bigint): Key<bigint> => ({ path: `nonce/${address}/${nonce}` });

/** An account that nobody has used has sequence number 0, and its address for a key. */
export function accountOf(frame: Frame, address: string): Account {
  return frame.read(accountKey(address)) ?? { sequence: 0n, authKey: address };
}

/** The hash by which Aptos knows a user transaction. */
export function transactionHash(bytes: Uint8Array): string {
  const prefix = createHash('sha3-256').update('APTOS::Transaction').digest();
  return `0x${createHash('sha3-256').update(prefix).update(Buffer.of(0)).update(bytes).digest('hex')}`;
}

/** Reads a submission and says who signed it. Throws what the deserializer says of bytes that are no transaction. */
export function readSubmission(ledger: Ledger, bytes: Uint8Array, isSimulation: boolean): { submitted: Submitted; fault: string | null } {
  const signed = SignedTransaction.deserialize(new Deserializer(bytes));
  const frame = openFrame(ledger.state, ledger.contract, 0n);
  const { signers, fault } = authenticate(signed, (address) => accountOf(frame, address).authKey, isSimulation);
  const { payload } = signed.raw_txn;
  const config = payload instanceof TransactionInnerPayloadV1 ? payload.extra_config : null;
  const nonce = config instanceof TransactionExtraConfigV1 ? (config.replayProtectionNonce ?? null) : null;
  return { submitted: { bytes, hash: transactionHash(bytes), signed, signers, nonce }, fault };
}

/** What keeps the transaction from being executed at this time, as the prologue of Aptos finds it; null when nothing does. */
export function discardOf(ledger: Ledger, { signed, signers, nonce, bytes }: Submitted, nowSecs: bigint): Discard | null {
  const { raw_txn: raw } = signed;
  const frame = openFrame(ledger.state, ledger.contract, nowSecs);
  const never = (status: string): Discard => ({ status, retry: 'never' });
  if (bytes.length > TRANSACTION_BYTES_MAX) return never('EXCEEDED_MAX_TRANSACTION_SIZE');
  if (raw.chain_id.chainId !== ledger.chainId) return never('BAD_CHAIN_ID');
  if (raw.expiration_timestamp_secs <= nowSecs) return never('TRANSACTION_EXPIRED');
  if (raw.max_gas_amount > GAS_AMOUNT_MAX) return never('MAX_GAS_UNITS_EXCEEDS_MAX_GAS_UNITS_BOUND');
  if (raw.gas_unit_price < GAS_PRICE_MIN) return never('GAS_UNIT_PRICE_BELOW_MIN_BOUND');
  if (raw.gas_unit_price > GAS_PRICE_MAX) return never('GAS_UNIT_PRICE_ABOVE_MAX_BOUND');
  const replay = replayOf(frame, signers.sender, raw.sequence_number, nonce, raw.expiration_timestamp_secs);
  if (replay !== null) return replay;
  const deposit = raw.max_gas_amount * raw.gas_unit_price;
  return balanceOf(frame, signers.feePayer, APT) < deposit ? never('INSUFFICIENT_BALANCE_FOR_TRANSACTION_FEE') : null;
}

function replayOf(frame: Frame, sender: string, sequence: bigint, nonce: bigint | null, expirySecs: bigint): Discard | null {
  if (nonce === null) {
    const { sequence: next } = accountOf(frame, sender);
    if (sequence < next) return { status: 'SEQUENCE_NUMBER_TOO_OLD', retry: 'never' };
    return sequence > next ? { status: 'SEQUENCE_NUMBER_TOO_NEW', retry: 'later' } : null;
  }
  if (expirySecs > frame.nowSecs + ORDERLESS_SECS_MAX) return { status: 'TRANSACTION_EXPIRATION_TOO_FAR_IN_FUTURE', retry: 'never' };
  const used = frame.read(nonceKey(sender, nonce));
  const isUsed = used !== undefined && (used >= frame.nowSecs || expirySecs <= used + NONCE_OVERLAP_SECS);
  return isUsed ? { status: 'NONCE_ALREADY_USED', retry: 'never' } : null;
}

interface Call {
  readonly entry: Entry;
  readonly args: readonly Value[];
}

/** The function called. Throws ExecutionFailure for one that there is not, or for arguments it does not take. */
function callOf(ledger: Ledger, { signed }: Submitted): Call {
  const fn = entryFunctionOf(signed);
  const [module, name] = fn === null ? ['', ''] : [fn.module_name.name.identifier, fn.function_name.identifier];
  const address = fn?.module_name.address.toStringLong() ?? '';
  const isTransfer = address === TREASURY_OF_GAS && module === 'primary_fungible_store' && name === 'transfer';
  const entry = isTransfer ? TRANSFER : address === ledger.contract ? ENTRIES[module]?.[name] : undefined;
  const location = `${address}::${module}`;
  if (fn === null || entry === undefined) throw new ExecutionFailure(location, 'FUNCTION_RESOLUTION_FAILURE');
  try {
    const bytes = fn.args.map((argument) => argument.bcsToBytes());
    return { entry, args: decodeArguments(entry.params, bytes) };
  } catch {
    throw new ExecutionFailure(location, 'FAILED_TO_DESERIALIZE_ARGUMENT');
  }
}

export function entryFunctionOf({ raw_txn: raw }: SignedTransaction): EntryFunction | null {
  const { payload } = raw;
  if (payload instanceof TransactionPayloadEntryFunction) return payload.entryFunction;
  const isInner = payload instanceof TransactionInnerPayloadV1 && payload.executable instanceof TransactionExecutableEntryFunction;
  return isInner ? (payload.executable as TransactionExecutableEntryFunction).entryFunction : null;
}

export interface Outcome {
  /** What is to be kept: the call's changes, or after a failure none, and what gas and replay protection write. */
  readonly frame: Frame;
  readonly success: boolean;
  readonly vmStatus: string;
  readonly gasUsed: bigint;
  readonly events: readonly ChainEvent[];
}

/** Runs a transaction that its prologue let pass. Changes nothing by itself. */
export function execute(ledger: Ledger, submitted: Submitted, nowSecs: bigint): Outcome {
  const { raw_txn: raw } = submitted.signed;
  let frame = openFrame(ledger.state, ledger.contract, nowSecs);
  let vmStatus = 'Executed successfully';
  let success = true;
  try {
    const { entry, args } = callOf(ledger, submitted);
    assertArguments(frame, entry.params, args);
    frame.work(2 + args.length);
    entry.run(frame, submitted.signers.sender, args as readonly never[]);
  } catch (error) {
    success = false;
    vmStatus = statusOf(error);
  }
  let used = gasUsed(frame.usage(), submitted.bytes.length, raw.gas_unit_price);
  if (used > raw.max_gas_amount) [success, vmStatus, used] = [false, 'Out of gas', raw.max_gas_amount];
  if (!success) frame = openFrame(ledger.state, ledger.contract, nowSecs);
  const { events } = frame;
  const { sender, feePayer } = submitted.signers;
  const account = accountOf(frame, sender);
  if (submitted.nonce === null) frame.write(accountKey(sender), { ...account, sequence: account.sequence + 1n });
  else frame.write(nonceKey(sender, submitted.nonce), raw.expiration_timestamp_secs);
  transfer(frame, feePayer, TREASURY_OF_GAS, APT, used * raw.gas_unit_price);
  return { frame, success, vmStatus, gasUsed: used, events };
}

/** As the node words it. Throws on what is no failure of a contract. */
function statusOf(error: unknown): string {
  const show = (location: string): string => location.replace(/^0x0+/, '0x');
  if (error instanceof Abort) return `Move abort in ${show(error.location)}: 0x${error.code.toString(16)}`;
  if (error instanceof ExecutionFailure) return `Execution failed in ${show(error.location)}: ${error.status}`;
  throw error;
}

/** Executes and keeps a transaction. Its prologue must have been asked at the same time. */
export function append(ledger: Ledger, submitted: Submitted, timestampUs: bigint): Committed {
  const { frame, ...outcome } = execute(ledger, submitted, timestampUs / 1_000_000n);
  commit(ledger.state, frame);
  const version = (ledger.transactions.at(-1)?.version ?? 1n) + VERSIONS_PER_BLOCK;
  const committed: Committed = { ...submitted, ...outcome, version, timestampUs };
  ledger.transactions.push(committed);
  ledger.byHash.set(committed.hash, committed);
  return committed;
}
