/** The settlement chain as the processes use it: the driver's side with keys, and a reader without any. */
import type { Pool } from 'pg';
import { SETTLEMENT_POLICY } from '../agents/settlement/index.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { type Approver, type Arbiter, DEFAULT_DRIVER_SETTINGS, type DriverSettings } from '../graph/settlement/types.ts';
import type { SettlementSide } from '../graph/types.ts';
import type { ApprovalDesk } from '../tools/aptos/approval-desk.ts';
import type { ChainReader } from '../tools/aptos/reader.ts';
import type { SanctionsList } from '../tools/sanctions/list.ts';
import { anchorKeeper } from './anchors.ts';
import { type ChainPlace, readChainProfile } from './chain-profile.ts';
import type { Config } from './config.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** With the sandbox, waits are those of a demonstration. */
const SANDBOX_SETTINGS: Partial<DriverSettings> = {
  inquiryDelayMs: 300,
  inquiryDelayMsMax: 5_000,
  patienceMs: 3_000,
  leaseMs: 20_000,
  transactionLifeMs: 20_000,
};

const keyName = (number: number): string => `key-${number}`;

/** The setting that names the people of a role in settlement. */
type PeopleSetting = 'CAPP_SETTLEMENT_APPROVERS' | 'CAPP_SETTLEMENT_ARBITERS';

/** A key of our own by its number, or the account of somebody who keeps the keys elsewhere. */
type KeyPlace = { readonly number: number } | { readonly account: string };

/**
 * Names of people, each with the number of the key kept for them or with an account on the chain whose keys they keep themselves:
 * `treasury:zawadi=1,treasury:tunde=0x5e1c…`. Throws `config_invalid`.
 */
function readPeople(field: PeopleSetting, text: string): ReadonlyMap<string, KeyPlace> {
  const entries = text.split(',').filter((entry) => entry !== '');
  return new Map(
    entries.map((entry): [string, KeyPlace] => {
      const [, principal = '', place = ''] = /^([a-z]+:[A-Za-z0-9._-]{1,64})=([1-9]\d?|0x[0-9a-fA-F]{64})$/.exec(entry) ?? [];
      if (principal === '') {
        const detail = `${field} must be people with the number of a key, or their account, as treasury:zawadi=1,treasury:tunde=0x and 64 digits.`;
        throw fault('config_invalid', { field, detail });
      }
      return [principal, place.startsWith('0x') ? { account: place.toLowerCase() } : { number: Number(place) }];
    }),
  );
}

/**
 * People who judge, each with a key of their own that is kept here: the chain counts votes by key, and of two who share one the second
 * would have voted already. Throws `config_invalid`.
 */
function readArbiters(text: string): ReadonlyMap<string, number> {
  const field = 'CAPP_SETTLEMENT_ARBITERS';
  const wrong = (detail: string): Error => fault('config_invalid', { field, detail });
  const people = new Map<string, number>();
  for (const [principal, place] of readPeople(field, text)) {
    if ('account' in place) throw wrong(`${field} must name the number of a key for ${principal}: votes are signed here.`);
    if ([...people.values()].includes(place.number)) throw wrong(`${field} names key ${place.number} for more than one person.`);
    people.set(principal, place.number);
  }
  return people;
}

/** People who approve. No two of them may keep one account, which would count once. Throws `config_invalid`. */
function readApprovers(text: string): ReadonlyMap<string, KeyPlace> {
  const field = 'CAPP_SETTLEMENT_APPROVERS';
  const people = readPeople(field, text);
  const accounts = [...people.values()].flatMap((place) => ('account' in place ? [place.account] : []));
  if (new Set(accounts).size === accounts.length) return people;
  throw fault('config_invalid', { field, detail: `${field} names an account for more than one person.` });
}

/** What is known of a person's key: its name or account; null where there is none. */
type KeyOf = (principal: string) => string | null;

export interface SettlementKeys {
  /** Our name for the key that a person approves with; of one that is kept elsewhere, its account. */
  readonly approver: KeyOf;
  /** The account of an approver who keeps the keys elsewhere, null for anybody else. */
  readonly ownAccount: KeyOf;
  readonly arbiter: KeyOf;
}

/** Which keys are there for whom: those that approve, and those that judge disputes. Throws `config_invalid`. */
export function settlementKeys(config: Config): SettlementKeys {
  const approvers = readApprovers(config.settlementApprovers);
  const arbiters = readArbiters(config.settlementArbiters);
  const ownAccount: KeyOf = (principal) => {
    const place = approvers.get(principal);
    return place !== undefined && 'account' in place ? place.account : null;
  };
  return {
    ownAccount,
    approver(principal) {
      const place = approvers.get(principal);
      return place === undefined ? null : 'account' in place ? place.account : keyName(place.number);
    },
    arbiter(principal) {
      const number = arbiters.get(principal);
      return number === undefined ? null : keyName(number);
    },
  };
}

/** Opens the driver's side of the chain; undefined where settlement stays on the books. Throws `config_invalid`. */
export async function openSettlementSide(
  config: Config,
  env: Env,
  pool: Pool,
  lists: Pick<SanctionsList, 'rolls'>,
): Promise<SettlementSide | undefined> {
  if (config.aptosPath === null) return undefined;
  const [{ openChain }, { createAptosSettlement }, { registryKeeper }, { gasPriceReader }, { aptPriceOf }] = await Promise.all([
    import('./chain.ts'),
    import('../tools/aptos/settlement.ts'),
    import('../tools/aptos/registry.ts'),
    import('../tools/aptos/gas.ts'),
    import('../tools/aptos/profile.ts'),
  ]);
  const chain = await openChain(config, env, pool);
  if (chain === null) return undefined;
  const { partners, assets } = chain.deps.profile;
  return {
    chain: createAptosSettlement(chain.deps, { disputeWindowSecs: config.settlementDisputeSecs }),
    approvers: approversOf(chain.consents, readApprovers(config.settlementApprovers)),
    arbiters: arbitersOf(chain.deps.arbiters, readArbiters(config.settlementArbiters)),
    anchors: { keeper: await anchorKeeper(chain), intervalMs: config.anchorMs },
    registry: { keeper: registryKeeper(chain.deps, chain.registrars), rolls: () => lists.rolls() },
    gas: { priceOctas: gasPriceReader(chain.deps.node, systemClock), apt: aptPriceOf(chain.deps.profile) },
    isOnChain: (partner, currency) => partners[partner] !== undefined && assets[currency] !== undefined,
    settings: {
      ...DEFAULT_DRIVER_SETTINGS,
      proposalLifeMs: SETTLEMENT_POLICY.proposalLifeMs,
      ...(config.sandbox ? SANDBOX_SETTINGS : {}),
    },
  };
}

type Consent = Pick<Approver, 'signer' | 'sign'>;

/**
 * Each key consents for the policy, and for the person it is kept for. An account whose keys are elsewhere must be none of those: it
 * would count once for two.
 */
function approversOf(consents: readonly Consent[], people: ReadonlyMap<string, KeyPlace>): Approver[] {
  const field = 'CAPP_SETTLEMENT_APPROVERS';
  const policy = consents.map((consent, index) => ({ ...consent, approver: `policy:${keyName(index + 1)}`, keyName: keyName(index + 1) }));
  const persons = [...people].flatMap(([approver, place]) => {
    if ('number' in place) return [{ ...keyAt(consents, place.number, field), approver, keyName: keyName(place.number) }];
    if (!consents.some(({ signer }) => signer === place.account)) return [];
    throw fault('config_invalid', { field, detail: `${field} names an account for ${approver} whose key is kept here.` });
  });
  return [...policy, ...persons];
}

/** Each key votes for the person it is kept for, and for nobody else. */
function arbitersOf(keys: readonly { readonly address: string }[], people: ReadonlyMap<string, number>): Arbiter[] {
  return [...people].map(([arbiter, number]) => {
    const { address: signer } = keyAt(keys, number, 'CAPP_SETTLEMENT_ARBITERS');
    return { arbiter, keyName: keyName(number), signer };
  });
}

function keyAt<T>(keys: readonly T[], number: number, field: PeopleSetting): T {
  const key = keys[number - 1];
  if (key === undefined) throw fault('config_invalid', { field, detail: `${field} names key ${number}, and there are ${keys.length}.` });
  return key;
}

/** Where approvals by keys that are elsewhere are asked for; undefined where settlement stays on the books. Needs no key. Throws `config_invalid`. */
export async function openApprovalDesk(config: Config): Promise<ApprovalDesk | undefined> {
  if (config.aptosPath === null) return undefined;
  const profile = await readChainProfile(config);
  if (profile === null) return undefined;
  const [{ createAptosNode }, { createApprovalDesk }] = await Promise.all([
    import('../tools/aptos/node.ts'),
    import('../tools/aptos/approval-desk.ts'),
  ]);
  const node = createAptosNode({ profile, fetch: (url, init) => fetch(url, init), clock: systemClock });
  return createApprovalDesk({ node, profile });
}

/**
 * A reader of the chain that is configured, or of the sandbox's as it was last started; null where there is none.
 * `nodeUrl` takes the place of the configured node.
 */
export async function openChainReader(config: ChainPlace, nodeUrl: string | null = null): Promise<ChainReader | null> {
  const profile = await readChainProfile(config, nodeUrl);
  if (profile === null) return null;
  const [{ createAptosNode }, { createChainReader }] = await Promise.all([
    import('../tools/aptos/node.ts'),
    import('../tools/aptos/reader.ts'),
  ]);
  const node = createAptosNode({ profile, fetch: (url, init) => fetch(url, init), clock: systemClock });
  return createChainReader(node, profile);
}
