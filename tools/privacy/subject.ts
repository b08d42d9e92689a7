/** What a person is told when they ask what is kept of them: everything, in clear, and nothing of anybody else. */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { findPeopleByIndex, findPerson, listPersonPayments, type PersonPayment } from '../../db/queries/privacy.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { formatAmount, money } from '../../domain/money.ts';
import { keptUntilMs } from './policy.ts';

export interface SubjectFile {
  readonly kind: 'capp-subject-access';
  readonly person: {
    readonly id: string;
    readonly name: string;
    readonly phone: string;
    readonly country: string;
    readonly walletId: string;
    readonly kycStatus: string;
    readonly kycTier: number;
    readonly knownSince: string;
  };
  readonly payments: readonly Readonly<Record<string, string | null>>[];
  /** Until when the law keeps all this, or null when nothing does. */
  readonly keptUntil: string | null;
}

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
  const { name, phone } = deps.keyring.people.openPerson(record);
  const { id, country, walletId, kycStatus, kycTier, createdAt } = record;
  return {
    kind: 'capp-subject-access',
    person: { id, name, phone, country, walletId, kycStatus, kycTier, knownSince: createdAt.toISOString() },
    payments: payments.map(paymentOf),
    keptUntil: untilMs === 0 ? null : new Date(untilMs).toISOString(),
  };
}

/** A payment as its own party may know it; who the other was is the other's. */
function paymentOf(payment: PersonPayment): Readonly<Record<string, string | null>> {
  const { id, role, status, purpose, fromCountry, toCountry } = payment;
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
  };
}
