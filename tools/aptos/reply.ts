/** What a node's answers mean: errors of its API, statuses of its virtual machine, and aborts of our contracts. */
import { type ErrorCode, type Fault, fault } from '../../domain/errors.ts';

/** A transaction as the node tells it; what is pending has no version. */
export interface NodeTransaction {
  readonly type: string;
  readonly hash: string;
  readonly version?: string;
  readonly success?: boolean;
  readonly vm_status?: string;
  readonly gas_used?: string;
  readonly gas_unit_price?: string;
  readonly timestamp?: string;
  readonly events?: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
}

/**
 * What came of handing a transaction over. `refused`: the node did not take it, and these bytes are not on their way by this
 * call · `full`: the same, because there is no room · `used`: its place is taken, by itself or by another edition of it · `no_answer`: it may be
 * on its way · `not_sent`: for sure nothing left us
 */
export type NodeReply =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly status: string }
  | { readonly kind: 'full' }
  | { readonly kind: 'used' }
  | { readonly kind: 'no_answer' }
  | { readonly kind: 'not_sent' };

const USED = new Set(['SEQUENCE_NUMBER_TOO_OLD', 'NONCE_ALREADY_USED']);
const STATUS = /Code: (\w+)|\b([A-Z]+(?:_[A-Z]+)+)\b/;
const REFUSALS = new Set([400, 403, 413, 415]);

/** Reads an error of the node's API. */
export function decodeReply(status: number, data: unknown): { reply: NodeReply; errorCode: string; message: string } {
  const { message = '', error_code: errorCode = '' } = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
  const text = String(message);
  const found = STATUS.exec(text);
  const vmStatus = found?.[1] ?? found?.[2] ?? String(errorCode);
  const named = { errorCode: String(errorCode), message: text };
  if (errorCode === 'mempool_is_full') return { ...named, reply: { kind: 'full' } };
  if (errorCode === 'sequence_number_too_old' || errorCode === 'invalid_transaction_update' || USED.has(vmStatus))
    return { ...named, reply: { kind: 'used' } };
  // A gateway's page says nothing of what became of the request.
  if (REFUSALS.has(status) && errorCode !== '') return { ...named, reply: { kind: 'refused', status: vmStatus } };
  return { ...named, reply: { kind: 'no_answer' } };
}

/** A Move abort: the module's name, and the code with its category. */
export interface MoveAbort {
  readonly module: string;
  readonly code: number;
}

/**
 * Reads an abort out of a status of the virtual machine: `Move abort in 0x1::m: 0x30008`, or with the name and words of the
 * reason, `Move abort in 0x1::m: E_PAUSED(0x30008): Settlement is paused.` Null for any other status.
 */
export function parseAbort(vmStatus: string): MoveAbort | null {
  const [, module, named, bare] = /Move abort in 0x[0-9a-fA-F]+::(\w+): (?:\w+\((0x[0-9a-fA-F]+)\)|(0x[0-9a-fA-F]+))/.exec(vmStatus) ?? [];
  const code = named ?? bare;
  return module === undefined || code === undefined ? null : { module, code: Number.parseInt(code, 16) };
}

/** Our codes by module and reason; a reason that is not here is told by the category it has. */
const REASONS: Readonly<Record<string, Readonly<Record<number, ErrorCode>>>> = {
  settlement: {
    4: 'settlement_approver_unknown',
    5: 'settlement_arbiter_unknown',
    8: 'settlement_paused',
    15: 'settlement_batch_too_large',
    17: 'settlement_batch_altered',
    25: 'settlement_batch_expired',
    27: 'settlement_batch_closed',
    28: 'settlement_batch_expired',
    29: 'settlement_batch_unexpired',
    30: 'settlement_batch_funded',
    31: 'settlement_batch_unfunded',
    33: 'settlement_batch_altered',
    34: 'settlement_approver_involved',
    35: 'settlement_approval_replayed',
    36: 'settlement_approval_absent',
    37: 'settlement_approvals_missing',
    38: 'settlement_not_disputable',
    39: 'settlement_time_over',
    40: 'settlement_batch_unpayable',
    42: 'settlement_batch_closed',
    43: 'settlement_not_disputed',
    44: 'settlement_time_over',
    45: 'settlement_arbiter_involved',
    46: 'settlement_reversal_too_high',
    47: 'settlement_batch_closed',
    49: 'settlement_batch_unfunded',
  },
  liquidity_pool: { 4: 'pool_paused', 13: 'pool_short', 14: 'pool_short', 19: 'pool_short', 20: 'pool_short' },
  fungible_asset: { 4: 'chain_funds_short' },
  compliance_registry: {
    9: 'registry_entry_invalid',
    10: 'registry_entry_invalid',
    11: 'registry_attestation_stands',
    12: 'registry_attestation_absent',
    13: 'registry_attestation_revoked',
    16: 'registry_entry_invalid',
    25: 'registry_entry_invalid',
    27: 'registry_paused',
  },
};

const CATEGORIES: Readonly<Record<number, ErrorCode>> = { 0x1: 'settlement_terms_invalid', 0x5: 'chain_signer_refused' };

/** Our codes by status of the virtual machine, for what it refuses before any contract is run. */
const STATUSES: Readonly<Record<string, ErrorCode>> = {
  INSUFFICIENT_BALANCE_FOR_TRANSACTION_FEE: 'chain_funds_short',
  INVALID_SIGNATURE: 'chain_signer_refused',
  INVALID_AUTH_KEY: 'chain_signer_refused',
  BAD_CHAIN_ID: 'chain_mismatch',
  TRANSACTION_EXPIRED: 'chain_transaction_expired',
  NONCE_ALREADY_USED: 'chain_transaction_used',
  SEQUENCE_NUMBER_TOO_OLD: 'chain_transaction_used',
};

/** The fault for a transaction that the virtual machine would not, or did not, carry out. */
export function faultOfStatus(vmStatus: string): Fault {
  const abort = parseAbort(vmStatus);
  if (abort !== null) {
    const code = REASONS[abort.module]?.[abort.code & 0xffff] ?? CATEGORIES[abort.code >> 16] ?? 'chain_refused';
    return fault(code, { internal: `${abort.module} 0x${abort.code.toString(16)}` });
  }
  return fault(STATUSES[vmStatus] ?? 'chain_refused', { internal: vmStatus.slice(0, 200) });
}
