/**
 * Settings, read from the environment once and checked before anything is started. A wrong one is named;
 * the value of a secret is never shown.
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { ReplicaAddress } from '../db/tenants.ts';
import type { FourEyesRule } from '../domain/cases.ts';
import { fault } from '../domain/errors.ts';
import { type LimitPolicies, readLimits } from './limits/policy.ts';
import { assertNoTracing, type LlmSettings, nanoUsdOf } from '../tools/llm/settings.ts';
import { READ_ELSEWHERE } from './known-settings.ts';
import { assertProduction } from './production.ts';
import { type Env, isSecretFile, withSecretFiles } from './secrets.ts';
import { amountsByCurrency, assertUrl, limitsByRail, namesIn } from './setting-forms.ts';
import type { TlsSettings } from './tls.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const optionalText = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text === '' ? null : text));

const usd = z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be US dollars as 0.15');

const settingsSchema = z.object({
  /** `production` refuses development keys, sandbox operators and built-in lists. */
  CAPP_ENV: z.enum(['development', 'production']).default('development'),
  CAPP_DATA_DIR: z.string().min(1).default('.capp'),
  DATABASE_URL: optionalText,
  /** A standby of that database: lists are read from it while it is behind by no more than so many milliseconds. See docs/scaling.md. */
  CAPP_REPLICA_URL: optionalText,
  CAPP_REPLICA_LAG_MS: z.coerce.number().int().min(1_000).max(60_000).default(2_000),
  REDIS_URL: optionalText,
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(8080),
  /** The address operators call back to; the API's own unless set. */
  CAPP_PUBLIC_URL: optionalText,
  /** JSON file with one object of settings per rail; the sandbox's unless set. */
  CAPP_OPERATORS_PATH: optionalText,
  /** Set by the supervisor when the operators are the sandbox's. */
  CAPP_SANDBOX: z.enum(['0', '1']).default('0'),
  /** Where the sandbox answers, for its operators' statements. Set by the supervisor with the sandbox it starts. */
  CAPP_SANDBOX_URL: z.url().optional(),
  CAPP_SANCTIONS_PATH: optionalText,
  /** Names of lists, separated by commas, that payments have to be screened against. */
  CAPP_LISTS_REQUIRED: z.string().default('OFAC-SDN,UN-SC,EU,UK'),
  CAPP_LISTS_ALLOW_SHRINK: z.string().default(''),
  /** JSON file of a risk model, as `npm run train:risk` writes it; unset: the one that comes with the program. */
  CAPP_RISK_MODEL_PATH: optionalText,
  /** JSON files: which chain to settle on and who is who there; and the keys of our accounts. Without the first, settlement stays on the books. */
  CAPP_APTOS_PATH: optionalText,
  CAPP_APTOS_KEYS_PATH: optionalText,
  /**
   * People who approve settlements, each with the number of the approver's key kept for them, or with an account whose keys they keep
   * themselves: `treasury:zawadi=1,treasury:tunde=0x…`.
   */
  CAPP_SETTLEMENT_APPROVERS: z.string().default(''),
  /** People who judge disputes, each with the number of the arbiter's key kept for them. */
  CAPP_SETTLEMENT_ARBITERS: z.string().default(''),
  /** How often the head of the audit log goes onto the settlement chain at most, milliseconds. */
  CAPP_ANCHOR_MS: z.coerce.number().int().min(1_000).default(600_000),
  /** How long after its execution on the chain a batch may be disputed before it is paid, seconds; 0 pays with the execution. */
  CAPP_SETTLEMENT_DISPUTE_SECS: z.coerce.number().int().min(0).max(2_592_000).default(0),
  /** A node of one's own in place of the profile's. */
  APTOS_NODE_URL: optionalText,
  /** Folder of the operators' statements: `RAIL/DAY.csv`, or `.json`. */
  CAPP_STATEMENTS_PATH: optionalText,
  /** JSON file of messaging gateways, for USSD and text messages; without it there are none. */
  CAPP_MESSAGING_PATH: optionalText,
  /** 1 serves TLS 1.3; see docs/security.md. Without a certificate outside production it makes one of its own. */
  CAPP_TLS: z.enum(['0', '1']).default('0'),
  CAPP_TLS_CERT_PATH: optionalText,
  CAPP_TLS_KEY_PATH: optionalText,
  /** Certificate authorities of operators: a callback without a certificate of theirs is put aside. */
  CAPP_TLS_OPERATOR_CA_PATH: optionalText,
  /** API processes that share the port: on Linux as many as there are processors, two at most, unless told. */
  CAPP_API_PROCESSES: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .transform((count) => count ?? (process.platform === 'linux' ? Math.min(2, availableParallelism()) : 1)),
  /** Worker processes. */
  CAPP_WORKERS: z.coerce.number().int().min(1).max(64).default(1),
  CAPP_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Payments in one cohort at most. */
  CAPP_COHORT_MAX: z.coerce.number().int().min(1).max(5_000).default(500),
  /** First wait before an operator is asked again, and the longest, milliseconds. */
  CAPP_INQUIRY_DELAY_MS: z.coerce.number().int().min(50).default(5_000),
  CAPP_INQUIRY_DELAY_MS_MAX: z.coerce.number().int().min(50).default(300_000),
  /** How long a payment that found no float waits for another look, milliseconds. */
  CAPP_RETRY_DELAY_MS: z.coerce.number().int().min(50).default(5_000),
  /** How long a cohort, or a request to an operator, may be under way before it counts as lost, milliseconds. */
  CAPP_LEASE_MS: z.coerce.number().int().min(1_000).default(15_000),
  /** How often workers look for work that no hint told of, and for settlement, milliseconds. */
  CAPP_SWEEP_MS: z.coerce.number().int().min(50).default(1_000),
  /** How long a paid payment waits at most for its settlement window to close, milliseconds. */
  CAPP_SETTLEMENT_AGE_MS: z.coerce.number().int().min(0).default(60_000),
  /** How long an operator may leave an outcome open before people are told, milliseconds; and by rail, as `mtn-ug=600000,hub-ke=900000`. */
  CAPP_DOUBT_LIMIT_MS: z.coerce.number().int().min(1_000).default(1_800_000),
  CAPP_DOUBT_LIMITS_MS: z
    .string()
    .regex(/^([a-z0-9-]+=\d{4,9}(,(?!$)|$))*$/, 'must be rails with milliseconds, as mtn-ug=600000,hub-ke=900000')
    .default(''),
  /** From which case priority, US dollars or amounts per currency (`KES=100000,UGX=3000000`) on a release needs two officers. */
  CAPP_FOUR_EYES_PRIORITY: z.coerce.number().int().min(0).max(101).default(90),
  CAPP_FOUR_EYES_USD: z.coerce.number().int().min(0).max(1_000_000_000).default(1_000),
  CAPP_FOUR_EYES_AMOUNTS: z
    .string()
    .regex(/^([A-Z]{3}=\d{1,15}(,(?!$)|$))*$/, 'must be currencies with whole amounts, as KES=100000,UGX=3000000')
    .default(''),
  /** How long an officer's approval counts, and how long a claim keeps a case from others, milliseconds. */
  CAPP_APPROVAL_MS: z.coerce.number().int().min(60_000).default(86_400_000),
  CAPP_CASE_CLAIM_MS: z.coerce.number().int().min(10_000).default(900_000),
  /** 1 lets API keys do what asks people for their second factor, 0 does not; in production 0 unless set. */
  CAPP_KEYS_DECIDE: z.enum(['0', '1']).optional(),
  /** 1 sends webhooks to private networks and over plain HTTP as well. */
  CAPP_WEBHOOK_ALLOW_PRIVATE: z.enum(['0', '1']).default('0'),
  /** `class=requests/seconds` entries, separated by commas: see docs/limits.md. */
  CAPP_RATE_LIMITS: z.string().default(''),
  /** How many proxies of ours stand before the API: so many entries of `X-Forwarded-For` are believed. */
  CAPP_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  /** Connections to the API at once, in all and from one address. */
  CAPP_CONNECTIONS_MAX: z.coerce.number().int().min(1).default(10_000),
  CAPP_CONNECTIONS_PER_ADDRESS_MAX: z.coerce.number().int().min(1).default(5_000),
  CAPP_HOUSEKEEPING_MS: z.coerce.number().int().min(100).default(5_000),
  /** Who reports to which authority: a JSON file, see docs/reports.md. */
  CAPP_REPORTING_PATH: optionalText,
  /** A service that speaks the OpenAI protocol, its model and key: without it no model is asked. See docs/investigator.md. */
  CAPP_LLM_URL: optionalText,
  CAPP_LLM_MODEL: optionalText,
  CAPP_LLM_KEY: optionalText,
  /** For one case, all calls together, milliseconds. */
  CAPP_LLM_DEADLINE_MS: z.coerce.number().int().min(100).max(120_000).default(20_000),
  CAPP_LLM_CALLS_MAX: z.coerce.number().int().min(1).max(50).default(8),
  CAPP_LLM_ANSWER_TOKENS_MAX: z.coerce.number().int().min(50).max(32_000).default(1_000),
  CAPP_LLM_CASE_TOKENS_MAX: z.coerce.number().int().min(100).default(60_000),
  CAPP_LLM_DAY_TOKENS_MAX: z.coerce.number().int().min(100).default(5_000_000),
  /** US dollars for a million tokens. */
  CAPP_LLM_INPUT_PRICE: usd.default('0'),
  CAPP_LLM_OUTPUT_PRICE: usd.default('0'),
  /** US dollars. */
  CAPP_LLM_CASE_COST_MAX: usd.default('0.25'),
  CAPP_LLM_DAY_COST_MAX: usd.default('20'),
  CAPP_LLM_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(2),
});

export interface Config {
  readonly env: 'development' | 'production';
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  /** A standby that lists are read from; null: there is none. */
  readonly replica: ReplicaAddress | null;
  readonly redisUrl: string | null;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string;
  /** Null: plain HTTP. */
  readonly tls: TlsSettings | null;
  readonly operatorsPath: string | null;
  /** The operators are the sandbox's: no real money moves. */
  readonly sandbox: boolean;
  /** Where it answers; null: it is asked through its folder. */
  readonly sandboxUrl: string | null;
  readonly sanctionsPath: string | null;
  /** Lists that have to be there: production does not run without them, and elsewhere the health page tells what lacks. */
  readonly listsRequired: readonly string[];
  /** Versions of lists at the path that count although they lost much, and names of those that may be gone. */
  readonly listsAllowShrunk: readonly string[];
  readonly riskModelPath: string | null;
  /** Which chain to settle on; null settles on the books alone. */
  readonly aptosPath: string | null;
  readonly aptosKeysPath: string | null;
  readonly aptosNodeUrl: string | null;
  readonly statementsPath: string | null;
  readonly messagingPath: string | null;
  readonly settlementApprovers: string;
  readonly settlementArbiters: string;
  readonly anchorMs: number;
  readonly apiProcesses: number;
  readonly settlementDisputeSecs: number;
  readonly workers: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly cohortMax: number;
  readonly inquiryDelayMs: number;
  readonly inquiryDelayMsMax: number;
  readonly retryDelayMs: number;
  readonly leaseMs: number;
  readonly sweepMs: number;
  readonly housekeepingMs: number;
  readonly settlementAgeMs: number;
  readonly limitPolicies: LimitPolicies;
  readonly trustedProxies: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly doubtLimitMs: number;
  readonly doubtLimitsMs: Readonly<Record<string, number>>;
  readonly webhookAllowPrivate: boolean;
  /** API keys may do what asks people for their second factor. */
  readonly programsDecide: boolean;
  readonly reportingPath: string | null;
  /** Null: no model is asked. */
  readonly llm: LlmSettings | null;
  readonly fourEyes: FourEyesRule;
  readonly approvalMs: number;
  readonly caseClaimMs: number;
}

/** Whether there is a setting of this name, or a secret whose file it names. */
export function isSetting(name: string): boolean {
  return name in settingsSchema.shape || READ_ELSEWHERE.has(name) || isSecretFile(name);
}

/** The names of all settings, without those that name the file of a secret. */
export const SETTING_NAMES: readonly string[] = [...new Set([...Object.keys(settingsSchema.shape), ...READ_ELSEWHERE])];

/** Settings that are right by themselves and wrong together, or where they are used. Throws `config_invalid`. */
function assertFits(settings: z.infer<typeof settingsSchema>): void {
  assertUrl('DATABASE_URL', settings.DATABASE_URL, ['postgres', 'postgresql']);
  assertUrl('CAPP_REPLICA_URL', settings.CAPP_REPLICA_URL, ['postgres', 'postgresql']);
  assertUrl('REDIS_URL', settings.REDIS_URL, ['redis', 'rediss']);
  assertUrl('CAPP_PUBLIC_URL', settings.CAPP_PUBLIC_URL, ['http', 'https']);
  assertUrl('APTOS_NODE_URL', settings.APTOS_NODE_URL, ['http', 'https']);
  if (settings.CAPP_APTOS_PATH === null && (settings.CAPP_APTOS_KEYS_PATH ?? settings.APTOS_NODE_URL) !== null) {
    throw fault('config_invalid', { field: 'CAPP_APTOS_PATH', detail: 'CAPP_APTOS_PATH must name the profile of the chain.' });
  }
}

/** What a setting should have been, for whoever typed it; what was typed is not repeated. */
function wordsOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'it must be a whole number' : 'it must be a number';
    case 'too_small':
      return issue.origin === 'string' ? 'it is empty' : `it must be ${issue.minimum} or more`;
    case 'too_big':
      return `it must be ${issue.maximum} or less`;
    case 'invalid_value':
      return `it must be ${issue.values.map(String).join(' or ')}`;
    default:
      return issue.message;
  }
}

/** Reads the settings. Throws `config_invalid` naming the first that is wrong, or one that is not known. */
export function readConfig(given: Env): Config {
  const env = withSecretFiles(given);
  const settings = settingsOf(env);
  assertFits(settings);
  return {
    env: settings.CAPP_ENV,
    dataDir: settings.CAPP_DATA_DIR,
    databaseUrl: settings.DATABASE_URL,
    replica: settings.CAPP_REPLICA_URL === null ? null : { url: settings.CAPP_REPLICA_URL, lagMsMax: settings.CAPP_REPLICA_LAG_MS },
    redisUrl: settings.REDIS_URL,
    host: settings.HOST,
    port: settings.PORT,
    publicUrl: (settings.CAPP_PUBLIC_URL ?? `${settings.CAPP_TLS === '1' ? 'https' : 'http'}://${settings.HOST}:${settings.PORT}`).replace(
      /\/+$/,
      '',
    ),
    tls: tlsSettings(settings),
    operatorsPath: settings.CAPP_OPERATORS_PATH,
    sandbox: settings.CAPP_SANDBOX === '1',
    sandboxUrl: settings.CAPP_SANDBOX_URL ?? null,
    sanctionsPath: settings.CAPP_SANCTIONS_PATH,
    listsRequired: namesIn(settings.CAPP_LISTS_REQUIRED),
    listsAllowShrunk: namesIn(settings.CAPP_LISTS_ALLOW_SHRINK),
    riskModelPath: settings.CAPP_RISK_MODEL_PATH,
    aptosPath: settings.CAPP_APTOS_PATH,
    aptosKeysPath: settings.CAPP_APTOS_KEYS_PATH,
    aptosNodeUrl: settings.APTOS_NODE_URL,
    statementsPath: settings.CAPP_STATEMENTS_PATH,
    messagingPath: settings.CAPP_MESSAGING_PATH,
    settlementApprovers: settings.CAPP_SETTLEMENT_APPROVERS,
    settlementArbiters: settings.CAPP_SETTLEMENT_ARBITERS,
    anchorMs: settings.CAPP_ANCHOR_MS,
    apiProcesses: settings.CAPP_API_PROCESSES,
    settlementDisputeSecs: settings.CAPP_SETTLEMENT_DISPUTE_SECS,
    workers: settings.CAPP_WORKERS,
    logLevel: settings.CAPP_LOG_LEVEL,
    cohortMax: settings.CAPP_COHORT_MAX,
    inquiryDelayMs: settings.CAPP_INQUIRY_DELAY_MS,
    inquiryDelayMsMax: settings.CAPP_INQUIRY_DELAY_MS_MAX,
    retryDelayMs: settings.CAPP_RETRY_DELAY_MS,
    leaseMs: settings.CAPP_LEASE_MS,
    sweepMs: settings.CAPP_SWEEP_MS,
    housekeepingMs: settings.CAPP_HOUSEKEEPING_MS,
    settlementAgeMs: settings.CAPP_SETTLEMENT_AGE_MS,
    limitPolicies: readLimits(settings.CAPP_RATE_LIMITS),
    trustedProxies: settings.CAPP_TRUSTED_PROXIES,
    connectionsMax: settings.CAPP_CONNECTIONS_MAX,
    connectionsPerAddressMax: settings.CAPP_CONNECTIONS_PER_ADDRESS_MAX,
    doubtLimitMs: settings.CAPP_DOUBT_LIMIT_MS,
    doubtLimitsMs: limitsByRail(settings.CAPP_DOUBT_LIMITS_MS),
    webhookAllowPrivate: settings.CAPP_WEBHOOK_ALLOW_PRIVATE === '1',
    programsDecide: settings.CAPP_KEYS_DECIDE === undefined ? settings.CAPP_ENV !== 'production' : settings.CAPP_KEYS_DECIDE === '1',
    fourEyes: {
      fourEyesPriority: settings.CAPP_FOUR_EYES_PRIORITY,
      fourEyesUsd: settings.CAPP_FOUR_EYES_USD,
      fourEyesAmounts: amountsByCurrency(settings.CAPP_FOUR_EYES_AMOUNTS),
    },
    approvalMs: settings.CAPP_APPROVAL_MS,
    caseClaimMs: settings.CAPP_CASE_CLAIM_MS,
    reportingPath: settings.CAPP_REPORTING_PATH,
    llm: llmSettings(settings),
  };
}

/** The settings as they are written, each of its form. Throws `config_invalid` for one that is not, or that nobody knows. */
function settingsOf(env: Env): z.infer<typeof settingsSchema> {
  const unknown = Object.keys(env).find((name) => name.startsWith('CAPP_') && !isSetting(name));
  if (unknown !== undefined) throw fault('config_invalid', { field: unknown, detail: `There is no setting ${unknown}.` });
  if (env['CAPP_ENV'] === 'production') assertProduction(env);
  assertNoTracing(env);
  const parsed = settingsSchema.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0] as z.core.$ZodIssue;
    const name = String(issue.path[0]);
    throw fault('config_invalid', { field: name, detail: `${name} is wrong: ${wordsOf(issue)}.` });
  }
  return parsed.data;
}

function tlsSettings(settings: z.infer<typeof settingsSchema>): TlsSettings | null {
  const { CAPP_TLS_CERT_PATH: certPath, CAPP_TLS_KEY_PATH: keyPath, CAPP_TLS_OPERATOR_CA_PATH: operatorCaPath } = settings;
  if (settings.CAPP_TLS === '1') return { certPath, keyPath, operatorCaPath };
  if ((certPath ?? keyPath ?? operatorCaPath) === null) return null;
  throw fault('config_invalid', { field: 'CAPP_TLS', detail: 'Certificates are named, and CAPP_TLS is not 1.' });
}

/** The settings of the model, or null when there is none. Throws `config_invalid` for half of them, and for plain HTTP to elsewhere. */
function llmSettings(settings: z.infer<typeof settingsSchema>): LlmSettings | null {
  const { CAPP_LLM_URL: url, CAPP_LLM_MODEL: model, CAPP_LLM_KEY: apiKey } = settings;
  if (url === null && model === null && apiKey === null) return null;
  const refuse = (field: string, detail: string) => fault('config_invalid', { field, detail });
  if (url === null || model === null) throw refuse('CAPP_LLM_URL', 'CAPP_LLM_URL and CAPP_LLM_MODEL go together.');
  assertUrl('CAPP_LLM_URL', url, ['https', 'http']);
  const { protocol, hostname, username, password } = new URL(url);
  const isOwn = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  if (username !== '' || password !== '') throw refuse('CAPP_LLM_URL', 'CAPP_LLM_URL carries a password; give the key in CAPP_LLM_KEY.');
  if (protocol !== 'https:' && !(protocol === 'http:' && isOwn)) {
    throw refuse('CAPP_LLM_URL', 'CAPP_LLM_URL must begin with https://, or lead to this machine.');
  }
  // A million tokens for so many dollars: a token for so many millionths.
  const perToken = (price: string): bigint => (nanoUsdOf(price) ?? 0n) / 1_000_000n;
  return {
    url,
    model,
    apiKey: apiKey ?? 'none',
    deadlineMs: settings.CAPP_LLM_DEADLINE_MS,
    callsMax: settings.CAPP_LLM_CALLS_MAX,
    answerTokensMax: settings.CAPP_LLM_ANSWER_TOKENS_MAX,
    caseTokensMax: settings.CAPP_LLM_CASE_TOKENS_MAX,
    dayTokensMax: settings.CAPP_LLM_DAY_TOKENS_MAX,
    inputNanoUsd: perToken(settings.CAPP_LLM_INPUT_PRICE),
    outputNanoUsd: perToken(settings.CAPP_LLM_OUTPUT_PRICE),
    caseNanoUsdMax: nanoUsdOf(settings.CAPP_LLM_CASE_COST_MAX) ?? 0n,
    dayNanoUsdMax: nanoUsdOf(settings.CAPP_LLM_DAY_COST_MAX) ?? 0n,
    concurrency: settings.CAPP_LLM_CONCURRENCY,
  };
}
