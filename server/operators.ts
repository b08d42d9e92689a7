/** The operators' clients for the command line, whether CAPP runs or not; and what is agreed with an operator once. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadKeys } from '../db/keyring.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { RAILS } from '../domain/network.ts';
import type { MpesaClient } from '../tools/mmo/mpesa/client.ts';
import type { C2bAddresses, Registered } from '../tools/mmo/mpesa/operations.ts';
import { createOperators, type Operators } from '../tools/mmo/registry.ts';
import { memoryTokenVault } from '../tools/mmo/tokens.ts';
import { applicationAddresses, hasApplicationAddress, ownPaymentPaths } from './callback-addresses.ts';
import { type Config, readConfig } from './config.ts';

/** Clients by the settings of the operators, or of the sandbox that ran last; null when there are none. Throws `config_invalid` for wrong ones. */
export async function openOperatorsOf(config: Config, dataDir: string): Promise<Operators | null> {
  const path = config.operatorsPath ?? join(dataDir, 'operators.json');
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  return createOperators({
    rails: RAILS,
    profiles: JSON.parse(text) as Record<string, unknown>,
    fetch: (url, init) => fetch(url, init),
    clock: systemClock,
    tokens: memoryTokenVault(systemClock),
  });
}

/** What came of registering our addresses of a rail: at the operator, or as people have to enter it in the operator's portal. */
export type Registration =
  | { readonly registered: Registered; readonly pull: Awaited<ReturnType<MpesaClient['registerPull']>> }
  | { readonly callbackUrl: string };

/**
 * Registers our addresses of a rail: those for payments that customers make by themselves, and our short code for the statement by
 * which lost answers are settled; or gives the address that people enter for all callbacks. Throws `usage_invalid` for a rail whose operator has no address to be told once, `config_invalid` where there are
 * no settings.
 */
export async function registerAddresses(
  env: Readonly<Record<string, string | undefined>>,
  railId: string,
  withoutAnswer: C2bAddresses['withoutAnswer'],
): Promise<Registration> {
  const config = readConfig(env);
  const dataDir = resolve(config.dataDir);
  const rail = RAILS.find(({ id }) => id === railId);
  const { callbackKey } = await loadKeys(env, dataDir);
  if (rail !== undefined && hasApplicationAddress(rail))
    return { callbackUrl: applicationAddresses(config.publicUrl, callbackKey)(railId).url };
  if (rail?.protocol !== 'mpesa')
    throw fault('usage_invalid', {
      detail: `Nothing is registered for ${railId}: M-Pesa's and Airtel's rails have addresses to be told once.`,
    });
  const operators = await openOperatorsOf(config, dataDir);
  if (operators === null)
    throw fault('config_invalid', { field: 'CAPP_OPERATORS_PATH', detail: 'CAPP_OPERATORS_PATH must name the settings of the operators.' });
  const { validationUrl, confirmationUrl } = ownPaymentPaths(config.publicUrl, callbackKey)(railId);
  const client = operators(railId) as MpesaClient;
  const registered = await client.registerC2b({ validationUrl, confirmationUrl, withoutAnswer });
  // What may come there is read as a confirmation, and put aside unless it is one.
  return { registered, pull: await client.registerPull(confirmationUrl) };
}
