import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newPerson } from '../../db/fixtures.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { withTransaction } from '../../db/connect.ts';
import { confirmFinding, type FindingRow, type FindingStep, liftFinding, lockFinding, storeFindings } from '../../db/queries/findings.ts';
import { newId } from '../../domain/ids.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { bodyOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
let userId: string;
let keys: Record<'amina' | 'kofi', string>;
beforeAll(async () => {
  const listed = { list: 'UN', entryId: '5', type: 'person' as const, names: ['Amina Wanjiku Listed', 'A. Wanjiku'], weakNames: ['Mina'] };
  const entry = { ...listed, program: 'P', datesOfBirth: ['1961'], countries: ['Kenya'] };
  api = await startTestApi({ lists: createSanctionsList([{ name: 'UN', version: 'UN@3', file: null, entries: [entry] }]) });
  const person = newPerson(testKeyring, api.clients.acme, { name: 'Amina Wanjiku', phone: '+254711000999' });
  const [stored] = await storePeople(api.pool, [{ ...person, country: 'KE', walletId: 'mpesa-ke' }], api.clock.now());
  userId = stored?.id ?? '';
  const officer = (name: string) =>
    api.makeKey(api.clients.acme, `officer:${name}`, ['cases:read', 'cases:decide', 'reports:write', 'reports:read']);
  keys = { amina: await officer('amina'), kofi: await officer('kofi') };
});
afterAll(() => api.stop());

async function finding(entryId: string, topic = 'sanction'): Promise<string> {
  const id = newId();
  const entry = { list: 'UN', entry_id: entryId, entry_digest: 'e'.repeat(64), topic };
  await storeFindings(api.pool, 'UN@2', [
    { id, client_id: api.clients.acme, user_id: userId, ...entry, score: 0.93, how: 'similar', grounds: ['spelling'] },
  ]);
  return id;
}

const kycOf = async (): Promise<string> =>
  (await api.pool.query('select kyc_status from users where id = $1', [userId])).rows[0].kyc_status;

const resolve = (id: string, verdict: string, key = api.keys.acme) =>
  api.call('POST', `/v1/screening-findings/${id}/resolution`, { key, json: { verdict } });

test('findings are listed page by page, and to their client alone', async () => {
  const ids = [await finding('1'), await finding('2')];
  const first = await bodyOf(await api.call('GET', '/v1/screening-findings?status=open&limit=1'));
  expect(first.items).toMatchObject([{ id: ids[0], status: 'open', list: 'UN', listVersion: 'UN@2' }]);
  const second = await bodyOf(await api.call('GET', `/v1/screening-findings?status=open&limit=1&cursor=${first.nextCursor}`));
  expect(second.items[0].id).toBe(ids[1]);
  expect((await bodyOf(await api.call('GET', '/v1/screening-findings', { key: api.keys.zawadi }))).items).toEqual([]);
});

test('a finding shows the person beside the listed party, to its client alone, and that somebody looked', async () => {
  const [found, gone] = [await finding('5'), await finding('6')];
  const read = async (id: string, key = api.keys.acme) => api.call('GET', `/v1/screening-findings/${id}`, { key });
  expect((await read(found, api.keys.zawadi)).status).toBe(404);
  const shown = await bodyOf(await read(found));
  expect(shown).toMatchObject({
    id: found,
    person: { name: 'Amina Wanjiku', phone: '+254••••••999', country: 'KE' },
    listed: { names: ['Amina Wanjiku Listed', 'A. Wanjiku'], weakNames: ['Mina'], datesOfBirth: ['1961'], listVersion: 'UN@3' },
  });
  expect(shown.comparison).toContain('"A. Wanjiku"; wanjiku = wanjiku: the same word; amina = a: an initial of it');
  expect(await bodyOf(await read(gone))).toMatchObject({ listed: null, comparison: null });
  const { rows } = await api.pool.query(`select action from audit_events where subject = $1`, [`finding:${found}`]);
  expect(rows).toEqual([{ action: 'screening.name_shown' }]);
});

test('two officers confirm a finding, and the person is refused from then on; two lift it, and they are what they were', async () => {
  const id = await finding('3');
  const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];
  expect((await resolve(id, 'confirmed', api.keys.zawadi)).status).toBe(404);
  expect(await codeOf(await resolve(id, 'lifted', keys.amina))).toEqual([409, 'case_not_open']);
  const expiresAt = new Date(api.clock.now() + 24 * 3_600_000).toISOString();
  expect(await bodyOf(await resolve(id, 'confirmed', keys.amina))).toMatchObject({
    status: 'open',
    resolvedBy: null,
    pending: { verdict: 'confirmed', officer: 'officer:amina', expiresAt },
  });
  expect(await codeOf(await resolve(id, 'confirmed', keys.amina))).toEqual([409, 'maker_is_checker']);
  expect(await kycOf()).toBe('basic');
  expect(await bodyOf(await resolve(id, 'confirmed', keys.kofi))).toMatchObject({
    status: 'confirmed',
    resolvedBy: 'officer:kofi',
    pending: null,
  });
  expect(await kycOf()).toBe('rejected');
  expect(await codeOf(await resolve(id, 'dismissed', keys.amina))).toEqual([409, 'case_not_open']);

  // Whoever is barred by another finding too stays barred until that is lifted as well.
  const other = await finding('7');
  for (const key of [keys.kofi, keys.amina]) await resolve(other, 'confirmed', key);
  for (const [each, after] of [
    [id, 'rejected'],
    [other, 'basic'],
  ] as const) {
    expect(await bodyOf(await resolve(each, 'lifted', keys.kofi))).toMatchObject({ status: 'confirmed', pending: { verdict: 'lifted' } });
    expect(await codeOf(await resolve(each, 'lifted', keys.kofi))).toEqual([409, 'maker_is_checker']);
    expect(await bodyOf(await resolve(each, 'lifted', keys.amina))).toMatchObject({ status: 'lifted', liftedBy: 'officer:amina' });
    expect(await kycOf()).toBe(after);
  }
  expect(await codeOf(await resolve(id, 'lifted', keys.kofi))).toEqual([409, 'case_not_open']);
  const { rows } = await api.pool.query(`select actor, action from audit_events where subject = $1 order by id`, [`finding:${id}`]);
  expect(rows.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
    'officer:amina screening.confirmed_asked',
    'officer:kofi screening.confirmed',
    'officer:kofi screening.lifted_asked',
    'officer:amina screening.lifted',
  ]);
  expect((await resolve(await finding('4'), 'maybe')).status).toBe(422);
});

test('what one officer said counts for a day, then another says it first; one officer dismisses', async () => {
  const id = await finding('8');
  await resolve(id, 'confirmed', keys.amina);
  api.clock.advance(24 * 3_600_000);
  expect((await bodyOf(await api.call('GET', `/v1/screening-findings/${id}`, { key: keys.amina }))).pending).toBeNull();
  expect(await bodyOf(await resolve(id, 'confirmed', keys.kofi))).toMatchObject({ status: 'open', pending: { officer: 'officer:kofi' } });
  expect(await bodyOf(await resolve(id, 'dismissed', keys.kofi))).toMatchObject({
    status: 'dismissed',
    resolvedBy: 'officer:kofi',
    pending: null,
  });
});

test('somebody who holds a public office is told of and not barred', async () => {
  const id = await finding('9', 'pep');
  for (const key of [keys.kofi, keys.amina]) await resolve(id, 'confirmed', key);
  expect(await bodyOf(await api.call('GET', `/v1/screening-findings/${id}`, { key: keys.amina }))).toMatchObject({
    status: 'confirmed',
    topic: 'pep',
  });
  expect(await kycOf()).toBe('basic');
});

describe('of two findings of one person that are decided at once', () => {
  /** Takes a step of the one and, before it is committed, asks for the verdict on the other. */
  async function atOnce(
    id: string,
    step: (tx: PoolClient, taken: FindingStep) => Promise<FindingRow>,
    [other, verdict]: readonly [string, string],
  ): Promise<void> {
    let answer: Promise<Response> | undefined;
    await withTransaction(api.pool, async (tx) => {
      await lockFinding(tx, api.clients.acme, id);
      await step(tx, { id, by: 'officer:amina', nowMs: api.clock.now() });
      answer = resolve(other, verdict, keys.amina);
      const isWaiting = async () => expect((await api.pool.query('select 1 from pg_locks where not granted limit 1')).rows).toHaveLength(1);
      await Promise.race([answer, vi.waitFor(isWaiting, { timeout: 10_000, interval: 10 })]);
    });
    expect((await answer)?.status).toBe(200);
  }

  test('the second that is lifted lets the person pay again', async () => {
    const [one, two] = [await finding('11'), await finding('12')];
    for (const id of [one, two]) for (const key of [keys.kofi, keys.amina]) await resolve(id, 'confirmed', key);
    for (const id of [one, two]) await resolve(id, 'lifted', keys.kofi);
    expect(await kycOf()).toBe('rejected');
    await atOnce(one, liftFinding, [two, 'lifted']);
    expect(await kycOf()).toBe('basic');
  });

  test('who is barred by one stays so while the other is lifted', async () => {
    const [one, two] = [await finding('13'), await finding('14')];
    for (const key of [keys.kofi, keys.amina]) await resolve(one, 'confirmed', key);
    await resolve(one, 'lifted', keys.kofi);
    await resolve(two, 'confirmed', keys.kofi);
    await atOnce(two, confirmFinding, [one, 'lifted']);
    expect(await kycOf()).toBe('rejected');
    for (const key of [keys.kofi, keys.amina]) await resolve(two, 'lifted', key);
    expect(await kycOf()).toBe('basic');
  });
});

test('the database lets nobody confirm or lift alone', async () => {
  const id = await finding('10');
  const change = (set: string) =>
    api.pool.query(`update screening_findings set ${set} where id = $1`, [id]).then(
      () => null,
      (error: { constraint?: string }) => error.constraint,
    );
  const confirm = (by: string) => change(`status = 'confirmed', resolved_by = '${by}', resolved_at = now()`);
  expect(await confirm('officer:amina')).toBe('screening_findings_step');
  expect(await change(`confirm_asked_by = 'officer:amina', confirm_asked_at = now()`)).toBeNull();
  expect(await confirm('officer:amina')).toBe('screening_findings_step');
  expect(await confirm('officer:kofi')).toBeNull();
  // Nor lets anybody who is barred pay again but by lifting it.
  await api.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [userId]);
  await expect(api.pool.query(`update users set kyc_status = 'basic' where id = $1`, [userId])).rejects.toMatchObject({
    constraint: 'users_barred',
  });
  const lift = (by: string) => change(`status = 'lifted', lifted_by = '${by}', lifted_at = now()`);
  expect(await lift('officer:amina')).toBe('screening_findings_step');
  expect(await change(`lift_asked_by = 'officer:amina', lift_asked_at = now()`)).toBeNull();
  expect(await lift('officer:amina')).toBe('screening_findings_step');
  expect(await change(`resolved_by = 'officer:x'`)).toBe('screening_findings_step');
  expect(await lift('officer:kofi')).toBeNull();
  expect(await change(`status = 'open'`)).toBe('screening_findings_step');
});
