/**
 * What a person is told when they ask what is kept of them: everything that can be told to be theirs, in clear, for how long it is kept
 * and why, and nothing of anybody else.
 */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { findPeopleByIndex, findPerson, listPersonPayments, type PersonPayment } from '../../db/queries/privacy.ts';
import { listSubjectHolds, type SubjectHold } from '../../db/queries/subject-access.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import type { PartyDetails } from '../../domain/party.ts';
import { formatAmount, money } from '../../domain/money.ts';
import { keptUntilMs, RETENTION, recordPolicyOf } from './policy.ts';
import { readSubjectRecords, type SubjectRecords } from './subject-records.ts';

export interface SubjectFile extends SubjectRecords {
  readonly kind: 'capp-subject-access';
  readonly person: PartyDetails & {
    readonly id: string;
    readonly name: string;
    readonly phone: string;
    readonly country: string;
    readonly walletId: string;
    readonly kycStatus: string;
    readonly kycTier: number;
    readonly knownSince: string;
  };
  readonly payments: readonly SubjectPayment[];
  /** Until when the law keeps all this, or null when nothing does. */
  readonly keptUntil: string | null;
  readonly retention: {
    /** Years from a payment's end, by country: of a payment the longer of both counts. */
    readonly records: readonly { readonly country: string; readonly years: number; readonly because: string }[];
    /** Days from when it was written, by kind. */
    readonly kinds: readonly { readonly kind: string; readonly days: number; readonly because: string }[];
    /** While one is in force, nothing above is deleted or erased, whatever its age. */
    readonly holds: readonly { readonly reference: string; readonly placedAt: string; readonly liftedAt: string | null }[];
  };
  /** What may speak of somebody and is not in here, and why. */
  readonly notIncluded: readonly string[];
}

/** A payment as its own party may know it: `said` is what the client gave of that party with it. */
export type SubjectPayment = Readonly<Record<string, string | PartyDetails | null>>;

const NOT_INCLUDED = [
  'Who the other party of a payment was: that is theirs to ask for.',
  'Whether anybody was suspected of anything, and reports to authorities: the law forbids to say so, whatever the answer would be.',
  'Operators’ statements and messages that belong to no payment of ours: they cannot be told to be about anybody, and go by age.',
];

/** The ids under which a number is kept by the clients of the platform, or by one of them. */
export async function findSubjects(
  deps: { readonly pool: Pool; readonly keyring: Keyring },
  phone: string,
  clientId: string | null = null,
): Promise<string[]> {
  const clients =
    clientId === null ? (await deps.pool.query<{ id: string }>('select id from clients')).rows.map(({ id }) => id) : [clientId];
  const wanted = clients.flatMap((id) => deps.keyring.blindIndexes(phone, id).map((phoneIndex) => ({ clientId: id, phoneIndex })));
  return findPeopleByIndex(deps.pool, wanted);
}

/** Everything that is kept of a person. Throws `not_found` for somebody who is not kept or was erased. */
export async function exportSubject(deps: { readonly pool: Pool; readonly keyring: Keyring }, userId: string): Promise<SubjectFile> {
  const record = await findPerson(deps.pool, userId);
  if (record === null || record.erasedAt !== null) throw fault('not_found', { detail: 'Nobody is kept under that id.' });
  const payments = await listPersonPayments(deps.pool, userId);
  const untilMs = Math.max(0, ...payments.map((payment) => keptUntilMs(payment)));
  const { name, phone, details } = deps.keyring.people.openPerson(record);
  const { id, clientId, country, walletId, kycStatus, kycTier, createdAt } = record;
  return {
    kind: 'capp-subject-access',
    person: { id, name, phone, ...details, country, walletId, kycStatus, kycTier, knownSince: createdAt.toISOString() },
    payments: payments.map((payment) => paymentOf(deps.keyring, payment)),
    ...(await readSubjectRecords(deps, { userId, clientId, phone })),
    keptUntil: untilMs === 0 ? null : new Date(untilMs).toISOString(),
    retention: retentionOf(payments, country, await listSubjectHolds(deps.pool, userId)),
    notIncluded: NOT_INCLUDED,
  };
}

/** The policies that count for somebody, and what stands against them. */
function retentionOf(payments: readonly PersonPayment[], country: string, holds: readonly SubjectHold[]): SubjectFile['retention'] {
  const countries = new Set([country, ...payments.flatMap(({ fromCountry, toCountry }) => [fromCountry, toCountry])]);
  return {
    records: [...countries].toSorted().map((each) => {
      const { years, source } = recordPolicyOf(each);
      return { country: each, years, because: source };
    }),
    kinds: Object.entries(RETENTION.days).map(([kind, { days, source }]) => ({ kind, days, because: source })),
    holds: holds.map(({ reference, placedAt, liftedAt }) => ({
      reference,
      placedAt: placedAt.toISOString(),
      liftedAt: liftedAt?.toISOString() ?? null,
    })),
  };
}

/** A payment as its own party may know it; who the other was is the other's. */
function paymentOf(keyring: Keyring, payment: PersonPayment): SubjectPayment {
  const { id, role, status, purpose, fromCountry, toCountry } = payment;
  const said = keyring.people.openParty({ parties: payment.parties, senderKey: payment.ownKey, receiverKey: payment.ownKey }, role).details;
  const amountOf = (minor: bigint, currency: string): string => `${formatAmount(money(minor, currency as Currency))} ${currency}`;
  return {
    id,
    role,
    status,
    purpose,
    fromCountry,
    toCountry,
    sent: amountOf(payment.amount, payment.fromCurrency),
    received: payment.targetAmount === null ? null : amountOf(payment.targetAmount, payment.toCurrency),
    createdAt: payment.createdAt.toISOString(),
    keptUntil: new Date(keptUntilMs(payment)).toISOString(),
    ...(said === undefined ? {} : { said }),
  };
}
