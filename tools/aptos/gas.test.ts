import { expect, it } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { gasPriceReader } from './gas.ts';
import { aptPriceOf, parseChainProfile } from './profile.ts';

it('asks a node for the price of gas once in a while, and waits for none that is silent', async () => {
  const clock = manualClock(0);
  const answers: (bigint | Error)[] = [100n, fault('chain_unavailable'), 300n, new RangeError('broken')];
  let asked = 0;
  const price = gasPriceReader(
    {
      async gasPrice() {
        asked += 1;
        const answer = answers.shift() ?? 0n;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    clock,
  );
  expect([await price(), await price(), asked]).toEqual([100n, 100n, 1]);
  clock.advance(15_000);
  expect([await price(), await price(), asked]).toEqual([null, null, 2]);
  clock.advance(15_000);
  expect([await price(), asked]).toEqual([300n, 3]);
  clock.advance(15_000);
  await expect(price()).rejects.toThrow('broken');
});

it('the price of an APT is read from a profile to the millionth of a dollar, with its day and source', () => {
  const address = `0x${'1'.repeat(64)}`;
  const profile = { network: 'testnet', contract: address, treasury: address, assets: {}, partners: {} };
  const priceOf = (usd: string) => aptPriceOf(parseChainProfile({ ...profile, aptPrice: { usd, asOf: '2026-03-30', source: 'a market' } }));
  expect(aptPriceOf(parseChainProfile(profile))).toBeNull();
  expect(priceOf('4.85')).toEqual({ usdMicros: 4_850_000n, asOf: '2026-03-30', source: 'a market' });
  expect([priceOf('5')?.usdMicros, priceOf('0.000001')?.usdMicros]).toEqual([5_000_000n, 1n]);
  for (const wrong of ['', '-1', '4,85', '1.0000001', '1e3']) {
    expect(() => priceOf(wrong)).toThrow(expect.objectContaining({ code: 'config_invalid', field: 'aptPrice.usd' }));
  }
});
