/**
 * The contracts' functions as the client calls them: names, parameters and answers, by their Move types. A test holds all of
 * it against what the Move compiler says of the sources, so that no call can be misspelt or misfilled.
 *
 * Integers are bigints, `vector<u8>` is lower-case hex, addresses are `0x` and 64 digits.
 */
import {
  AccountAddress,
  Bool,
  EntryFunction,
  type EntryFunctionArgument,
  MoveVector,
  type TypeTag,
  U128,
  U64,
  U8,
} from '@aptos-labs/ts-sdk';

/** `object<T>` stands for `0x1::object::Object<T>`. */
export type MoveType =
  | 'bool'
  | 'u8'
  | 'u64'
  | 'u128'
  | 'address'
  | 'vector<u8>'
  | 'vector<address>'
  | 'vector<u64>'
  | 'vector<bool>'
  | 'vector<vector<u8>>'
  | 'object<Batch>'
  | 'object<Pool>'
  | 'object<Metadata>'
  | 'Terms';

type ValueOf<T> = T extends 'bool'
  ? boolean
  : T extends 'u8' | 'u64' | 'u128'
    ? bigint
    : T extends 'vector<address>' | 'vector<vector<u8>>'
      ? readonly string[]
      : T extends 'vector<u64>'
        ? readonly bigint[]
        : T extends 'vector<bool>'
          ? readonly boolean[]
          : T extends 'Terms'
            ? BatchTerms
            : string;
export type Values<P extends readonly MoveType[]> = { readonly [I in keyof P]: ValueOf<P[I]> };

/** `capp::settlement::Terms`, as the view answers it. */
export interface BatchTerms {
  readonly batchId: string;
  readonly asset: string;
  readonly proposer: string;
  readonly payer: string;
  readonly recipients: readonly string[];
  readonly amounts: readonly bigint[];
  readonly merkleRoot: string;
  readonly itemCount: bigint;
  readonly approvalsNeeded: bigint;
  readonly deadlineSecs: bigint;
  readonly disputeWindowSecs: bigint;
}

/** Parameters of entry functions; the sender, where there is one, is not among them. */
export const ENTRY_FUNCTIONS = {
  'settlement::propose': [
    'vector<u8>',
    'object<Metadata>',
    'address',
    'vector<address>',
    'vector<u64>',
    'vector<u8>',
    'u64',
    'u64',
    'u64',
    'u64',
  ],
  'settlement::fund': ['object<Batch>'],
  'settlement::fund_from_pool': ['object<Batch>', 'object<Pool>', 'vector<u8>'],
  'settlement::approve': ['object<Batch>', 'vector<u8>'],
  'settlement::withdraw_approval': ['object<Batch>'],
  'settlement::execute': ['object<Batch>'],
  'settlement::execute_and_pay': ['object<Batch>'],
  'settlement::cancel': ['object<Batch>'],
  'settlement::refund_expired': ['object<Batch>'],
  'settlement::pay': ['object<Batch>', 'u64'],
  'settlement::pay_all': ['object<Batch>'],
  'settlement::return_reversed': ['object<Batch>'],
  'settlement::sweep': ['object<Batch>'],
  'settlement::open_dispute': ['object<Batch>', 'vector<u8>'],
  'settlement::vote': ['object<Batch>', 'vector<u64>'],
  'settlement::pause': [],
  'settlement::resume': [],
  'settlement::set_approvers': ['vector<address>', 'u64'],
  'settlement::set_arbiters': ['vector<address>', 'u64'],
  'settlement::set_dispute_rules': ['u64', 'u64'],
  'settlement::set_batch_cap': ['object<Metadata>', 'u64'],
  'liquidity_pool::deposit': ['object<Pool>', 'u64', 'u128'],
  'liquidity_pool::request_withdrawal': ['object<Pool>', 'u128'],
  'liquidity_pool::cancel_withdrawal': ['object<Pool>'],
  'liquidity_pool::withdraw': ['object<Pool>', 'u128', 'u64'],
  'liquidity_pool::claim_fees': ['object<Pool>'],
  'liquidity_pool::reserve': ['object<Pool>', 'vector<u8>', 'u64'],
  'liquidity_pool::release': ['object<Pool>', 'vector<u8>'],
  'liquidity_pool::consume': ['object<Pool>', 'vector<u8>', 'u64', 'address'],
  'liquidity_pool::repay': ['object<Pool>', 'u64', 'u64'],
  'liquidity_pool::pay_treasury': ['object<Pool>'],
  'liquidity_pool::pause': ['object<Pool>'],
  'liquidity_pool::resume': ['object<Pool>'],
  'compliance_registry::add_issuer': ['address', 'u8'],
  'compliance_registry::anchor_audit': ['u64', 'vector<u8>'],
  'compliance_registry::file_report': ['u8', 'u64', 'vector<u8>', 'u64', 'u128', 'vector<u8>'],
  'compliance_registry::publish_list': ['u64', 'vector<u8>', 'u64', 'vector<u8>'],
  'compliance_registry::attest': ['vector<u8>', 'u8', 'u64', 'vector<u8>'],
  'compliance_registry::renew': ['vector<u8>', 'u8', 'u64', 'vector<u8>'],
  'compliance_registry::revoke': ['vector<u8>', 'address', 'u8'],
} as const satisfies Record<string, readonly MoveType[]>;

interface ViewTypes {
  readonly params: readonly MoveType[];
  readonly returns: readonly MoveType[];
}

export const VIEW_FUNCTIONS = {
  'settlement::batch_exists': { params: ['vector<u8>'], returns: ['bool'] },
  'settlement::state': { params: ['object<Batch>'], returns: ['u8'] },
  'settlement::terms': { params: ['object<Batch>'], returns: ['Terms'] },
  'settlement::root_and_count': { params: ['object<Batch>'], returns: ['vector<u8>', 'u64'] },
  'settlement::digest': { params: ['object<Batch>'], returns: ['vector<u8>'] },
  'settlement::funding': { params: ['object<Batch>'], returns: ['u64', 'bool'] },
  'settlement::approvals': { params: ['object<Batch>'], returns: ['vector<address>'] },
  'settlement::is_executable': { params: ['object<Batch>'], returns: ['bool'] },
  'settlement::is_payable': { params: ['object<Batch>'], returns: ['bool'] },
  'settlement::execution': { params: ['object<Batch>'], returns: ['u64', 'u64'] },
  'settlement::payouts': { params: ['object<Batch>'], returns: ['vector<bool>', 'vector<u64>'] },
  'settlement::dispute': { params: ['object<Batch>'], returns: ['address', 'vector<u8>', 'u64', 'u64'] },
  'settlement::verify_leaf': { params: ['object<Batch>', 'vector<u8>', 'u64', 'vector<vector<u8>>'], returns: ['bool'] },
  'settlement::verify_item': {
    params: ['object<Batch>', 'vector<u8>', 'u8', 'u64', 'vector<u8>', 'u64', 'vector<vector<u8>>'],
    returns: ['bool'],
  },
  'settlement::approvers': { params: [], returns: ['vector<address>', 'u64'] },
  'settlement::arbiters': { params: [], returns: ['vector<address>', 'u64'] },
  'settlement::dispute_rules': { params: [], returns: ['u64', 'u64'] },
  'settlement::batch_cap': { params: ['object<Metadata>'], returns: ['u64'] },
  'settlement::is_paused': { params: [], returns: ['bool'] },
  'settlement::role_holder': { params: ['u64'], returns: ['address'] },
  'liquidity_pool::pool_address': { params: ['object<Metadata>'], returns: ['address'] },
  'liquidity_pool::pool_exists': { params: ['object<Metadata>'], returns: ['bool'] },
  'liquidity_pool::balances': { params: ['object<Pool>'], returns: ['u64', 'u64', 'u64'] },
  'liquidity_pool::available': { params: ['object<Pool>'], returns: ['u64'] },
  'liquidity_pool::fees': { params: ['object<Pool>'], returns: ['u64', 'u64'] },
  'liquidity_pool::is_paused': { params: ['object<Pool>'], returns: ['bool'] },
  'liquidity_pool::position': { params: ['object<Pool>', 'address'], returns: ['u128', 'u128', 'u64', 'u64'] },
  'liquidity_pool::reservation': { params: ['object<Pool>', 'vector<u8>'], returns: ['u8', 'u64', 'u64'] },
  'liquidity_pool::shares': { params: ['object<Pool>'], returns: ['u128', 'u128'] },
  'compliance_registry::anchor_count': { params: [], returns: ['u64'] },
  'compliance_registry::anchor': { params: ['u64'], returns: ['u64', 'vector<u8>', 'u64'] },
  'compliance_registry::latest_version': { params: ['u64'], returns: ['u64'] },
  'compliance_registry::list_version': { params: ['u64', 'u64'], returns: ['vector<u8>', 'u64', 'vector<u8>', 'u64', 'bool'] },
  'compliance_registry::is_listed': { params: ['u64', 'u64', 'vector<u8>', 'u64', 'vector<vector<u8>>'], returns: ['bool'] },
  'compliance_registry::is_not_listed': {
    params: ['u64', 'u64', 'vector<u8>', 'u64', 'vector<u8>', 'vector<vector<u8>>', 'vector<u8>', 'vector<vector<u8>>'],
    returns: ['bool'],
  },
  'compliance_registry::issuer': { params: ['address'], returns: ['bool', 'u8'] },
  'compliance_registry::report_revision': { params: ['u8', 'u64', 'vector<u8>'], returns: ['u64'] },
  'compliance_registry::report': { params: ['u8', 'u64', 'vector<u8>', 'u64'], returns: ['u64', 'u128', 'vector<u8>', 'u64'] },
  'compliance_registry::attestation': { params: ['vector<u8>', 'address'], returns: ['u8', 'u64', 'u64', 'u64', 'u8'] },
  'compliance_registry::is_attested': { params: ['vector<u8>', 'address', 'u8'], returns: ['bool'] },
} as const satisfies Record<string, ViewTypes>;

/** `primary_fungible_store::balance` of the framework: owner and asset. */
export const BALANCE_VIEW = { params: ['address', 'object<Metadata>'], returns: ['u64'] } as const satisfies ViewTypes;

export type EntryName = keyof typeof ENTRY_FUNCTIONS;
export type EntryArgs<N extends EntryName> = Values<(typeof ENTRY_FUNCTIONS)[N]>;
export type ViewName = keyof typeof VIEW_FUNCTIONS;
export type ViewArgs<N extends ViewName> = Values<(typeof VIEW_FUNCTIONS)[N]['params']>;
export type ViewAnswer<N extends ViewName> = Values<(typeof VIEW_FUNCTIONS)[N]['returns']>;

/** Events that follow one settlement from proposal to end, with the fields an indexer reads. */
export const EVENTS = {
  'settlement::BatchProposed': ['batch', 'terms', 'digest', 'total'],
  'settlement::BatchFunded': ['batch', 'payer', 'amount'],
  'settlement::BatchApproved': ['batch', 'approver', 'approvals'],
  'settlement::ApprovalWithdrawn': ['batch', 'approver'],
  'settlement::BatchExecuted': ['batch', 'batch_id', 'merkle_root', 'total', 'window_ends_at'],
  'settlement::PayoutPaid': ['batch', 'index', 'recipient', 'amount'],
  'settlement::Returned': ['batch', 'payer', 'amount'],
  'settlement::BatchEnded': ['batch', 'batch_id', 'state'],
  'settlement::DisputeOpened': ['batch', 'opener', 'evidence_hash', 'resolve_by'],
  'settlement::ArbiterVoted': ['batch', 'arbiter', 'reversals'],
  'settlement::DisputeResolved': ['batch', 'reversals', 'reversed'],
  'settlement::PauseChanged': ['paused', 'by'],
  'liquidity_pool::Consumed': ['pool', 'id', 'amount', 'recipient'],
  'liquidity_pool::Repaid': ['pool', 'principal', 'fee'],
  'liquidity_pool::PauseChanged': ['pool', 'paused', 'by'],
  'compliance_registry::AuditAnchored': ['index', 'block', 'head'],
} as const satisfies Record<string, readonly string[]>;

function encode(type: MoveType, value: unknown): EntryFunctionArgument {
  switch (type) {
    case 'bool':
      return new Bool(value as boolean);
    case 'u8':
      return new U8(Number(value as bigint));
    case 'u64':
      return new U64(value as bigint);
    case 'u128':
      return new U128(value as bigint);
    case 'vector<u8>':
      return MoveVector.U8(Buffer.from(value as string, 'hex'));
    case 'vector<u64>':
      return MoveVector.U64(value as bigint[]);
    case 'vector<bool>':
      return MoveVector.Bool(value as boolean[]);
    case 'vector<address>':
      return new MoveVector((value as string[]).map((each) => AccountAddress.fromString(each)));
    case 'vector<vector<u8>>':
      return new MoveVector((value as string[]).map((each) => MoveVector.U8(Buffer.from(each, 'hex'))));
    default:
      return AccountAddress.fromString(value as string);
  }
}

function build(
  address: string,
  name: string,
  types: readonly TypeTag[],
  params: readonly MoveType[],
  args: readonly unknown[],
): EntryFunction {
  const [module = '', fn = ''] = name.split('::');
  return EntryFunction.build(
    `${address}::${module}`,
    fn,
    [...types],
    params.map((param, index) => encode(param, args[index])),
  );
}

/** A call of an entry function. Throws RangeError for a number out of its type. */
export function entryCall<N extends EntryName>(contract: string, name: N, args: EntryArgs<N>): EntryFunction {
  return build(contract, name, [], ENTRY_FUNCTIONS[name], args as readonly unknown[]);
}

/** A call of a view. */
export function viewCall<N extends ViewName>(contract: string, name: N, args: ViewArgs<N>): EntryFunction {
  return build(contract, name, [], VIEW_FUNCTIONS[name].params, args as readonly unknown[]);
}

/** A call of the framework's view of somebody's balance; `metadata` is its type argument. */
export function balanceCall(metadata: TypeTag, owner: string, asset: string): EntryFunction {
  return build('0x1', 'primary_fungible_store::balance', [metadata], BALANCE_VIEW.params, [owner, asset]);
}

/** Reads what a view answered. Throws RangeError for an answer that is not of its types. */
export function readAnswer<const R extends readonly MoveType[]>(returns: R, answer: readonly unknown[]): Values<R> {
  if (answer.length !== returns.length) throw new RangeError('an answer of another length');
  return returns.map((type, index) => read(type, answer[index])) as unknown as Values<R>;
}

function read(type: MoveType, value: unknown): unknown {
  if (type === 'bool' && typeof value === 'boolean') return value;
  if (type === 'u8' && typeof value === 'number') return BigInt(value);
  if ((type === 'u64' || type === 'u128') && typeof value === 'string') return BigInt(value);
  if (type === 'vector<u8>' && typeof value === 'string') return value.replace(/^0x/, '');
  if (type === 'Terms' && typeof value === 'object' && value !== null) return readTerms(value as Record<string, unknown>);
  if (type === 'address' && typeof value === 'string') return AccountAddress.fromString(value).toStringLong();
  const element = /^vector<(.+)>$/.exec(type)?.[1] as MoveType | undefined;
  if (element !== undefined && Array.isArray(value)) return value.map((each) => read(element, each));
  if (type.startsWith('object<') && typeof value === 'object' && value !== null)
    return read('address', (value as { inner?: unknown }).inner);
  throw new RangeError(`an answer that is no ${type}`);
}

function readTerms(fields: Record<string, unknown>): BatchTerms {
  const field = <T extends MoveType>(type: T, name: string): ValueOf<T> => read(type, fields[name]) as ValueOf<T>;
  return {
    batchId: field('vector<u8>', 'batch_id'),
    asset: field('address', 'asset'),
    proposer: field('address', 'proposer'),
    payer: field('address', 'payer'),
    recipients: field('vector<address>', 'recipients'),
    amounts: field('vector<u64>', 'amounts'),
    merkleRoot: field('vector<u8>', 'merkle_root'),
    itemCount: field('u64', 'item_count'),
    approvalsNeeded: field('u64', 'approvals_needed'),
    deadlineSecs: field('u64', 'deadline'),
    disputeWindowSecs: field('u64', 'dispute_window_secs'),
  };
}
