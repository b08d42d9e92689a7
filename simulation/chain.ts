/**
 * Settlement in the simulation: every worker settles over the sandbox chain, which lives under the stage's clock and seed. Each
 * exchange with the node is a step of the process, so that it can die before and after any of them; what becomes of a
 * submission, and what state the node is in, is drawn from the seed as every other fault is.
 */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { SETTLEMENT_POLICY, type SettlementPolicy } from '../agents/settlement/index.ts';
import { type Approver, type Arbiter, DEFAULT_DRIVER_SETTINGS, type DriverSettings } from '../graph/settlement/types.ts';
import type { SettlementSide } from '../graph/types.ts';
import type { Fate } from '../sandbox/aptos/faults.ts';
import type { SandboxChainProfile } from '../sandbox/aptos/index.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Chance } from '../sandbox/random.ts';
import { databaseSent } from '../tools/aptos/database-sent.ts';
import type { SettlementDeps } from '../tools/aptos/create-batches.ts';
import { gasPriceReader } from '../tools/aptos/gas.ts';
import { createAptosNode } from '../tools/aptos/node.ts';
import { type ChainProfile, parseChainProfile } from '../tools/aptos/profile.ts';
import { auditAnchorKeeper, registryKeeper, type Registrars } from '../tools/aptos/registry.ts';
import { consentOf, createAptosSettlement } from '../tools/aptos/settlement.ts';
import type { SettlementChain } from '../tools/aptos/settlement-chain.ts';
import { type ChainAccount, ed25519Account, localSigner } from '../tools/aptos/signer.ts';
import type { Fetch } from '../tools/mmo/http.ts';
import type { ListRoll } from '../tools/sanctions/roll.ts';
import type { Actor } from './actor.ts';
import type { FaultKind, Faults } from './faults.ts';
import { MANY } from './intents.ts';
import { cut, refused, settled } from './network.ts';
import { APPROVERS, ARBITERS } from './settlement-people.ts';
import type { Stage } from './stage.ts';

export interface ChainDeps {
  readonly stage: Stage;
  readonly faults: Faults;
  /** Plays the chain. */
  readonly sandbox: Sandbox;
  /** How many payments there will be. */
  readonly payments: number;
  /** The lists in force, of which the registry is told. */
  readonly rolls: () => readonly ListRoll[];
}

/** The chain as the processes of the platform have it. */
export interface SimulatedChain {
  readonly profile: ChainProfile;
  readonly keyNames: KeyNames;
  /** Who attests customers, by the chain's name. */
  readonly issuer: string;
  /** What one process settles with; its memory is the database, as in earnest. */
  sideOf(actor: Actor, pool: Pool): SettlementSide;
}

/** Our names for the keys behind accounts on the chain. */
export interface KeyNames {
  /** The account that proposes, executes and disputes for us. */
  readonly settler: string;
  /** The name of the key; the account itself for one that is none of ours. */
  of(address: string): string;
}

/** How partners behave: shares of batches into which one who owes does not pay, and which one disputes on the chain. */
export const PARTNERS = { unfunded: 0.03, disputing: 0.1 };

/** How long arbiters have on the chain: in some disputes they let it pass. */
export const DISPUTE_LIMIT_SECS = 600;
/** How long a batch can be disputed, where it can: long enough for people to look at it, and for some of them to be too late. */
const DISPUTE_WINDOW_SECS = 90;
/** Share of batches that can be disputed; the others are paid with their execution. */
const DISPUTABLE = 0.7;

const TRANSIT_MS = { min: 2, max: 300 };
const TIMEOUT_MS = 10_000;
/** A commit takes half a second. */
const POLL_MS = 500;
const OUTAGE_MS = { min: 5_000, max: 200_000 };
/** A node that has come back stays up for as long at least: one that is hardly ever there settles nothing, and nobody would keep it. */
const UP_MS_MIN = 45_000;
const DEAR_MS = { min: 5_000, max: 60_000 };
const GAS = { usual: '100', dear: '400' };
/** Clocks here are wrong by up to a minute; a node that is behind stays so for longer. */
const LAG_MS_MAX = 90_000;
const ANCHOR_MS = 60_000;

/** Batches that nobody pays into end soon enough to be seen to end. */
const DRIVER: DriverSettings = { ...DEFAULT_DRIVER_SETTINGS, proposalLifeMs: 60 * 60_000, patienceMs: 20_000 };
/**
 * The policy on another scale: what few payments come to is worth a transaction too; windows close by what is in them as well, and
 * keys consent to so much at once and to twice as much a day, so that people must approve the rest.
 */
function policyFor(payments: number): SettlementPolicy {
  const scale = payments < MANY ? 200n : 25n;
  return {
    ...SETTLEMENT_POLICY,
    version: `${SETTLEMENT_POLICY.version} of the simulation`,
    apt: { usdMicros: 5_000n * scale, asOf: '2026-01-01', source: 'simulation' },
    netMinorMax: mapValues(SETTLEMENT_POLICY.netMinorMax, (minor) => minor / scale),
    keyTimesMax: 1n,
    keyTimesMaxPerDay: 2n,
  };
}
/** How long a paid payment waits for its window: several windows follow each other in every run. */
export const CHAIN_WINDOW_MS = 40_000;

const OUTAGES: readonly FaultKind[] = ['node_down', 'node_behind', 'node_of_another_chain', 'mempool_stays_full'];
const NODE_FAULTS: readonly FaultKind[] = [...OUTAGES, 'gas_rises'];
const FATES = {
  mempool_full: 'full',
  submission_answered_500: 'error',
  transaction_lost: 'dropped',
  transaction_hidden: 'hidden',
  transaction_late: 'slow',
} as const satisfies Partial<Record<FaultKind, Fate>>;
const SUBMISSION_FAULTS = Object.keys(FATES) as (keyof typeof FATES)[];

function mapValues<Key extends string>(values: Readonly<Record<Key, bigint>>, to: (value: bigint) => bigint): Record<Key, bigint> {
  return Object.fromEntries(Object.entries<bigint>(values).map(([key, value]) => [key, to(value)])) as Record<Key, bigint>;
}

/** Puts processes on the chain that the sandbox plays. */
export function createSimulatedChain(deps: ChainDeps): SimulatedChain {
  const shown = deps.sandbox.chainProfile();
  if (shown === null) throw new RangeError('the sandbox does not play the chain');
  const profile = parseChainProfile(shown);
  const weather = createWeather(deps);
  const addressOf = (key: string): string => ed25519Account(localSigner(key)).address;
  const names = new Map(
    [shown.keys.approvers, shown.keys.arbiters].flatMap((keys) => keys.map((key, index) => [addressOf(key), keyNameOf(index)])),
  );
  const keyNames = { settler: addressOf(shown.keys.settler), of: (address: string) => names.get(address) ?? address };
  const issuer = addressOf(shown.keys.issuer);
  return { profile, keyNames, issuer, sideOf: (actor, pool) => sideOf(deps, weather, { profile, keys: shown.keys }, actor, pool) };
}

interface Access {
  readonly profile: ChainProfile;
  readonly keys: SandboxChainProfile['keys'];
}

function sideOf(deps: ChainDeps, weather: Weather, { profile, keys }: Access, actor: Actor, pool: Pool): SettlementSide {
  const account = (key: string): ChainAccount => ed25519Account(localSigner(key));
  const node = createAptosNode({ profile, fetch: wireOf(deps, weather, actor), clock: actor.clock, lagMsMax: LAG_MS_MAX });
  const chain = {
    node,
    profile,
    clock: actor.clock,
    sent: databaseSent(pool),
    sleep: (ms: number) => actor.step('waits for the chain', ms, () => undefined),
    feePayer: account(keys.feePayer),
    settler: account(keys.settler),
    treasury: account(keys.treasury),
    reporter: account(keys.reporter),
    approvers: keys.approvers.map(account),
    arbiters: keys.arbiters.map(account),
    limits: { pollMs: POLL_MS },
  };
  const consents = keys.approvers.map((key, index) => ({ keyName: keyNameOf(index), ...consentOf(account(key)) }));
  const policy = consents.map((consent): Approver => ({ ...consent, approver: `policy:${consent.keyName}` }));
  const people = consents.flatMap((consent, index): Approver[] => {
    const approver = APPROVERS[index];
    return approver === undefined ? [] : [{ ...consent, approver }];
  });
  const arbiters = keys.arbiters.flatMap((key, index): Arbiter[] => {
    const arbiter = ARBITERS[index];
    return arbiter === undefined ? [] : [{ arbiter, keyName: keyNameOf(index), signer: account(key).address }];
  });
  return {
    chain: inTwoWays(deps.stage.chance, chain),
    approvers: [...policy, ...people],
    arbiters,
    anchors: { keeper: auditAnchorKeeper(chain), intervalMs: ANCHOR_MS },
    registry: { keeper: registryKeeper(chain, registrarsOf(keys)), rolls: deps.rolls, salt: saltsOf(actor) },
    gas: { priceOctas: gasPriceReader(node, actor.clock), apt: null },
    isOnChain: (partner, currency) => profile.partners[partner] !== undefined && profile.assets[currency] !== undefined,
    settings: DRIVER,
    policy: policyFor(deps.payments),
  };
}

function registrarsOf({ regulator, issuer, reporter }: Access['keys']): Registrars {
  const account = (key: string): ChainAccount => ed25519Account(localSigner(key));
  return { regulator: account(regulator), issuer: account(issuer), reporter: account(reporter) };
}

/** Salts that are the same in every run of a seed. */
function saltsOf({ name }: Actor): () => Buffer {
  let salts = 0;
  return () => {
    salts += 1;
    return createHash('sha256').update(`salt ${salts} of ${name}`).digest();
  };
}

/** Which key is kept for whom, as the API has it. */
export const SETTLEMENT_KEYS = { approver: keyIn(APPROVERS), arbiter: keyIn(ARBITERS) };

function keyNameOf(index: number): string {
  return `key-${index + 1}`;
}

function keyIn(people: readonly string[]): (principal: string) => string | null {
  return (principal) => (people.includes(principal) ? keyNameOf(people.indexOf(principal)) : null);
}

/** Whether a batch has a dispute window, which its proposal binds. */
export function isDisputable(chance: Chance, batchId: string): boolean {
  return chance.draw('disputable', batchId) < DISPUTABLE;
}

/** Batches with a dispute window and batches without, side by side. */
function inTwoWays(chance: Chance, deps: SettlementDeps): SettlementChain {
  const [plain, disputable] = [createAptosSettlement(deps), createAptosSettlement(deps, { disputeWindowSecs: DISPUTE_WINDOW_SECS })];
  return { ...disputable, propose: (proposal) => (isDisputable(chance, proposal.batchId) ? disputable : plain).propose(proposal) };
}

/** What state the node is in, for everybody. */
interface Weather {
  isUp: boolean;
  /** Something may befall the node at this point, and stays for a while. */
  change(point: string): void;
}

function createWeather({ stage, faults, sandbox }: ChainDeps): Weather {
  let staysUpUntilMs = 0;
  /** What has not befallen the node since everything had: each does before any does again, for they are few in a run. */
  let toCome = OUTAGES;
  const forAWhile = (point: string, mode: 'silent' | 'behind' | 'foreign' | 'full'): void => {
    weather.isUp = false;
    sandbox.changeChain({ mode });
    stage.after(faults.sizeMs(point, OUTAGE_MS.min, OUTAGE_MS.max), () => {
      weather.isUp = true;
      staysUpUntilMs = stage.now() + UP_MS_MIN;
      sandbox.changeChain({ mode: 'up' });
    });
  };
  const weather: Weather = {
    isUp: true,
    change(point) {
      const mayFail = weather.isUp && stage.now() >= staysUpUntilMs;
      const fault = faults.at(
        `${point} at the node`,
        !mayFail ? ['gas_rises'] : faults.isScripted ? NODE_FAULTS : [...toCome, 'gas_rises'],
      );
      if (fault !== null && fault !== 'gas_rises') toCome = toCome.length === 1 ? OUTAGES : toCome.filter((kind) => kind !== fault);
      if (fault === 'node_down') forAWhile(point, 'silent');
      if (fault === 'node_behind') forAWhile(point, 'behind');
      if (fault === 'node_of_another_chain') forAWhile(point, 'foreign');
      if (fault === 'mempool_stays_full') forAWhile(point, 'full');
      if (fault !== 'gas_rises') return;
      sandbox.changeChain({ gasPrice: GAS.dear });
      stage.after(faults.sizeMs(point, DEAR_MS.min, DEAR_MS.max), () => sandbox.changeChain({ gasPrice: GAS.usual }));
    },
  };
  return weather;
}

/** What is asked of the node, without anybody's hashes. */
function describe(url: string, init: RequestInit): string {
  const path = new URL(url).pathname.replace(/^\/aptos\/v1/, '').replaceAll(/0x[0-9a-fA-F]+/g, '*');
  return `${init.method ?? 'GET'} chain${path}`;
}

/** What a process takes for `fetch` to the node. */
function wireOf({ stage, faults, sandbox }: ChainDeps, weather: Weather, actor: Actor): Fetch {
  return async (url, init) => {
    const what = describe(url, init);
    const isSubmission = what === 'POST chain/transactions';
    const tookMs = TRANSIT_MS.min * (TRANSIT_MS.max / TRANSIT_MS.min) ** stage.chance.draw('chain transit', what, stage.steps());
    const arrived = await actor.step(what, tookMs, async (point) => {
      weather.change(point);
      const fault = faults.at(point, ['chain_request_lost', 'chain_refuses_connection']);
      if (fault === 'chain_refuses_connection') throw refused();
      if (fault === 'chain_request_lost') return { answer: null, point };
      const befalls = isSubmission && weather.isUp ? faults.at(`${point} in the mempool`, SUBMISSION_FAULTS) : null;
      if (befalls !== null) sandbox.changeChain({ next: [FATES[befalls]] });
      return { answer: await settled(sandbox.fetch(url, init)), point };
    });
    if (arrived.answer === null) {
      await actor.step(`${what} times out`, TIMEOUT_MS - tookMs, () => undefined);
      throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    }
    // A process can die between what it sent and the answer; where nothing was changed there is nothing between.
    if (isSubmission) await actor.step(`${what} answered`, tookMs, () => undefined);
    if ('error' in arrived.answer || faults.at(`${arrived.point} back`, ['chain_answer_lost']) !== null) throw cut();
    return arrived.answer.response;
  };
}
