import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const ID = '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11';
const LIFTED = '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b19';
const finding = {
  id: ID,
  userId: 'u-1',
  list: 'UN-SC',
  entryId: 'QDi.001',
  topic: 'sanction',
  listVersion: 'UN-SC#2',
  score: 0.934,
  how: 'similar',
  grounds: [],
  status: 'open',
  createdAt: '2026-11-02T05:00:00.000Z',
  resolvedBy: null,
  resolvedAt: null,
  pending: null,
  liftedBy: null,
  liftedAt: null,
  delistedAt: null,
};
const listed = {
  type: 'person',
  names: ['Invented Person'],
  weakNames: [],
  datesOfBirth: [],
  documents: [],
  countries: [],
  program: 'TEST',
  listVersion: 'UN-SC#2',
};
const person = { name: 'Invented Pers\u202eon', phone: '+254••••••001', country: 'KE', dateOfBirth: '1971-03-04', nationality: 'UG' };

let folder: string;
const asked: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-findings-'));
  await writeFile(join(folder, 'demo-keys.json'), JSON.stringify({ 'officer:amina': 'capp_test_amina' }));
  asked.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const dial = async (input: string | URL | Request, init: RequestInit = {}) => {
  const { pathname, search } = new URL(String(input));
  asked.push(`${init.method ?? 'GET'} ${pathname}${search} ${String(init.body ?? '')}`.trim());
  if (String(init.body).includes('lifted')) {
    const pending = { verdict: 'lifted', officer: 'officer:amina', expiresAt: '2026-11-03T05:00:00.000Z' };
    return Response.json({ ...finding, status: 'confirmed', resolvedBy: 'officer:kofi', pending });
  }
  if (pathname.endsWith('/resolution')) return Response.json({ ...finding, status: 'dismissed', resolvedBy: 'officer:amina' });
  if (pathname.endsWith(LIFTED)) {
    const ends = {
      resolvedBy: 'officer:kofi',
      resolvedAt: '2026-11-03T05:00:00.000Z',
      liftedBy: 'officer:amina',
      liftedAt: '2026-11-04T05:00:00.000Z',
    };
    return Response.json({ ...finding, id: LIFTED, status: 'lifted', ...ends, person, listed, comparison: null });
  }
  if (pathname.endsWith(ID)) return Response.json({ ...finding, person, listed, comparison: 'invented = invented: the same word' });
  return Response.json({ items: search.includes('confirmed') ? [] : [finding], nextCursor: null });
};

async function run(...line: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder } });
  const code = await runCli(['findings', ...line], terminal, dial as typeof fetch);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

test('what was lifted shows who confirmed it and who lifted it', async () => {
  expect((await run('show', LIFTED)).out).toContain(
    `Finding ${LIFTED}, confirmed by officer:kofi at 2026-11-03T05:00:00.000Z, lifted by officer:amina at 2026-11-04T05:00:00.000Z`,
  );
});

test('an officer sees what waits, the person beside the listed party, and decides', async () => {
  expect((await run('list')).out).toMatch(new RegExp(`${ID} +2026-11-02T05:00:00.000Z +UN-SC +QDi.001 +sanction +0.93 +open`));
  expect((await run('list', '--status', 'confirmed')).out).toBe('no findings');
  const shown = (await run('show', ID)).out;
  expect(shown).toContain(
    '  Invented Pers?on, +254••••••001, KE\n  born 1971-03-04; UG\n  entry QDi.001 of UN-SC: similar, score 0.93, found',
  );
  expect(shown).toContain('  listed: Invented Person, person; programme TEST\n  words: invented = invented: the same word');
  expect((await run('dismiss', ID)).out).toBe('dismissed by officer:amina');
  expect((await run('confirm', ID, '--json')).code).toBe(0);
  expect((await run('lift', ID)).out).toBe('lifted says officer:amina; another officer has to say so by 2026-11-03T05:00:00.000Z');
  expect(asked).toEqual([
    'GET /v1/screening-findings?status=open&limit=50',
    'GET /v1/screening-findings?status=confirmed&limit=50',
    `GET /v1/screening-findings/${ID}`,
    `POST /v1/screening-findings/${ID}/resolution {"verdict":"dismissed"}`,
    `POST /v1/screening-findings/${ID}/resolution {"verdict":"confirmed"}`,
    `POST /v1/screening-findings/${ID}/resolution {"verdict":"lifted"}`,
  ]);
  expect(await run('show', 'seventeen')).toMatchObject({ code: 2 });
});
