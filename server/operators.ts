/** The operators' clients for the command line, whether CAPP runs or not; and what is agreed with an operator once. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Pool } from '../db/connect.ts';
import type { Keys } from '../db/keyring.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { RAILS } from '../domain/network.ts';
import type { Money } from '../domain/money.ts';
import { parsePhone } from '../domain/phone.ts';
import type { Rail } from '../domain/rail.ts';
import { createBalanceDesk } from '../tools/mmo/balances.ts';
import { hear, isUntold } from '../tools/mmo/hearing.ts';
import type { MpesaClient } from '../tools/mmo/mpesa/client.ts';
import type { C2bAddresses, Registered } from '../tools/mmo/mpesa/operations.ts';
import type { Product } from '../tools/mmo/mtn-momo/connection.ts';
import { provisionApiUser } from '../tools/mmo/mtn-momo/operations.ts';
import type { WalletState } from '../tools/mmo/operator.ts';
import { createOperators, type Operators, type OperatorsDeps } from '../tools/mmo/registry.ts';
import { postgresAnswerKeeper } from '../tools/mmo/vault/answers.ts';
import { postgresBalanceStore } from '../tools/mmo/vault/balances.ts';
import { postgresPinStore } from '../tools/mmo/vault/pins.ts';
import { postgresTokenStore } from '../tools/mmo/vault/postgres.ts';
import { redisTokenStore } from '../tools/mmo/vault/redis.ts';
import { sharedTokenVault } from '../tools/mmo/vault/shared.ts';
import { applicationAddresses, balanceAddresses, hasApplicationAddress, ownPaymentPaths } from './callback-addresses.ts';
import { type Config, readConfig } from './config.ts';
import type { Log } from './log.ts';
import { loadKeys } from './secrets.ts';

/** What processes share, and keep, of operators. */
export type OperatorStores = Required<Pick<OperatorsDeps, 'tokens' | 'pins' | 'keepAnswer' | 'balances'>>;

/** The stores in the database, access tokens in Redis where there is one: an app has one token, whichever process or command uses it. */
export function operatorStores(
  { pool, redis }: { readonly pool: Pool; readonly redis: Redis | null },
  keys: Pick<Keys, 'keyring' | 'pepper' | 'callbackKey'>,
  publicUrl: string,
  log: Log,
): OperatorStores {
  const { keyring, pepper, callbackKey } = keys;
  const balances = postgresBalanceStore(pool, systemClock, balanceAddresses(publicUrl, callbackKey));
  const onError = (error: unknown) => log.error({ code: (error as { code?: string }).code }, 'an answer of an operator cannot be kept');
  const tokens = redis === null ? postgresTokenStore(pool) : redisTokenStore(redis);
  return {
    tokens: sharedTokenVault({ store: tokens, keyring, clock: systemClock }),
    pins: postgresPinStore(pool, pepper),
    balances: createBalanceDesk(balances, systemClock),
    keepAnswer: postgresAnswerKeeper({ pool, keyring, clock: systemClock, onError }),
  };
}

/**
 * Clients by the settings of the operators, or of the sandbox that ran last; null when there are none. They share tokens, and what is
 * known of our PINs, with all processes. Throws `config_invalid` for wrong settings.
 */
export async function openOperatorsOf(config: Config, dataDir: string, stores: OperatorStores): Promise<Operators | null> {
  const profiles = await readProfiles(config, dataDir);
  if (profiles === null) return null;
  return createOperators({
    rails: RAILS,
    profiles,
    fetch: (url, init) => fetch(url, init),
    clock: systemClock,
    ...stores,
  });
}

async function readProfiles(config: Config, dataDir: string): Promise<Readonly<Record<string, unknown>> | null> {
  const path = config.operatorsPath ?? join(dataDir, 'operators.json');
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}

/** The same, where they have to be there. Throws `config_invalid` where there are no settings. */
export async function operatorsAsSet(config: Config, dataDir: string, stores: OperatorStores): Promise<Operators> {
  const operators = await openOperatorsOf(config, dataDir, stores);
  if (operators === null) throw noSettings();
  return operators;
}

function noSettings(): Error {
  return fault('config_invalid', { field: 'CAPP_OPERATORS_PATH', detail: 'CAPP_OPERATORS_PATH must name the settings of the operators.' });
}

type Env = Readonly<Record<string, string | undefined>>;

/** A rail that an operator runs. Throws `usage_invalid`. */
export function operatedRail(railId: string): Rail {
  const rail = RAILS.find(({ id, protocol }) => id === railId && protocol !== 'on_us');
  if (rail === undefined) throw fault('usage_invalid', { detail: `${railId} is no rail of an operator's.` });
  return rail;
}

/** Our balance at the operator of a rail as it tells it now, or why it is not known. Some tell it under our PIN only. */
export async function balanceAt(env: Env, railId: string, stores: OperatorStores): Promise<Money | 'untold' | 'no_message'> {
  const { id } = operatedRail(railId);
  const config = readConfig(env);
  const operator = (await operatorsAsSet(config, resolve(config.dataDir), stores))(id);
  return (await operator.balance()) ?? (operator.capabilities.balance === 'callback' ? 'no_message' : 'untold');
}

/** Looks a wallet up at the operator of a rail. Throws `usage_invalid` where the operator has no look-up. */
export async function walletAt(env: Env, railId: string, phone: string, stores: OperatorStores): Promise<WalletState> {
  const rail = operatedRail(railId);
  const config = readConfig(env);
  const operator = (await operatorsAsSet(config, resolve(config.dataDir), stores))(rail.id);
  if (operator.walletState === undefined) throw fault('usage_invalid', { detail: `The operator of ${railId} tells nothing of wallets.` });
  return operator.walletState(parsePhone(phone, rail.country).e164);
}

/** What of a rail's settings says whom to make: the key of the user need not be there yet. */
const unprovisionedSchema = z.object({
  baseUrl: z.url().transform((url) => url.replace(/\/+$/, '')),
  account: z.object({ subscriptionKey: z.string().min(1), apiUser: z.uuid() }),
});

/**
 * Makes the API user that the settings of a rail of MTN's name for a product, and gives its key; null when MTN refuses, as it does outside
 * its sandbox. Throws `usage_invalid`, `config_invalid`.
 */
export async function provisionAt(
  env: Env,
  railId: string,
  product: Product,
  { keepAnswer }: OperatorStores,
): Promise<{ readonly apiUser: string; readonly apiKey: string } | null> {
  const { protocol } = operatedRail(railId);
  if (protocol !== 'mtn_momo') throw fault('usage_invalid', { detail: `${railId} is no rail of MTN's.` });
  const config = readConfig(env);
  const profiles = await readProfiles(config, resolve(config.dataDir));
  if (profiles === null) throw noSettings();
  const profile = profiles[railId];
  const settings = typeof profile === 'object' && profile !== null ? Object.entries(profile) : [];
  const named = new Map<string, unknown>(settings);
  const told = unprovisionedSchema.safeParse({ baseUrl: named.get('baseUrl'), account: named.get(product) });
  if (!told.success) {
    const field = `operators.${railId}.${product}`;
    throw fault('config_invalid', { field, detail: `The settings must name baseUrl, and subscriptionKey and apiUser under ${field}.` });
  }
  const { baseUrl, account } = told.data;
  const callbackHost = new URL(config.publicUrl).hostname;
  const provision = () => provisionApiUser({ fetch: (url, init) => fetch(url, init), baseUrl, callbackHost, ...account });
  const [made] = await hear({ railId, keep: keepAnswer }, { product: 'registration', requestId: null }, provision, isUntold(null));
  return made;
}

/**
 * The address for all callbacks of a rail that people enter in its operator's portal; null where the operator is told by `registerAddresses`.
 * Throws `usage_invalid` for a rail whose operator has no address to be told once.
 */
export async function portalAddress(env: Env, railId: string): Promise<string | null> {
  const config = readConfig(env);
  const rail = RAILS.find(({ id }) => id === railId);
  if (rail?.protocol === 'mpesa') return null;
  if (rail === undefined || !hasApplicationAddress(rail))
    throw fault('usage_invalid', {
      detail: `Nothing is registered for ${railId}: M-Pesa's and Airtel's rails have addresses to be told once.`,
    });
  const { callbackKey } = await loadKeys(env, resolve(config.dataDir));
  return applicationAddresses(config.publicUrl, callbackKey)(railId).url;
}

/**
 * Registers our addresses of a rail of M-Pesa's: those for payments that customers make by themselves, and our short code for the statement
 * by which lost answers are settled. Throws `config_invalid` where there are no settings.
 */
export async function registerAddresses(
  env: Env,
  railId: string,
  withoutAnswer: C2bAddresses['withoutAnswer'],
  stores: OperatorStores,
): Promise<{ readonly registered: Registered; readonly pull: Awaited<ReturnType<MpesaClient['registerPull']>> }> {
  const config = readConfig(env);
  const dataDir = resolve(config.dataDir);
  const { callbackKey } = await loadKeys(env, dataDir);
  const operators = await operatorsAsSet(config, dataDir, stores);
  const { validationUrl, confirmationUrl } = ownPaymentPaths(config.publicUrl, callbackKey)(railId);
  const client = operators(railId) as MpesaClient;
  const registered = await client.registerC2b({ validationUrl, confirmationUrl, withoutAnswer });
  // What may come there is read as a confirmation, and put aside unless it is one.
  return { registered, pull: await client.registerPull(confirmationUrl) };
}
