/** `capp proof`: a proof is checked offline, and on the chain of a node; nothing that was changed in it passes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { type ChainWorld, createChainWorld, proposalOf } from '../../tests/chain/world.ts';
import { packItems, proofOfCarried, rootBatch } from '../../tools/aptos/items.ts';
import { proposalDigest } from '../../tools/aptos/proposal.ts';
import type { SettlementProof } from '../../tools/aptos/settlement-proof.ts';
import { runCli } from './program.ts';
import {
  type Batch,
  carriedOf,
  copyOf,
  OTHER,
  OTHER_BATCH,
  OTHER_TREE,
  otherBatch,
  otherLeg,
  PAYMENT,
  settleProven,
} from '../../tests/chain/proofs.ts';
import { recordedTerminal } from './terminal.ts';

let world: ChainWorld;
let folder: string;
let profilePath: string;
/** The batch that the chain pays, a payment in it, and one in a batch that it took over. */
let paying: Batch;
let proof: SettlementProof;
let carried: SettlementProof;
let proposedBy: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-proof-'));
  // The command has the system's clock; the chain's stands still beside it.
  world = await createChainWorld({ scheduler: manualScheduler(Date.now()), port: 0 });
  profilePath = join(folder, 'chain.json');
  await writeFile(profilePath, JSON.stringify(world.profile));
  ({ paying, proof, carried, proposedBy } = await settleProven(world));
});
afterAll(async () => {
  await world?.sandbox.close();
  await rm(folder, { recursive: true });
});

const noNetwork: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));
let files = 0;

/** Writes a text to a file and has it verified. */
async function verifyText(text: string, ...options: string[]) {
  files += 1;
  const file = join(folder, `proof-${files}.json`);
  await writeFile(file, text);
  const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: folder, CAPP_APTOS_PATH: profilePath } });
  const code = await runCli(['proof', 'verify', file, ...options], terminal, noNetwork);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

const verify = (value: unknown, ...options: string[]) => verifyText(JSON.stringify(value), ...options);
const leg = () => proof.legs[0] as SettlementProof['legs'][number];
const batch = () => paying;
/** The digest is the prover's own: a forger makes it anew. */
const signedAnew = (changed: Batch): Batch => ({ ...changed, proposalDigest: proposalDigest(termsIn(changed)) });
const termsIn = ({ id: batchId, partner, currency, dueMinor, merkleRoot, itemCount, approvalsNeeded, deadlineAt }: Batch) => ({
  batchId,
  obligation: { partner, currency, netMinor: BigInt(dueMinor) },
  merkleRoot,
  itemCount,
  approvalsNeeded,
  deadlineMs: Date.parse(deadlineAt ?? ''),
});

describe('a proof as it was written', () => {
  const told = () => `${batch().id} (transaction ${batch().transactionHash}, version ${batch().ledgerVersion})`;

  test('holds offline, with nothing but the file', async () => {
    const { code, out } = await verify(proof);
    expect([code, out]).toEqual([0, `Payment ${PAYMENT} is settled: the collection by ${told()}.`]);
  });

  test('holds on the chain, of the profile and of a node that is named', async () => {
    expect(await verify(proof, '--chain')).toMatchObject({ code: 0, out: expect.stringContaining('The chain says so of each.') });
    const { code, out } = await verify(proof, '--node', world.profile.nodeUrl, '--json');
    expect([code, JSON.parse(out)]).toMatchObject([0, { verdict: 'holds', faults: [], onChain: true }]);
  });

  test('leads a payment through the batch that was taken over to the transaction that paid it', async () => {
    const expected = `Payment ${OTHER} is settled: the collection by ${OTHER_BATCH} (on the books), taken over by ${told()}.`;
    expect(await verify(carried)).toMatchObject({ code: 0, out: expected });
    expect(await verify(carried, '--chain')).toMatchObject({ code: 0, out: `${expected} The chain says so of each.` });
    expect(JSON.parse((await verify(carried, '--chain', '--json')).out)).toMatchObject({
      verdict: 'holds',
      legs: [{ leg: 'collection', batches: [OTHER_BATCH, batch().id], ledgerVersion: batch().ledgerVersion }],
    });
  });

  test.each<[string, Partial<Batch>, string]>([
    ['that waits for its partner', {}, 'waits for the next batch of its partner'],
    ['where nothing is due', { dueMinor: '0', netMinor: '0' }, 'nothing is due there that a chain would pay'],
    ['that missed its deadline', { method: 'chain', status: 'expired' }, 'waits for the next batch of its partner'],
  ])('of a batch %s holds offline, and is on no chain: a verdict of its own', async (_what, change, why) => {
    const elsewhere = { ...carried, carried: [], batches: [{ ...otherBatch(), ...change }] };
    expect(await verify(elsewhere)).toMatchObject({ code: 0 });
    const { code, out } = await verify(elsewhere, '--chain');
    expect([code, out]).toEqual([
      3,
      `1 fault:\n  not_on_chain: the collection ends in batch ${OTHER_BATCH}, which no chain has paid: ${expectedWhy(why)}`,
    ]);
    expect(JSON.parse((await verify(elsewhere, '--chain', '--json')).out)).toMatchObject({
      verdict: 'not_on_chain',
      faults: [{ code: 'not_on_chain' }],
    });
  });

  test('of a batch that is said to be on the books while the chain has paid it is wrong', async () => {
    const hidden = { ...proof, batches: [{ ...batch(), method: 'books', transactionHash: null, ledgerVersion: null }] };
    const { code, out } = await verify(hidden, '--chain');
    expect([code, out]).toEqual([1, expect.stringContaining('is settled on the chain, and on the books in the file')]);
  });
});

const expectedWhy = (why: string) => (why.startsWith('waits') ? `what is due there ${why} that a chain pays` : why);

/** Ways to have a payment paid by a batch that never took over the one that holds it. */
const CARRIED_FORGERIES: readonly [string, () => unknown, string][] = [
  ...(
    [
      ['the due of a batch that was taken over', { dueMinor: '49999' }],
      ['the sign of that due', { dueMinor: '-50000' }],
    ] as const
  ).map(([what, change]): [string, () => unknown, string] => [
    what,
    () => ({ ...carried, batches: [{ ...otherBatch(), ...change }, batch()] }),
    'does not lead to the root of the batch that took it over',
  ]),
  [
    'a tree of its own in place of the one that was taken over',
    () => {
      const tree = { ...OTHER_TREE, items: packItems([{ paymentId: PAYMENT, leg: 'collection', amountMinor: 9_999n }]) };
      const forged = { ...otherBatch(), merkleRoot: rootBatch(tree).root };
      return { ...carried, paymentId: PAYMENT, legs: [{ ...otherLeg(), amountMinor: '9999' }], batches: [forged, batch()] };
    },
    'does not lead to the root of the batch that took it over',
  ],
  [
    'a place of another leaf',
    () => ({ ...carried, carried: [{ ...linkOf(), proof: leg().proof }] }),
    'does not lead to the root of the batch that took it over',
  ],
  ['a tree of another size', () => ({ ...carried, carried: [{ ...linkOf(), proof: { ...linkOf().proof, size: 7 } }] }), 'another size'],
  ['a batch taken over twice', () => ({ ...carried, carried: [linkOf(), linkOf()] }), `batch ${OTHER_BATCH} is taken over twice`],
  [
    'a batch taken over by itself',
    () => ({ ...carried, carried: [{ ...linkOf(), carriedTo: OTHER_BATCH }] }),
    'no leg of the file is in batch',
  ],
  ['a batch taken over by none of the file', () => ({ ...carried, batches: [otherBatch()] }), 'is not in the file'],
  [
    'a batch of another partner',
    () => ({ ...carried, batches: [{ ...otherBatch(), partner: 'mtn-ug' }, batch()] }),
    'one of another partner or currency',
  ],
  [
    'a batch with nothing left',
    () => ({ ...carried, batches: [{ ...otherBatch(), dueMinor: '0' }, batch()] }),
    'nothing left to take over',
  ],
  [
    'a batch that the chain pays and that is taken over besides',
    () => ({ ...carried, batches: [{ ...otherBatch(), method: 'chain' }, batch()] }),
    'is paid by the chain itself, and taken over besides',
  ],
];
const linkOf = () => carried.carried[0] as SettlementProof['carried'][number];

describe('a proof that was tampered with is refused offline:', () => {
  const changed = (change: Partial<SettlementProof['legs'][number]>) => ({ ...proof, legs: [{ ...leg(), ...change }] });
  test.each<[string, () => unknown, string]>([
    ['the amount', () => changed({ amountMinor: '50001' }), 'does not lead to the root'],
    ['the leg', () => changed({ leg: 'payout' }), 'does not lead to the root'],
    ['the payment', () => ({ ...proof, paymentId: PAYMENT.replace(/2$/, '3') }), 'does not lead to the root'],
    ['the place in the tree', () => changed({ proof: { ...leg().proof, index: 0 } }), 'does not lead to the root'],
    ['the size of the tree', () => changed({ proof: { ...leg().proof, size: 7 } }), 'a tree of another size'],
    ['a hash of the path', () => changed({ proof: { ...leg().proof, path: leg().proof.path.toReversed() } }), 'does not lead to the root'],
    ['a hash left out', () => changed({ proof: { ...leg().proof, path: leg().proof.path.slice(1) } }), 'does not lead to the root'],
    ['the currency', () => changed({ currency: 'UGX' }), 'another currency'],
    ['the root', () => ({ ...proof, batches: [{ ...batch(), merkleRoot: 'ab'.repeat(32) }] }), 'does not lead to the root'],
    ['what is due of a batch that was approved', () => ({ ...proof, batches: [{ ...batch(), dueMinor: '1' }] }), 'digest_broken'],
    ['the deadline', () => ({ ...proof, batches: [{ ...batch(), deadlineAt: null }] }), 'digest_broken'],
    ['a batch that is not there', () => changed({ batchId: PAYMENT }), 'not in the file'],
    ['a leg twice', () => ({ ...proof, legs: [leg(), leg()] }), 'a leg stands twice'],
    ['a batch twice', () => ({ ...proof, batches: [batch(), batch()] }), 'a batch stands twice'],
    [
      'a batch without a leg of the payment',
      () => ({ ...proof, batches: [batch(), otherBatch()] }),
      `no leg of the file is in batch ${OTHER_BATCH}`,
    ],
    ...CARRIED_FORGERIES,
  ])('%s', async (_what, value, expected) => {
    const { code, out } = await verify(value());
    expect(code).toBe(1);
    expect(out).toMatch(/^\d+ faults?:/);
    expect(out).toContain(expected);
  });

  test('and a tree of its own holds offline, and not on the chain', async () => {
    const items = packItems([{ paymentId: PAYMENT, leg: 'collection', amountMinor: 99_999_999n }]);
    const merkleRoot = rootBatch({ batchId: batch().id, currency: 'KES', items, carried: [] }).root;
    const forged = {
      ...proof,
      legs: [{ ...leg(), amountMinor: '99999999', proof: { index: 0, size: 1, path: [] } }],
      batches: [signedAnew({ ...batch(), merkleRoot, itemCount: 1 })],
    };
    expect((await verify(forged)).code).toBe(0);
    expect(await verify(forged, '--chain')).toMatchObject({ code: 1, out: expect.stringContaining('another root on the chain') });
    const unknown = { ...forged, legs: [], batches: [{ ...batch(), id: PAYMENT }] };
    expect((await verify(unknown)).code).toBe(2);
  });
});

describe('what the chain holds otherwise than the file is refused on the chain, and named:', () => {
  test.each<[string, (of: Batch) => Partial<Batch>, string]>([
    ['the amount', () => ({ dueMinor: '1250001' }), 'amount_differs'],
    ['who owes', () => ({ dueMinor: '-1250000' }), 'amount_differs'],
    ['the partner', () => ({ partner: 'mtn-ug' }), 'partner_differs'],
    ['the approvals it needs', () => ({ approvalsNeeded: 1 }), 'quorum_differs'],
    ['the deadline', () => ({ deadlineAt: new Date(Date.now() + 86_400_000).toISOString() }), 'deadline_differs'],
    ['what arbiters gave back', () => ({ reversedMinor: '25000' }), 'reversal_differs'],
    ['its state, frozen', () => ({ status: 'disputed' }), ''],
    ['its state, of which the chain says otherwise', () => ({ status: 'mismatched' }), 'status_differs'],
    ['another transaction', () => ({ transactionHash: `0x${'1'.repeat(64)}` }), 'transaction_differs'],
    ['another transaction of the batch', () => ({ transactionHash: proposedBy }), 'transaction_differs'],
    ['the version', ({ ledgerVersion }) => ({ ledgerVersion: `${ledgerVersion}0` }), 'version_differs'],
    ['a version alone', () => ({ transactionHash: null }), 'file_inconsistent'],
  ])('%s', async (_what, change, expected) => {
    const altered = { ...proof, batches: [signedAnew({ ...batch(), ...change(batch()) })] };
    expect((await verify(altered)).code).toBe(0);
    const { code, out } = await verify(altered, '--chain', '--json');
    const { verdict, faults } = JSON.parse(out) as { verdict: string; faults: { code: string }[] };
    // A batch in dispute goes on to be settled; everything else that the file says must be so.
    expect([code, verdict, faults.map((each) => each.code)]).toEqual(expected === '' ? [0, 'holds', []] : [1, 'wrong', [expected]]);
  });

  test('a batch that was taken over, and that the chain has paid as well', async () => {
    const tree = { batchId: OTHER_BATCH, currency: 'KES', items: OTHER_TREE.items, carried: [carriedOf(batch())] } as const;
    const onTop = { ...otherBatch(), merkleRoot: rootBatch(tree).root, itemCount: 2 };
    const twice = {
      ...proof,
      carried: [{ batchId: batch().id, carriedTo: OTHER_BATCH, proof: copyOf(proofOfCarried(tree, batch().id)) }],
      batches: [{ ...batch(), status: 'expired' }, onTop],
    };
    expect((await verify(twice)).code).toBe(0);
    const { code, out } = await verify(twice, '--chain');
    expect([code, out]).toEqual([
      1,
      expect.stringContaining(`status_differs: batch ${batch().id} is settled on the chain, and expired in the file`),
    ]);
  });

  test('a batch that nobody has executed, and one that is frozen', async () => {
    const proposal = proposalOf({ deadlineMs: Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000, itemCount: 1 });
    const tree = { batchId: proposal.batchId, currency: 'KES', items: OTHER_TREE.items, carried: [] } as const;
    const merkleRoot = rootBatch(tree).root;
    const early = (status: Batch['status']) => ({
      ...proof,
      paymentId: OTHER,
      legs: [{ ...otherLeg(), batchId: proposal.batchId }],
      batches: [
        signedAnew({
          ...batch(),
          id: proposal.batchId,
          merkleRoot,
          itemCount: 1,
          status,
          deadlineAt: new Date(proposal.deadlineMs).toISOString(),
          transactionHash: null,
          ledgerVersion: null,
        }),
      ],
    });
    const { proposalDigest: onChain } = await world.chain.propose({ ...proposal, merkleRoot }, 600);
    expect((await verify(early('proposed'))).out).toContain('not executed yet');
    const said = async (status: Batch['status']) => (await verify(early(status), '--chain')).out;
    const verdict = async (status: Batch['status']) => {
      const { code, out } = await verify(early(status), '--chain', '--json');
      return [code, (JSON.parse(out) as { verdict: string }).verdict];
    };
    expect(await said('proposed')).toContain('is proposed on the chain, and not paid yet');
    expect([await verdict('closed'), await verdict('proposed'), await verdict('executed')]).toEqual([
      [3, 'not_paid'],
      [3, 'not_paid'],
      [1, 'wrong'],
    ]);
    await world.scheduler.advance(3_000);
    for (const signer of world.chain.signers) await world.chain.approveAs(proposal.batchId, signer, onChain ?? '');
    await world.chain.execute(proposal.batchId);
    expect([await verdict('executed'), await said('executed')]).toEqual([
      [3, 'not_paid'],
      expect.stringContaining('is executed on the chain, and not paid yet'),
    ]);
    await world.chain.dispute(proposal.batchId, 'ef'.repeat(32));
    expect([await verdict('executed'), await verdict('disputed')]).toEqual([
      [3, 'frozen'],
      [3, 'frozen'],
    ]);
    expect((await verify(early('disputed'))).out).toContain('holds, and tells of no full payment');
    expect(await said('settled')).toContain('is disputed on the chain, and settled in the file');
    expect(await said('disputed')).toContain('is frozen by a dispute on the chain, and not paid');
  });
});

describe('what is no proof is one line', () => {
  test.each<[string, string, RegExp]>([
    ['no JSON', 'garbage', /^capp: malformed_body: The file is not valid JSON\.$/],
    ['nothing', '', /^capp: malformed_body/],
    ['another document', '{"kind":"capp-audit-proof"}', /^capp: malformed_body: This is no settlement proof/],
    ['a list', '[]', /^capp: malformed_body/],
  ])('%s', async (_what, text, expected) => {
    const { code, err } = await verifyText(text);
    expect([code, err.split('\n').length]).toEqual([2, 1]);
    expect(err).toMatch(expected);
  });

  test.each<[string, () => unknown]>([
    ['a field too many', () => ({ ...proof, note: 'x' })],
    ['an amount with a sign', () => ({ ...proof, legs: [{ ...leg(), amountMinor: '-1' }] })],
    ['a hash that is none', () => ({ ...proof, legs: [{ ...leg(), proof: { ...leg().proof, path: ['zz'] } }] })],
    ['a path without end', () => ({ ...proof, legs: [{ ...leg(), proof: { ...leg().proof, path: Array(65).fill('ab'.repeat(32)) } }] })],
  ])('a proof with %s', async (_what, value) => {
    expect(await verify(value())).toMatchObject({ code: 2, err: expect.stringMatching(/^capp: malformed_body/) });
  });

  test('a file that is not there', async () => {
    const terminal = recordedTerminal({ env: {} });
    expect(await runCli(['proof', 'verify', join(folder, 'none.json')], terminal, noNetwork)).toBe(2);
    expect(terminal.errLines.join()).toMatch(/^capp: file_unreadable/);
  });
});

describe('a node that is of no use', () => {
  test('is a coded error, and nobody takes it for a proof', async () => {
    const dead = await verify(proof, '--node', 'http://127.0.0.1:9/v1');
    expect([dead.code, dead.out]).toEqual([expect.any(Number), '']);
    expect(dead.code).not.toBe(0);
    expect(dead.err).toMatch(/^capp: chain_unavailable/);
    world.sandbox.changeChain({ mode: 'foreign' });
    const foreign = await verify(proof, '--chain');
    world.sandbox.changeChain({ mode: 'up' });
    expect(foreign.err).toMatch(/^capp: chain_mismatch/);
  });

  test('is asked for by its setting', async () => {
    const file = join(folder, 'good.json');
    await writeFile(file, JSON.stringify(proof));
    const terminal = recordedTerminal({ env: { CAPP_DATA_DIR: join(folder, 'empty') } });
    expect(await runCli(['proof', 'verify', file, '--chain'], terminal, noNetwork)).toBe(2);
    expect(terminal.errLines.join()).toMatch(/^capp: config_invalid: CAPP_APTOS_PATH/);
  });
});
