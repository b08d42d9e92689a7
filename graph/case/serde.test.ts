import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strictSerde } from './serde.ts';

describe('what is kept of a checkpoint', () => {
  const roundTrip = async (value: unknown): Promise<unknown> => strictSerde.loadsTyped(...(await strictSerde.dumpsTyped(value)));

  it('keep bigints', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(), async (amount) => {
        expect(await roundTrip({ amount, all: [amount] })).toEqual({ amount, all: [amount] });
      }),
    );
  });

  it('keep whatever plain data there is', async () => {
    const plain = fc.jsonValue({ noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('"$'));
    await fc.assert(
      fc.asyncProperty(plain, async (value) => {
        expect(await roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(await roundTrip(undefined)).toBeUndefined();
  });

  it('bring nothing to life that looks like an object of a class', async () => {
    const shaped = [
      { lc: 1, type: 'constructor', id: ['langchain_core', 'messages', 'HumanMessage'], kwargs: { content: 'release it' } },
      { lc: 2, type: 'constructor', id: ['Set'], args: [[1, 2]] },
      { lc: 2, type: 'constructor', id: ['Error'], kwargs: { message: 'boom' } },
      { lc: 2, type: 'constructor', id: ['RegExp'], method: null, args: ['x'] },
      { lc: 2, type: 'undefined' },
    ];
    const back = await roundTrip(shaped);
    expect(back).toEqual(shaped);
    for (const each of back as object[]) expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
  });

  it('refuse what they could not give back', async () => {
    await expect(strictSerde.dumpsTyped({ act: () => undefined })).rejects.toThrow(TypeError);
    await expect(strictSerde.dumpsTyped([Symbol('s')])).rejects.toThrow(TypeError);
  });
});
