import { describe, expect, it } from 'vitest';
import { allowsSource, railTermsSchema } from './terms.ts';

describe('addresses an operator calls from', () => {
  it('are any when none are named', () => {
    expect(allowsSource([])('203.0.113.9')).toBe(true);
  });

  it('are single ones and networks, written plainly or as IPv4 in IPv6', () => {
    const allows = allowsSource(['196.201.214.200', '196.201.213.0/24', '2001:db8::/32']);
    for (const address of ['196.201.214.200', '::ffff:196.201.214.200', '196.201.213.7', '2001:db8::1']) expect(allows(address)).toBe(true);
    for (const address of ['196.201.214.201', '::ffff:203.0.113.9', '2001:db9::1', 'in-process', '']) expect(allows(address)).toBe(false);
  });
});

describe('common settings of rails', () => {
  it('may all be left out', () => {
    expect(railTermsSchema.parse({})).toEqual({ callbackSources: [], ratesPerS: {}, checksWallets: false });
  });

  it.each([
    [{ callbackSources: ['safaricom.co.ke'] }],
    [{ callbackSources: ['196.201.214.0/33'] }],
    [{ callbackSources: ['196.201.214.0/24/1'] }],
    [{ ratesPerS: { collection: 0 } }],
    [{ ratesPerS: { refund: 1 } }],
    [{ anything: 1 }],
  ])('refuses %j', (terms) => {
    expect(railTermsSchema.safeParse(terms).success).toBe(false);
  });
});
