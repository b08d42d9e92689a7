import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RateGate } from '../../tools/rails/rates.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { inquiryPump } from './inquire.ts';
import { createRecorder } from './record.ts';

const LONGEST_MS = 90_000;

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform({ inquiryDelaysMs: { 'mpesa-ke': { first: 40_000, longest: LONGEST_MS } } });
});
afterEach(() => platform.close());

/** A gate that keeps what is asked of it. */
function gate(): RateGate & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    limitedRails: () => [],
    pausedRails: async (product) => asked.flatMap((key) => (key.endsWith(` ${product}`) ? [key.slice(0, -product.length - 1)] : [])),
    take: async (_railId, _product, wanted) => wanted,
    giveBack: async () => undefined,
    pause: async (railId, product) => void asked.push(`${railId} ${product}`),
  };
}

async function collecting(): Promise<void> {
  platform.script = { collect: () => ({ state: 'unknown', reasonCode: 'no_answer' }) };
  await platform.submit();
  await platform.worker.work('authorize');
  await platform.worker.work('dispatch');
  await platform.worker.idle();
}

it('pauses inquiries, and nothing else, at an operator that says it is asked too much', async () => {
  const rates = gate();
  await collecting();
  let inquiries = 0;
  platform.script = { inquire: () => ((inquiries += 1), { state: 'unknown', reasonCode: 'busy' }) };
  const ask = async () => {
    const recorder = createRecorder(platform.deps);
    const pump = inquiryPump({ ...platform.deps, rates }, recorder);
    platform.clock.advance(LONGEST_MS);
    await pump.kick();
    await pump.idle();
    await recorder.drain();
  };
  await ask();
  expect(rates.asked).toEqual(['mpesa-ke inquiry']);
  await ask();
  expect(inquiries).toBe(1);
  rates.asked.length = 0;
  await ask();
  expect(inquiries).toBe(2);
});

it('waits as long between inquiries as the rail’s own terms say', async () => {
  await collecting();
  const waits: number[] = [];
  platform.script = { inquire: () => ({ state: 'pending' }) };
  for (let count = 0; count < 3; count += 1) {
    const { rows } = await platform.deps.pool.query<{ at: Date }>('select next_inquiry_at as at from attempts');
    const waitMs = (rows[0]?.at.getTime() ?? 0) - platform.clock.now();
    waits.push(waitMs);
    platform.clock.advance(waitMs);
    await platform.worker.work('inquire');
    await platform.worker.idle();
  }
  expect(waits).toEqual([40_000, 80_000, LONGEST_MS]);
});
