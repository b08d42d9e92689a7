/** A payment, who reports it, and a report of it, for tests. */
import { money } from '../../domain/money.ts';
import type { ReportingEntity } from './entity.ts';
import type { GoamlInput } from './goaml.ts';
import { actionOf, reasonOf } from './narrative.ts';
import type { ReportPayment } from './subject.ts';

export const AT = Date.UTC(2026, 10, 20, 9);
export const ENTITY: ReportingEntity = {
  entityId: '4711',
  institutionName: 'Acme Transfers Ltd',
  institutionCode: 'ACME',
  person: { firstName: 'Jane', lastName: 'Mwangi', phone: '+254700000001', email: 'mlro@acme.example' },
  address: { address: '1 Moi Avenue', city: 'Nairobi', country: 'KE' },
  sample: false,
};

export function paymentOf(over: Partial<ReportPayment> = {}): ReportPayment {
  return {
    id: '01a20755-02da-74ee-90c4-53dffd67d66f',
    referenceId: 'inv-1',
    status: 'held',
    purpose: 'family_support',
    sent: money(150_000n, 'KES'),
    received: money(45_000n, 'UGX'),
    sender: {
      name: 'Achieng Odhiambo',
      phone: '+254712345678',
      country: 'KE',
      walletId: 'mpesa-ke',
      operator: 'M-Pesa (Safaricom)',
      userId: 'user-1',
      knownSinceMs: AT,
    },
    receiver: {
      name: 'Grace Nakato',
      phone: '+256772345678',
      country: 'UG',
      walletId: 'mtn-ug',
      operator: 'MTN MoMo (MTN)',
      userId: 'user-2',
      knownSinceMs: AT,
    },
    createdAtMs: AT,
    completedAtMs: null,
    ...over,
  };
}

export function inputOf(over: Partial<GoamlInput> = {}): GoamlInput {
  const payment = paymentOf();
  return {
    kind: 'STR',
    country: 'KE',
    currency: 'KES',
    reference: 'report-1',
    submittedAtMs: AT,
    entity: ENTITY,
    reason: reasonOf(payment, [{ code: 'structuring', text: 'Three payments just below the threshold.' }], 'Seen twice this month.'),
    action: actionOf(payment, { kind: 'held', status: 'open' }),
    ruleCodes: ['structuring', 'velocity_count_1h'],
    payments: [payment],
    ...over,
  };
}
