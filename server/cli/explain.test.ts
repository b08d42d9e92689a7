import { expect, test } from 'vitest';
import type { Explanation } from '../../sdk/index.ts';
import { renderExplanation } from './explain.ts';

const at = (ms: number): string => new Date(Date.parse('2026-11-02T09:00:00.000Z') + ms).toISOString();
const id = '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11';

/** A payment whose first payout rail refused, and whose case two officers looked at. */
const story: Explanation = {
  payment: {
    id,
    referenceId: 'inv-1',
    batchId: null,
    status: 'paid',
    reasonCode: null,
    reason: null,
    amount: '1250.50',
    amountMinor: '125050',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    feeAmount: '18.76',
    feeAmountMinor: '1876',
    targetAmount: '33950',
    targetAmountMinor: '33950',
    funding: 'wallet',
    delivery: 'wallet',
    sender: { phone: '+254••••••678', country: 'KE', walletId: 'mpesa-ke' },
    receiver: { phone: '+256••••••432', country: 'UG', walletId: 'mtn-ug' },
    preference: 'cheapest',
    purpose: 'family_support',
    quoteId: null,
    refundRequestedAt: null,
    createdAt: at(0),
    updatedAt: at(200_000),
    authorizedAt: at(120),
    collectedAt: at(2_500),
    completedAt: at(200_000),
  },
  route: { collection: ['mpesa-ke', 'hub-ke'], payout: ['mtn-ug', 'hub-ug'] },
  timeline: [
    { at: at(0), from: null, to: 'accepted', reasonCode: null, cause: 'client' },
    { at: at(120), from: 'accepted', to: 'held', reasonCode: 'sanctions_match', cause: 'cohort:c1' },
    { at: at(200_000), from: 'disbursing', to: 'paid', reasonCode: null, cause: 'attempt:a2' },
  ],
  decisions: [
    {
      id: 'd1',
      at: at(80),
      paymentId: id,
      cohortId: 'c1',
      agent: 'compliance',
      policyVersion: 'compliance-1',
      outcome: 'flag',
      reasons: [{ code: 'name_similar', text: 'A party resembles an entry of a list.' }],
      confidence: 0.8,
      durationUs: 42,
      facts: {},
      factsDigest: 'f',
      modelId: null,
      promptHash: null,
    },
  ],
  attempts: [
    {
      id: 'a1',
      paymentId: id,
      leg: 'payout',
      sequence: 1,
      railId: 'mtn-ug',
      state: 'failed',
      amount: '33950',
      amountMinor: '33950',
      currency: 'UGX',
      receipt: null,
      reasonCode: 'payee_not_found',
      inquiries: 2,
      nextInquiryAt: null,
      openForMs: null,
      createdAt: at(3_000),
      sentAt: at(3_010),
      resolvedAt: at(4_260),
      contradictedAt: null,
    },
  ],
  transfers: [
    {
      id: 't1',
      type: 'posted',
      reason: 'collection',
      debitAccount: 'float:mpesa-ke',
      creditAccount: 'clearing:KES',
      amount: '1250.50',
      amountMinor: '125050',
      currency: 'KES',
      pendingId: null,
      linkId: null,
      createdAt: at(2_500),
    },
  ],
  cases: [
    {
      id: 'case-1',
      paymentId: id,
      kind: 'held',
      attemptId: null,
      status: 'released',
      priority: 50,
      reasons: [{ code: 'name_similar', text: 'A party resembles an entry of a list.' }],
      amount: '1250.50',
      amountMinor: '125050',
      currency: 'KES',
      fromCountry: 'KE',
      toCountry: 'UG',
      approvalsNeeded: 1,
      round: 1,
      claimedBy: null,
      claimedUntil: null,
      escalatedAt: null,
      escalatedBy: null,
      snoozedUntil: null,
      snoozeCount: 0,
      informationDueAt: null,
      rescreenSince: null,
      overdue: false,
      createdAt: at(120),
      updatedAt: at(190_000),
      dueAt: at(3_600_000),
      closedAt: at(190_000),
      decisions: [
        {
          id: 'x',
          at: at(190_000),
          officer: 'officer:amina',
          verdict: 'release',
          reasonCode: 'false_positive',
          evidenceDigest: 'e',
          senior: false,
          round: 1,
          actionDigest: 'a',
          expiresAt: null,
          appliedAt: null,
        },
      ],
    },
  ],
};

test('a story is told in order, with times, reasons and amounts', () => {
  expect(renderExplanation(story, { isTty: false })).toBe(
    `
Payment 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11, reference inv-1
  paid
  1250.50 KES → 33950 UGX, fee 18.76 KES
  from +254••••••678 (mpesa-ke) to +256••••••432 (mtn-ug)
  cheapest, family_support; accepted 2026-11-02T09:00:00.000Z, ended 3 min 20 s later

States
       0 ms  accepted     by client
     120 ms  held         sanctions_match  by cohort:c1
  3 min 20 s  paid         by attempt:a2

Decisions
      80 ms  compliance: flag  (compliance-1, 80 % sure, 42 µs)
             - A party resembles an entry of a list. [name_similar]

Route
  collection  mpesa-ke, then hub-ke
  payout      mtn-ug, then hub-ug

Attempts
     3.00 s  payout 1 over mtn-ug, 33950 UGX: failed  (payee_not_found, took 1.25 s, inquired 2 times)

Cases
     120 ms  case case-1: released
             - A party resembles an entry of a list. [name_similar]
  3 min 10 s  officer:amina said release [false_positive]

Transfers
   after  type    reason      debit           credit             amount
  2.50 s  posted  collection  float:mpesa-ke  clearing:KES  1250.50 KES
`.trim(),
  );
});

test('what has not happened yet is said to be so', () => {
  const payment = { ...story.payment, status: 'held' as const, feeAmount: null, targetAmount: null, completedAt: null };
  const held = { ...payment, reasonCode: 'compliance_refused', reason: 'People look at it.' };
  const bare = { ...story, payment: held, route: { collection: [], payout: [] }, attempts: [], transfers: [], cases: [], decisions: [] };
  const text = renderExplanation(bare, { isTty: false });
  expect(text).toContain('held (compliance_refused: People look at it.)');
  expect(text).toContain('1250.50 KES → UGX, fee not known yet');
  expect(text).toContain('Attempts\n  none');
  expect(text).toContain('Transfers\n  none');
});

test('what others wrote cannot move the cursor', () => {
  const payment = { ...story.payment, referenceId: 'inv\u001b[2J' };
  expect(renderExplanation({ ...story, payment }, { isTty: true })).not.toContain('\u001b');
});
