import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ComplianceFacts } from '../agents/compliance/facts.ts';
import { COMPLIANCE_POLICY, decideCompliance } from '../agents/compliance/index.ts';
import { canonicalJson } from '../domain/canonical.ts';
import { digestOf } from '../domain/ids.ts';
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
  const run = await replaySuite.run({ dataset: file, lists: null, env: {}, tell: () => undefined });
  expect(run.metrics).toMatchObject({ decisions: 2, reproduced: 0, digestsIntact: 0.5 });
  await writeFile(file, JSON.stringify({ ...rows[0], facts: undefined }));
  await expect(replaySuite.run({ dataset: file, lists: null, env: {}, tell: () => undefined })).rejects.toMatchObject({
    code: 'config_invalid',
  });
  await rm(folder, { recursive: true });
});
