import { describe, expect, it } from 'vitest';
import { ratesOf } from './fx.ts';
import { createChance } from './random.ts';
import { createSandbox } from './sandbox.ts';
import { manualScheduler } from './scheduler.ts';

const NOW_MS = Date.UTC(2026, 9, 5, 8, 30, 0);
const CODES = ['KES', 'UGX', 'TZS', 'RWF', 'GHS', 'NGN', 'XOF', 'XAF', 'ZMW', 'ZAR', 'EUR', 'GBP', 'CDF', 'MWK', 'MZN'];

async function get(path: string): Promise<Record<string, unknown>> {
  const sandbox = await createSandbox({ rails: [], scheduler: manualScheduler(NOW_MS) });
  const response = await sandbox.fetch(`${sandbox.url}${path}`, { method: 'GET' });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

describe('the exchange-rate feeds', () => {
  it('serves the form of open.er-api.com with the time of the sandbox clock', async () => {
    const body = await get('/fx/open-er-api/v6/latest/USD');
    expect(body).toMatchObject({ result: 'success', base_code: 'USD', time_last_update_unix: Date.UTC(2026, 9, 5, 0, 2, 31) / 1000 });
    expect(Object.keys(body['rates'] as object)).toEqual(expect.arrayContaining(CODES));
  });

  it('serves the form of the currency-api files with the day of the sandbox clock', async () => {
    const body = await get('/fx/currency-api/v1/currencies/usd.min.json');
    expect(body['date']).toBe('2026-10-05');
    expect(Object.keys(body['usd'] as object)).toEqual(expect.arrayContaining(CODES.map((code) => code.toLowerCase())));
  });

  it('moves with the hour by a little, the same for the same seed, and keeps the peg', () => {
    const at = (seed: string, ms: number) => ratesOf(createChance(seed), 'open-er-api', ms);
    expect(at('1', NOW_MS)).toEqual(at('1', NOW_MS));
    const [first, later] = [at('1', NOW_MS)['KES'] ?? 0, at('1', NOW_MS + 3_600_000)['KES'] ?? 0];
    expect(later).not.toBe(first);
    expect(Math.abs(later / first - 1)).toBeLessThan(0.0025);
    const rates = at('7', NOW_MS);
    expect(rates['XOF']).toBe(rates['XAF']);
    expect((rates['XOF'] ?? 0) / (rates['EUR'] ?? 1)).toBeCloseTo(655.957, 4);
  });
});
