import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Case, CaseFile } from '../../sdk/index.ts';
import { renderCaseFile, renderQueue } from './cases.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const CASE = '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11';
const NOW_MS = Date.parse('2026-11-02T09:00:00Z');
const each: Case = {
  id: CASE,
  paymentId: 'p-1',
  kind: 'held',
  attemptId: null,
  status: 'open',
  priority: 80,
  reasons: [{ code: 'sanctions_possible_match', text: 'The sender may be \u001b[31mentry 7.' }],
  amount: '1500.00',
  amountMinor: '150000',
  currency: 'KES',
  fromCountry: 'KE',
  toCountry: 'UG',
  approvalsNeeded: 2,
  round: 2,
  claimedBy: 'officer:amina',
  claimedUntil: '2026-11-02T09:15:00.000Z',
  escalatedAt: '2026-11-02T08:00:00.000Z',
  escalatedBy: 'officer:kofi',
  snoozedUntil: null,
  snoozeCount: 0,
  informationDueAt: null,
  rescreenSince: null,
  createdAt: '2026-11-02T05:00:00.000Z',
  updatedAt: '2026-11-02T05:00:00.000Z',
  dueAt: '2026-11-02T08:48:00.000Z',
  overdue: true,
  closedAt: null,
};

const file = {
  ...each,
  evidenceDigest: 'e'.repeat(64),
  payment: {
    id: 'p-1',
    amount: '1500.00',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    purpose: 'gift',
    status: 'held',
    sender: { walletId: 'mpesa-ke' },
    receiver: { walletId: 'mtn-ug' },
  },
  parties: {
    sender: {
      name: 'Achieng',
      phone: '+254••••••001',
      type: 'person',
      dateOfBirth: '1961',
      address: { town: 'Kisu\u202emu', country: 'KE' },
      document: { type: 'passport', number: 'A123456', country: 'KE' },
    },
    receiver: { name: 'Nakato', phone: '+256••••••002' },
  },
  hits: [
    {
      explanation: 'The name of the sender and entry 7.',
      listed: {
        type: 'person',
        names: ['Achieng Odongo', 'Achien\u202eg'],
        weakNames: ['The Heron'],
        datesOfBirth: ['1961-03-04'],
        countries: ['Uganda'],
        documents: ['A-123456'],
        program: 'TEST',
        listVersion: 'T#1',
      },
      comparison: 'achieng = achieng: the same word',
    },
    { explanation: 'Another one.', listed: null, comparison: null },
  ],
  history: { sender: { last90Days: [], newest: [] }, receiver: { last90Days: [], newest: [] } },
  linkedCases: [{ id: 'case-2', status: 'released', links: [{ party: 'sender', as: 'receiver' }], reasons: [] }],
  agentDecisions: [],
  rescreenSince: '2026-11-02T09:00:00.000Z',
  evidence: {
    information: [
      { questionId: 'q', answeredAt: '2026-11-02T08:00:00.000Z' },
      { questionId: 'q', answeredAt: '2026-11-02T08:30:00.000Z', added: ['sender.address.town', 'sender.address.country'] },
    ],
    details: [{ by: 'officer:amina', at: '2026-11-02T08:15:00.000Z', added: ['sender.dateOfBirth'] }],
  },
  information: [{ question: 'What is the payment for?', answer: 'School fees', dueAt: '' }],
  decisions: [
    { at: 't1', officer: 'officer:amina', verdict: 'release', reasonCode: 'known_customer', expiresAt: 't9', round: 1, note: 'called' },
    { at: 't2', officer: 'officer:amina', verdict: 'release', reasonCode: 'false_positive', expiresAt: 't9', round: 2, note: null },
  ],
  pendingApproval: { officer: 'officer:amina', verdict: 'release', reasonCode: 'false_positive', actionDigest: 'a', expiresAt: 't9' },
  advice: {
    source: 'policy',
    recommendation: 'escalate',
    summary: 'Ask a senior.',
    reasons: [{ code: 'model_timed_out', text: 'The model took too long.' }],
  },
} as unknown as CaseFile;

test('the queue tells what is pressing, late, and in whose hands', () => {
  const [head, row] = renderQueue([each], { isTty: false }, NOW_MS).split('\n');
  expect(head).toMatch(/case +priority +due +status +officer +eyes/);
  expect(row).toMatch(/80 +12 min ago +open, escalated, overdue +officer:amina +4 +KE → UG +1500.00 KES +sanctions_possible_match/);
  expect(renderQueue([], { isTty: false }, NOW_MS)).toBe('no cases');
});

test('the file of a case has the evidence before the officers, and both before advice', () => {
  const text = renderCaseFile(file);
  const places = ['Why', 'Hits', 'Linked cases', 'Asked and answered', 'Officers', 'Advice', 'To decide'].map((title) =>
    text.indexOf(`\n${title}\n`),
  );
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(Math.min(...places)).toBeGreaterThan(0);
  expect(text).toContain('\n         person; born 1961; Kisu?mu, KE; passport A123456 of KE\n');
  expect(text).toContain(
    [
      '    listed: Achieng Odongo, person; born 1961-03-04; Uganda; documents A-123456; programme TEST',
      '    also: Achien?g; The Heron (weak)',
      '    words: achieng = achieng: the same word',
      '  Another one.',
      '    on no list in force any more',
    ].join('\n'),
  );
  expect(text).toContain('  escalate (policy)\n  The model took too long.\n  Ask a senior.');
  expect(text).toContain(
    [
      '\nAdded to what is known',
      '  2026-11-02T08:15:00.000Z  officer:amina: sender.dateOfBirth',
      '  2026-11-02T08:30:00.000Z  the client: sender.address.town, sender.address.country\n',
    ].join('\n'),
  );
  expect(text).toContain('being screened again since 2026-11-02T09:00:00.000Z');
  expect(text).toContain('our sender is its receiver');
  expect(text).toContain('[known_customer], counts until t9, round 1: counts no more  "called"');
  expect(text).toContain(`digest ${'e'.repeat(64)}`);
  expect(text).not.toContain('\u001b');
});

describe('the desk', () => {
  let folder: string;
  const asked: { method: string; path: string; key: string | null; body: unknown }[] = [];
  let status: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capp-cli-'));
    await writeFile(
      join(folder, 'demo-keys.json'),
      JSON.stringify({ 'officer:amina': 'capp_test_amina', 'officer:kofi': 'capp_test_kofi' }),
    );
    asked.length = 0;
    status = 200;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const dial = async (input: string | URL | Request, init: RequestInit = {}) => {
    const { pathname, search } = new URL(String(input));
    const key = new Headers(init.headers).get('authorization');
    asked.push({
      method: init.method ?? 'GET',
      path: pathname + search,
      key,
      body: init.body === undefined ? null : JSON.parse(String(init.body)),
    });
    if (status !== 200)
      return Response.json({ code: 'maker_is_checker', detail: 'The person who made a decision cannot approve it.', status }, { status });
    return Response.json(pathname === '/v1/cases' ? { items: [each], nextCursor: null } : pathname === `/v1/cases/${CASE}` ? file : each);
  };

  async function run(...line: string[]) {
    const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder } });
    const code = await runCli(['cases', ...line], terminal, dial as typeof fetch);
    return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
  }

  test('lists what is to be done with the key of the officer named', async () => {
    expect((await run('list')).out).toContain(CASE);
    expect((await run('list', '--mine', '--overdue', '--as', 'officer:kofi', '--json')).out).toBe(JSON.stringify([each]));
    expect((await run('list', '--all')).code).toBe(0);
    expect(asked.map(({ path, key }) => [path, key])).toEqual([
      ['/v1/cases?live=true&snoozed=false&limit=50', 'Bearer capp_test_amina'],
      ['/v1/cases?live=true&claimedBy=me&overdue=true&snoozed=false&limit=50', 'Bearer capp_test_kofi'],
      ['/v1/cases?limit=50', 'Bearer capp_test_amina'],
    ]);
  });

  test('shows, claims, puts off and gives back', async () => {
    expect((await run('show', CASE)).out).toContain('Case ');
    expect((await run('claim', CASE)).out).toBe('claimed by officer:amina until 2026-11-02T09:15:00.000Z');
    expect(JSON.parse((await run('claim', CASE, '--json')).out)).toMatchObject({ id: CASE });
    await run('release-claim', CASE);
    await run('snooze', CASE, '--hours', '4');
    expect(asked.map(({ method, path }) => `${method} ${path.split('/').slice(3).join('/')}`)).toEqual([
      `GET ${CASE}`,
      `POST ${CASE}/claim`,
      `POST ${CASE}/claim`,
      `POST ${CASE}/release-claim`,
      `POST ${CASE}/snooze`,
    ]);
    expect(asked.at(-1)?.body).toMatchObject({ until: expect.stringMatching(/Z$/) });
  });

  test('adds what was learned of the parties, part by part', async () => {
    const add = (...parts: string[]) => run('add-details', CASE, ...parts, '--evidence', 'd');
    const told = await add('receiver.document.type=passport', 'receiver.document.number=A=1', 'sender.dateOfBirth=1971');
    expect(told.out).toBe('all of it was known');
    expect(asked).toMatchObject([
      {
        method: 'POST',
        path: `/v1/cases/${CASE}/details`,
        body: { sender: { dateOfBirth: '1971' }, receiver: { document: { type: 'passport', number: 'A=1' } }, evidenceDigest: 'd' },
      },
    ]);
    for (const wrong of ['dateOfBirth=1971', 'receiver.name=Another', 'receiver.dateOfBirth=', 'receiver.address=Goma'])
      expect(await add(wrong)).toMatchObject({ code: 2, err: expect.stringContaining('usage_invalid') });
    expect(asked).toHaveLength(1);
  });

  test('decides with a reason of the verdict and the digest that was read', async () => {
    const decide = (...more: string[]) => run('decide', CASE, ...more);
    expect((await decide('release', '--reason', 'false_positive', '--evidence', 'd', '--note', 'seen')).out).toBe(
      'release: the case is open; it takes 2 officers who say the same, and `capp cases show` tells who has',
    );
    expect((await decide('reject', '--reason', 'true_match', '--evidence', 'd')).out).toBe('reject: the case is open');
    expect(asked[0]).toMatchObject({ body: { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: 'd', note: 'seen' } });
    expect(await decide('release', '--reason', 'true_match', '--evidence', 'd')).toMatchObject({
      code: 2,
      err: expect.stringContaining('usage_invalid'),
    });
    expect(await decide('approve', '--reason', 'x', '--evidence', 'd')).toMatchObject({
      code: 2,
      err: expect.stringContaining('request_information'),
    });
    expect(await decide('release', '--reason', 'false_positive')).toMatchObject({ code: 2, err: expect.stringContaining('--evidence') });
    expect(asked).toHaveLength(2);
    status = 409;
    expect(await decide('release', '--reason', 'false_positive', '--evidence', 'd')).toMatchObject({
      code: 2,
      err: expect.stringContaining('maker_is_checker'),
    });
    expect((await run('decide', '--help')).out).toContain('false_positive');
    expect(await run('show', 'seventeen')).toMatchObject({ code: 2 });
  });
});
