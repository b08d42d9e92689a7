/**
 * The first state of the sandbox chain: the contracts published, roles handed on, an asset and a pool for every currency,
 * approvers, arbiters, caps and an issuer of attestations set, and everybody with enough to settle and to pay gas with.
 */
import { type Currency, exponentOf } from '../../domain/currency.ts';
import { ENTRIES } from './functions.ts';
import { createAsset, mint } from './fungible.ts';
import { APT, type Ledger } from './ledger.ts';
import { APPROVERS, ARBITERS, addressNamed, STAFF } from './people.ts';
import { initPools } from './pool.ts';
import { poolAddress } from './pool-state.ts';
import { initRegistry } from './registry.ts';
import { initSettlement } from './settlement.ts';
import { commit, type Frame, namedObjectAddress, openFrame, textHex } from './vm.ts';

export interface Genesis {
  readonly chainId: number;
  readonly seed: string;
  readonly partners: readonly string[];
  readonly currencies: readonly Currency[];
  readonly startedAtMs: number;
  /** How long arbiters have to resolve a dispute. */
  readonly disputeLimitSecs: number;
}

/** Minor units that everybody who settles begins with, in every asset. */
const OPENING = 1_000_000_000_000_000n;
const POOL_DEPOSIT = 10_000_000_000_000n;
const BATCH_CAP = 1_000_000_000_000_000n;
/** 1,000 APT in octas. */
const GAS_OPENING = 100_000_000_000n;
const TIER_MAX = 4n;
const APPROVALS_MIN = 2n;
const VOTES_NEEDED = 2n;

export function assetAddress(seed: string, currency: string): string {
  return namedObjectAddress(addressNamed(seed, 'issuer'), textHex(currency));
}

/** A ledger with nothing on it but the contracts as their publisher leaves them. */
export function emptyLedger(contract: string, chainId: number): Ledger {
  const ledger: Ledger = { contract, chainId, state: new Map(), transactions: [], byHash: new Map() };
  const frame = openFrame(ledger.state, contract, 0n);
  initPools(frame);
  initSettlement(frame);
  initRegistry(frame);
  commit(ledger.state, frame);
  return ledger;
}

/** Calls an entry function as somebody, outside any transaction. */
export function callAs(frame: Frame, signer: string, fn: string, ...args: readonly unknown[]): void {
  const [module = '', name = ''] = fn.split('::');
  const entry = ENTRIES[module]?.[name];
  if (entry === undefined) throw new RangeError(`there is no ${fn}`);
  entry.run(frame, signer, args as readonly never[]);
}

export function createLedger(genesis: Genesis): Ledger {
  const at = (name: string): string => addressNamed(genesis.seed, name);
  const ledger = emptyLedger(at('publisher'), genesis.chainId);
  const frame = openFrame(ledger.state, ledger.contract, BigInt(Math.floor(genesis.startedAtMs / 1000)));
  handRolesOn(frame, at);
  callAs(frame, ledger.contract, 'settlement::set_approvers', APPROVERS.map(at), APPROVALS_MIN);
  callAs(frame, ledger.contract, 'settlement::set_arbiters', ARBITERS.map(at), VOTES_NEEDED);
  callAs(frame, ledger.contract, 'settlement::set_dispute_rules', 0n, BigInt(genesis.disputeLimitSecs));
  callAs(frame, ledger.contract, 'compliance_registry::add_issuer', at('issuer'), TIER_MAX);
  const people = [...STAFF, ...APPROVERS, ...ARBITERS, ...genesis.partners];
  createAsset(frame, APT, { name: 'Aptos Coin', symbol: 'APT', decimals: 8n });
  for (const name of people) mint(frame, at(name), APT, GAS_OPENING);
  for (const currency of genesis.currencies) {
    const asset = assetAddress(genesis.seed, currency);
    const decimals = BigInt(exponentOf(currency));
    createAsset(frame, asset, { name: `Sandbox ${currency}`, symbol: currency, decimals });
    for (const name of ['treasury', 'settler', 'provider', ...genesis.partners]) mint(frame, at(name), asset, OPENING);
    callAs(frame, ledger.contract, 'settlement::set_batch_cap', asset, BATCH_CAP);
    callAs(frame, ledger.contract, 'liquidity_pool::create_pool', asset, OPENING, OPENING, OPENING, OPENING, 86_400n, 3_600n, 1_000n);
    callAs(frame, at('provider'), 'liquidity_pool::deposit', poolAddress(ledger.contract, asset), POOL_DEPOSIT, 1n);
  }
  commit(ledger.state, frame);
  return ledger;
}

function handRolesOn(frame: Frame, at: (name: string) => string): void {
  const roles = [
    ['liquidity_pool', 1n, 'settler'],
    ['liquidity_pool', 2n, 'guardian'],
    ['liquidity_pool', 3n, 'treasury'],
    ['settlement', 1n, 'settler'],
    ['settlement', 2n, 'guardian'],
    ['compliance_registry', 1n, 'regulator'],
    ['compliance_registry', 2n, 'reporter'],
  ] as const;
  for (const [module, role, name] of roles) {
    callAs(frame, frame.contract, `${module}::offer_role`, role, at(name));
    callAs(frame, at(name), `${module}::accept_role`, role);
  }
}
