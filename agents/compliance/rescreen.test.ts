import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPerson } from '../../db/fixtures.ts';
import { createKeyring } from '../../db/keyring.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { systemClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { createSanctionsList, type LoadedList, type SanctionsList } from '../../tools/sanctions/list.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import { createRescreening } from './rescreen.ts';

const keyring = createKeyring([{ id: 1, master: randomBytes(32) }]);
const clientId = newId();
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query('insert into clients (id, name) values ($1, $2)', [clientId, 'Rescreened']);
  const names = Array.from({ length: 120 }, (_, at) =>
    at === 60 ? 'Mamadou Keta Sanounou' : at === 119 ? 'Listed Later Person' : `Amina Wanjiku ${at}`,
  );
  await storePeople(
    database.pool,
    names.map((name) => ({
      ...newPerson(keyring, clientId, { name, phone: `+2547${newId()}` }),
      country: 'KE' as const,
      walletId: 'mpesa-ke',
    })),
    Date.UTC(2026, 10, 20),
  );
});
afterAll(() => database.close());

/** The sample, with people added as a new edition would. */
function listWith(version: string, added: readonly string[]): SanctionsList {
  const base = sampleList();
  const template = base.entries[0];
  if (template === undefined) throw new Error('the sample is empty');
  const entries = added.map((name, at) => ({ ...template, type: 'person' as const, entryId: `N-${at}`, names: [name], weakNames: [] }));
  const list: LoadedList = { ...base, version, entries: [...base.entries, ...entries] };
  return createSanctionsList([list], { sample: true });
}

const found = async () =>
  (await database.pool.query('select entry_id as entry, status from screening_findings order by created_at, entry_id')).rows.map(
    (row) => `${row.entry} ${row.status}`,
  );

test('everybody is screened once per version, what is new is written down, and nothing of a name', async () => {
  const deps = { pool: database.pool, clock: systemClock, keyring };
  const first = createRescreening({ ...deps, sanctions: listWith('one', []) });
  expect(await first()).toMatchObject({ screened: 120, findings: 1, isDone: true });
  expect(await first()).toBeNull();
  // Another process, or the same one after a restart, has nothing to do.
  expect(await createRescreening({ ...deps, sanctions: listWith('one', []) })()).toBeNull();
  const before = await found();

  const second = createRescreening({ ...deps, sanctions: listWith('two', ['Listed Later Person']) });
  expect(await second()).toMatchObject({ screened: 120, findings: 1, isDone: true });
  expect(await found()).toEqual([...before, 'N-0 open']);
  const rows = await database.pool.query('select f::text as text from screening_findings f');
  expect(rows.rows.map((row) => row.text).join()).not.toMatch(/Sanounou|Listed Later/);
});

test('what people decided stays when the lists change again', async () => {
  await database.pool.query(
    `update screening_findings set status = 'dismissed', resolved_by = 'officer:x', resolved_at = now() where entry_id = 'N-0'`,
  );
  const third = createRescreening({
    pool: database.pool,
    clock: systemClock,
    keyring,
    sanctions: listWith('three', ['Listed Later Person']),
  });
  expect(await third()).toMatchObject({ findings: 0, isDone: true });
  expect(await found()).toContain('N-0 dismissed');
  await expect(database.pool.query(`update screening_findings set status = 'open', resolved_by = null`)).rejects.toMatchObject({
    code: '23514',
  });
});

test('a page that another process has in hand is left to it, and a broken one is done again', async () => {
  const sanctions = listWith('four', []);
  const deps = { pool: database.pool, clock: systemClock, keyring, sanctions };
  const broken = createRescreening({
    ...deps,
    sanctions: {
      ...sanctions,
      edition: () => ({
        ...sanctions,
        screen: () => {
          throw new Error('out of memory');
        },
      }),
    },
  });
  await expect(broken()).rejects.toThrow('out of memory');
  const results = await Promise.all([createRescreening(deps)(), createRescreening(deps)()]);
  expect(results.reduce((sum, each) => sum + (each?.screened ?? 0), 0)).toBe(120);
});
