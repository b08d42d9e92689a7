import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { createCapp } from '../../sdk/index.ts';
import { balances, seedBooks } from '../../tools/ledger/index.ts';
import { bodyOf, startTestApi, TEST_START_MS, type TestApi } from './testing.ts';

let api: TestApi;
let maker: string;
let checker: string;
beforeAll(async () => {
  api = await startTestApi();
  await seedBooks(api.pool);
  maker = await api.makeKey(api.clients.acme, 'treasury:zawadi', ['reconciliation:read', 'reconciliation:decide']);
  checker = await api.makeKey(api.clients.acme, 'treasury:tunde', ['reconciliation:read', 'reconciliation:decide']);
});
afterAll(() => api.stop());

const ENTRY = {
  debit: 'suspense:UGX',
  credit: 'float:mtn-ug',
  amountMinor: '5000',
  currency: 'UGX',
  reason: 'reconciliation_missing_here',
};

async function insertBreak(subject: string, foundAtMs = TEST_START_MS): Promise<string> {
  const id = newId();
  await api.pool.query(
    `insert into breaks (id, rail_id, day, kind, subject, their_amount, currency, evidence, proposed_entries, found_at, last_seen_at, due_at)
     values ($1, 'mtn-ug', '2026-03-30', 'missing_here', $2, 5000, 'UGX', '{"line":{"operatorReference":"9"}}', $3, $4, $4, $5)`,
    [id, subject, JSON.stringify([ENTRY]), new Date(foundAtMs), new Date(foundAtMs + 3_600_000)],
  );
  return id;
}

const decide = (id: string, key: string, json: unknown) => api.call('POST', `/v1/breaks/${id}/decisions`, { key, json });

test('breaks are listed by age, with how long they are open and whether they are overdue', async () => {
  const old = await insertBreak('line:out:old', TEST_START_MS - 7_200_000);
  const young = await insertBreak('line:out:young');
  const { items } = await bodyOf(await api.call('GET', '/v1/breaks?status=open&railId=mtn-ug', { key: maker }));
  expect(items.map(({ id, ageMs, overdue }: Record<string, unknown>) => [id, ageMs, overdue])).toEqual([
    [old, 7_200_000, true],
    [young, 0, false],
  ]);
  const page = await bodyOf(await api.call('GET', '/v1/breaks?limit=1', { key: maker }));
  const next = await bodyOf(await api.call('GET', `/v1/breaks?limit=1&cursor=${page.nextCursor}`, { key: maker }));
  expect([page.items[0].id, next.items[0].id]).toEqual([old, young]);
  expect((await bodyOf(await api.call('GET', '/v1/breaks?kind=duplicate', { key: maker }))).items).toEqual([]);
  expect(await (await api.call('GET', '/metrics', { key: null })).text()).toContain(
    'capp_breaks_open{rail="mtn-ug",kind="missing_here"} 2',
  );
});

test('two people end one: the maker proposes, never approves; the checker approves what was read', async () => {
  const id = await insertBreak('line:out:two');
  const file = await bodyOf(await api.call('GET', `/v1/breaks/${id}`, { key: maker }));
  expect(file).toMatchObject({ status: 'open', theirAmountMinor: '5000', proposedEntries: [ENTRY], decisions: [] });
  expect((await decide(id, checker, { action: 'approve', reasonCode: 'seen', entriesDigest: file.entriesDigest })).status).toBe(409);
  const proposed = await bodyOf(await decide(id, maker, { action: 'propose', reasonCode: 'operator_confirmed' }));
  expect(proposed).toMatchObject({ status: 'proposed', entriesDigest: file.entriesDigest });
  const own = await decide(id, maker, { action: 'approve', reasonCode: 'seen', entriesDigest: file.entriesDigest });
  expect([own.status, (await bodyOf(own)).code]).toEqual([409, 'maker_is_checker']);
  const [before] = await balances(api.pool, ['float:mtn-ug']);
  const done = await bodyOf(await decide(id, checker, { action: 'approve', reasonCode: 'seen', entriesDigest: file.entriesDigest }));
  expect(done).toMatchObject({ status: 'posted', decisions: [{ action: 'propose' }, { action: 'approve', principal: 'treasury:tunde' }] });
  const [after] = await balances(api.pool, ['float:mtn-ug']);
  expect((before?.posted ?? 0n) - (after?.posted ?? 0n)).toBe(5_000n);
  const linked = await api.pool.query('select 1 from transfers where link_id = $1', [done.decisions[1].linkId]);
  expect(linked.rowCount).toBe(1);
  expect((await decide(id, maker, { action: 'propose', reasonCode: 'again' })).status).toBe(409);
});

test('other entries may be proposed, sent back, or none at all', async () => {
  const id = await insertBreak('line:out:other');
  const reason = { reasonCode: 'unclear' };
  expect((await decide(id, maker, { action: 'propose', ...reason, entries: [{ ...ENTRY, credit: 'clearing:UGX' }] })).status).toBe(422);
  expect((await decide(id, maker, { action: 'propose', ...reason, entries: [{ ...ENTRY, amountMinor: '4999' }] })).status).toBe(200);
  expect(await bodyOf(await decide(id, checker, { action: 'reject', ...reason }))).toMatchObject({ status: 'open' });
  const none = await bodyOf(await decide(id, checker, { action: 'propose', ...reason, entries: [] }));
  expect(await bodyOf(await decide(id, maker, { action: 'approve', ...reason, entriesDigest: none.entriesDigest }))).toMatchObject({
    status: 'dismissed',
  });
});

test('refusals: no key, no scope, no break, a body that is none', async () => {
  const id = await insertBreak('line:out:refused');
  const reader = await api.makeKey(api.clients.acme, 'reader', ['reconciliation:read']);
  expect((await api.call('GET', '/v1/breaks', { key: null })).status).toBe(401);
  expect((await api.call('GET', '/v1/breaks', { key: await api.makeKey(api.clients.acme, 'other', ['payments:read']) })).status).toBe(403);
  expect((await decide(id, reader, { action: 'propose', reasonCode: 'xx' })).status).toBe(403);
  expect((await api.call('GET', `/v1/breaks/${newId()}`, { key: maker })).status).toBe(404);
  expect((await decide(newId(), maker, { action: 'propose', reasonCode: 'xx' })).status).toBe(404);
  for (const json of [
    {},
    { action: 'post', reasonCode: 'xx' },
    { action: 'approve', reasonCode: 'xx' },
    { action: 'propose', reasonCode: 'X' },
  ])
    expect((await decide(id, maker, json)).status).toBe(422);
});

test('reconciliations are listed with what they found', async () => {
  await api.pool.query(
    `insert into reconciliations (id, rail_id, day, basis, summary, started_by) values ($1, 'mtn-ug', '2026-03-30', 'statement', '{"matched":7}', 'system')`,
    [newId()],
  );
  const { items } = await bodyOf(await api.call('GET', '/v1/reconciliations?railId=mtn-ug&day=2026-03-30', { key: maker }));
  expect(items).toMatchObject([{ basis: 'statement', summary: { matched: 7 }, startedBy: 'system' }]);
});

test('the client of the SDK lists, reads and ends breaks', async () => {
  const cappOf = (apiKey: string) =>
    createCapp({ baseUrl: 'http://capp.test', apiKey, fetch: async (input, init) => api.api.app.request(String(input), init) });
  const [zawadi, tunde] = [cappOf(maker).reconciliation, cappOf(checker).reconciliation];
  const id = await insertBreak('line:out:sdk', TEST_START_MS + 1);
  const found: string[] = [];
  for await (const each of zawadi.eachBreak({ status: 'open', railId: 'mtn-ug', kind: 'missing_here' }, { limit: 1 })) found.push(each.id);
  expect(found).toContain(id);
  expect((await zawadi.breaks({ status: 'dismissed', day: '2026-03-30' })).items.every(({ status }) => status === 'dismissed')).toBe(true);
  const { entriesDigest, proposedEntries } = await zawadi.getBreak(id);
  expect(proposedEntries).toEqual([ENTRY]);
  await zawadi.decide(id, { action: 'propose', reasonCode: 'operator_confirmed', entries: proposedEntries });
  await expect(zawadi.decide(id, { action: 'approve', reasonCode: 'seen', entriesDigest })).rejects.toMatchObject({
    code: 'maker_is_checker',
  });
  expect(await tunde.decide(id, { action: 'approve', reasonCode: 'seen', entriesDigest })).toMatchObject({ status: 'posted' });
  expect((await zawadi.runs({ railId: 'mtn-ug' })).items[0]?.basis).toBe('statement');
});
