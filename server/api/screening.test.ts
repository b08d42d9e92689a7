import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPerson } from '../../db/fixtures.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { storeFindings } from '../../db/queries/rescreening.ts';
import { newId } from '../../domain/ids.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { bodyOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
let userId: string;
beforeAll(async () => {
  const listed = { list: 'UN', entryId: '5', type: 'person' as const, names: ['Amina Wanjiku Listed', 'A. Wanjiku'], weakNames: ['Mina'] };
  const entry = { ...listed, program: 'P', datesOfBirth: ['1961'], countries: ['Kenya'] };
  api = await startTestApi({ lists: createSanctionsList([{ name: 'UN', version: 'UN@3', file: null, entries: [entry] }]) });
  const person = newPerson(testKeyring, api.clients.acme, { name: 'Amina Wanjiku', phone: '+254711000999' });
  const [stored] = await storePeople(api.pool, [{ ...person, country: 'KE', walletId: 'mpesa-ke' }], api.clock.now());
  userId = stored?.id ?? '';
});
afterAll(() => api.stop());

async function finding(entryId: string): Promise<string> {
  const id = newId();
  await storeFindings(api.pool, 'UN@2', [
    { id, client_id: api.clients.acme, user_id: userId, list: 'UN', entry_id: entryId, score: 0.93, how: 'similar', grounds: ['spelling'] },
  ]);
  return id;
}

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

test('a finding is decided once; whoever is confirmed is refused from then on', async () => {
  const id = await finding('3');
  expect((await resolve(id, 'confirmed', api.keys.zawadi)).status).toBe(404);
  expect(await bodyOf(await resolve(id, 'confirmed'))).toMatchObject({ status: 'confirmed', resolvedBy: 'client:acme' });
  const again = await resolve(id, 'dismissed');
  expect([again.status, (await bodyOf(again)).code]).toEqual([409, 'case_not_open']);
  const { rows } = await api.pool.query('select kyc_status from users where id = $1', [userId]);
  expect(rows[0].kyc_status).toBe('rejected');
  expect((await resolve(await finding('4'), 'maybe')).status).toBe(422);
});
