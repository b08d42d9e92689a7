/**
 * Gives each rail its client. A rail is its protocol and its settings; whether the far end is real is
 * a matter of settings alone.
 */
import type { z } from 'zod';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import type { Rail } from '../../domain/rail.ts';
import { createAirtelClient } from './airtel/client.ts';
import { airtelProfileSchema } from './airtel/profile.ts';
import type { BalanceDesk } from './balances.ts';
import { createGsmaClient } from './gsma/client.ts';
import { gsmaProfileSchema } from './gsma/profile.ts';
import { hearing } from './hearing.ts';
import type { Fetch } from './http.ts';
import { createMpesaClient } from './mpesa/client.ts';
import { mpesaProfileSchema } from './mpesa/profile.ts';
import { createMtnMomoClient } from './mtn-momo/client.ts';
import { mtnMomoProfileSchema } from './mtn-momo/profile.ts';
import type { OperatorClient } from './operator.ts';
import { createOrangeClient } from './orange/client.ts';
import { orangeProfileSchema } from './orange/profile.ts';
import { createPinGuard, memoryPinStore, type PinGuard, type PinStore } from './pins.ts';
import { createDeadlines } from './patience.ts';
import type { KeepAnswer } from './refused-answers.ts';
import { RAIL_TERM_NAMES, type RailTerms, railTermsSchema } from './terms.ts';
import { checkingWallets } from './wallet-check.ts';
import { memoryTokenVault, type TokenVault } from './tokens.ts';

export interface OperatorsDeps {
  /** The rails to serve; those that touch no operator (`on_us`) are passed over. */
  readonly rails: readonly Rail[];
  /** Settings per rail id, unchecked: as they come out of a file. */
  readonly profiles: Readonly<Record<string, unknown>>;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Where access tokens live; this process's memory unless a shared vault is given. */
  readonly tokens?: TokenVault;
  /** Where it is known how our PINs stand; this process's memory unless a shared store is given. */
  readonly pins?: PinStore;
  /** Where balances are asked for that come by a message; they cannot be told unless given. */
  readonly balances?: BalanceDesk;
  /** Keeps answers that could not be used; they are kept nowhere unless given. */
  readonly keepAnswer?: KeepAnswer;
}

export type Operators = (railId: string) => OperatorClient;

/**
 * Makes a client for every rail. Throws `config_invalid`, naming the setting, when a rail has none or
 * wrong ones. The function it returns throws `operator_unavailable` for a rail it was not made with.
 */
export function createOperators(deps: OperatorsDeps): Operators {
  const tokens = deps.tokens ?? memoryTokenVault(deps.clock);
  const deadlines = createDeadlines(deps);
  const pins = createPinGuard(deps.pins ?? memoryPinStore(deps.clock));
  const shared = { fetch: deadlines.fetch, clock: deps.clock, tokens, pins, balances: deps.balances ?? null };
  const clients = new Map<string, OperatorClient>();
  for (const rail of deps.rails) {
    const client = createClient(shared, rail, ownSettings(deps.profiles[rail.id]));
    if (client === null) continue;
    const { checksWallets } = parseProfile(railTermsSchema, rail, commonSettings(deps.profiles[rail.id]));
    clients.set(rail.id, hearing(deadlines.guard(checksWallets ? checkingWallets(client) : client), deps.keepAnswer ?? null));
  }
  return (railId) => {
    const client = clients.get(railId);
    if (client === undefined) throw fault('operator_unavailable', { internal: `no client for rail ${railId}` });
    return client;
  };
}

/** What holds for each rail beside its protocol's settings. Throws `config_invalid`, naming the setting. */
export function railTerms(rails: readonly Rail[], profiles: Readonly<Record<string, unknown>>): ReadonlyMap<string, RailTerms> {
  return new Map(rails.map((rail) => [rail.id, parseProfile(railTermsSchema, rail, commonSettings(profiles[rail.id]))]));
}

function isCommon(name: string): boolean {
  return RAIL_TERM_NAMES.some((each) => each === name);
}

function commonSettings(profile: unknown): unknown {
  return typeof profile === 'object' && profile !== null
    ? Object.fromEntries(Object.entries(profile).filter(([name]) => isCommon(name)))
    : {};
}

/** The protocol's own settings. What is no object is left to be refused as it is. */
function ownSettings(profile: unknown): unknown {
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) return profile;
  return Object.fromEntries(Object.entries(profile).filter(([name]) => !isCommon(name)));
}

interface ClientDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
  readonly pins: PinGuard;
  readonly balances: BalanceDesk | null;
}

function createClient(deps: ClientDeps, rail: Rail, profile: unknown): OperatorClient | null {
  switch (rail.protocol) {
    case 'mpesa':
      return createMpesaClient(deps, rail, parseProfile(mpesaProfileSchema, rail, profile));
    case 'mtn_momo':
      return createMtnMomoClient(deps, rail, parseProfile(mtnMomoProfileSchema, rail, profile));
    case 'airtel':
      return createAirtelClient(deps, rail, parseProfile(airtelProfileSchema, rail, profile));
    case 'orange':
      return createOrangeClient(deps, rail, parseProfile(orangeProfileSchema, rail, profile));
    case 'gsma':
      return createGsmaClient(deps, rail, parseProfile(gsmaProfileSchema, rail, profile));
    case 'on_us':
      return null;
  }
}

/** Checks settings; the error names the first wrong one and never shows its value, which may be a secret. */
function parseProfile<Schema extends z.ZodType>(schema: Schema, rail: Rail, profile: unknown): z.output<Schema> {
  const parsed = schema.safeParse(profile);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unrecognised = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const field = ['operators', rail.id, ...(issue?.path ?? []), ...unrecognised].join('.');
  throw fault('config_invalid', {
    field,
    detail: `The setting ${field} is ${unrecognised.length > 0 ? 'not known' : 'missing or wrong'}.`,
  });
}
