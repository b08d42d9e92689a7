/**
 * `capp audit verify` against the anchors on the chain: who owns the database and its keys can make the log anew so that it
 * verifies by itself, and cannot make it agree with what was anchored.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { tamper } from '../../db/testing.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { type ChainWorld, createChainWorld } from '../../tests/chain/world.ts';
import { lastAnchor, auditAnchorKeeper } from '../../tools/aptos/registry.ts';
import { anchorHead } from '../../tools/audit/index.ts';
import { testLog, type TestLog } from '../../tools/audit/testing.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let log: TestLog;
let world: ChainWorld;
let folder: string;
let profilePath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-anchors-'));
  profilePath = join(folder, 'profile.json');
});
afterAll(() => rm(folder, { recursive: true }));

async function openWorld(startMs: number): Promise<void> {
  world = await createChainWorld({ scheduler: manualScheduler(startMs), port: 0 });
  await writeFile(profilePath, JSON.stringify(world.profile));
}

beforeEach(async () => {
  log = await testLog();
  await openWorld(Date.now());
});
afterEach(async () => {
  await world.sandbox.close();
  await log.close();
});

const noNetwork: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));

async function audit(env: Record<string, string>, ...line: string[]) {
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, DATABASE_URL: log.url, ...env } });
  const code = await runCli(['audit', ...line], terminal, noNetwork);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

/** Verifies the log against the chain as it is by now, whatever the test has taken. */
async function verify(env: Record<string, string> = {}) {
  await world.scheduler.advance(Math.max(0, Date.now() - world.scheduler.now()));
  return audit({ CAPP_APTOS_PATH: profilePath, ...env }, 'verify');
}

/** Writes a payment and seals it with the keys of the folder, as the platform does; each time it is one block more or several. */
async function sealPayment(): Promise<void> {
  const paymentId = await log.writePayment();
  const sealed = async () => (await audit({}, 'export', paymentId, '--out', join(folder, 'export.json'))).out;
  // All of its rows at once, none waiting: transactions of other tests on the server hold the horizon back for a moment.
  await expect.poll(sealed, { timeout: 20_000 }).toMatch(/: \d+ rows, up to block/);
}

const anchor = () => {
  const keeper = auditAnchorKeeper({ ...world.deps, reporter: world.account(world.keys.reporter) });
  return anchorHead({ pool: log.pool, clock: world.scheduler, keeper, intervalMs: 0 });
};

async function intrude(...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await tamper(log.pool, statement);
}

const MAKE_ANEW = ['delete from audit_ranges', 'delete from audit_blocks'];

test('an untouched log holds against every anchor', async () => {
  for (let round = 0; round < 2; round += 1) {
    await sealPayment();
    expect((await anchor()).state).toBe('anchored');
    // The same head is anchored once.
    expect((await anchor()).state).toBe('none');
  }
  expect(await lastAnchor(world.node)).toMatchObject({ index: 1n });
  const { code, out } = await verify();
  expect(code).toBe(0);
  expect(out).toContain('2 anchors on the settlement chain were held against it.');
});

test('blocks that were removed are missed', async () => {
  await sealPayment();
  await anchor();
  await sealPayment();
  await anchor();
  const last = '(select max(number) from audit_blocks)';
  await intrude(`delete from audit_ranges where block_number = ${last}`, `delete from audit_blocks where number = ${last}`);
  expect((await audit({}, 'verify')).code).toBe(0);
  const { code, out } = await verify();
  expect(code).toBe(1);
  expect(out).toMatch(/block \d+/);
});

test('a log made anew with the right keys verifies by itself, and not against its anchors', async () => {
  await sealPayment();
  await anchor();
  await intrude(`update transfers set amount = amount + 1 where reason = 'fee'`, ...MAKE_ANEW);
  await sealPayment();
  expect((await audit({}, 'verify')).code).toBe(0);
  const { code, out } = await verify();
  expect(code).toBe(1);
  expect(out).toMatch(/faults in/);
});

test('a log that was emptied is missed', async () => {
  await sealPayment();
  await anchor();
  await intrude(...MAKE_ANEW, 'delete from audit_anchors');
  expect((await verify()).code).toBe(1);
});

test('a log restored from before its last anchor tells so for each block the chain takes no more, and stays at none of them', async () => {
  await auditAnchorKeeper({ ...world.deps, reporter: world.account(world.keys.reporter) }).anchor(1_000n, 'ab'.repeat(32));
  for (let round = 0; round < 2; round += 1) {
    await sealPayment();
    expect((await anchor()).state).toBe('overtaken');
    expect((await anchor()).state).toBe('none');
  }
  const { code, out } = await verify();
  expect(code).toBe(1);
  expect(out).toContain('1000');
});

test('a node that does not answer is said to, and the log is not called whole without its anchors unless that is asked for', async () => {
  await sealPayment();
  await anchor();
  const away = { CAPP_APTOS_PATH: profilePath, APTOS_NODE_URL: 'http://127.0.0.1:9/v1' };
  const { code, out } = await verify(away);
  expect(code).toBe(2);
  expect(out).toContain('The settlement chain does not answer; its anchors were not looked at.');
  const offline = await audit(away, 'verify', '--offline');
  expect(offline.code).toBe(0);
  expect(offline.out).toContain('The settlement chain was not asked; its anchors were not looked at.');
  world.sandbox.changeChain({ mode: 'foreign' });
  const foreign = await verify();
  expect([foreign.code, foreign.err]).toEqual([expect.any(Number), expect.stringMatching(/^capp: chain_mismatch/)]);
  expect(foreign.code).not.toBe(0);
});

test('a node that lags behind its chain is no witness: a log made anew since is not called whole', async () => {
  await world.sandbox.close();
  await openWorld(Date.now() - 2 * 86_400_000);
  world.sandbox.changeChain({ mode: 'behind' });
  await sealPayment();
  await intrude(`update transfers set amount = amount + 1 where reason = 'fee'`, ...MAKE_ANEW);
  await sealPayment();
  const { code, out } = await verify();
  expect(code).toBe(2);
  expect(out).toContain('The node lags behind the settlement chain; its anchors were not looked at.');
  world.sandbox.changeChain({ mode: 'up' });
  expect((await verify()).code).toBe(0);
});

test('an anchor that was lost on its way is put there once, by whoever looks next', async () => {
  await sealPayment();
  world.next('dropped');
  expect((await anchor()).state).toBe('unknown');
  expect(await lastAnchor(world.node)).toBeNull();
  await world.scheduler.advance(60_000);
  expect((await anchor()).state).toBe('anchored');
  expect([await world.executions('compliance_registry::anchor_audit'), (await verify()).code]).toEqual([1, 0]);
});
