import { expect, it } from 'vitest';
import { grantDigest, type GrantTerms, grantText } from './grant.ts';

const TERMS: GrantTerms = {
  attemptId: 'a1',
  clientId: 'c1',
  paymentId: 'p1',
  leg: 'payout',
  railId: 'mtn-ug',
  amountMinor: 36_953n,
  currency: 'UGX',
  payeeId: 'u1',
  payeeIndex: '00ff',
  quoteId: 'q1',
  quotePolicy: 'exchange-rate/1',
  screenedBy: 'lists-1 rules-1',
  approvals: ['d1'],
};

const OTHERS: { readonly [Field in keyof GrantTerms]: GrantTerms[Field] } = {
  attemptId: 'a2',
  clientId: 'c2',
  paymentId: 'p2',
  leg: 'refund',
  railId: 'airtel-ug',
  amountMinor: 36_954n,
  currency: 'KES',
  payeeId: 'u2',
  payeeIndex: '00fe',
  quoteId: 'q2',
  quotePolicy: 'exchange-rate/2',
  screenedBy: 'lists-2 rules-1',
  approvals: ['d1', 'd2'],
};

it.each(Object.keys(TERMS) as (keyof GrantTerms)[])('binds %s', (field) => {
  expect(grantDigest({ ...TERMS, [field]: OTHERS[field] })).not.toBe(grantDigest(TERMS));
});

it('is the same for the same terms, in whatever order they stand', () => {
  const turned = Object.fromEntries(Object.entries(TERMS).toReversed()) as unknown as GrantTerms;
  expect(grantDigest(turned)).toBe(grantDigest(TERMS));
});

it('seals id, times and every digest', () => {
  const grant = { id: 'g1', issuedAtMs: 1, expiresAtMs: 2, digests: Buffer.from('aabb', 'hex') };
  const texts = [
    grant,
    { ...grant, id: 'g2' },
    { ...grant, issuedAtMs: 0 },
    { ...grant, expiresAtMs: 3 },
    { ...grant, digests: Buffer.from('aabc', 'hex') },
  ];
  expect(new Set(texts.map(grantText)).size).toBe(texts.length);
});
