/** What the graph needs from the floors below, handed in once at the composition root. */
import type { Pool } from 'pg';
import type { GasTerms, SettlementPolicy } from '../agents/settlement/index.ts';
import type { FourEyesRule } from '../domain/cases.ts';
import type { Clock } from '../domain/clock.ts';
import type { Currency } from '../domain/currency.ts';
import type { Keyring } from '../db/keyring.ts';
import type { Country, Rail } from '../domain/rail.ts';
import type { AnchorDeps } from '../tools/audit/index.ts';
import type { PublishDeps } from '../tools/registry/publish.ts';
import type { SettlementChain } from '../tools/aptos/settlement-chain.ts';
import type { OperatorClient } from '../tools/mmo/operator.ts';
import type { SmsSender } from '../tools/notify/gateways/gateway.ts';
import type { HealthStore } from '../tools/rails/health.ts';
import type { RateGate } from '../tools/rails/rates.ts';
import type { StatementFile } from '../tools/reconciliation/file.ts';
import type { Advise } from './case/advice.ts';

import type { Approver, Arbiter, DriverSettings } from './settlement/types.ts';

/** The part of a pino logger that the graph uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A hint that work is ready. Losing one costs a sweep; delivering one twice costs a look. */
export type Hint = 'authorize' | 'resume' | 'outcomes' | 'dispatch' | 'inquire' | 'callbacks' | 'webhooks' | 'sms' | 'cases' | 'settle';

/** Tells the queue that work of a kind is ready. Never throws and never waits. */
export type Notify = (hint: Hint) => void;

/** Includes from which amount or priority on a release needs two officers. */
export interface GraphSettings extends FourEyesRule {
  /** Payments in one cohort at most. */
  readonly cohortMax: number;
  /** Cohorts of one kind under way at once in a process: while the database writes one, the agents decide the next. */
  readonly cohortsAtOnce: number;
  /** How long a cohort may hold its payments before another worker takes them over, milliseconds. */
  readonly leaseMs: number;
  /** Requests to operators under way at most, per process and kind (send, inquire, callback). */
  readonly effectsMax: number;
  /** The same for one rail. */
  readonly effectsMaxPerRail: number;
  /** How long a request to an operator may take before its outcome counts as unknown, milliseconds. */
  readonly sendTimeoutMs: number;
  /** First wait before an operator is asked again, milliseconds; it doubles up to the maximum. */
  readonly inquiryDelayMs: number;
  readonly inquiryDelayMsMax: number;
  /** The same by rail, where an operator wants to be asked more slowly or may be asked faster. */
  readonly inquiryDelaysMs: Readonly<Record<string, { readonly first: number; readonly longest: number }>>;
  /** Wait before a payment that found no liquidity, or whose refund failed, is looked at again, milliseconds. */
  readonly retryDelayMs: number;
  /** How long a paid payment waits at most for its settlement window to close, milliseconds. */
  readonly settlementAgeMs: number;
  /** How long an operator may leave an outcome open before people are told, milliseconds; by rail where it differs. */
  readonly doubtLimitMs: number;
  readonly doubtLimitsMs: Readonly<Record<string, number>>;
  /** Sends webhooks into private networks as well: for development. */
  readonly webhookAllowPrivate: boolean;
}

export const DEFAULT_GRAPH_SETTINGS: GraphSettings = {
  cohortMax: 500,
  cohortsAtOnce: 3,
  leaseMs: 15_000,
  effectsMax: 128,
  effectsMaxPerRail: 32,
  sendTimeoutMs: 15_000,
  inquiryDelayMs: 5_000,
  inquiryDelayMsMax: 300_000,
  inquiryDelaysMs: {},
  retryDelayMs: 5_000,
  settlementAgeMs: 60_000,
  fourEyesPriority: 90,
  fourEyesUsd: 1_000,
  fourEyesAmounts: {},
  doubtLimitMs: 1_800_000,
  doubtLimitsMs: {},
  webhookAllowPrivate: false,
};

/** How operators reach us about one attempt. */
export interface CallbackAddresses {
  /** The address an operator is given: unguessable, derived from the attempt. */
  urlOf(railId: string, attemptId: string): string;
  /** SHA-256 of the token in that address, by which the attempt is found. */
  tokenHash(attemptId: string): Buffer;
}

/** Telling people by text what becomes of their money. */
export interface TextMessaging {
  /** Clients whose senders and receivers are told. */
  readonly clientIds: readonly string[];
  /** The gateway that reaches numbers of a country. */
  readonly senderFor: (country: Country) => SmsSender;
}

/** The chain that batches are settled on, and who may consent there. */
export interface SettlementSide {
  readonly chain: SettlementChain;
  readonly approvers: readonly Approver[];
  readonly arbiters: readonly Arbiter[];
  /** Whether a partner has an account there in a currency. */
  readonly isOnChain: (partner: string, currency: Currency) => boolean;
  /** What gas costs there. */
  readonly gas: GasTerms;
  readonly settings: DriverSettings;
  /** By what it is decided that a batch goes there; `SETTLEMENT_POLICY` unless given. */
  readonly policy?: SettlementPolicy;
  /** Where heads of the audit log are anchored, and how often at most. */
  readonly anchors?: Pick<AnchorDeps, 'keeper' | 'intervalMs'>;
  /** Where supervisors read which lists are in force and which customers were checked. */
  readonly registry?: Pick<PublishDeps, 'keeper' | 'rolls' | 'salt'>;
}

/** What every part of the graph works with. */
export interface GraphDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  readonly keyring: Keyring;
  readonly operators: (railId: string) => OperatorClient;
  readonly callbacks: CallbackAddresses;
  readonly notify: Notify;
  /** Units of a currency for one US dollar, times 10^12, or null; without it every amount counts as large. */
  readonly perUsd?: (currency: Currency) => bigint | null;
  /** Gives officers advice on cases; nobody does unless told. */
  readonly advise?: Advise;
  readonly settings: GraphSettings;
  /** How much operators may be sent, over all processes; without it as much as there is. */
  readonly rates?: RateGate;
  /** Where processes share how rails do; the database, in the transaction that works outcomes in, unless given. */
  readonly railHealth?: HealthStore;
  /** The statement of a rail's day as its operator gave it, or null when it is not there; without it nothing is reconciled daily. */
  readonly statements?: (rail: Rail, day: string) => Promise<StatementFile | null>;
  /** Missing: nobody is told by text. */
  readonly texting?: TextMessaging | undefined;
  /** Waits, for a bounded time, while others wait for answers on this machine; asked before work is claimed. */
  readonly courtesy?: (() => Promise<void>) | undefined;
  /** Without one every batch stays on the books. */
  readonly settlement?: SettlementSide | undefined;
}
