import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Pool, withTransaction } from '../../db/connect.ts';
import { RAISE_WAITS_MS } from '../../domain/autonomy.ts';
import type { HaltScope } from '../../domain/halt.ts';
import { halt, lift as liftHalt } from '../../tools/oversight/halts.ts';
import { createApi } from './app.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

/** A country that is none, and one that is not reached, and a way that leads nowhere. */
const NO_CORRIDORS = ['KE-XX', 'FR-KE', 'KE-KE'];
const NO_SUCH_CORRIDOR = { code: 'corridor_unavailable', field: 'corridor' };
const NOTHING_NAMED: HaltScope = { clientId: null, corridor: null, railId: null, paymentId: null };

let api: TestApi;
let amina: string;
let kofi: string;
let reader: string;
let other: string;

beforeAll(async () => {
  api = await startTestApi();
  const scopes = ['agents:switch', 'cases:read', 'payments:halt', 'payments:read'] as const;
  amina = await api.makeKey(api.clients.acme, 'officer:amina', scopes);
  kofi = await api.makeKey(api.clients.acme, 'officer:kofi', scopes);
  reader = await api.makeKey(api.clients.acme, 'auditor:ben', ['cases:read', 'payments:read']);
  other = await api.makeKey(api.clients.zawadi, 'officer:zola', scopes);
});
afterAll(() => api.stop());

const actsOn = async (subject: string): Promise<string[]> => {
  const acts = await api.pool.query<{ act: string }>(
    `select actor || ' ' || action as act from audit_events where subject like $1 order by id`,
    [subject],
  );
  return acts.rows.map(({ act }) => act);
};

describe('the dial of a model', () => {
  const PATH = '/v1/agents/investigator/dial';
  const turn = (way: 'lower' | 'raise', level: string, key: string, corridor?: string) =>
    api.call('POST', `${PATH}/${way}`, { key, json: { level, reason: 'a test', ...(corridor === undefined ? {} : { corridor }) } });
  const read = async (key: string, corridor?: string) =>
    bodyOf(await api.call('GET', corridor === undefined ? PATH : `${PATH}?corridor=${corridor}`, { key }));

  test('goes down by one person and up by two, who want the same', async () => {
    expect(await read(reader)).toMatchObject({ level: 'tighten', effective: 'tighten', changedBy: null, waiting: null });
    expect(await bodyOf(await turn('lower', 'off', amina))).toMatchObject({ level: 'off', effective: 'off', changedBy: 'officer:amina' });
    expect((await bodyOf(await turn('lower', 'explain', amina))).code).toBe('switch_unchanged');
    expect(await bodyOf(await turn('raise', 'rank', amina))).toMatchObject({
      level: 'off',
      waiting: { level: 'rank', askedBy: 'officer:amina' },
    });
    expect((await bodyOf(await turn('raise', 'rank', amina))).code).toBe('maker_is_checker');
    expect(await bodyOf(await turn('raise', 'tighten', kofi))).toMatchObject({
      level: 'off',
      waiting: { level: 'tighten', askedBy: 'officer:kofi' },
    });
    expect(await bodyOf(await turn('raise', 'tighten', amina))).toMatchObject({
      level: 'tighten',
      waiting: null,
      changedBy: 'officer:amina',
    });
    expect(await actsOn(`dial:investigator/${api.clients.acme}`)).toEqual([
      'officer:amina autonomy.lowered',
      'officer:amina autonomy.raise_asked',
      'officer:kofi autonomy.raise_asked',
      'officer:amina autonomy.raised',
    ]);
  });

  test('of a corridor, of the client and of the platform: the lowest holds; of another client none of it', async () => {
    await turn('lower', 'explain', kofi, 'KE-UG');
    expect(await read(reader, 'KE-UG')).toMatchObject({ corridor: 'KE-UG', level: 'explain', effective: 'explain' });
    expect(await read(reader, 'UG-KE')).toMatchObject({ level: 'tighten', effective: 'tighten' });
    expect(await read(other, 'KE-UG')).toMatchObject({ level: 'tighten', effective: 'tighten' });
    await api.pool.query(
      `insert into autonomy_dials (scope, level, reason, changed_by, changed_at) values ('investigator//UG-KE', 'off', 'a test', 'operator:jane', now())`,
    );
    for (const key of [reader, other]) expect(await read(key, 'UG-KE')).toMatchObject({ level: 'tighten', effective: 'off' });
  });

  test('forgets a wish when the dial goes down again', async () => {
    await turn('lower', 'off', amina, 'TZ-KE');
    await turn('raise', 'rank', amina, 'TZ-KE');
    await turn('raise', 'explain', kofi, 'TZ-KE');
    await turn('raise', 'explain', amina, 'TZ-KE');
    await turn('raise', 'rank', amina, 'TZ-KE');
    expect(await bodyOf(await turn('lower', 'off', kofi, 'TZ-KE'))).toMatchObject({ level: 'off', waiting: null });
    expect(await bodyOf(await turn('raise', 'rank', kofi, 'TZ-KE'))).toMatchObject({ level: 'off', waiting: { askedBy: 'officer:kofi' } });
  });

  test('shows no wish whose time is over', async () => {
    await turn('lower', 'off', amina, 'KE-TZ');
    await turn('raise', 'rank', amina, 'KE-TZ');
    api.clock.advance(RAISE_WAITS_MS);
    expect((await read(reader, 'KE-TZ')).waiting).toMatchObject({ level: 'rank', askedBy: 'officer:amina' });
    api.clock.advance(1);
    expect((await read(reader, 'KE-TZ')).waiting).toBeNull();
  });

  test('is refused without the scope, and for what is no level or corridor', async () => {
    for (const way of ['lower', 'raise'] as const) {
      expect((await turn(way, 'off', reader)).status).toBe(403);
      expect((await turn(way, 'more', amina)).status).toBe(422);
      expect((await turn(way, 'off', amina, 'Kenya')).status).toBe(422);
      for (const corridor of NO_CORRIDORS)
        expect((await bodyOf(await turn(way, 'off', amina, corridor))).errors).toEqual([expect.objectContaining(NO_SUCH_CORRIDOR)]);
    }
    for (const corridor of ['x', ...NO_CORRIDORS])
      expect((await api.call('GET', `${PATH}?corridor=${corridor}`, { key: reader })).status).toBe(422);
    expect((await api.call('GET', PATH, { key: null })).status).toBe(401);
  });
});

describe('a halt', () => {
  const PATH = '/v1/halts';
  const begin = (json: object, key = amina) => api.call('POST', PATH, { key, json: { reason: 'looks odd', ...json } });
  const lift = (id: string, key: string) => api.call('POST', `${PATH}/${id}/lift`, { key });

  test('is in force, and told of, though what is under way cannot be counted', async () => {
    const { tenants } = api.deps;
    const deaf = (pool: Pool): Pool =>
      new Proxy(pool, {
        get: (_pool, key) => {
          if (key !== 'query') return Reflect.get(pool, key) as unknown;
          return (query: { readonly name?: string }) =>
            query.name === 'halt_requests_under_way' ? Promise.reject(new Error('the database is away')) : pool.query(query as never);
        },
      });
    const failing = createApi(
      { ...api.deps, tenants: { ...tenants, of: (clientId) => deaf(tenants.of(clientId)) } },
      { checkAnswers: true },
    );
    const response = await failing.app.request(PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${amina}`, 'content-type': 'application/json' },
      body: JSON.stringify({ railId: 'mpesa-ke', reason: 'away' }),
    });
    await failing.close();
    expect(response.status).toBe(201);
    const halt = await bodyOf(response);
    expect(halt).toMatchObject({ underWay: null, liftedAt: null });
    expect(await actsOn(`halt:${halt.id}`)).toEqual(['officer:amina halt.begun']);
    expect(api.logLines.some((line) => line.includes(halt.id) && line.includes('the database is away'))).toBe(true);
    for (const key of [amina, kofi]) await lift(halt.id, key);
  });

  test('is begun by one and lifted by two, each written down', async () => {
    const response = await begin({ corridor: 'KE-UG', railId: 'mpesa-ke' });
    expect(response.status).toBe(201);
    const halt = await bodyOf(response);
    expect(halt).toMatchObject({ corridor: 'KE-UG', railId: 'mpesa-ke', paymentId: null, begunBy: 'officer:amina', liftedAt: null });
    expect(halt.underWay).toBe(0);
    expect((await bodyOf(await lift(halt.id, amina))).liftedAt).toBeNull();
    expect((await bodyOf(await lift(halt.id, amina))).code).toBe('maker_is_checker');
    expect(await bodyOf(await lift(halt.id, kofi))).toMatchObject({ liftAskedBy: 'officer:amina', liftedBy: 'officer:kofi' });
    expect((await bodyOf(await lift(halt.id, kofi))).code).toBe('switch_unchanged');
    expect(await actsOn(`halt:${halt.id}`)).toEqual([
      'officer:amina halt.begun',
      'officer:amina halt.lift_asked',
      'officer:kofi halt.lifted',
    ]);
  });

  test('is of the client alone: another neither sees nor lifts it, nor halts a payment that is not theirs', async () => {
    const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('halted-1') }));
    const halt = await bodyOf(await begin({ paymentId }));
    expect((await lift(halt.id, other)).status).toBe(404);
    expect((await begin({ paymentId }, other)).status).toBe(404);
    const seen = async (key: string) => (await bodyOf(await api.call('GET', PATH, { key }))).items as { id: string }[];
    expect((await seen(reader)).map(({ id }) => id)).toContain(halt.id);
    expect(await seen(other)).toEqual([]);
    const { rows } = await api.pool.query('select client_id from execution_halts where id = $1', [halt.id]);
    expect(rows).toEqual([{ client_id: api.clients.acme }]);
  });

  test('of the platform is seen by whom it covers, who neither lift it nor hear why', async () => {
    const { acme } = api.clients;
    const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('halted-2') }));
    const begun = (scope: Partial<HaltScope>, principal: string) =>
      withTransaction(api.pool, (tx) =>
        halt(tx, { ...NOTHING_NAMED, ...scope, reason: 'for the platform', principal, nowMs: api.clock.now() }),
      );
    const [ofAll, ofAcme, bySystem] = [
      await begun({ railId: 'hub-ng' }, 'operator:jane'),
      await begun({ clientId: acme, railId: 'hub-ng' }, 'operator:jane'),
      await begun({ clientId: acme, paymentId }, 'system'),
    ];
    const seen = async (key: string) => (await bodyOf(await api.call('GET', PATH, { key }))).items as { id: string }[];
    const mine = await seen(amina);
    for (const { id } of [ofAll, ofAcme, bySystem]) {
      expect(mine.find((each) => each.id === id)).toMatchObject({ begunBy: 'platform', reason: null, liftable: false });
      for (const key of [amina, kofi]) expect((await bodyOf(await lift(id, key))).code).toBe('not_found');
    }
    expect((await seen(other)).map(({ id }) => id)).toEqual([ofAll.id]);
    const own = await bodyOf(await begin({ railId: 'hub-ng' }));
    expect(own).toMatchObject({ begunBy: 'officer:amina', reason: 'looks odd', liftable: true });
    // Whoever runs the platform lifts them all.
    for (const { id } of [ofAll, ofAcme, bySystem, own])
      for (const principal of ['operator:jane', 'operator:john'])
        await withTransaction(api.pool, (tx) => liftHalt(tx, id, null, principal, api.clock.now()));
    expect((await seen(amina)).filter(({ id }) => [ofAll.id, ofAcme.id, bySystem.id, own.id].includes(id))).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: bySystem.id, liftAskedBy: 'platform', liftedBy: 'platform' })]),
    );
  });

  test('is refused for what does not exist, and without the scope', async () => {
    expect((await bodyOf(await begin({ railId: 'nowhere' }))).code).toBe('operator_unknown');
    expect((await begin({ corridor: 'Kenya' })).status).toBe(422);
    for (const corridor of NO_CORRIDORS)
      expect((await bodyOf(await begin({ corridor }))).errors).toEqual([expect.objectContaining(NO_SUCH_CORRIDOR)]);
    expect((await begin({}, reader)).status).toBe(403);
    expect((await lift('019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', amina)).status).toBe(404);
    expect((await lift('no-id', amina)).status).toBe(404);
    expect((await api.call('GET', PATH, { key: null })).status).toBe(401);
  });
});
