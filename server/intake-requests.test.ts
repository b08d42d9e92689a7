import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyring } from '../db/keyring.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { insertClient } from '../db/fixtures.ts';
import { openBatch } from '../db/queries/intake.ts';
import { systemClock } from '../domain/clock.ts';
import { newId } from '../domain/ids.ts';
import { parseIntent, type PaymentIntent } from '../domain/intent.ts';
import { createIntake } from './intake.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

function intent(number: number): PaymentIntent {
  const digits = String(number).padStart(6, '0');
  const verdict = parseIntent({
    referenceId: `request-${number}`,
    amount: '1500.00',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Wanjiru Kamau', phone: `+254712${digits}`, country: 'KE' },
    receiver: { name: 'Okello Moses', phone: `+256772${digits}`, country: 'UG' },
  });
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
  return verdict.intent;
}

test('a batch waits as one request, single payments as one each', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  const batchId = newId();
  await openBatch(pool, { id: batchId, clientId, actor: 'client:test', nowMs: systemClock.now() });
  const rows = Array.from({ length: 100 }, (_, index) => intent(index));
  const batch = intake.submitMany(clientId, batchId, rows);
  expect(intake.requests()).toBe(1);
  const singles = [intake.submit(clientId, intent(200)), intake.submit(clientId, intent(201))];
  expect(intake.requests()).toBe(3);
  await expect.poll(() => intake.depth()).toBeGreaterThan(0);
  const taken = [...(await batch), ...(await Promise.all(singles))];
  expect(taken.filter((each) => 'paymentId' in each)).toHaveLength(102);
  expect(intake.requests()).toBe(0);
  // What is refused waits no longer than what is taken.
  await expect(intake.submit(clientId, { ...intent(200), amount: { minor: 1n, currency: 'KES' } })).rejects.toMatchObject({
    code: 'duplicate_reference',
  });
  expect(intake.requests()).toBe(0);
});
