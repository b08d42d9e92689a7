/** The sandbox's node, as the SDK and a careful client find it: signatures, replay protection, expiry, gas, restarts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Account,
  AccountAddress,
  Aptos,
  AptosConfig,
  Ed25519PrivateKey,
  EntryFunction,
  Network,
  TypeTagAddress,
  TypeTagU64,
  U64,
} from '@aptos-labs/ts-sdk';
import { describe, expect, it } from 'vitest';
import { createSandbox } from '../../sandbox/sandbox.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { entryCall } from '../../tools/aptos/functions.ts';
import { localSigner, multiKeyAccount } from '../../tools/aptos/signer.ts';
import { buildTransaction, signTransaction, type TransactionTerms, unsignedBytes } from '../../tools/aptos/transaction.ts';
import { approved, type ChainWorld, createChainWorld, proposalOf, START_MS } from './world.ts';

const NOW_SECS = BigInt(START_MS / 1000);

/** A transfer of KES between two people, by the framework's own function. */
function transferTo(world: ChainWorld, to: string, amount: bigint): EntryFunction {
  const args = [AccountAddress.fromString(world.profile.assets.KES ?? ''), AccountAddress.fromString(to), new U64(amount)];
  return EntryFunction.build('0x1::primary_fungible_store', 'transfer', [], args);
}

function termsOf(world: ChainWorld, changes: Partial<TransactionTerms> = {}): TransactionTerms {
  return {
    sender: world.deps.treasury.address,
    call: transferTo(world, '0x5', 10n),
    replay: { sequenceNumber: 0n },
    expiresAtSecs: NOW_SECS + 600n,
    maxGas: 10_000n,
    gasUnitPrice: 100n,
    chainId: world.profile.chainId,
    feePayer: null,
    ...changes,
  };
}

async function submit(world: ChainWorld, changes: Partial<TransactionTerms> = {}, account = world.deps.treasury) {
  const { bytes, hash } = await signTransaction(buildTransaction(termsOf(world, changes)), account, null);
  return { hash, bytes, reply: await world.node.submit(bytes) };
}

describe('a submission', () => {
  it('is committed once, whatever is sent again', async () => {
    const world = await createChainWorld();
    const { bytes, hash, reply } = await submit(world);
    expect(reply).toEqual({ kind: 'accepted' });
    expect((await world.node.transaction(hash)).found).toMatchObject({ type: 'pending_transaction' });
    expect(await world.node.submit(bytes)).toEqual({ kind: 'accepted' });
    await world.scheduler.advance(1_000);
    expect((await world.node.transaction(hash)).found).toMatchObject({ success: true, type: 'user_transaction' });
    expect(await world.node.submit(bytes)).toEqual({ kind: 'used' });
    expect(await world.balance(`0x${'5'.padStart(64, '0')}`)).toBe(10n);
    expect(await world.node.sequenceNumber(world.deps.treasury.address)).toBe(1n);
  });

  it.each([
    ['another key than the account has', {}, 'INVALID_AUTH_KEY', true],
    ['another chain', { chainId: 9 }, 'BAD_CHAIN_ID', false],
    ['an expiry that has passed', { expiresAtSecs: NOW_SECS }, 'TRANSACTION_EXPIRED', false],
    ['a price below the least', { gasUnitPrice: 99n }, 'GAS_UNIT_PRICE_BELOW_MIN_BOUND', false],
    [
      'an orderless one that lives too long',
      { replay: { nonce: 5n }, expiresAtSecs: NOW_SECS + 61n },
      'TRANSACTION_EXPIRATION_TOO_FAR_IN_FUTURE',
      false,
    ],
    [
      'more gas than the account can pay',
      { maxGas: 2_000_000n, gasUnitPrice: 100_000n },
      'INSUFFICIENT_BALANCE_FOR_TRANSACTION_FEE',
      false,
    ],
  ] as const)('is refused for %s', async (_what, changes, status, isStranger) => {
    const world = await createChainWorld();
    const account = isStranger ? { ...world.account('8'.repeat(64)), address: world.deps.treasury.address } : world.deps.treasury;
    expect((await submit(world, changes, account)).reply).toEqual({ kind: 'refused', status });
  });

  it('whose bytes were changed carries no signature that holds', async () => {
    const world = await createChainWorld();
    const { bytes } = await signTransaction(buildTransaction(termsOf(world)), world.deps.treasury, null);
    const changed = Buffer.from(bytes);
    const amount = changed.indexOf(Buffer.from([8, 10, 0, 0, 0, 0, 0, 0, 0]));
    changed[amount + 1] = 99;
    expect(await world.node.submit(changed)).toEqual({ kind: 'refused', status: 'INVALID_SIGNATURE' });
  });

  it('waits for the sequence number before it', async () => {
    const world = await createChainWorld();
    const later = await submit(world, { replay: { sequenceNumber: 1n } });
    await world.scheduler.advance(2_000);
    expect((await world.node.transaction(later.hash)).found).toMatchObject({ type: 'pending_transaction' });
    await submit(world);
    await world.scheduler.advance(2_000);
    expect((await world.node.transaction(later.hash)).found).toMatchObject({ success: true });
  });

  it('takes its nonce once, another payload notwithstanding; a better price replaces it while it waits', async () => {
    const world = await createChainWorld();
    const orderless = { replay: { nonce: 7n }, expiresAtSecs: NOW_SECS + 50n };
    await submit(world, orderless);
    expect((await submit(world, { ...orderless, call: transferTo(world, '0x6', 1n) })).reply).toEqual({ kind: 'used' });
    const dearer = await submit(world, { ...orderless, gasUnitPrice: 150n });
    expect(dearer.reply).toEqual({ kind: 'accepted' });
    await world.scheduler.advance(2_000);
    expect((await world.node.transaction(dearer.hash)).found).toMatchObject({ success: true, gas_unit_price: '150' });
    expect(await world.balance(`0x${'5'.padStart(64, '0')}`)).toBe(10n);
    expect((await submit(world, orderless)).reply).toEqual({ kind: 'used' });
  });

  it('of an account of several keys needs as many of them as it was made with', async () => {
    const world = await createChainWorld();
    const keys = ['1', '2', '3'].map((digit) => localSigner(digit.repeat(64)));
    const publicKeys = keys.map(({ publicKey }) => publicKey);
    const account = multiKeyAccount(
      publicKeys,
      2,
      [keys[0], keys[2]].flatMap((key) => key ?? []),
    );
    await submit(world, { call: transferTo(world, account.address, 500n) });
    await world.scheduler.advance(1_000);
    // The fee payer pays, for the new account has no APT.
    const terms = termsOf(world, { sender: account.address, feePayer: world.deps.feePayer?.address ?? null });
    const { bytes, hash } = await signTransaction(buildTransaction(terms), account, world.deps.feePayer);
    expect(await world.node.submit(bytes)).toEqual({ kind: 'accepted' });
    await world.scheduler.advance(1_000);
    expect((await world.node.transaction(hash)).found).toMatchObject({ success: true });
    expect(() => multiKeyAccount(publicKeys, 2, [keys[0] ?? localSigner('9'.repeat(64))])).toThrow(RangeError);
  });

  it('that aborts is committed without effect, and its gas is paid', async () => {
    const world = await createChainWorld();
    const call = entryCall(world.profile.contract, 'settlement::pause', []);
    const simulated = await world.node.simulate(unsignedBytes(buildTransaction(termsOf(world, { call })), world.deps.treasury, null));
    expect(simulated).toMatchObject({
      success: false,
      vm_status: expect.stringMatching(/^Move abort in 0x[0-9a-f]+::settlement: 0x50003$/),
    });
    const { hash } = await submit(world, { call });
    await world.scheduler.advance(1_000);
    expect((await world.node.transaction(hash)).found).toMatchObject({ success: false, gas_used: simulated.gas_used });
    expect(await world.node.view('settlement::is_paused')).toEqual([false]);
  });
});

it('a simulation that carries a signature is refused', async () => {
  const world = await createChainWorld();
  const { bytes } = await signTransaction(buildTransaction(termsOf(world)), world.deps.treasury, null);
  await expect(world.node.simulate(bytes)).rejects.toMatchObject({ code: 'chain_unavailable' });
});

it('started again, the chain has every commit and nothing of its mempool', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-chain-'));
  const scheduler = manualScheduler(START_MS);
  const first = await createChainWorld({ dataDir, scheduler });
  const proposal = proposalOf({}, -5_000n);
  await approved(first, proposal);
  const settled = await first.chain.execute(proposal.batchId);
  const waiting = await submit(first, { replay: { sequenceNumber: 0n } });
  await first.sandbox.close();
  const second = await createChainWorld({ dataDir, scheduler: manualScheduler(scheduler.now() + 60_000) });
  expect((await second.node.transaction(settled.reference?.transactionHash ?? '')).found).toMatchObject({ success: true });
  expect(await second.chain.status(proposal.batchId)).toMatchObject({ state: 'settled', merkleRoot: proposal.merkleRoot });
  expect((await second.node.transaction(waiting.hash)).found).toBeNull();
  await second.sandbox.close();
  await rm(dataDir, { recursive: true });
});

it('the SDK itself builds, signs, submits, waits and reads over a socket', async () => {
  const sandbox = await createSandbox({ rails: [], chain: {}, port: 0, speed: 20 });
  const shown = sandbox.chainProfile();
  const aptos = new Aptos(new AptosConfig({ network: Network.LOCAL, fullnode: shown?.nodeUrl ?? '' }));
  const sender = Account.fromPrivateKey({ privateKey: new Ed25519PrivateKey(shown?.keys.treasury ?? '') });
  const asset = AccountAddress.fromString(shown?.assets['KES'] ?? '');
  const metadata = new TypeTagAddress();
  const transaction = await aptos.transaction.build.simple({
    sender: sender.accountAddress,
    data: {
      function: '0x1::primary_fungible_store::transfer',
      functionArguments: [asset, AccountAddress.fromString('0x5'), new U64(25)],
      abi: { typeParameters: [], parameters: [metadata, metadata, new TypeTagU64()] },
    },
  });
  const { hash } = await aptos.signAndSubmitTransaction({ signer: sender, transaction });
  expect(await aptos.waitForTransaction({ transactionHash: hash })).toMatchObject({ success: true });
  expect((await aptos.getAccountInfo({ accountAddress: sender.accountAddress })).sequence_number).toBe('1');
  expect((await aptos.getLedgerInfo()).chain_id).toBe(4);
  await sandbox.close();
});
