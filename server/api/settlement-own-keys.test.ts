/** Approvals with keys that people keep themselves: asked for and handed in over the API, carried to the sandbox chain by the driver. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { insertBatch } from '../../graph/settlement/testing.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { type Approver, DEFAULT_DRIVER_SETTINGS, type DriverDeps } from '../../graph/settlement/types.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { type ChainWorld, createChainWorld, PARTNER } from '../../tests/chain/world.ts';
import { createApprovalDesk } from '../../tools/aptos/approval-desk.ts';
import type { ApprovalRequest } from '../../tools/aptos/approval-request.ts';
import { authenticatorHex } from '../../tools/aptos/authenticator.ts';
import { entryCall } from '../../tools/aptos/functions.ts';
import { memorySent } from '../../tools/aptos/sent.ts';
import { consentOf, createAptosSettlement } from '../../tools/aptos/settlement.ts';
import { buildTransaction, signTransaction } from '../../tools/aptos/transaction.ts';
import { type ChainAccount, localSigner, multiKeyAccount } from '../../tools/aptos/signer.ts';
import { runCli } from '../cli/program.ts';
import { recordedTerminal } from '../cli/terminal.ts';
import { bodyOf, startTestApi, TEST_START_MS, type TestApi } from './testing.ts';

const PRIVATE_KEYS = ['a1', 'b2', 'c3'].map((pair) => pair.repeat(32));
const SIGNERS = PRIVATE_KEYS.map((key) => localSigner(key));
/** Of Tunde, who keeps two of three keys: the account counts with any two. */
const ACCOUNT = { required: 2, publicKeys: SIGNERS.map(({ publicKey }) => publicKey) };
const several = multiKeyAccount(ACCOUNT, SIGNERS.slice(1));

let world: ChainWorld;
let api: TestApi;
let zawadi: ChainAccount;
const keys = { zawadi: '', tunde: '', nia: '', stranger: '' };

beforeAll(async () => {
  const scheduler = manualScheduler(TEST_START_MS);
  world = await createChainWorld({ scheduler });
  zawadi = world.account(world.keys.approvers[2] ?? '');
  const known = [...world.keys.approvers.map((key) => world.account(key).address), several.address];
  await world.call(world.keys.publisher, 'settlement::set_approvers', [known, 2n]);
  const accounts: Readonly<Record<string, string>> = { 'treasury:zawadi': zawadi.address, 'treasury:tunde': several.address };
  const ownAccount = (principal: string) => accounts[principal] ?? null;
  api = await startTestApi({
    clock: scheduler,
    settlementKeys: { ownAccount, approver: (who) => (who === 'treasury:nia' ? 'key-1' : ownAccount(who)), arbiter: () => null },
    approvalDesk: createApprovalDesk(world),
  });
  for (const name of Object.keys(keys) as (keyof typeof keys)[])
    keys[name] = await api.makeKey(api.clients.acme, `treasury:${name}`, ['settlement:read', 'settlement:approve']);
});
afterAll(async () => {
  await api?.stop();
  await world?.sandbox.close();
});

/** The driver of a server that keeps one approver's key, Nia's, and none of the others. */
const driverOf = (changes: Partial<typeof world.deps> = {}): DriverDeps => {
  const nia = consentOf(world.account(world.keys.approvers[0] ?? ''));
  const approvers: Approver[] = ['policy:key-1', 'treasury:nia'].map((approver) => ({ ...nia, approver, keyName: 'key-1' }));
  const chain = createAptosSettlement({ ...world.deps, sent: memory, ...changes });
  const settings = { ...DEFAULT_DRIVER_SETTINGS, patienceMs: 1_000 };
  return { pool: api.pool, clock: world.scheduler, log: api.deps.log, chain, approvers, arbiters: [], settings };
};
let memory = memorySent();
const drive = async (rounds = 3): Promise<void> => {
  for (let round = 0; round < rounds; round += 1) {
    await driveSettlement(driverOf());
    await world.scheduler.advance(3_000);
  }
};

let batchId: string;
beforeEach(async () => {
  memory = memorySent();
  await api.pool.query(`update settlement_batches set next_step_at = 'infinity'`);
  batchId = await insertBatch(api.pool, { partner: PARTNER, currency: 'KES', dueMinor: -900_000n, approvalBy: 'people' });
  await drive(1);
});

const path = (what: string): string => `/v1/settlement/batches/${batchId}${what}`;
const ask = async (key: string): Promise<ApprovalRequest> => bodyOf(await api.call('GET', path('/approval-request'), { key }));
const statusOf = async () => bodyOf(await api.call('GET', path(''), { key: keys.nia }));
const handIn = (key: string, json: unknown) => api.call('POST', path('/approvals'), { key, json });
const signed = async ({ proposalDigest, bytes, message }: ApprovalRequest, account: ChainAccount) => ({
  proposalDigest,
  signed: { transaction: bytes, authenticator: authenticatorHex(await account.authenticate(Buffer.from(message, 'hex'))) },
});
const refusalOf = async (response: Response): Promise<unknown[]> => {
  const { code, errors = [] } = await bodyOf(response);
  return [response.status, code, ...errors.map(({ field }: { field: string }) => field)];
};

describe('somebody who keeps the key', () => {
  it('asks what is to be signed, hands it in signed, and the server that has no such key carries it to the chain once', async () => {
    const request = await ask(keys.zawadi);
    const { proposalDigest } = await statusOf();
    expect(request).toMatchObject({ proposalDigest, batch: { id: batchId, partner: PARTNER }, transaction: { sender: zawadi.address } });
    const approval = await signed(request, zawadi);
    expect((await handIn(keys.zawadi, approval)).status).toBe(202);
    expect(await refusalOf(await handIn(keys.zawadi, approval))).toEqual([409, 'settlement_already_approved']);
    await drive(1);
    expect(await statusOf()).toMatchObject({ status: 'proposed', approvals: [{ approver: 'treasury:zawadi', keyName: zawadi.address }] });
    expect(await refusalOf(await api.call('GET', path('/approval-request'), { key: keys.zawadi }))).toEqual([
      409,
      'settlement_approval_replayed',
    ]);
    expect((await handIn(keys.tunde, await signed(await ask(keys.tunde), several))).status).toBe(202);
    await drive();
    const settled = await statusOf();
    expect(settled).toMatchObject({ status: 'settled' });
    expect(settled.steps.map(({ kind, state }: { kind: string; state: string }) => `${kind} ${state}`)).toEqual([
      'propose succeeded',
      'approve succeeded',
      'approve succeeded',
      'execute succeeded',
    ]);
    const { rows } = await api.pool.query(
      `select actor, action, details from audit_events where subject = $1 and actor like 'treasury:%' order by id`,
      [`settlement_batch:${batchId}`],
    );
    expect(rows).toEqual(
      [
        ['treasury:zawadi', 'settlement.approval_given', { proposalDigest }],
        [
          'treasury:zawadi',
          'settlement.approval_signed',
          { signer: zawadi.address, transactionDigest: expect.stringMatching(/^[0-9a-f]{64}$/) },
        ],
        ['treasury:tunde', 'settlement.approval_given', { proposalDigest }],
        [
          'treasury:tunde',
          'settlement.approval_signed',
          { signer: several.address, transactionDigest: expect.stringMatching(/^[0-9a-f]{64}$/) },
        ],
      ].map(([actor, action, details]) => ({ actor, action, details })),
    );
  });

  it('approves beside somebody whose key is kept here', async () => {
    const { proposalDigest } = await statusOf();
    expect((await handIn(keys.nia, { proposalDigest })).status).toBe(202);
    expect((await handIn(keys.zawadi, await signed(await ask(keys.zawadi), zawadi))).status).toBe(202);
    await drive();
    expect(await statusOf()).toMatchObject({ status: 'settled' });
  });

  it('hands in another when the first expired before the chain took it, or was overtaken; the batch is executed once', async () => {
    world.sandbox.changeChain({ mode: 'silent' });
    world.sandbox.changeChain({ mode: 'up' });
    const first = await signed(await ask(keys.zawadi), zawadi);
    await world.scheduler.advance(880_000);
    expect((await handIn(keys.zawadi, first)).status).toBe(202);
    world.sandbox.changeChain({ mode: 'silent' });
    await world.scheduler.advance(30_000);
    await drive(2);
    world.sandbox.changeChain({ mode: 'up' });
    // Its account does something else meanwhile, and its sequence number is used up.
    const second = await signed(await ask(keys.zawadi), zawadi);
    expect((await handIn(keys.zawadi, second)).status).toBe(202);
    await spendSequenceNumber();
    await drive(2);
    const { steps } = await statusOf();
    expect(steps.filter(({ kind }: { kind: string }) => kind === 'approve')).toMatchObject([
      { state: 'failed', reasonCode: 'settlement_approval_sequence' },
    ]);
    expect((await handIn(keys.zawadi, await signed(await ask(keys.zawadi), zawadi))).status).toBe(202);
    expect((await handIn(keys.tunde, await signed(await ask(keys.tunde), several))).status).toBe(202);
    await world.scheduler.advance(60_000);
    await drive(4);
    expect(await statusOf()).toMatchObject({
      status: 'settled',
      approvals: [{ approver: 'treasury:zawadi' }, { approver: 'treasury:tunde' }],
    });
  });

  /** The approver's account pauses settlement, which it may not: the transaction fails, and counts. */
  async function spendSequenceNumber(): Promise<void> {
    const { profile, node, scheduler } = world;
    const { sequenceNumber } = await node.account(zawadi.address);
    const transaction = buildTransaction({
      sender: zawadi.address,
      call: entryCall(profile.contract, 'settlement::pause', []),
      replay: { sequenceNumber },
      expiresAtSecs: BigInt(Math.floor(scheduler.now() / 1_000) + 60),
      maxGas: 5_000n,
      gasUnitPrice: 100n,
      chainId: profile.chainId,
      feePayer: null,
    });
    expect(await node.submit((await signTransaction(transaction, zawadi, null)).bytes)).toEqual({ kind: 'accepted' });
    await scheduler.advance(3_000);
    expect((await node.account(zawadi.address)).sequenceNumber).toBe(sequenceNumber + 1n);
  }

  it('is refused for anything else, and nothing is written down', async () => {
    const request = await ask(keys.zawadi);
    const good = await signed(request, zawadi);
    const { proposalDigest } = good;
    const other = { ...good, signed: (await signed(await ask(keys.tunde), several)).signed };
    const refusals: readonly (readonly [string, unknown, unknown[]])[] = [
      [keys.zawadi, { proposalDigest }, [409, 'settlement_key_elsewhere']],
      [keys.nia, good, [409, 'settlement_key_kept_here']],
      [keys.stranger, good, [403, 'settlement_no_key']],
      [keys.zawadi, { ...good, proposalDigest: '0'.repeat(64) }, [409, 'settlement_proposal_stale', 'proposalDigest']],
      [keys.zawadi, other, [422, 'settlement_approval_differs', 'sender']],
      [keys.tunde, good, [422, 'settlement_approval_differs', 'sender']],
      [keys.zawadi, await signed(request, several), [403, 'chain_signer_refused', 'authenticator']],
      [keys.zawadi, { ...good, signed: { ...good.signed, transaction: 'ab' } }, [422, 'settlement_approval_malformed', 'transaction']],
      [keys.zawadi, { ...good, signed: { ...good.signed, authenticator: 'xy' } }, [422, 'validation_failed', 'signed.authenticator']],
    ];
    for (const [key, json, refusal] of refusals) expect(await refusalOf(await handIn(key, json))).toEqual(refusal);
    expect(await refusalOf(await api.call('GET', path('/approval-request'), { key: keys.nia }))).toEqual([409, 'settlement_key_kept_here']);
    expect(await refusalOf(await api.call('GET', path('/approval-request'), { key: keys.stranger }))).toEqual([403, 'settlement_no_key']);
    await world.scheduler.advance(900_000);
    expect(await refusalOf(await handIn(keys.zawadi, good))).toEqual([422, 'settlement_approval_expiry', 'expiresAt']);
    world.sandbox.changeChain({ mode: 'silent' });
    expect(await refusalOf(await handIn(keys.zawadi, good))).toEqual([503, 'chain_unavailable']);
    world.sandbox.changeChain({ mode: 'up' });
    const { rows } = await api.pool.query('select 1 from settlement_approvals where batch_id = $1', [batchId]);
    expect(rows).toEqual([]);
  });
});

describe('capp settlement', () => {
  const folder = mkdtemp(join(tmpdir(), 'capp-keys-'));
  afterAll(async () => rm(await folder, { recursive: true }));
  const fileOf = async (name: string, content?: unknown): Promise<string> => {
    const file = join(await folder, name);
    if (content !== undefined) await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  const run = async (...line: string[]) => {
    const terminal = recordedTerminal({ env: {} });
    const reach: typeof fetch = async (url, init) => api.api.app.request(String(url).replace('http://api.test', ''), init);
    const code = await runCli(['settlement', ...line], terminal, reach);
    return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
  };
  const at = (key: string): string[] => ['--url', 'http://api.test', '--key', key];

  it('fetches a request, signs it where the key is, and hands it in; two keys of an account one after the other', async () => {
    const [request, approval, part] = [await fileOf('request.json'), await fileOf('approval.json'), await fileOf('part.json')];
    const key = await fileOf('zawadi.key', `ed25519-priv-0x${world.keys.approvers[2] ?? ''}\n`);
    expect(await run('approval-request', batchId, '--out', request, ...at(keys.zawadi))).toMatchObject({ code: 0, out: request });
    const profile = await fileOf('chain.json', world.profile);
    const shown = await run('sign', request, '--profile', profile);
    expect(shown).toMatchObject({
      code: 0,
      out: expect.stringContaining(`pays      900000 minor units of KES to ${world.profile.partners[PARTNER]}`),
    });
    const signing = await run('sign', request, '--profile', profile, '--key-file', key, '--out', approval);
    expect(signing.out.split('\n').at(-1)).toBe(`Signed: ${approval}`);
    expect(await run('approve', batchId, '--signed', approval, ...at(keys.zawadi))).toMatchObject({
      code: 0,
      out: 'Approved: 1 of 2 approvals are there.',
    });

    await run('approval-request', batchId, '--out', request, ...at(keys.tunde));
    const account = await fileOf('account.json', ACCOUNT);
    const [one, two] = [await fileOf('one.key', PRIVATE_KEYS[0]), await fileOf('two.key', PRIVATE_KEYS[2])];
    const first = await run('sign', request, '--account', account, '--key-file', one, '--out', part);
    expect(first.out).toContain('Signed by 1 keys, which is too few yet');
    expect((await run('approve', batchId, '--signed', part, ...at(keys.tunde))).err).toContain('usage_invalid');
    await run('sign', part, '--account', account, '--key-file', two, '--out', approval);
    expect((await run('approve', batchId, '--signed', approval, ...at(keys.tunde))).out).toBe('Approved: 2 of 2 approvals are there.');
    await drive();
    expect(await statusOf()).toMatchObject({ status: 'settled' });
  });

  it('signs nothing that is not what its words say, or not for the key', async () => {
    const request = await ask(keys.zawadi);
    const key = await fileOf('nobody.key', PRIVATE_KEYS[0]);
    const out = await fileOf('never.json');
    const refused = async (content: unknown, ...line: string[]) => {
      const { code, err } = await run('sign', await fileOf('asked.json', content), '--key-file', key, '--out', out, ...line);
      expect(code).not.toBe(0);
      return /^capp: (\w+)/.exec(err)?.[1];
    };
    expect(await refused({ ...request, batch: { ...request.batch, payouts: [] } })).toBe('settlement_approval_differs');
    expect(await refused(request, '--profile', await fileOf('other.json', { ...world.profile, partners: {} }))).toBe(
      'settlement_approval_differs',
    );
    expect(await refused(request)).toBe('chain_signer_refused');
    expect(await refused({ kind: 'something' })).toBe('malformed_body');
    const { batch, transaction } = request;
    for (const change of [
      // What would be shown as further lines, or over lines that were shown before.
      { batch: { ...batch, partner: `${PARTNER}\npays      1 minor units of KES to 0x1` } },
      { batch: { ...batch, partner: `${PARTNER}\u001b[2J` } },
      { batch: { ...batch, currency: 'shillings' } },
      { batch: { ...batch, deadlineAt: batch.deadlineAt.replace('.000Z', '.500Z') } },
      { batch: { ...batch, itemCount: '99999999999999999999' } },
      { transaction: { ...transaction, expiresAt: '1969-12-31T23:59:59.000Z' } },
    ])
      expect(await refused({ ...request, ...change })).toBe('malformed_body');
    const account = await fileOf('account.json', ACCOUNT);
    const own = await ask(keys.tunde);
    const forged = { kind: 'capp-partly-signed-approval', request: own, signatures: { [ACCOUNT.publicKeys[1] ?? '']: '0'.repeat(128) } };
    expect(await refused(forged, '--account', account)).toBe('chain_signer_refused');
    expect(await refused(own, '--account', await fileOf('none.json', { ...ACCOUNT, required: 9 }))).toBe('config_invalid');
    await expect(readFile(out)).rejects.toThrow();
    expect((await run('approve', batchId, ...at(keys.zawadi))).err).toContain('usage_invalid');
  });
});
