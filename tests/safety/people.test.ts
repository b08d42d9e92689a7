/** What people do at the same moment, and what nobody may read afterwards. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CappApiError, type Capp } from '../../sdk/index.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import { type Process, type SafetyPlatform, safetyPlatform } from './platform.ts';

let platform: SafetyPlatform;
let officer: Capp;
let client: Capp;
let running: Process;
beforeEach(async () => {
  platform = await safetyPlatform();
  officer = await platform.client('officer:amina', ['cases:read', 'cases:decide']);
  client = await platform.client('client:shop', ['payments:read', 'payments:write']);
  running = platform.startProcess();
});
afterEach(() => platform.close());

let count = 0;
const FLAGGED = 'Sanounou Mamadou Keta';

async function submit(over: { name?: string; phone?: string } = {}) {
  count += 1;
  const suffix = String(10_000 + count).slice(-4);
  return client.payments.create({
    referenceId: `people-${count}`,
    amount: '1500',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: over.name ?? FLAGGED, phone: over.phone ?? `+25471239${suffix}`, country: 'KE' },
    receiver: { name: 'Grace Nakato Kyomuhendo', phone: `+25677219${suffix}`, country: 'UG' },
  });
}

const settled = async (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'done',
    (error: unknown) => (error instanceof CappApiError ? error.code : String(error)),
  );

it('an officer’s release and the client’s cancel at the same moment: one of them counts, and the case says which', async () => {
  const ends = new Set<string>();
  for (let round = 0; round < 6; round += 1) {
    const { id } = await submit();
    await running.settleDown();
    const found = (await officer.cases.list({ live: true })).items.find((each) => each.paymentId === id);
    const caseId = found?.id ?? '';
    await officer.cases.claim(caseId);
    const { evidenceDigest } = await officer.cases.get(caseId);
    const release = () => officer.cases.decide(caseId, { verdict: 'release', reasonCode: 'false_positive', evidenceDigest });
    const take = async () => {
      await running.worker.work('cases');
      // In some rounds the cancel comes while the verdict is put into effect, in others while it is written down.
      await running.worker.work('authorize');
    };
    const [said, cancelled] =
      round % 2 === 0
        ? await Promise.all([settled(release().then(take)), settled(client.payments.cancel(id))])
        : [await settled(release()), (await Promise.all([settled(client.payments.cancel(id)), take()]))[0]];
    await running.settleDown();
    const { status } = await client.payments.get(id);
    const file = await officer.cases.get(caseId);
    expect(['cancelled', 'paid']).toContain(status);
    expect([status, file.status]).toEqual(
      status === 'cancelled' ? ['cancelled', expect.stringMatching(/withdrawn|released/)] : ['paid', 'released'],
    );
    expect(cancelled === 'done').toBe(status === 'cancelled');
    if (status === 'paid') expect(said).toBe('done');
    expect(platform.sent.filter((each) => each.phone.endsWith(String(10_000 + count).slice(-4)))).toHaveLength(status === 'paid' ? 2 : 0);
    ends.add(status);
  }
  expect(ends.size).toBeGreaterThan(0);
  expect(await checkBooks(platform.database.pool)).toEqual([]);
});

it('of a whole run nothing by which a person could be known is in the logs, nor in clear in any table', async () => {
  const secrets = ['Sanounou', 'Keta', 'Nakato', 'Kyomuhendo', 'Wambura', '712300777', '772100777', 'maize', 'passport'];
  const clear = await submit({ name: 'Wambura Achieng', phone: '+254712300777' });
  const { id } = await submit();
  const refused = await submit({ name: 'Wambura Otieno' });
  platform.script = {
    collect: (_rail, request) =>
      request.phone === '+254712300777'
        ? { state: 'unknown', reasonCode: 'no_answer', handle: { msisdn: request.phone } }
        : { state: 'failed', reasonCode: 'payer_declined', retry: 'after_customer' },
    inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'R1', amount: request.amount }),
  };
  await running.settleDown();
  const found = (await officer.cases.list({ live: true })).items.find((each) => each.paymentId === id);
  const caseId = found?.id ?? '';
  await officer.cases.claim(caseId);
  const first = await officer.cases.get(caseId);
  await officer.cases.decide(caseId, {
    verdict: 'request_information',
    reasonCode: 'source_of_funds',
    evidenceDigest: first.evidenceDigest,
    note: 'Keta showed a passport',
  });
  const [question] = (await client.payments.questions(id)).items;
  await client.payments.answer(id, { questionId: question?.id ?? '', answer: 'Keta sells maize, call +254712300777' });
  await running.settleDown();
  await officer.cases.claim(caseId);
  const { evidenceDigest } = await officer.cases.get(caseId);
  await officer.cases.decide(caseId, { verdict: 'release', reasonCode: 'information_satisfactory', evidenceDigest });
  platform.clock.advance(60_000);
  await running.settleDown();
  await running.worker.work('settle');
  expect([
    (await client.payments.get(clear.id)).status,
    (await client.payments.get(id)).status,
    (await client.payments.get(refused.id)).status,
  ]).toEqual(['paid', 'failed', 'failed']);
  expect(platform.logLines.length).toBeGreaterThan(10);
  for (const secret of secrets) expect(platform.logLines.filter((line) => line.includes(secret))).toEqual([]);
  const tables = await platform.database.pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'graph')`,
  );
  for (const { name } of tables.rows) {
    const rows = await platform.database.pool.query<{ row: string }>(`select to_jsonb(t)::text as row from ${name} t`);
    for (const secret of secrets) expect([name, rows.rows.filter(({ row }) => row.includes(secret))]).toEqual([name, []]);
  }
});
