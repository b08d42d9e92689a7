/**
 * The sandbox chain: one node that speaks the Aptos node API and executes our entry functions by the rules of `move/`. It is
 * no virtual machine and runs no bytecode: its rules are written anew in TypeScript, and tests hold them against the compiled
 * contracts. Signatures, replay protection, expiry, gas and abort codes are those of the real chain; consensus there is none.
 */
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import type { Chance } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Answer, SandboxRequest } from '../wire.ts';
import { type ChainChange, changeChain, serveChainControl } from './control.ts';
import { type ChainFaults, NO_CHAIN_FAULTS } from './faults.ts';
import { assetAddress, createLedger } from './genesis.ts';
import { DISPUTE_LIMIT_SECS, openChainJournal } from './journal.ts';
import { append, type Ledger, readSubmission } from './ledger.ts';
import { createNode } from './node.ts';
import { playPartners } from './partners.ts';
import { addressNamed, APPROVERS, ARBITERS, keyNamed } from './people.ts';
import { serveNode } from './rest.ts';

export interface ChainOptions {
  readonly partners: readonly string[];
  readonly currencies?: readonly Currency[];
  readonly seed: string;
  readonly speed: number;
  readonly dataDir: string | null;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly faults?: Partial<ChainFaults>;
  /** How long arbiters have to resolve a dispute; as the contract has it unless given. */
  readonly disputeLimitSecs?: number;
}

export interface SandboxChain {
  /** Answers a request to the node, its path beginning with `/v1`. */
  serve(request: SandboxRequest): Promise<Answer>;
  /** Answers a request to the control plane, its path beginning after `/chain`. */
  control(request: SandboxRequest): Answer;
  change(change: ChainChange): void;
  /** Settings with which a client reaches the node, keys included: they protect nothing. */
  profile(nodeUrl: string): SandboxChainProfile;
  /** For checks only. */
  readonly ledger: Ledger;
  close(): void;
}

export interface SandboxChainProfile {
  readonly network: 'local';
  readonly nodeUrl: string;
  readonly chainId: number;
  readonly contract: string;
  readonly treasury: string;
  readonly feePayer: string;
  /** By currency. */
  readonly assets: Readonly<Record<string, string>>;
  /** By rail. */
  readonly partners: Readonly<Record<string, string>>;
  readonly arbiters: readonly string[];
  /** Nobody's market: what there is costs nothing. */
  readonly aptPrice: { readonly usd: string; readonly asOf: string; readonly source: string };
  /** Private keys, hex, by role. */
  readonly keys: {
    readonly settler: string;
    readonly treasury: string;
    readonly reporter: string;
    readonly feePayer: string;
    readonly guardian: string;
    readonly regulator: string;
    readonly issuer: string;
    readonly publisher: string;
    readonly approvers: readonly string[];
    readonly arbiters: readonly string[];
  };
}

/** The chain id of a network of one's own, as the Aptos CLI gives it. */
const LOCAL_CHAIN_ID = 4;

/** Opens the chain, with all that its journal has. Throws what the system says when the folder cannot be written. */
export function openChain(options: ChainOptions): SandboxChain {
  const journal = openChainJournal(options.dataDir, {
    chainId: LOCAL_CHAIN_ID,
    seed: options.seed,
    partners: options.partners,
    currencies: options.currencies ?? CURRENCIES,
    startedAtMs: options.scheduler.now(),
    disputeLimitSecs: options.disputeLimitSecs ?? DISPUTE_LIMIT_SECS,
  });
  const { genesis } = journal;
  const ledger = createLedger(genesis);
  for (const { bytes, timestampUs } of journal.transactions) append(ledger, readSubmission(ledger, bytes, true).submitted, timestampUs);
  const { scheduler, chance, speed } = options;
  const node = createNode({ ledger, journal, scheduler, chance, speed }, { ...NO_CHAIN_FAULTS, ...options.faults });
  playPartners(node, genesis.seed, genesis.partners);
  const assets = Object.fromEntries(genesis.currencies.map((currency) => [currency, assetAddress(genesis.seed, currency)]));
  return {
    serve: (request) => serveNode(node, { ...request, path: request.path.replace(/^\/v1/, '') }),
    control: (request) => serveChainControl(node, assets, request),
    change: (change) => changeChain(node, change),
    profile: (nodeUrl) => profileOf(ledger, genesis.seed, genesis.partners, assets, nodeUrl),
    ledger,
    close: () => journal.close(),
  };
}

function profileOf(
  ledger: Ledger,
  seed: string,
  partners: readonly string[],
  assets: Readonly<Record<string, string>>,
  nodeUrl: string,
): SandboxChainProfile {
  const key = (name: string): string => keyNamed(seed, name);
  return {
    network: 'local',
    nodeUrl,
    chainId: ledger.chainId,
    contract: ledger.contract,
    treasury: addressNamed(seed, 'treasury'),
    feePayer: addressNamed(seed, 'fee-payer'),
    assets,
    partners: Object.fromEntries(partners.map((partner) => [partner, addressNamed(seed, partner)])),
    arbiters: ARBITERS.map((name) => addressNamed(seed, name)),
    aptPrice: { usd: '5', asOf: '2026-01-01', source: 'sandbox' },
    keys: {
      settler: key('settler'),
      treasury: key('treasury'),
      reporter: key('reporter'),
      feePayer: key('fee-payer'),
      guardian: key('guardian'),
      regulator: key('regulator'),
      issuer: key('issuer'),
      publisher: key('publisher'),
      approvers: APPROVERS.map(key),
      arbiters: ARBITERS.map(key),
    },
  };
}
