import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newPerson } from '../../db/fixtures.ts';
import { createKeyring } from '../../db/keyring.ts';
import { markDelisted } from '../../db/queries/findings.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { systemClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import type { PartyDetails } from '../../domain/party.ts';
import type { LoadedList, SanctionsEntry } from '../../tools/sanctions/entry.ts';
import { createSanctionsList, type SanctionsList } from '../../tools/sanctions/list.ts';
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
function listWith(version: string, added: readonly string[], over: Partial<SanctionsEntry> = {}): SanctionsList {
  const base = sampleList();
  const template = base.entries[0];
  if (template === undefined) throw new Error('the sample is empty');
  const entries = added.map((name, at) => ({
    ...template,
    type: 'person' as const,
    entryId: `N-${at}`,
    names: [name],
    weakNames: [],
    ...over,
  }));
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

const screenWith = (sanctions: SanctionsList) =>
  createRescreening({ pool: database.pool, clock: systemClock, keyring, sanctions, scoring: 'as ever' })();
const ofLater = async () =>
  (
    await database.pool.query(
      `select status, topic, delisted_at is not null as delisted from screening_findings where entry_id = 'N-0' order by created_at, id`,
    )
  ).rows.map(({ status, topic, delisted }) => [status, topic, ...(delisted ? ['delisted'] : [])].join(' '));

/** Two officers confirm the open finding of the entry that came later. */
async function confirm(): Promise<void> {
  const id = (await database.pool.query(`select id from screening_findings where entry_id = 'N-0' and status = 'open'`)).rows[0].id;
  await database.pool.query(`update screening_findings set confirm_asked_by = 'officer:x', confirm_asked_at = now() where id = $1`, [id]);
  await database.pool.query(
    `update screening_findings set status = 'confirmed', resolved_by = 'officer:y', resolved_at = now() where id = $1`,
    [id],
  );
}

test('an entry that has changed is found anew, and what it said before is closed', async () => {
  const listed = ['Listed Later Person'];
  expect(await screenWith(listWith('changed', listed, { datesOfBirth: ['1981-03-12'] }))).toMatchObject({ findings: 1 });
  expect(await ofLater()).toEqual(['dismissed sanction', 'open sanction']);
  // A change of what tells nothing of the party asks nobody again.
  expect(await screenWith(listWith('programme', listed, { datesOfBirth: ['1981-03-12'], program: 'OTHER' }))).toMatchObject({
    findings: 0,
  });
  expect(await screenWith(listWith('again', listed, { datesOfBirth: ['1981-03-13'] }))).toMatchObject({ findings: 1 });
  expect(await ofLater()).toEqual(['dismissed sanction', 'closed sanction', 'open sanction']);
});

test('an open finding is closed when its entry leaves the list, and found again when it is back; not when the whole list is gone', async () => {
  const list = listWith('elsewhere', []);
  const other = { ...sampleList(), name: 'OTHER', version: 'OTHER@1' };
  await screenWith(createSanctionsList([{ ...other, entries: other.entries.map((entry) => ({ ...entry, list: 'OTHER' })) }]));
  expect(await ofLater()).toEqual(['dismissed sanction', 'closed sanction', 'open sanction']);
  await screenWith(list);
  expect(await ofLater()).toEqual(['dismissed sanction', 'closed sanction', 'closed sanction']);
  const { rows } = await database.pool.query(`select actor from audit_events where action = 'screening.closed'`);
  expect(new Set(rows.map((row) => row.actor))).toEqual(new Set(['system']));
  await screenWith(listWith('back', ['Listed Later Person'], { datesOfBirth: ['1981-03-13'] }));
  expect((await ofLater()).at(-1)).toBe('open sanction');
});

test('somebody who is barred stays so when the entry leaves its list, which is written down, and is not found a second time', async () => {
  await confirm();
  await screenWith(listWith('delisted', []));
  expect((await ofLater()).at(-1)).toBe('confirmed sanction delisted');
  expect(await screenWith(listWith('listed', ['Listed Later Person'], { datesOfBirth: ['1990'] }))).toMatchObject({ findings: 0 });
  expect((await ofLater()).at(-1)).toBe('confirmed sanction');
});

test('somebody who holds a public office is found as such', async () => {
  await database.pool.query(`update screening_findings set lift_asked_by = 'officer:x', lift_asked_at = now() where status = 'confirmed'`);
  await database.pool.query(
    `update screening_findings set status = 'lifted', lifted_by = 'officer:y', lifted_at = now() where status = 'confirmed'`,
  );
  // Of what was lifted while a page was under way it is not written down that the entry is gone.
  const lifted = await database.pool.query(`select id from screening_findings where status = 'lifted'`);
  await markDelisted(database.pool, [lifted.rows[0].id], [], Date.now());
  expect((await ofLater()).at(-1)).toBe('lifted sanction');
  await screenWith(listWith('office', ['Listed Later Person'], { topic: 'pep' }));
  expect((await ofLater()).at(-1)).toBe('open pep');
});

test('an office holder who is confirmed is found anew once the same entry bars them', async () => {
  await confirm();
  expect(await screenWith(listWith('another office', ['Listed Later Person'], { topic: 'pep', countries: ['MZ'] }))).toMatchObject({
    findings: 0,
  });
  expect(await screenWith(listWith('barred', ['Listed Later Person'], { datesOfBirth: ['1991'] }))).toMatchObject({ findings: 1 });
  expect((await ofLater()).slice(-2)).toEqual(['confirmed pep', 'open sanction']);
});

test('an entry is the same in whatever order an edition has its dates and countries', async () => {
  const over = { datesOfBirth: ['1991', '1992'], countries: ['MZ', 'ZA'] };
  expect(await screenWith(listWith('in order', ['Listed Later Person'], over))).toMatchObject({ findings: 1 });
  const turned = { datesOfBirth: ['1992', '1991'], countries: ['ZA', 'MZ'] };
  expect(await screenWith(listWith('turned round', ['Listed Later Person'], turned))).toMatchObject({ findings: 0 });
});

test('what was dismissed before it was known of which entry hides the entry as it is, and no other one', async () => {
  const wordOf = async (text: string) => (await database.pool.query(text)).rows[0];
  // As the migration left it.
  const { id, digest } = await wordOf(
    `with old as (insert into screening_findings (id, client_id, user_id, list, entry_id, list_version, score, how, grounds)
       select gen_random_uuid(), client_id, user_id, list, 'N-1', list_version, score, how, grounds from screening_findings where entry_id = 'N-0' limit 1
       returning id, entry_digest) select id, entry_digest as digest from old`,
  );
  expect(digest).toBeNull();
  await database.pool.query(
    `update screening_findings set status = 'dismissed', resolved_by = 'officer:x', resolved_at = now() where id = $1`,
    [id],
  );
  const listed = ['Somebody Else Listed', 'Listed Later Person'];
  const ofN1 = async () => (await screenWith(listWith(`N-1 ${newId()}`, listed, { datesOfBirth: [birth] }))) && (await statuses());
  const statuses = async () =>
    (await database.pool.query(`select status from screening_findings where entry_id = 'N-1' order by created_at, id`)).rows.map(
      ({ status }) => status,
    );
  let birth = '1950';
  expect(await ofN1()).toEqual(['dismissed']);
  expect((await wordOf(`select entry_digest as digest from screening_findings where entry_id = 'N-1'`)).digest).toMatch(/^[0-9a-f]{64}$/);
  await expect(database.pool.query(`update screening_findings set entry_digest = 'f' where id = $1`, [id])).rejects.toMatchObject({
    constraint: 'screening_findings_step',
  });
  birth = '1951';
  expect(await ofN1()).toEqual(['dismissed', 'open']);
});

describe('of two editions at once', () => {
  const DAY_MS = 86_400_000;
  const editionOf = (version: string, added: readonly string[], takenAtMs: number): SanctionsList => {
    const base = listWith(version, added, { datesOfBirth: ['2000'] });
    const described = { ...base.describe(), lists: base.describe().lists.map((list) => ({ ...list, takenAtMs })) };
    const edition: SanctionsList = { ...base, describe: () => described, edition: () => edition };
    return edition;
  };
  const earlier = Date.now() - DAY_MS;

  test('what the older one does not have stays as the newer one found it', async () => {
    // Somebody begins the older one, and is still at it when the newer one is done.
    await database.pool.query(`insert into rescreenings (list_version, started_at) values ('older by as ever', now() - interval '1 hour')`);
    await screenWith(editionOf('newer', ['Listed Later Person'], earlier));
    const before = await ofLater();
    expect(before.at(-1)).toBe('open sanction');
    expect(await screenWith(editionOf('older', [], earlier))).toMatchObject({ isDone: true });
    expect(await ofLater()).toEqual(before);
  });

  test('the one that comes back is screened anew, and what was closed meanwhile is found again', async () => {
    await screenWith(editionOf('with them', ['Listed Later Person'], earlier));
    await screenWith(editionOf('without them', [], earlier));
    expect((await ofLater()).at(-1)).toBe('closed sanction');
    // A process that begins with lists from before that has nothing to say.
    expect(await screenWith(editionOf('with them', ['Listed Later Person'], earlier))).toBeNull();
    const back = await screenWith(editionOf('with them', ['Listed Later Person'], Date.now() + DAY_MS));
    expect(back).toMatchObject({ screened: 120, findings: 1, isDone: true });
    expect((await ofLater()).at(-1)).toBe('open sanction');
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

test('what a client said of somebody tells them from a listed party, and brings them to one', async () => {
  const told = (name: string, details: PartyDetails) => newPerson(keyring, clientId, { name, phone: `+2547${newId()}`, details });
  const people = [
    told('Jeferson Otieno Wakulma', { dateOfBirth: '1999-01-01' }),
    told('Jeferson Otieno Wakulma', { dateOfBirth: '1961-03-04' }),
    told('Jefferson Otieno Wakulima', { dateOfBirth: '1999-01-01' }),
    told('Beatrice Mutoni', { document: { type: 'passport', number: 'A 123456' } }),
  ].map((person) => ({ ...person, country: 'KE' as const, walletId: 'mpesa-ke' }));
  await storePeople(database.pool, people, Date.UTC(2026, 10, 20));
  const listed = { datesOfBirth: ['1961-03-04'], countries: [], ids: ['A-123456'], entryId: 'TOLD' };
  await screenWith(listWith('told', ['Jefferson Otieno Wakulima'], listed));
  const { rows } = await database.pool.query(
    `select user_id as "userId", how, score::float, grounds from screening_findings where entry_id = 'TOLD'`,
  );
  const of = (at: number) => rows.find((row) => row.userId === people[at]?.candidateId);
  expect([0, 1, 2, 3].map((at) => of(at)?.how)).toEqual([undefined, 'similar', 'exact', 'similar']);
  expect(of(2)?.grounds).toEqual(['born 10 years apart or more']);
  expect(of(2)?.score).toBeCloseTo(0.8);
  expect(of(3)?.grounds).toEqual(['same document number']);
  expect(JSON.stringify(rows)).not.toMatch(/1961|1999|123456/);
});

test('another way to score screens everybody anew against the same lists', async () => {
  const sanctions = listWith('scored anew', ['Listed Later Person']);
  const deps = { pool: database.pool, clock: systemClock, keyring, sanctions };
  const before = await createRescreening({ ...deps, scoring: 'scorer-1' })();
  expect(before).toMatchObject({ listVersion: 'scored anew', isDone: true });
  expect(await createRescreening({ ...deps, scoring: 'scorer-1' })()).toBeNull();
  expect(await createRescreening({ ...deps, scoring: 'scorer-2' })()).toMatchObject({
    screened: before?.screened,
    findings: 0,
    isDone: true,
  });
  expect(await createRescreening({ ...deps, scoring: 'scorer-2' })()).toBeNull();
});
