import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedId, digestOf, newId, shortIdOf, stepId, uuidOfShortId } from './ids.ts';

const VERSION_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('newId', () => {
  it('makes version 7 ids that grow with time', () => {
    const ids = Array.from({ length: 200 }, newId);
    for (const id of ids) expect(id).toMatch(VERSION_7);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe('derivedId', () => {
  it('looks like version 4 and depends on its parts alone', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), (parts) => {
        expect(derivedId(...parts)).toMatch(VERSION_4);
        expect(derivedId(...parts)).toBe(derivedId(...parts));
      }),
    );
  });

  it('tells parts apart wherever they are cut', () => {
    expect(derivedId('ab', 'c')).not.toBe(derivedId('a', 'bc'));
    expect(derivedId('payment', 'payout', '1')).not.toBe(derivedId('payment', 'payout', '2'));
    expect(derivedId('payment', 'payout', '1')).not.toBe(derivedId('payment', 'refund', '1'));
  });

  it('never changes between releases, for operators remember it', () => {
    expect(derivedId('0190c2a0-0000-7000-8000-000000000001', 'collection', '1')).toMatchInlineSnapshot(
      `"8248dbf6-bae1-47fc-8c3d-20aab479380f"`,
    );
  });
});

describe('stepId', () => {
  const owner = '01934c2a-7b1e-7a3f-9c55-0f2e4d6a8b06';

  it('gives a step the id that the books know it by', () => {
    const ids = [1, 6, 17].map((step) => stepId(owner, step));
    expect(ids).toEqual([
      '01934c2a-7b1e-8a3f-9c55-0f2e4d6a8b07',
      '01934c2a-7b1e-8a3f-9c55-0f2e4d6a8b00',
      '01934c2a-7b1e-8a3f-9c55-0f2e4d6a8b17',
    ]);
  });
});

describe('digestOf', () => {
  it('is SHA-256 in lower-case hex', () => {
    expect(digestOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('shortIdOf', () => {
  it('says a UUID in 26 letters and digits, and goes back', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(shortIdOf(uuid)).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
        expect(uuidOfShortId(shortIdOf(uuid))).toBe(uuid.toLowerCase());
      }),
    );
  });

  it('takes no other text for one', () => {
    for (const text of ['', 'ORDER-1', 'Z'.repeat(26), 'I'.repeat(26), '0'.repeat(27)]) expect(uuidOfShortId(text)).toBeNull();
  });
});
