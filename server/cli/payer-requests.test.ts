import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertAttempt, insertClient, insertPayment } from '../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { systemClock } from '../../domain/clock.ts';
import { money } from '../../domain/money.ts';
import { RAILS } from '../../domain/network.ts';
import { createSandbox, type Sandbox } from '../../sandbox/sandbox.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let sandbox: Sandbox;
let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  [sandbox, database] = await Promise.all([createSandbox({ port: 0, speed: 100 }), testDatabase()]);
  folder = mkdtempSync(join(tmpdir(), 'capp-payers-'));
  writeFileSync(join(folder, 'operators.json'), JSON.stringify(sandbox.profiles()));
});
afterAll(async () => {
  await sandbox.close();
  await database.close();
});

async function operators(...words: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: database.url } });
  const code = await runCli(['operators', ...words], terminal);
  return [code, [...terminal.outLines, ...terminal.errLines].join('\n')] as const;
}

const audited = async (subject: string) =>
  (await database.pool.query<{ action: string }>('select action from audit_events where subject = $1 order by id', [subject])).rows.map(
    ({ action }) => action,
  );

it('asks a payer of MTN for consent, tells what became of it, and takes it back, without their number', async () => {
  const [code, printed] = await operators('consent', 'request', 'mtn-ug', '0772554321', '--days', '90');
  const { requestId, ...rest } = JSON.parse(printed) as { requestId: string };
  expect([code, rest]).toEqual([0, { railId: 'mtn-ug', taken: true }]);
  for (const state of ['pending', 'approved'])
    expect(await operators('consent', 'state', 'mtn-ug', requestId)).toEqual([0, JSON.stringify({ railId: 'mtn-ug', requestId, state })]);
  expect(await operators('consent', 'cancel', 'mtn-ug', requestId)).toEqual([
    0,
    JSON.stringify({ railId: 'mtn-ug', requestId, cancelled: true }),
  ]);
  expect(await audited(`consent:${requestId}`)).toEqual(['consent.requested', 'consent.cancelled']);
  const unknown = randomUUID();
  expect(await operators('consent', 'state', 'mtn-ug', unknown)).toEqual([
    2,
    JSON.stringify({ railId: 'mtn-ug', requestId: unknown, state: null }),
  ]);
  const [refused, said] = await operators('consent', 'request', 'mtn-ug', '+254712345678');
  expect([refused, said.includes('254712345678')]).toEqual([2, false]);
  expect(await operators('consent', 'request', 'airtel-ug', '0752554321')).toEqual([2, expect.stringMatching(/^capp: usage_invalid: /)]);
});

it('has MTN send a text to the payer of a collection that succeeded, and of no other', async () => {
  const clients = createOperators({ rails: RAILS, profiles: sandbox.profiles(), fetch, clock: systemClock });
  const requestId = randomUUID();
  const attempt = async (state: 'succeeded' | 'failed', ofRequest = randomUUID()) => {
    const clientId = await insertClient(database.pool);
    const paymentId = await insertPayment(database.pool, { clientId });
    const id = await insertAttempt(database.pool, {
      clientId,
      paymentId,
      leg: 'collection',
      railId: 'mtn-ug',
      state,
      requestId: ofRequest,
    });
    return { id };
  };
  const [paid, failed, elsewhere] = [await attempt('succeeded', requestId), await attempt('failed'), await attempt('succeeded')];
  const amount = money(5_000n, 'UGX');
  const client = clients('mtn-ug');
  const common = { requestId, amount, handle: {}, sentAtMs: systemClock.now(), callbackUrl: 'http://127.0.0.1:9/none' };
  await client.collect({ ...common, phone: '+256772554321', note: 'x', remember: async () => undefined });
  await expect
    .poll(async () => (await client.inquire({ ...common, leg: 'collection', nowMs: systemClock.now() })).state, { timeout: 5_000 })
    .toBe('succeeded');
  const said = ['Thank you & goodbye', '--language', 'fr'];
  expect(await operators('notify', 'mtn-ug', paid.id, ...said)).toEqual([
    0,
    JSON.stringify({ railId: 'mtn-ug', attemptId: paid.id, notified: true }),
  ]);
  expect(await audited(`attempt:${paid.id}`)).toEqual(['payer.notified']);
  // One that MTN knows nothing of is refused by MTN, and one that did not succeed by us.
  expect(await operators('notify', 'mtn-ug', elsewhere.id, ...said)).toEqual([
    2,
    JSON.stringify({ railId: 'mtn-ug', attemptId: elsewhere.id, notified: false }),
  ]);
  for (const [railId, id] of [
    ['mtn-ug', failed.id],
    ['mtn-rw', paid.id],
  ] as const)
    expect(await operators('notify', railId, id, ...said)).toEqual([2, expect.stringMatching(/^capp: not_found: /)]);
});
