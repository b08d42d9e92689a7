import { afterEach, beforeEach, expect, it } from 'vitest';
import { withTransaction } from '../db/connect.ts';
import { insertSpends } from '../db/queries/mandates.ts';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { issueMandate, takeBack } from '../tools/mandates/issue.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

const LIFETIME_MS = 3_600_000;

/** A payment that is counted against a mandate, or with `counted` only its reference; the id of both. */
async function submitUnder(referenceId: string, counted?: Buffer): Promise<{ paymentId: string; mandateId: string }> {
  const { pool, keyring } = platform.deps;
  const paymentId = await platform.submit({ referenceId });
  const { rows } = await pool.query<{ fingerprint: Buffer }>('select fingerprint from payments where id = $1', [paymentId]);
  const fingerprint = counted ?? rows[0]?.fingerprint ?? Buffer.alloc(0);
  const nowMs = platform.clock.now();
  const wish = {
    clientId: DEMO_CLIENT_ID,
    parentId: null,
    holder: `agent:${referenceId}`,
    issuer: 'person:jane',
    policy: {},
    notBeforeMs: nowMs,
  };
  const { id: mandateId } = await withTransaction(pool, async (tx) => {
    const mandate = await issueMandate(tx, keyring, { ...wish, expiresAtMs: nowMs + LIFETIME_MS }, nowMs);
    const spend = { clientId: DEMO_CLIENT_ID, referenceId, fingerprint, amountMinor: 150_000n, currency: 'KES' } as const;
    await insertSpends(tx, { ...spend, payeeIndex: Buffer.alloc(16), atMs: nowMs }, [mandate.id]);
    return mandate;
  });
  return { paymentId, mandateId };
}

it('rejects a payment whose mandate was taken back before it was authorised, and no other', async () => {
  const [ended, kept, others] = [await submitUnder('ended'), await submitUnder('kept'), await submitUnder('others', Buffer.alloc(16))];
  const free = await platform.submit();
  for (const { mandateId } of [ended, others])
    await withTransaction(platform.deps.pool, (tx) => takeBack(tx, DEMO_CLIENT_ID, mandateId, 'person:jane', platform.clock.now()));
  await platform.settleDown();
  expect(await platform.status(ended.paymentId)).toEqual({ status: 'rejected', reasonCode: 'mandate_missing' });
  for (const id of [kept.paymentId, others.paymentId, free]) expect((await platform.status(id)).status).toBe('paid');
});

it('rejects one whose mandate ended while it waited', async () => {
  const { paymentId } = await submitUnder('late');
  platform.clock.advance(LIFETIME_MS);
  await platform.settleDown();
  expect(await platform.status(paymentId)).toEqual({ status: 'rejected', reasonCode: 'mandate_missing' });
});
