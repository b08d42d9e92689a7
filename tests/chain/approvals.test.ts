/**
 * Approvals by keys that are elsewhere, on the sandbox chain: by one key, by several of an account, and everything that somebody
 * could hand in instead. What is refused leaves nothing on the chain.
 */
import { AccountAddress, ChainId, Deserializer, EntryFunction, parseTypeTag, RawTransaction, U64 } from '@aptos-labs/ts-sdk';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import { checkRequest, requestApproval } from '../../tools/aptos/approval.ts';
import type { ApprovalRequest } from '../../tools/aptos/approval-request.ts';
import { authenticatorHex } from '../../tools/aptos/authenticator.ts';
import { digestOfTerms, termsOf } from '../../tools/aptos/batch-terms.ts';
import { entryCall } from '../../tools/aptos/functions.ts';
import { proposalDigest } from '../../tools/aptos/proposal.ts';
import { send } from '../../tools/aptos/send.ts';
import { memorySent } from '../../tools/aptos/sent.ts';
import { consentOf, createAptosSettlement } from '../../tools/aptos/settlement.ts';
import type { BatchProposal } from '../../tools/aptos/settlement-chain.ts';
import { type ChainAccount, ed25519Account, localSigner, multiKeyAccount, type MultiKeyTerms } from '../../tools/aptos/signer.ts';
import { buildTransaction, signingMessage, type TransactionTerms } from '../../tools/aptos/transaction.ts';
import { type ChainWorld, createChainWorld, proposalOf, START_MS } from './world.ts';

/** The code of the fault, with the field where one is named. */
async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!isFault(error)) return String(error);
  return error.field === undefined ? error.code : `${error.code} ${error.field}`;
}

const PRIVATE_KEYS = ['a1', 'b2', 'c3'].map((pair) => pair.repeat(32));
const SIGNERS = PRIVATE_KEYS.map((key) => localSigner(key));

/** An account of two of three keys. */
function twoOfThree(scheme: NonNullable<MultiKeyTerms['scheme']>, which: readonly [number, number] = [0, 2]): ChainAccount {
  const signers = which.map((place) => SIGNERS[place] ?? localSigner(''));
  return multiKeyAccount({ publicKeys: SIGNERS.map(({ publicKey }) => publicKey), required: 2, scheme }, signers);
}

interface Stage {
  readonly world: ChainWorld;
  readonly proposal: BatchProposal;
  readonly account: ChainAccount;
  readonly request: ApprovalRequest;
  /** Signs a request, or other bytes for it, as the account. */
  sign(
    change?: (raw: RawTransaction) => RawTransaction,
  ): Promise<{ batchId: string; signer: string; transaction: string; authenticator: string }>;
}

/** A batch that is proposed, and an approver whom the contract knows. */
async function staged(account: ChainAccount | null = null, options: { readonly paysOwnGas?: boolean } = {}): Promise<Stage> {
  const opened = await createChainWorld();
  const approver = account ?? opened.account(opened.keys.approvers[2] ?? '');
  const known = [...opened.keys.approvers.map((key) => opened.account(key).address), approver.address];
  await opened.call(opened.keys.publisher, 'settlement::set_approvers', [[...new Set(known)], 2n]);
  const profile = options.paysOwnGas === true ? { ...opened.profile, feePayer: undefined } : opened.profile;
  const deps = { ...opened.deps, profile };
  const world = { ...opened, profile, deps, chain: opened.reopened({ profile }) };
  const proposal = proposalOf();
  await world.chain.propose(proposal, 0);
  const request = await world.chain.approvalRequest(proposal.batchId, approver.address);
  const sign: Stage['sign'] = async (change = (raw) => raw) => {
    const raw = change(RawTransaction.deserialize(new Deserializer(Buffer.from(request.bytes, 'hex'))));
    const payer = profile.feePayer === undefined ? undefined : AccountAddress.fromString(profile.feePayer);
    const message = signingMessage({ rawTransaction: raw, feePayerAddress: payer } as Parameters<typeof signingMessage>[0]);
    return {
      batchId: proposal.batchId,
      signer: approver.address,
      transaction: Buffer.from(raw.bcsToBytes()).toString('hex'),
      authenticator: authenticatorHex(await approver.authenticate(message)),
    };
  };
  return { world, proposal, account: approver, request, sign };
}

/** Somebody gives an account 10 APT. */
async function giveGas({ deps, account, keys }: ChainWorld, to: string): Promise<void> {
  const call = EntryFunction.build(
    '0x1::primary_fungible_store',
    'transfer',
    [parseTypeTag('0x1::fungible_asset::Metadata')],
    [AccountAddress.A, AccountAddress.fromString(to), new U64(1_000_000_000n)],
  );
  const outcome = await send(deps, { subject: 'gas', step: to, call, account: account(keys.publisher) });
  expect(outcome).toMatchObject({ kind: 'executed' });
}

/** The raw transaction with some of its fields otherwise. */
function otherwise(raw: RawTransaction, over: Partial<RawTransaction>): RawTransaction {
  return new RawTransaction(
    over.sender ?? raw.sender,
    over.sequence_number ?? raw.sequence_number,
    raw.payload,
    over.max_gas_amount ?? raw.max_gas_amount,
    over.gas_unit_price ?? raw.gas_unit_price,
    over.expiration_timestamp_secs ?? raw.expiration_timestamp_secs,
    over.chain_id ?? raw.chain_id,
  );
}

describe('an approval by keys that are elsewhere', () => {
  it.each([
    ['one key', null],
    ['two of three keys', twoOfThree('multi_key')],
    ['the last two of three keys', twoOfThree('multi_key', [2, 1])],
    ['two of three keys in the older scheme', twoOfThree('multi_ed25519')],
  ] as const)('counts once: %s', async (_what, account) => {
    const { world, proposal, account: approver, sign } = await staged(account);
    const approval = await sign();
    expect(await world.chain.approveSigned(approval)).toMatchObject({ countedBy: [approver.address], approvedBy: [approver.address] });
    expect(await world.chain.approveSigned(approval)).toMatchObject({ countedBy: [approver.address] });
    expect(await world.executions('settlement::approve')).toBe(1);
    await world.chain.approveAs(
      proposal.batchId,
      world.chain.signers[0] ?? '',
      (await world.chain.status(proposal.batchId)).proposalDigest ?? '',
    );
    await world.scheduler.advance(3_000);
    expect((await world.chain.execute(proposal.batchId)).state).toBe('settled');
  });

  it.each([['multi_key'], ['multi_ed25519']] as const)('whose account pays its own gas where nobody else does: %s', async (scheme) => {
    const account = twoOfThree(scheme);
    const stage = await staged(account, { paysOwnGas: true });
    expect(stage.request.transaction.feePayer).toBeNull();
    expect(await refusalOf(stage.world.chain.approveSigned(await stage.sign()))).toBe('chain_funds_short');
    await giveGas(stage.world, account.address);
    expect(await stage.world.chain.approveSigned(await stage.sign())).toMatchObject({ approvedBy: [account.address] });
  });

  it('comes in no second time, whatever remembers it', async () => {
    const { world, proposal, account, sign } = await staged();
    const approval = await sign();
    await world.chain.approveSigned(approval);
    const forgetful = world.reopened({ profile: world.profile, sent: memorySent() });
    expect(await refusalOf(forgetful.approveSigned(approval))).toBe('settlement_approval_sequence sequenceNumber');
    const fresh = await forgetful.approvalRequest(proposal.batchId, account.address);
    const authenticator = authenticatorHex(await account.authenticate(Buffer.from(fresh.message, 'hex')));
    const again = { batchId: proposal.batchId, signer: account.address, transaction: fresh.bytes, authenticator };
    expect(await refusalOf(forgetful.approveSigned(again))).toBe('settlement_approval_replayed');
    expect(await world.executions('settlement::approve')).toBe(1);
  });

  it('is taken by the agent for the proposal that was read, and for no other', async () => {
    const { world, proposal, account, sign } = await staged(twoOfThree('multi_key'));
    const chain = createAptosSettlement(world.deps);
    const approval = await sign();
    const other = proposalDigest({ ...proposal, itemCount: 8 });
    expect(await refusalOf(chain.approveSigned({ ...approval, proposalDigest: other }))).toBe('settlement_batch_altered');
    expect(await chain.approveSigned({ ...approval, proposalDigest: proposalDigest(proposal) })).toMatchObject({
      approvedBy: [account.address],
      steps: { [`approve:${account.address}`]: { transactionHash: expect.stringMatching(/^0x/) } },
    });
  });
});

describe('what is no approval, or goes too far', () => {
  const nowSecs = BigInt(START_MS / 1_000);
  const callOf = (raw: RawTransaction, world: ChainWorld, terms: Partial<TransactionTerms>): RawTransaction =>
    buildTransaction({
      sender: raw.sender.toString(),
      call: entryCall(world.profile.contract, 'settlement::pause', []),
      replay: { sequenceNumber: raw.sequence_number },
      expiresAtSecs: raw.expiration_timestamp_secs,
      maxGas: raw.max_gas_amount,
      gasUnitPrice: raw.gas_unit_price,
      chainId: raw.chain_id.chainId,
      feePayer: null,
      ...terms,
    }).rawTransaction;
  const approve = (world: ChainWorld, at: string, digest: string) => entryCall(world.profile.contract, 'settlement::approve', [at, digest]);

  it.each<[string, (raw: RawTransaction, stage: Stage) => RawTransaction, string]>([
    ['a higher price for gas', (raw) => otherwise(raw, { gas_unit_price: 10_001n }), 'settlement_approval_gas gasUnitPriceOctas'],
    ['more gas', (raw) => otherwise(raw, { max_gas_amount: 5_001n }), 'settlement_approval_gas maxGasUnits'],
    ['good for too long', (raw) => otherwise(raw, { expiration_timestamp_secs: nowSecs + 3_600n }), 'settlement_approval_expiry expiresAt'],
    ['expired', (raw) => otherwise(raw, { expiration_timestamp_secs: nowSecs }), 'settlement_approval_expiry expiresAt'],
    ['another chain', (raw) => otherwise(raw, { chain_id: new ChainId(9) }), 'settlement_approval_differs chainId'],
    ['another sender', (raw) => otherwise(raw, { sender: AccountAddress.ONE }), 'settlement_approval_differs sender'],
    ['a later sequence number', (raw) => otherwise(raw, { sequence_number: 7n }), 'settlement_approval_sequence sequenceNumber'],
    ['another function', (raw, { world }) => callOf(raw, world, {}), 'settlement_approval_differs function'],
    [
      'the same function of another contract',
      (raw, { world, request: { batch } }) =>
        callOf(raw, world, { call: entryCall(`0x${'9'.repeat(64)}`, 'settlement::approve', [batch.address, batch.digest]) }),
      'settlement_approval_differs function',
    ],
    [
      'another batch',
      (raw, { world, request: { batch } }) => callOf(raw, world, { call: approve(world, world.profile.treasury, batch.digest) }),
      'settlement_approval_differs arguments',
    ],
    [
      'another content of the batch',
      (raw, { world, request: { batch } }) => callOf(raw, world, { call: approve(world, batch.address, 'ab'.repeat(32)) }),
      'settlement_approval_differs arguments',
    ],
    [
      'a nonce in place of a sequence number',
      (raw, { world, request: { batch } }) =>
        callOf(raw, world, { call: approve(world, batch.address, batch.digest), replay: { nonce: 5n } }),
      'settlement_approval_differs function',
    ],
  ])('%s', async (_what, change, refusal) => {
    const stage = await staged();
    const approval = await stage.sign((raw) => change(raw, stage));
    expect(await refusalOf(stage.world.chain.approveSigned(approval))).toBe(refusal);
    expect(await stage.world.chain.status(stage.proposal.batchId)).toMatchObject({ countedBy: [] });
    expect(await stage.world.executions('settlement::approve')).toBe(0);
  });

  it('bytes that are none, and signatures that are none, too few, or of other keys', async () => {
    const { world, sign, request } = await staged(twoOfThree('multi_key'));
    const approval = await sign();
    const refused = (over: Partial<typeof approval>) => refusalOf(world.chain.approveSigned({ ...approval, ...over }));
    expect(await refused({ transaction: 'abcd' })).toBe('settlement_approval_malformed transaction');
    expect(await refused({ transaction: `${approval.transaction}00` })).toBe('settlement_approval_malformed transaction');
    expect(await refused({ authenticator: `${approval.authenticator}00` })).toBe('settlement_approval_malformed authenticator');
    // `NoAccountAuthenticator`, which a chain takes of simulations alone.
    expect(await refused({ authenticator: '04' })).toBe('settlement_approval_malformed authenticator');
    const message = Buffer.from(request.message, 'hex');
    const of = async (account: ChainAccount, signed = message) => authenticatorHex(await account.authenticate(signed));
    expect(await refused({ authenticator: await of(twoOfThree('multi_key'), Buffer.from('other bytes')) })).toBe(
      'chain_signer_refused authenticator',
    );
    // Sound signatures all of them, by keys that are not the account's.
    const [first, second] = SIGNERS as [(typeof SIGNERS)[number], (typeof SIGNERS)[number]];
    expect(await refused({ authenticator: await of(ed25519Account(first)) })).toBe('chain_signer_refused authenticator');
    expect(await refused({ authenticator: await of(twoOfThree('multi_ed25519')) })).toBe('chain_signer_refused authenticator');
    const lighter = multiKeyAccount({ publicKeys: SIGNERS.map(({ publicKey }) => publicKey), required: 1 }, [second]);
    expect(await refused({ authenticator: await of(lighter) })).toBe('chain_signer_refused authenticator');
    expect(await world.executions('settlement::approve')).toBe(0);
  });
});

describe('the chain itself', () => {
  it.each([['multi_key'], ['multi_ed25519']] as const)(
    'refuses an account of several keys with a wrong or a missing signature: %s',
    async (scheme) => {
      const account = twoOfThree(scheme);
      const { world, proposal } = await staged(account);
      const digest = digestOfTerms(world.profile.contract, termsOf(world.profile, world.deps.settler.address, proposal, 0));
      const wrong: ChainAccount = { ...account, authenticate: () => account.authenticate(Buffer.from('something else')) };
      expect(await refusalOf(world.reopened({ approvers: [wrong] }).approveAs(proposal.batchId, account.address, digest))).toBe(
        'chain_signer_refused',
      );
      // An account of the same keys of which one is enough is another account.
      const lighter = multiKeyAccount(
        { publicKeys: SIGNERS.map(({ publicKey }) => publicKey), required: 1, scheme, address: account.address },
        SIGNERS.slice(0, 1),
      );
      expect(await refusalOf(world.reopened({ approvers: [lighter] }).approveAs(proposal.batchId, account.address, digest))).toBe(
        'chain_signer_refused',
      );
      const chain = world.reopened({ approvers: [account] });
      expect(await chain.approveAs(proposal.batchId, account.address, digest)).toMatchObject({ approvedBy: [account.address] });
    },
  );
});

describe('accounts of several keys', () => {
  it('settle, pay, pay for gas and consent as those of one key do', async () => {
    const plain = await createChainWorld();
    const [gas, approver] = [twoOfThree('multi_ed25519'), twoOfThree('multi_key')];
    const approvers = [approver, plain.account(plain.keys.approvers[0] ?? '')];
    await plain.call(plain.keys.publisher, 'settlement::set_approvers', [approvers.map(({ address }) => address), 2n]);
    await giveGas(plain, gas.address);
    const deps = { ...plain.deps, profile: { ...plain.profile, feePayer: gas.address }, feePayer: gas, approvers };
    const chain = createAptosSettlement(deps);
    const proposal = proposalOf({}, -5_000n);
    await chain.propose(proposal);
    for (const { signer, sign } of approvers.map((account) => consentOf(account))) {
      const approval = { batchId: proposal.batchId, signer, proposalDigest: proposalDigest(proposal) };
      await chain.approve({ ...approval, signature: await sign(approval.proposalDigest) });
    }
    const mandate = { proposalDigest: proposalDigest(proposal), approvedBy: approvers.map(({ address }) => address) };
    expect((await chain.execute(proposal.batchId, mandate)).state).toBe('settled');
  });

  it('are none with too few keys, keys that stand twice, or a number that cannot be', () => {
    const publicKeys = SIGNERS.map(({ publicKey }) => publicKey);
    const make =
      (terms: Partial<MultiKeyTerms>, signers = SIGNERS) =>
      () =>
        multiKeyAccount({ publicKeys, required: 2, ...terms }, signers);
    expect(make({})).not.toThrow();
    for (const wrong of [
      make({}, SIGNERS.slice(0, 1)),
      make({}, [localSigner('d4'.repeat(32)), ...SIGNERS.slice(0, 1)]),
      make({ required: 0 }),
      make({ required: 4 }),
      make({ publicKeys: [publicKeys[0] ?? '', ...publicKeys] }),
      make({ publicKeys: ['no key', ...publicKeys] }),
    ])
      expect(wrong).toThrow(RangeError);
  });
});

describe('a request', () => {
  it('shows what is signed, and its bytes follow from that', async () => {
    const { world, proposal, account, request } = await staged();
    expect(request).toMatchObject({
      network: 'local',
      batch: {
        id: proposal.batchId,
        partner: 'mpesa-ke',
        currency: 'KES',
        payouts: [{ recipient: world.profile.treasury, amountMinor: '1250000' }],
      },
      transaction: {
        sender: account.address,
        maxGasUnits: '5000',
        gasUnitPriceOctas: '100',
        feePayer: world.account(world.keys.feePayer).address,
      },
      proposalDigest: proposalDigest(proposal),
    });
    expect(() => checkRequest(request, world.profile)).not.toThrow();
    const { batch, transaction } = request;
    const [payout] = batch.payouts as [(typeof batch.payouts)[number]];
    const [mpesa, mtn] = [world.profile.partners['mpesa-ke'] ?? '', world.profile.partners['mtn-ug'] ?? ''];
    const wrong: readonly (readonly [string, Partial<ApprovalRequest>, typeof world.profile | null])[] = [
      ['batch.digest', { batch: { ...batch, payouts: [{ ...payout, amountMinor: '1' }] } }, null],
      ['batch.address', { batch: { ...batch, id: proposalOf().batchId } }, null],
      ['bytes', { transaction: { ...transaction, maxGasUnits: '6' } }, null],
      ['message', { message: 'ab' }, null],
      ['network', { network: 'mainnet' }, world.profile],
      ['contract', {}, { ...world.profile, contract: mtn }],
      ['chainId', {}, { ...world.profile, chainId: 9 }],
      ['batch.partner', { batch: { ...batch, partner: 'mtn-ug' } }, world.profile],
      ['batch.partner', {}, { ...world.profile, partners: { 'mpesa-ke': mtn, 'mtn-ug': mpesa } }],
    ];
    for (const [field, over, profile] of wrong) {
      const check = async (): Promise<void> => checkRequest({ ...request, ...over }, profile);
      expect(await refusalOf(check())).toBe(`settlement_approval_differs ${field}`);
    }
  });

  it('offers no more for gas than is paid for an approval, though its bytes say the same', async () => {
    const { world, account, proposal } = await staged();
    const terms = termsOf(world.profile, world.deps.settler.address, proposal, 0);
    const greedy = async (over: Partial<ApprovalRequest['transaction']>): Promise<string> => {
      const request = await requestApproval(world.deps, account.address, terms);
      const transaction = { ...request.transaction, ...over };
      const built = buildTransaction({
        sender: transaction.sender,
        call: entryCall(request.contract, 'settlement::approve', [request.batch.address, request.batch.digest]),
        replay: { sequenceNumber: BigInt(transaction.sequenceNumber) },
        expiresAtSecs: BigInt(Date.parse(transaction.expiresAt) / 1_000),
        maxGas: BigInt(transaction.maxGasUnits),
        gasUnitPrice: BigInt(transaction.gasUnitPriceOctas),
        chainId: request.chainId,
        feePayer: transaction.feePayer,
      });
      const bytes = Buffer.from(built.rawTransaction.bcsToBytes()).toString('hex');
      const message = Buffer.from(signingMessage(built)).toString('hex');
      return refusalOf((async () => checkRequest({ ...request, transaction, bytes, message }, world.profile))());
    };
    expect(await greedy({ feePayer: null })).toBe('null');
    expect(await greedy({ maxGasUnits: '5001', feePayer: null })).toBe('settlement_approval_gas maxGasUnits');
    expect(await greedy({ gasUnitPriceOctas: '10001' })).toBe('settlement_approval_gas gasUnitPriceOctas');
  });

  it('offers for gas what the node asks, up to a bound, and is made of no terms of others', async () => {
    const { world, proposal, account } = await staged();
    world.sandbox.changeChain({ gasPrice: '20000' });
    expect((await world.chain.approvalRequest(proposal.batchId, account.address)).transaction.gasUnitPriceOctas).toBe('10000');
    const terms = termsOf(world.profile, world.deps.settler.address, proposal, 0);
    const strange = { ...terms, recipients: [`0x${'5'.repeat(64)}`] };
    expect(await refusalOf(requestApproval(world.deps, account.address, strange))).toBe('settlement_batch_altered');
  });
});
