import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainText } from './checks.ts';
import { listOf, parseCallbackObject, parseObject, readAmount, readBalance, textOf } from './reading.ts';

describe('reading', () => {
  it('keeps numbers as they were written', () => {
    expect(parseObject('{"Amount":250000.10,"ResultCode":0,"deep":[{"n":12345678901234567890}]}')).toEqual({
      Amount: '250000.10',
      ResultCode: '0',
      deep: [{ n: '12345678901234567890' }],
    });
  });

  it.each(['', '<html></html>', '[1]', 'null', '"text"', '{"a":'])('takes %j for no object', (text) => {
    expect(parseObject(text)).toBeUndefined();
    expect(() => parseCallbackObject(text)).toThrow(/malformed_body/);
  });

  it('survives nesting made to overflow the stack', () => {
    expect(parseObject(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)).toBeUndefined();
  });

  it('does not find what an object only inherits', () => {
    expect(textOf({}, 'constructor')).toBeNull();
    expect(textOf(parseObject('{"__proto__":{"status":"SUCCESSFUL"}}'), 'status')).toBeNull();
  });

  it('reads one item or a list of them', () => {
    expect(listOf(parseObject('{"Item":{"a":1}}'), 'Item')).toEqual([{ a: '1' }]);
    expect(listOf(parseObject('{"Item":[{"a":1},null,3]}'), 'Item')).toEqual([{ a: '1' }]);
  });

  it.each([
    ['1', 100n],
    ['1.00', 100n],
    ['1,000.00', 100_000n],
    ['1,234,567', 123_456_700n],
  ])('reads the amount %s', (text, minor) => {
    expect(readAmount(text, 'KES')).toEqual({ minor, currency: 'KES' });
  });

  it.each(['1,00', '-5', '1e3', '1.005', '', 'NaN', '1,000,00'])('does not read %j as an amount', (text) => {
    expect(readAmount(text, 'KES')).toBeNull();
  });
});

describe('a balance', () => {
  it.each([
    ['230486.65', 'UGX', 230_486n, true],
    ['1,230,486.65', 'UGX', 1_230_486n, true],
    ['230486.00', 'UGX', 230_486n, false],
    ['12.345', 'KES', 1_234n, true],
    ['12.34', 'KES', 1_234n, false],
    ['0.99', 'XOF', 0n, true],
  ] as const)('%s in %s is %s minor units, truncated: %s', (text, currency, minor, truncated) => {
    expect(readBalance(text, currency)).toEqual({ amount: { minor, currency }, truncated });
  });

  it.each(['', '-12.5', '1,00.5', '12.', '.5', '1e3', 'NaN', '12.3x'])('%j is none', (text) => {
    expect(readBalance(text, 'UGX')).toBeNull();
  });
});

describe('plain text', () => {
  it('is never empty, never too long, and of letters, digits and single spaces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 7, max: 160 }), (text, lengthMax) => {
        const plain = plainText(text, lengthMax);
        expect(plain).toMatch(/^[A-Za-z0-9]+( [A-Za-z0-9]+)*$/);
        expect(plain.length).toBeLessThanOrEqual(lengthMax);
      }),
    );
  });

  it('keeps the letters under their accents', () => {
    expect(plainText("Kouamé & Fils: l'école", 160)).toBe('Kouame Fils l ecole');
  });
});
