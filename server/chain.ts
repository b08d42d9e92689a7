/**
 * The settlement chain from the settings: profile, node, keys and the memory of what was sent. Loaded only where settlement
 * is set to a chain, for the SDK is large.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { z } from 'zod';
import { type Clock, systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import type { SettlementDeps } from '../tools/aptos/create-batches.ts';
import { databaseSent } from '../tools/aptos/database-sent.ts';
import { createAptosNode } from '../tools/aptos/node.ts';
import { parseChainProfile } from '../tools/aptos/profile.ts';
import type { Registrars, RegistryDeps } from '../tools/aptos/registry.ts';
import { consentOf } from '../tools/aptos/settlement.ts';
import { type ChainAccount, ed25519Account, localSigner, multiKeyAccount } from '../tools/aptos/signer.ts';
import type { Config } from './config.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface Chain {
  /** What batches and the registry are kept with: `createAptosSettlement`, `createAptosBatches` and `anchorAudit` take it. */
  readonly deps: SettlementDeps & RegistryDeps;
  /** Policy keys that consent to batches: the chain's name of each, and its signature over a proposal's digest. */
  readonly consents: readonly ReturnType<typeof consentOf>[];
  /** Who tells the registry of lists, customers and reports; null where there is no key for it, and nothing is told. */
  readonly registrars: Registrars;
}

const publicKey = z
  .string()
  .regex(/^(?:ed25519-pub-)?(?:0x)?[0-9a-fA-F]{64}$/)
  .transform((text) => text.slice(-64).toLowerCase());

/** One private key, or several keys of which so many must sign, with those of them that are kept here. */
const accountSchema = z.union([
  z.string(),
  z.strictObject({
    scheme: z.enum(['multi_key', 'multi_ed25519']).default('multi_key'),
    required: z.int().min(1),
    publicKeys: z.array(publicKey).min(1),
    keys: z.array(z.string()),
    /** Only of an account whose keys were rotated. */
    address: z
      .string()
      .regex(/^0x[0-9a-f]{64}$/)
      .optional(),
  }),
]);

const keysSchema = z.object({
  settler: accountSchema,
  treasury: accountSchema,
  reporter: accountSchema,
  regulator: accountSchema.optional(),
  issuer: accountSchema.optional(),
  feePayer: accountSchema.optional(),
  approvers: z.array(accountSchema),
  arbiters: z.array(accountSchema),
});

type AccountKeys = z.infer<typeof accountSchema>;
type ChainKeys = z.infer<typeof keysSchema>;

/**
 * Opens the chain of the settings; null when they name none. Throws `config_invalid` naming the setting: a file that cannot be
 * read, a profile that is wrong, a key that is missing or no key. Nothing that a key file holds is in any error.
 */
export async function openChain(config: Config, env: Env, pool: Pool, clock: Clock = systemClock): Promise<Chain | null> {
  if (config.aptosPath === null) return null;
  const profile = parseChainProfile(await readJson('CAPP_APTOS_PATH', config.aptosPath), config.aptosNodeUrl);
  const keys = await readKeys(config, env);
  const node = createAptosNode({ profile, fetch: (url, init) => fetch(url, init), clock });
  const approvers = keys.approvers.map((kept) => accountOf('CAPP_APTOS_APPROVER_KEYS', kept));
  const deps = {
    node,
    profile,
    clock,
    sent: databaseSent(pool),
    sleep: (ms: number) => delay(ms),
    feePayer: keys.feePayer === undefined ? null : accountOf('CAPP_APTOS_FEE_PAYER_KEY', keys.feePayer),
    settler: accountOf('CAPP_APTOS_SETTLER_KEY', keys.settler),
    treasury: accountOf('CAPP_APTOS_TREASURY_KEY', keys.treasury),
    reporter: accountOf('CAPP_APTOS_REPORTER_KEY', keys.reporter),
    approvers,
    arbiters: keys.arbiters.map((key) => accountOf('CAPP_APTOS_ARBITER_KEYS', key)),
  };
  const registrars = {
    reporter: deps.reporter,
    regulator: keys.regulator === undefined ? null : accountOf('CAPP_APTOS_REGULATOR_KEY', keys.regulator),
    issuer: keys.issuer === undefined ? null : accountOf('CAPP_APTOS_ISSUER_KEY', keys.issuer),
  };
  return { deps, registrars, consents: approvers.map((approver) => consentOf(approver)) };
}

/** The account of one key, or of several. Throws `config_invalid`; nothing of the keys is in it. */
function accountOf(setting: string, kept: AccountKeys): ChainAccount {
  if (typeof kept === 'string') return ed25519Account(localSigner(kept, setting));
  const { keys, address, ...terms } = kept;
  const signers = keys.map((key) => localSigner(key, setting));
  try {
    return multiKeyAccount({ ...terms, ...(address === undefined ? {} : { address }) }, signers);
  } catch (cause) {
    const detail = `${setting} names several keys that make no account, or has too few of them to sign.`;
    throw fault('config_invalid', { field: setting, detail, cause });
  }
}

/** Keys from their file, each of which the environment may give instead. */
async function readKeys(config: Config, env: Env): Promise<ChainKeys> {
  const path = config.aptosKeysPath;
  const file = path === null ? {} : ((await readJson('CAPP_APTOS_KEYS_PATH', path)) as Record<string, unknown>);
  const listOf = (setting: string): string[] | undefined => env[setting]?.split(',').filter((key) => key !== '');
  const parsed = keysSchema.safeParse({
    settler: env['CAPP_APTOS_SETTLER_KEY'] ?? file['settler'],
    treasury: env['CAPP_APTOS_TREASURY_KEY'] ?? file['treasury'],
    reporter: env['CAPP_APTOS_REPORTER_KEY'] ?? file['reporter'],
    regulator: env['CAPP_APTOS_REGULATOR_KEY'] ?? file['regulator'],
    issuer: env['CAPP_APTOS_ISSUER_KEY'] ?? file['issuer'],
    feePayer: env['CAPP_APTOS_FEE_PAYER_KEY'] ?? file['feePayer'],
    approvers: listOf('CAPP_APTOS_APPROVER_KEYS') ?? file['approvers'] ?? [],
    arbiters: listOf('CAPP_APTOS_ARBITER_KEYS') ?? file['arbiters'] ?? [],
  });
  if (parsed.success) return parsed.data;
  const name = String(parsed.error.issues[0]?.path[0]);
  throw fault('config_invalid', { field: 'CAPP_APTOS_KEYS_PATH', detail: `The chain's keys lack ${name}.` });
}

async function readJson(setting: string, path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    // What the parser says would quote the file, and one of them holds keys.
    const isMissing = (cause as { code?: unknown }).code !== undefined;
    throw fault('config_invalid', { field: setting, detail: `${path} ${isMissing ? 'cannot be read' : 'is not JSON'}.` });
  }
}
