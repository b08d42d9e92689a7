import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ComplianceFacts } from '../agents/compliance/facts.ts';
import { COMPLIANCE_POLICY, decideCompliance } from '../agents/compliance/index.ts';
import { testDatabase } from '../db/testing.ts';
import { canonicalJson } from '../domain/canonical.ts';
import { digestOf } from '../domain/ids.ts';
import { withDecisionLog } from './suites/replay-log.ts';
import { type LoggedDecision, replayOne, replaySuite } from './suites/replay.ts';

describe('replay', () => {
  const facts: ComplianceFacts = {
    payment: { amountMinor: '100', currency: 'KES', fromCountry: 'KE', toCountry: 'UG', targetMinor: null, targetCurrency: 'UGX' },
    sender: { kycStatus: 'verified', kycTier: 2, nameWords: 2, nameObscured: false, phoneGiven: true },
    receiver: { kycStatus: 'verified', kycTier: 2, nameWords: 2, nameObscured: false, phoneGiven: true },
    listVersion: 'L#1',
    listSample: false,
    hits: [
      {
        party: 'sender',
        list: 'L',
        entryId: '7',
        program: 'P',
        how: 'similar',
        weak: false,
        score: 0.912,
        topic: 'sanction',
        grounds: ['equal'],
      },
    ],
    limits: { country: 'KE', tier: null, validFrom: null, singleMinor: null, dailyMinor: null, monthlyMinor: null, dailyCount: null },
    receiverBalanceMinor: null,
    history: { count1h: 1, count24h: 1, sum24hMinor: '100', sum7dMinor: '100', sum30dMinor: '100', truncated: false },
    thresholds: [],
    receiverSenders24h: 1,
    fatf: { from: 'none', to: 'none', asOf: '2026-06-19' },
    released: null,
  };
  const verdict = decideCompliance(facts, COMPLIANCE_POLICY);
  const logged: LoggedDecision = {
    id: '1',
    position: '1',
    agent: 'compliance',
    policyVersion: COMPLIANCE_POLICY.version,
    facts,
    factsDigest: digestOf(canonicalJson(facts)),
    outcome: verdict.outcome,
    reasons: verdict.reasons,
    confidence: Math.fround(verdict.confidence),
  };

  test('a decision comes out as it was', () => {
    expect(verdict.outcome).toBe('flag');
    expect(replayOne(logged)).toMatchObject({ isIntact: true, result: { correct: true } });
  });

  test.each<[string, Partial<LoggedDecision>, string]>([
    ['another outcome', { outcome: 'clear' }, 'outcome is now flag'],
    ['other reasons', { reasons: [] }, 'reasons differ'],
    ['another confidence', { confidence: 0.5 }, 'confidence is now'],
    ['changed facts', { facts: { ...facts, listVersion: 'L#2' } }, 'facts were changed'],
    ['a policy nobody kept', { policyVersion: 'compliance-1999' }, 'policy is not kept'],
    ['an agent nobody knows', { agent: 'oracle' }, 'policy is not kept'],
  ])('%s is told', (_, change, note) => {
    const { result } = replayOne({ ...logged, ...change });
    expect(result.correct).toBe(false);
    expect(result.note).toContain(note);
  });
});

test('decisions of a file are made again, and one that was changed is found', async () => {
  const facts = { pool: { availableMinor: '100', heldMinor: '0' } };
  const folder = await mkdtemp(join(tmpdir(), 'capp-replay-'));
  const file = join(folder, 'decisions.jsonl');
  const logged = { agent: 'oracle', policyVersion: 'oracle-1', facts, outcome: 'clear', reasons: [], confidence: 1 };
  const rows = [digestOf(canonicalJson(facts)), 'another'].map((factsDigest, at) => ({ ...logged, id: String(at), factsDigest }));
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  const run = await replaySuite.run({ dataset: file, lists: null, env: {}, target: null, record: null, tell: () => undefined });
  expect(run.metrics).toMatchObject({ decisions: 2, reproduced: 0, digestsIntact: 0.5 });
  await writeFile(file, JSON.stringify({ ...rows[0], facts: undefined }));
  await expect(
    replaySuite.run({ dataset: file, lists: null, env: {}, target: null, record: null, tell: () => undefined }),
  ).rejects.toMatchObject({
    code: 'config_invalid',
  });
  await rm(folder, { recursive: true });
});

test('where nothing was decided yet, a demonstration is run in a folder of its own', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-replay-'));
  const told: string[] = [];
  const seen: string[] = [];
  const demo = async (env: Readonly<Record<string, string | undefined>>) => {
    seen.push(env['CAPP_DATA_DIR'] ?? '', env['DATABASE_URL'] ?? 'unset');
    expect(existsSync(env['CAPP_DATA_DIR'] ?? '')).toBe(true);
    expect(Number(env['PORT'])).toBeGreaterThan(0);
    throw new Error('the demonstration began');
  };
  const use = () => Promise.reject(new Error('there is no log'));
  await expect(withDecisionLog({ CAPP_DATA_DIR: dataDir }, (line) => told.push(line), use, demo)).rejects.toThrow(
    'the demonstration began',
  );
  expect(seen[0]).not.toBe(dataDir);
  expect([seen[1], existsSync(seen[0] ?? ''), existsSync(join(dataDir, 'postgres'))]).toEqual(['', false, false]);
  expect(told[0]).toContain(`no decisions in ${dataDir}`);
  await rm(dataDir, { recursive: true });
});

test('a database that is set is never passed over for a demonstration', async () => {
  const database = await testDatabase();
  const never = () => Promise.reject(new Error('it is not asked for'));
  const ask = () => withDecisionLog({ DATABASE_URL: database.url }, () => undefined, never, never);
  await expect(ask()).rejects.toMatchObject({ code: 'not_found' });
  await database.close();
});
