import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProfile } from './profile.ts';

test('a profile tells where time went, in a picture and by statement', { timeout: 120_000 }, async () => {
  const out = await mkdtemp(join(tmpdir(), 'capp-profile-'));
  try {
    const report = await runProfile({ payments: 200, cohort: 100, out }, () => undefined);
    expect(report.violations).toEqual([]);
    const sum = (times: readonly (readonly [string, number])[]): number => times.reduce((all, [, us]) => all + us, 0);
    expect(sum(report.areas)).toBeCloseTo(report.cohorts.node, 3);
    expect(report.areas.map(([area]) => area)).toEqual(expect.arrayContaining(['graph', 'agents', 'db', 'pg']));
    expect(report.statements.map(({ text }) => text).join('\n')).toMatch(/update payments/i);
    const ofSealing = report.statementsAfter.map(({ text }) => text).join('\n');
    expect(ofSealing).toMatch(/from agent_activity/);
    expect(ofSealing).toMatch(/insert into settlement_windows/);
    expect(await readFile(report.flame, 'utf8')).toMatch(/^<svg .*authorize/s);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
