/** What the API needs from elsewhere, handed in once at the composition root. */
import type { Pool, PoolClient } from 'pg';
import type { Keyring } from '../../db/keyring.ts';
import type { Tenants } from '../../db/tenants.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Money } from '../../domain/money.ts';
import type { Country } from '../../domain/rail.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Access } from '../auth/access.ts';
import type { Intake } from '../intake.ts';
import type { Log } from '../log.ts';
import type { Messaging } from '../messaging.ts';
import type { LimitDeps } from './limits.ts';
import type { ListLookup } from './resources/listed.ts';
import type { SumOfAll } from './metrics.ts';
import type { ApprovalDesk } from '../../tools/aptos/approval-desk.ts';
import type { BalanceAnswer } from '../../tools/mmo/balances.ts';
import type { OwnPayments } from '../../tools/mmo/operator.ts';
import type { HealthStore } from '../../tools/rails/health.ts';
import type { ReportingEntities } from '../../tools/reports/index.ts';

/** Who asks: a client's key, and the person or program that holds it. */
export interface Caller {
  readonly clientId: string;
  readonly principal: string;
  readonly scopes: readonly string[];
  /** The API key that it asks with, or got its token with; people have none. */
  readonly keyId?: string;
  /** What stands behind an access token; an API key has none. */
  readonly session?: Session;
  /** What every request of this caller must be signed with; nothing when it is missing or null. */
  readonly requestKey?: { readonly id: string; readonly publicJwk: Readonly<Record<string, string>> } | null;
}

/** A token that is being used. */
export interface Session {
  readonly jti: string;
  /** The login it goes on from; null for programs. */
  readonly family: string | null;
  readonly kind: 'person' | 'program';
  readonly expiresAtMs: number;
  /** When the second factor was last shown; null for programs. */
  readonly secondFactorAtMs: number | null;
}

export interface QuoteRequest {
  readonly clientId: string;
  /** What the sender pays in all. */
  readonly amount: Money;
  readonly toCurrency: Currency;
  readonly fromCountry: Country;
  readonly toCountry: Country;
}

/** `degraded` still serves: a fallback is in use, or a figure is old. */
export interface DependencyState {
  readonly state: 'up' | 'degraded' | 'down';
  /** One sentence for the people who run it; no addresses, no secrets. */
  readonly detail?: string;
}

/** How an operator wants its callback answered. */
export interface CallbackAnswer {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

/** How a rail's callbacks reach us, and whose are taken. */
export interface CallbackTerms {
  /** The token of the one address for all attempts; null where each attempt has its own alone. */
  readonly applicationToken: string | null;
  /** Whether the operator calls from this address. */
  readonly allows: (sourceAddress: string) => boolean;
}

/** A rail whose operator tells balances by a message. */
export interface BalanceDoor {
  /** Throws `malformed_body`. */
  readonly read: (body: string) => BalanceAnswer;
  /** The answer to being told. */
  readonly thanks: CallbackAnswer;
}

/** A rail whose customers can pay by themselves, and whose operator asks and tells about it at an address of ours. */
export interface OwnPaymentDesk {
  readonly railId: string;
  readonly payments: OwnPayments;
  /** The answer to being told. */
  readonly thanks: CallbackAnswer;
}

export interface OwnPaymentDesks {
  /** The desk at a secret path, or null. */
  readonly at: (token: string) => OwnPaymentDesk | null;
  /** Under whose name a message to a wrong path is kept; null when no operator tells of such payments. */
  readonly railId: string | null;
}

/** Work that may be waiting after a commit; losing a hint costs a sweep. */
export type ApiHint = 'authorize' | 'resume' | 'callbacks' | 'cases' | 'settle' | 'webhooks';

export interface ApiDeps {
  readonly pool: Pool;
  /** Connections that see and change one client's rows only: what is read and done for a client goes over them. */
  readonly tenants: Pick<Tenants, 'of' | 'writing' | 'listing'> & Partial<Pick<Tenants, 'replica'>>;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: Intake;
  /** Finds the holder of a presented key, or null: not known, expired, revoked. */
  readonly findCaller: (presented: string) => Promise<Caller | null>;
  /** Tokens and logins; without it there are API keys alone. */
  readonly access?: Access;
  /** Whether keys and programs may do what asks people for their second factor; they may unless told. */
  readonly programsDecide?: boolean;
  /** Makes, signs and stores a quote. Throws `rate_unavailable`, `corridor_unavailable`, amount codes. */
  readonly createQuote: (request: QuoteRequest) => Promise<{ readonly id: string }>;
  /** Our names for the keys on the settlement chain that are kept for a person: one to approve with, one to judge disputes with; null when there is none. */
  readonly settlementKeys?: {
    readonly approver: (principal: string) => string | null;
    readonly arbiter: (principal: string) => string | null;
    /** The account of an approver who keeps the keys elsewhere; nobody does unless told. */
    readonly ownAccount?: (principal: string) => string | null;
  };
  /** Where approvals by such keys are asked for and looked at; without it nobody can give one. */
  readonly approvalDesk?: ApprovalDesk | undefined;
  /** Never throws and never waits. */
  readonly notify: (hint: ApiHint) => void;
  /** The operator's own answer, or null for a rail without callbacks. */
  readonly callbackAnswer: (railId: string) => CallbackAnswer | null;
  /** How a rail's callbacks come; by an attempt's own address, from anywhere, unless told. */
  readonly callbackTerms?: (railId: string) => CallbackTerms;
  /** Where operators tell of payments that customers make by themselves; nowhere unless given. */
  readonly ownPayments?: OwnPaymentDesks;
  /** The rails whose operators tell balances by a message, by id. */
  readonly balanceDoors?: ReadonlyMap<string, BalanceDoor>;
  /** Where processes share how rails do; the database unless given. */
  readonly railHealth?: HealthStore;
  /** Gives back the float a cancelled payment had reserved, inside the transaction that cancels it. */
  readonly voidReservation: (tx: PoolClient, reservation: { readonly paymentId: string; readonly reservationId: string }) => Promise<void>;
  /** What readiness depends on besides the database, by name; `required` ones take the API out of service when down. */
  readonly dependencies: Readonly<Record<string, { readonly required: boolean; readonly check: () => Promise<DependencyState> }>>;
  /** Jobs that wait, per queue. */
  readonly queueDepths: () => Promise<Readonly<Record<string, number>>>;
  /** Adds up figures over the processes that share the port; there is one process unless told. */
  readonly sumOfAll?: SumOfAll;
  /** How much one caller may ask for; no bounds unless told. */
  readonly limits?: LimitDeps;
  /** Callbacks must come over a connection whose certificate an operators' authority signed. */
  readonly operatorCertificates?: boolean;
  /** Version of the program, for the OpenAPI document and the metrics. */
  readonly version: string;
  /** How often the live stream looks for new activity, milliseconds; 500 unless told. */
  readonly streamPollMs?: number;
  /** Whether webhooks may go into private networks and over plain HTTP; not unless told. */
  readonly webhookAllowPrivate?: boolean;
  /** USSD and text messages; without it their addresses do not exist. */
  readonly messaging?: Messaging | null;
  /** The lists in force, for officers to look up whom a hit means; without them a hit is shown by its numbers alone. */
  readonly lists?: ListLookup;
  /** Who reports in which country; without it no report that names one is made. */
  readonly reportingEntities?: ReportingEntities;
  /** How long a claim keeps a case from other officers, and how long an approval counts, milliseconds. */
  readonly desk?: { readonly claimMs: number; readonly approvalMs: number };
  /** Listeners of the live stream at once; 200 unless told. */
  readonly streamListenersMax?: number;
}
