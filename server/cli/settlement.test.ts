/** `capp settlement`: reading batches, approving them and reading cases, over the API itself. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { insertBatch, memoryApprover, memoryChain } from '../../graph/settlement/testing.ts';
import { DEFAULT_DRIVER_SETTINGS } from '../../graph/settlement/types.ts';
import { startTestApi, type TestApi } from '../api/testing.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const KEYS: Readonly<Record<string, string>> = { 'treasurer:nia': 'key-1', 'treasurer:sam': 'key-2' };
const ARBITERS: Readonly<Record<string, string>> = { 'arbiter:sena': 'key-1', 'arbiter:imani': 'key-2' };

let api: TestApi;
let nia: string;
let sam: string;
beforeAll(async () => {
  api = await startTestApi({
    settlementKeys: { approver: (principal) => KEYS[principal] ?? null, arbiter: (principal) => ARBITERS[principal] ?? null },
  });
  nia = await api.makeKey(api.clients.acme, 'treasurer:nia', ['settlement:read', 'settlement:approve']);
  sam = await api.makeKey(api.clients.acme, 'treasurer:sam', ['settlement:read', 'settlement:approve']);
});
afterAll(() => api?.stop());

let chain: ReturnType<typeof memoryChain>;
beforeEach(() => {
  chain = memoryChain(api.clock);
});

const drive = () => {
  const approvers = Object.entries(KEYS).map(([approver, keyName]) => {
    const signer = `0x${keyName}`;
    return { approver, keyName, signer, sign: async (digest: string) => `${signer} signs ${digest}` };
  });
  approvers.push(...['policy:one', 'policy:two'].map(memoryApprover));
  const arbiters = Object.entries(ARBITERS).map(([arbiter, keyName]) => ({ arbiter, keyName, signer: `0xa-${keyName}` }));
  return driveSettlement({
    pool: api.pool,
    clock: api.clock,
    log: api.deps.log,
    chain,
    approvers,
    arbiters,
    settings: DEFAULT_DRIVER_SETTINGS,
  });
};

async function run(key: string, ...line: string[]) {
  const terminal = recordedTerminal({ env: {} });
  const reach: typeof fetch = async (url, init) => api.api.app.request(String(url).replace('http://api.test', ''), init);
  const code = await runCli(['settlement', ...line, '--url', 'http://api.test', '--key', key], terminal, reach);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

const proposed = async (): Promise<{ id: string; digest: string }> => {
  const id = await insertBatch(api.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
  await drive();
  const shown = JSON.parse((await run(nia, 'show', id)).out) as { proposalDigest: string };
  return { id, digest: shown.proposalDigest };
};

describe('capp settlement', () => {
  test('lists what waits, shows it, and takes the approvals of two people', async () => {
    const { id, digest } = await proposed();
    const listed = await run(nia, 'list', '--status', 'proposed');
    expect(listed.code).toBe(0);
    expect(listed.out.split('\n')[0]).toMatch(/batch +partner +payments +due, minor units +method +status +approval by/);
    expect(listed.out).toMatch(new RegExp(`${id} +mtn-ug +1 +-900000000 UGX +chain +proposed +people`));
    expect(await run(nia, 'approve', id, '--digest', digest)).toMatchObject({ code: 0, out: 'Approved: 1 of 2 approvals are there.' });
    expect((await run(sam, 'approve', id, '--digest', digest)).out).toBe('Approved: 2 of 2 approvals are there.');
    await drive();
    expect(JSON.parse((await run(nia, 'show', id)).out)).toMatchObject({ status: 'settled', reversedMinor: '0' });
    expect(JSON.parse((await run(nia, 'list', '--status', 'settled', '--json')).out)).toMatchObject([{ id, status: 'settled' }]);
  });

  test('an approval that does not count is one line that says why', async () => {
    const { id, digest } = await proposed();
    const refused = async (key: string, batch: string, hex: string) => {
      const { code, out, err } = await run(key, 'approve', batch, '--digest', hex);
      expect([code === 0, out, err.split('\n').length]).toEqual([false, '', 1]);
      return /^capp: (\w+)/.exec(err)?.[1];
    };
    expect(await refused(nia, id, '0'.repeat(64))).toBe('settlement_proposal_stale');
    expect(await refused(await api.makeKey(api.clients.acme, 'treasurer:new', ['settlement:approve']), id, digest)).toBe(
      'settlement_no_key',
    );
    expect(await refused(await api.makeKey(api.clients.acme, 'reader:one', ['settlement:read']), id, digest)).toBe('forbidden');
    expect(await refused(nia, newId(), digest)).toBe('not_found');
    expect(await refused(nia, id, 'nonsense')).toBe('validation_failed');
    expect((await run(nia, 'approve', id, '--digest', digest)).code).toBe(0);
    expect(await refused(nia, id, digest)).toBe('settlement_already_approved');
    api.clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    expect(await refused(sam, id, digest)).toBe('settlement_proposal_expired');
    await drive();
    expect(await refused(sam, id, digest)).toBe('settlement_not_open');
    expect(await run(nia, 'cases')).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`${id} +expired +open +deadline_passed`)),
    });
  });

  test('a batch is disputed on a file that stays here, and arbiters judge it on the same file', async () => {
    chain.disputeWindowMs = 3_600_000;
    const id = await insertBatch(api.pool, { partner: 'airtel-ug' });
    await drive();
    const folder = await mkdtemp(join(tmpdir(), 'capp-evidence-'));
    const file = join(folder, 'letter.txt');
    await writeFile(file, 'You paid us too much.');
    const hash = createHash('sha256').update('You paid us too much.').digest('hex');
    const treasury = await api.makeKey(api.clients.acme, 'treasurer:tom', ['settlement:read', 'settlement:dispute']);
    const arbiters = await Promise.all(Object.keys(ARBITERS).map((name) => api.makeKey(api.clients.acme, name, ['settlement:judge'])));
    const ask = (...line: string[]) => run(treasury, 'dispute', id, '--reason', 'amount_differs', ...line);
    expect(await ask('--evidence', file, '--evidence-hash', hash)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^capp: usage_invalid/),
    });
    expect((await ask('--evidence', join(folder, 'none'))).err).toMatch(/^capp: file_unreadable/);
    expect(await ask('--evidence', file)).toMatchObject({ code: 0, out: expect.stringContaining(`evidence ${hash}`) });
    await drive();
    const judge = (key: string, ...line: string[]) => run(key, 'vote', id, '--reason', 'amount_differs', ...line);
    expect((await judge(arbiters[0] ?? '', '--reverse', '-1', '--evidence', file)).code).toBe(2);
    expect((await judge(arbiters[0] ?? '', '--reverse', '10', '--evidence-hash', '0'.repeat(64))).err).toMatch(/^capp: evidence_stale/);
    for (const key of arbiters)
      expect(await judge(key, '--reverse', '400000', '--evidence', file)).toMatchObject({
        code: 0,
        out: 'Voted to give back 400000 minor units.',
      });
    await drive();
    expect(JSON.parse((await run(nia, 'show', id)).out)).toMatchObject({ status: 'settled', reversedMinor: '400000' });
    await rm(folder, { recursive: true });
  });

  test('without a digest, a command or a number it says how it is used', async () => {
    for (const line of [['approve', newId()], ['list', '--limit', '0'], ['fly']]) {
      expect(await run(nia, ...line)).toMatchObject({ code: 2, out: '' });
    }
  });
});
