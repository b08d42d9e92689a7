/** The settlement chain as the processes use it: the driver's side with keys, and a reader without any. */
import type { Pool } from 'pg';
import { SETTLEMENT_POLICY } from '../agents/settlement/index.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { type Approver, type Arbiter, DEFAULT_DRIVER_SETTINGS, type DriverSettings } from '../graph/settlement/types.ts';
import type { SettlementSide } from '../graph/types.ts';
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

/** Names of people with the number of the key that is kept for each: `treasury:zawadi=1,treasury:tunde=2`. Throws `config_invalid`. */
function readPeople(field: PeopleSetting, text: string): ReadonlyMap<string, number> {
  const entries = text.split(',').filter((entry) => entry !== '');
  return new Map(
    entries.map((entry) => {
      const [, principal = '', number = ''] = /^([a-z]+:[A-Za-z0-9._-]{1,64})=([1-9]\d?)$/.exec(entry) ?? [];
      if (principal === '') {
        const detail = `${field} must be people with the number of a key, as treasury:zawadi=1,treasury:tunde=2.`;
        throw fault('config_invalid', { field, detail });
      }
      return [principal, Number(number)];
    }),
  );
}

/**
 * People who judge, each with a key of their own: the chain counts votes by key, and of two who share one the second would have voted
 * already. Throws `config_invalid`.
 */
function readArbiters(text: string): ReadonlyMap<string, number> {
  const people = readPeople('CAPP_SETTLEMENT_ARBITERS', text);
  const numbers = [...people.values()];
  const shared = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (shared === undefined) return people;
  const detail = `CAPP_SETTLEMENT_ARBITERS names key ${shared} for more than one person.`;
  throw fault('config_invalid', { field: 'CAPP_SETTLEMENT_ARBITERS', detail });
}

/** Our name for the key that is kept for a person, or null. */
type KeyOf = (principal: string) => string | null;

/** Which keys are kept for whom: those that approve, and those that judge disputes. Throws `config_invalid`. */
export function settlementKeys(config: Config): { readonly approver: KeyOf; readonly arbiter: KeyOf } {
  const keyOf = (people: ReadonlyMap<string, number>): KeyOf => {
    return (principal) => {
      const number = people.get(principal);
      return number === undefined ? null : keyName(number);
    };
  };
  return {
    approver: keyOf(readPeople('CAPP_SETTLEMENT_APPROVERS', config.settlementApprovers)),
    arbiter: keyOf(readArbiters(config.settlementArbiters)),
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
  const [{ openChain }, { createAptosSettlement }, { registryKeeper }] = await Promise.all([
    import('./chain.ts'),
    import('../tools/aptos/settlement.ts'),
    import('../tools/aptos/registry.ts'),
  ]);
  const chain = await openChain(config, env, pool);
  if (chain === null) return undefined;
  const { partners, assets } = chain.deps.profile;
  return {
    chain: createAptosSettlement(chain.deps, { disputeWindowSecs: config.settlementDisputeSecs }),
    approvers: approversOf(chain.consents, readPeople('CAPP_SETTLEMENT_APPROVERS', config.settlementApprovers)),
    arbiters: arbitersOf(chain.deps.arbiters, readArbiters(config.settlementArbiters)),
    anchors: { keeper: await anchorKeeper(chain), intervalMs: config.anchorMs },
    registry: { keeper: registryKeeper(chain.deps, chain.registrars), rolls: () => lists.rolls() },
    isOnChain: (partner, currency) => partners[partner] !== undefined && assets[currency] !== undefined,
    settings: {
      ...DEFAULT_DRIVER_SETTINGS,
      proposalLifeMs: SETTLEMENT_POLICY.proposalLifeMs,
      ...(config.sandbox ? SANDBOX_SETTINGS : {}),
    },
  };
}

type Consent = Pick<Approver, 'signer' | 'sign'>;

/** Each key consents for the policy, and for the person it is kept for. */
function approversOf(consents: readonly Consent[], people: ReadonlyMap<string, number>): Approver[] {
  const policy = consents.map((consent, index) => ({ ...consent, approver: `policy:${keyName(index + 1)}`, keyName: keyName(index + 1) }));
  const persons = [...people].map(([approver, number]) => {
    return { ...keyAt(consents, number, 'CAPP_SETTLEMENT_APPROVERS'), approver, keyName: keyName(number) };
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
