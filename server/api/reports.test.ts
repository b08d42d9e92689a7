import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, newId } from '../../domain/ids.ts';
import { loadReportingEntities } from '../../tools/reports/index.ts';
import { faultsOfGoaml } from '../../tools/reports/validate.ts';
import { newPerson } from '../../db/fixtures.ts';
import { storeFindings } from '../../db/queries/findings.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
let officer: string;
let reader: string;
let support: string;
let paymentId: string;
let caseId: string;

beforeAll(async () => {
  api = await startTestApi({ reportingEntities: await loadReportingEntities(null, 'development') });
  officer = await api.makeKey(api.clients.acme, 'officer:amina', ['reports:read', 'reports:write', 'agents:switch', 'cases:read']);
  reader = await api.makeKey(api.clients.acme, 'auditor:ben', ['reports:read']);
  support = await api.makeKey(api.clients.acme, 'support:carl', ['payments:read', 'activity:read', 'cases:read']);
  paymentId = (await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('inv-1') }))).id;
  caseId = newId();
  const reasons = [{ code: 'structuring', text: 'Three payments just below a threshold.' }];
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at) values ($1, $2, $3, 60, $4, '{}', $5, now())`,
    [caseId, api.clients.acme, paymentId, JSON.stringify(reasons), 'e'.repeat(64)],
  );
});
afterAll(() => api.stop());

const make = (json: unknown, key = officer) => api.call('POST', '/v1/reports', { key, json });
const actsOn = async (reportId: string): Promise<string[]> =>
  (
    await api.pool.query<{ act: string }>(`select actor || ' ' || action as act from audit_events where subject = $1 order by id`, [
      `report:${reportId}`,
    ])
  ).rows.map((row) => row.act);

describe('a suspicion without a case', () => {
  test('is made of a payment, with what compliance said of it', async () => {
    const { id } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf('inv-none') }));
    const asked = { kind: 'str', paymentId: id, country: 'KE' };
    expect((await make(asked)).status).toBe(404);
    await api.pool.query(
      `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence, duration_us)
        values ($1, $2, $3, $1, 'compliance', 'v', 'd', '{}', 'block', $4, 1, 1)`,
      [newId(), api.clients.acme, id, JSON.stringify([{ code: 'kyc_rejected', text: 'The identity was rejected.' }])],
    );
    const report = await bodyOf(await make(asked));
    expect(report).toMatchObject({ kind: 'str', paymentId: id, caseId: null, findingId: null });
    const xml = await (await api.call('GET', `/v1/reports/${report.id}/file`, { key: reader })).text();
    expect(xml).toContain('The identity was rejected.');
    expect(await faultsOfGoaml(xml)).toEqual([]);
  });

  test('is made of a person whom re-screening found, for their country', async () => {
    const person = newPerson(testKeyring, api.clients.acme, { name: 'Baraka Listed Otieno', phone: '+254711000321' });
    const [stored] = await storePeople(api.pool, [{ ...person, country: 'KE', walletId: 'mpesa-ke' }], api.clock.now());
    const id = newId();
    const found = {
      list: 'UN',
      entry_id: 'QDi.5',
      entry_digest: 'e'.repeat(64),
      topic: 'sanction',
      score: 0.93,
      how: 'similar',
      grounds: [],
    };
    await storeFindings(api.pool, 'UN@2', [{ id, client_id: api.clients.acme, user_id: stored?.id ?? '', ...found }]);
    expect((await make({ kind: 'str', findingId: id, country: 'KE' })).status).toBe(422);
    expect((await make({ kind: 'sar', findingId: id, caseId, country: 'KE' })).status).toBe(422);
    expect((await bodyOf(await make({ kind: 'sar', findingId: id, country: 'UG' }))).code).toBe('report_country_unknown');
    const report = await bodyOf(await make({ kind: 'sar', findingId: id, country: 'KE', note: 'Seen the passport.' }));
    expect(report).toMatchObject({ kind: 'sar', findingId: id, caseId: null, paymentId: null });
    expect(report.dueAt).not.toBeNull();
    const xml = await (await api.call('GET', `/v1/reports/${report.id}/file`, { key: reader })).text();
    for (const part of ['Baraka Listed', 'Otieno', 'entry QDi.5 of UN', 'Seen the passport.', '<report_code>SAR</report_code>', 'SPOSI'])
      expect(xml).toContain(part);
    expect(await faultsOfGoaml(xml)).toEqual([]);

    // Of an office holder it says that, and not that they are listed.
    const office = newId();
    const holder = { ...found, list: 'PEP', topic: 'pep' };
    await storeFindings(api.pool, 'PEP@1', [{ id: office, client_id: api.clients.acme, user_id: stored?.id ?? '', ...holder }]);
    const other = await bodyOf(await make({ kind: 'sar', findingId: office, country: 'KE' }));
    const told = await (await api.call('GET', `/v1/reports/${other.id}/file`, { key: reader })).text();
    expect([told.includes('CTIP'), told.includes('SPOSI')]).toEqual([true, false]);
  });
});

describe('a suspicion', () => {
  test('is made, read and filed, each an act with its who; names are in the file alone', async () => {
    const made = await make({ kind: 'str', caseId, country: 'KE', note: 'Seen twice.', suspectedAt: '2026-03-30T09:00:00.000Z' });
    expect(made.status).toBe(201);
    const report = await bodyOf(made);
    expect(report).toMatchObject({
      kind: 'str',
      country: 'KE',
      caseId,
      paymentId,
      madeBy: 'officer:amina',
      dueAt: '2026-04-01T09:00:00.000Z',
      filedAt: null,
    });
    const totals = [{ currency: 'KES', payments: 1, amountMinor: expect.stringMatching(/^\d+$/) }];
    expect(report.details).toMatchObject({ form: 'goAML 4.0.2', sampleEntity: true, payments: 1, totals });
    expect(report.details.gaps.length).toBeGreaterThan(2);

    const file = await api.call('GET', `/v1/reports/${report.id}/file`, { key: reader });
    expect([file.status, file.headers.get('content-type'), file.headers.get('cache-control')]).toEqual([
      200,
      'application/xml; charset=utf-8',
      'no-store',
    ]);
    const xml = await file.text();
    expect(digestOf(xml)).toBe(report.contentDigest);
    expect(await faultsOfGoaml(xml)).toEqual([]);
    for (const part of ['Wanjiru', 'Kamau', '+254712345678', 'Three payments', 'Seen twice.', '<indicator>SPOS</indicator>'])
      expect(xml).toContain(part);

    const stored = await api.pool.query<{ text: string }>(
      `select to_jsonb(r)::text || encode(r.content, 'escape') as text from reports r where id = $1`,
      [report.id],
    );
    const everything = [JSON.stringify(report), stored.rows[0]?.text ?? '', ...api.logLines].join();
    for (const part of ['Wanjiru', 'Kamau', '712345678', 'Seen twice']) expect(everything).not.toContain(part);

    const filed = await api.call('POST', `/v1/reports/${report.id}/filing`, { key: officer, json: { filingReference: 'FRC-118' } });
    expect(await bodyOf(filed)).toMatchObject({
      filedBy: 'officer:amina',
      filingReference: 'FRC-118',
      filedAt: '2026-03-31T09:00:00.000Z',
    });
    const again = await api.call('POST', `/v1/reports/${report.id}/filing`, { key: officer, json: {} });
    expect((await bodyOf(again)).code).toBe('report_filed');
    expect(await actsOn(report.id)).toEqual(['officer:amina report.made', 'auditor:ben report.read', 'officer:amina report.filed']);
    await expect(api.pool.query('update reports set made_by = $2 where id = $1', [report.id, 'x'])).rejects.toThrow(/not changed/);
    await expect(api.pool.query('delete from reports where id = $1', [report.id])).rejects.toThrow();
  });

  test.each([
    ['of a country that neither side is in', { country: 'NG' }, 422, 'report_country_unknown'],
    ['for a country nobody knows rules of', { country: 'XX' }, 422, 'report_country_unknown'],
    ['about no case', { caseId: newId() }, 404, 'not_found'],
    ['of no form', { country: 'Kenya' }, 422, 'validation_failed'],
    ['with a field too many', { priority: 1 }, 422, 'validation_failed'],
  ])('%s is refused', async (_what, change, status, code) => {
    const response = await make({ kind: 'str', caseId, country: 'KE', ...change });
    expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
  });
});

describe('other reports', () => {
  test('a travel-rule message, and the audit of a payment and of a period', async () => {
    const message = await bodyOf(await make({ kind: 'travel_rule', paymentId }));
    const text = await (await api.call('GET', `/v1/reports/${message.id}/file`, { key: officer })).text();
    expect(JSON.parse(text).ivms101.originator.accountNumber).toEqual(['+254712345678']);
    expect((await make({ kind: 'audit', paymentId })).status).toBe(201);
    const period = await bodyOf(await make({ kind: 'audit', from: '2026-03-01', to: '2026-03-31' }));
    const lines = (await (await api.call('GET', `/v1/reports/${period.id}/file`, { key: officer })).text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ kind: 'capp-audit-export', rows: period.details.rows });
    expect(lines.length - 1).toBe(Object.values(period.details.rows as Record<string, number>).reduce((sum, count) => sum + count, 0));
    expect(lines.slice(1).every((line) => typeof line.source === 'string')).toBe(true);
  });

  test('a period without anything to report is an empty list, and a wrong one is refused', async () => {
    const empty = await bodyOf(await make({ kind: 'ctr', country: 'KE', from: '2026-03-01', to: '2026-03-31' }));
    expect(empty).toMatchObject({
      mediaType: 'text/csv',
      period: { from: '2026-03-01', to: '2026-03-31' },
      details: { payments: 0, totals: [] },
    });
    for (const period of [
      { from: '2026-03-31', to: '2026-03-01' },
      { from: '2020-01-01', to: '2026-03-01' },
    ]) {
      expect((await bodyOf(await make({ kind: 'ctr', country: 'KE', ...period }))).code).toBe('report_period_invalid');
    }
    expect((await bodyOf(await make({ kind: 'audit', paymentId, from: '2026-03-01', to: '2026-03-02' }))).code).toBe('validation_failed');
  });

  test('are listed, the newest first, page by page', async () => {
    const first = await bodyOf(await api.call('GET', '/v1/reports?limit=2', { key: reader }));
    expect(first.items).toHaveLength(2);
    const second = await bodyOf(
      await api.call('GET', `/v1/reports?limit=2&cursor=${encodeURIComponent(first.nextCursor)}`, { key: reader }),
    );
    expect(first.items[1].id > second.items[0].id).toBe(true);
    const open = await bodyOf(await api.call('GET', '/v1/reports?filed=true&kind=str', { key: reader }));
    expect(open.items.map((each: { kind: string; filedAt: string | null }) => [each.kind, each.filedAt !== null])).toEqual([['str', true]]);
  });
});

describe('nobody else', () => {
  test('makes, reads or files reports', async () => {
    const report = await bodyOf(await make({ kind: 'travel_rule', paymentId }));
    expect((await make({ kind: 'travel_rule', paymentId }, reader)).status).toBe(403);
    for (const path of ['/v1/reports', `/v1/reports/${report.id}`, `/v1/reports/${report.id}/file`]) {
      expect((await api.call('GET', path, { key: support })).status).toBe(403);
      expect((await api.call('GET', path, { key: null })).status).toBe(401);
    }
    // Another client sees nothing of it, whatever its key may do.
    for (const path of [`/v1/reports/${report.id}`, `/v1/reports/${report.id}/file`])
      expect((await api.call('GET', path, { key: api.keys.zawadi })).status).toBe(404);
    expect((await make({ kind: 'travel_rule', paymentId }, api.keys.zawadi)).status).toBe(404);
    expect((await bodyOf(await api.call('GET', '/v1/reports', { key: api.keys.zawadi }))).items).toEqual([]);
  });
});

describe('the switch of the investigator', () => {
  const PATH = '/v1/agents/investigator/switch';
  const turn = (state: string, key = officer) => api.call('PUT', PATH, { key, json: { state, reason: 'it looks odd' } });

  test('is turned off by one, on by another, for one client, and written down', async () => {
    expect(await bodyOf(await api.call('GET', PATH, { key: officer }))).toMatchObject({
      state: 'on',
      platformState: 'on',
      changedBy: null,
    });
    expect(await bodyOf(await turn('off'))).toMatchObject({ state: 'off', changedBy: 'officer:amina' });
    expect((await bodyOf(await turn('off'))).code).toBe('switch_unchanged');
    expect((await bodyOf(await turn('on'))).code).toBe('maker_is_checker');
    expect(await bodyOf(await api.call('GET', PATH, { key: api.keys.zawadi }))).toMatchObject({ state: 'on' });
    const other = await api.makeKey(api.clients.acme, 'officer:kofi', ['agents:switch']);
    expect(await bodyOf(await turn('on', other))).toMatchObject({ state: 'on', changedBy: 'officer:kofi' });
    expect((await turn('off', reader)).status).toBe(403);
    expect((await api.call('PUT', PATH, { key: officer, json: { state: 'maybe', reason: 'x' } })).status).toBe(422);
    const acts = await api.pool.query<{ act: string }>(
      `select actor || ' ' || action as act from audit_events where subject = 'agent:investigator' order by id`,
    );
    expect(acts.rows.map((row) => row.act)).toEqual(['officer:amina agent.switched_off', 'officer:kofi agent.switched_on']);
  });

  test('is turned on by people alone where only people decide, and off by keys too', async () => {
    const strict = await startTestApi({ programsDecide: false });
    try {
      const [first, second] = await Promise.all(
        ['officer:one', 'officer:two'].map((name) => strict.makeKey(strict.clients.acme, name, ['agents:switch'])),
      );
      const asked = (state: string, key = '') => strict.call('PUT', PATH, { key, json: { state, reason: 'it looks odd' } });
      expect((await asked('off', first)).status).toBe(200);
      expect((await asked('on', second)).status).toBe(403);
    } finally {
      await strict.stop();
    }
  });
});
