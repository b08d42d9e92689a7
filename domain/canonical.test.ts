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

  it('knows keys that mean something else to the engine, and texts that look like what it writes for no text', () => {
    const own = JSON.parse('{"b":{"__proto__":{"z":1,"a":2}},"a":"\\\\ud800 is written so","10":1,"9":{"y":1,"x":2},"1a":0}') as Json;
    expect(canonicalJson(own)).toBe(canonicalize(own));
    expect(canonicalJson(own)).toContain('{"__proto__":{"a":2,"z":1}}');
  });

  it('is the same for shapes that were met and for those there is no room to remember', () => {
    for (let round = 0; round < 2; round += 1) {
      for (let n = 0; n < 1_500; n += 1) {
        const value = { [`k${n % 700}`]: n, [`j${n}`]: { d: [{ z: 1, y: 2 }, 3], c: undefined, b: 1 }, a: 'x' };
        expect(canonicalJson(value as unknown as Json)).toBe(canonicalize(value));
      }
    }
  });

  it('leaves what it is given as it is', () => {
    const value = { b: [{ d: 1, c: 2 }], a: Object.freeze({ z: 1, y: 2 }) };
    expect(canonicalJson(value)).toBe('{"a":{"y":2,"z":1},"b":[{"c":2,"d":1}]}');
    expect(JSON.stringify(value)).toBe('{"b":[{"d":1,"c":2}],"a":{"z":1,"y":2}}');
  });

  it('leaves out keys without a value, and knows empty things', () => {
    expect(canonicalJson({ a: undefined, b: {}, c: [] } as unknown as Json)).toBe('{"b":{},"c":[]}');
    expect(canonicalJson({ a: undefined } as unknown as Json)).toBe('{}');
  });

  it('refuses what JSON cannot hold', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }]) expect(() => canonicalJson(value)).toThrow();
  });
});
