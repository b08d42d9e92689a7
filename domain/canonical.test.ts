import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical.ts';
import type { Json } from './decision.ts';

describe('canonical JSON', () => {
  it('is what the reference implementation writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(canonicalJson(value as Json)).toBe(canonicalize(value));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (given) => {
        const turned = Object.fromEntries(Object.entries(given).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(given));
      }),
    );
  });

  it('orders keys by code units, numbers among them, and escapes as RFC 8785 says', () => {
    expect(canonicalJson({ '10': 1, '9': 2, b: '\u20ac$\u000f\nA\'B"\\\\"/', a: [1e30, 4.5, 0.002, 1e-27, -0] })).toBe(
      '{"10":1,"9":2,"a":[1e+30,4.5,0.002,1e-27,0],"b":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('leaves out keys without a value, and knows empty things', () => {
    expect(canonicalJson({ a: undefined, b: {}, c: [] } as unknown as Json)).toBe('{"b":{},"c":[]}');
    expect(canonicalJson({ a: undefined } as unknown as Json)).toBe('{}');
  });

  it('refuses what JSON cannot hold', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }]) expect(() => canonicalJson(value)).toThrow();
  });
});
