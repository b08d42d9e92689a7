/** `capp proof`: a proof is checked offline, and on the chain of a node; nothing that was changed in it passes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { approved, type ChainWorld, createChainWorld, proposalOf } from '../../tests/chain/world.ts';
import { indexOfItem, packItems, proofOfItem, rootOfItems } from '../../tools/aptos/items.ts';
import type { SettlementProof } from '../../tools/aptos/settlement-proof.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const PAYMENT = '0190a0b0-1111-7000-8000-000000000002';
const AMOUNT = 50_000n;

let world: ChainWorld;
let folder: string;
let profilePath: string;
let proof: SettlementProof;
let proposedBy: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-proof-'));
  // The command has the system's clock; the chain's stands still beside it.
  world = await createChainWorld({ scheduler: manualScheduler(Date.now()), port: 0 });
  profilePath = join(folder, 'chain.json');
  await writeFile(profilePath, JSON.stringify(world.profile));
  const deadlineMs = Date.now() + 3_600_000;
  const bare = proposalOf({ deadlineMs, itemCount: 5 });
  const items = packItems(
    [1, 2, 3, 4, 5].map((number) => ({
      paymentId: `0190a0b0-1111-7000-8000-00000000000${number}`,
      leg: 'collection' as const,
      amountMinor: number === 2 ? AMOUNT : BigInt(number),
    })),
  );
  const of = { batchId: bare.batchId, currency: 'KES' } as const;
  const merkleRoot = rootOfItems(of, items);
  const proposal = { ...bare, merkleRoot };
  await approved(world, proposal);
  const { reference, steps } = await world.chain.execute(proposal.batchId);
  proposedBy = steps['propose']?.transactionHash ?? '';
  const place = proofOfItem(of, items, indexOfItem(items, PAYMENT, 'collection'));
  proof = {
    kind: 'capp-settlement-proof',
    paymentId: PAYMENT,
    legs: [
      {
        leg: 'collection',
        amountMinor: AMOUNT.toString(),
        currency: 'KES',
        batchId: of.batchId,
        proof: { ...place, path: [...place.path] },
      },
    ],
    batches: [
      {
        id: of.batchId,
        partner: proposal.obligation.partner,
        currency: 'KES',
        merkleRoot,
        itemCount: 5,
        netMinor: '1250000',
        dueMinor: '1250000',
        method: 'chain',
        status: 'settled',
        transactionHash: reference?.transactionHash ?? null,
        ledgerVersion: reference?.ledgerVersion.toString() ?? null,
        settledAt: null,
      },
    ],
  };
});
afterAll(async () => {
  await world?.sandbox.close();
  await rm(folder, { recursive: true });
});

const OTHER = '0190a0b0-1111-7000-8000-0000000000ff';
const OTHER_BATCH = '0190a0b0-2222-7000-8000-000000000001';
const OTHER_ITEMS = packItems([{ paymentId: OTHER, leg: 'collection', amountMinor: AMOUNT }]);

/** A batch that is on the books alone, and the leg of a payment that is all of it. */
const otherBatch = (): SettlementProof['batches'][number] => ({
  ...batch(),
  id: OTHER_BATCH,
  merkleRoot: rootOfItems({ batchId: OTHER_BATCH, currency: 'KES' }, OTHER_ITEMS),
  itemCount: 1,
  method: 'books',
  transactionHash: null,
  ledgerVersion: null,
});
const otherLeg = (): SettlementProof['legs'][number] => ({ ...leg(), batchId: OTHER_BATCH, proof: { index: 0, size: 1, path: [] } });

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
const [leg, batch] = [() => proof.legs[0] as SettlementProof['legs'][number], () => proof.batches[0] as SettlementProof['batches'][number]];

describe('a proof as it was written', () => {
  test('holds offline, with nothing but the file', async () => {
    const { code, out } = await verify(proof);
    expect([code, out]).toEqual([0, `Payment ${PAYMENT} is in ${batch().id} (${batch().transactionHash}).`]);
  });

  test('holds on the chain, of the profile and of a node that is named', async () => {
    expect(await verify(proof, '--chain')).toMatchObject({ code: 0, out: expect.stringContaining('and the chain says so') });
    expect(await verify(proof, '--node', world.profile.nodeUrl, '--json')).toMatchObject({ code: 0 });
  });

  test('of a batch on the books needs no chain, and the chain must not know it', async () => {
    const elsewhere = { ...proof, paymentId: OTHER, legs: [otherLeg()], batches: [otherBatch()] };
    expect((await verify(elsewhere)).out).toBe(`Payment ${OTHER} is in ${OTHER_BATCH} (on the books).`);
    expect((await verify(elsewhere, '--chain')).out).toBe(
      `Payment ${OTHER} is in ${OTHER_BATCH} (on the books); the chain knows nothing of it.`,
    );
    const hidden = { ...proof, batches: [{ ...batch(), method: 'books', transactionHash: null, ledgerVersion: null }] };
    expect(await verify(hidden, '--chain')).toMatchObject({
      code: 1,
      out: expect.stringContaining('is settled on the chain, and on the books'),
    });
  });
});

describe('a proof that was tampered with is refused offline:', () => {
  const changed = (change: Partial<SettlementProof['legs'][number]>) => ({ ...proof, legs: [{ ...leg(), ...change }] });
  test.each<[string, () => unknown, string]>([
    ['the amount', () => changed({ amountMinor: '50001' }), 'does not lead to the root'],
    ['the leg', () => changed({ leg: 'payout' }), 'does not lead to the root'],
    ['the payment', () => ({ ...proof, paymentId: PAYMENT.replace(/2$/, '3') }), 'does not lead to the root'],
    ['the place in the tree', () => changed({ proof: { ...leg().proof, index: 0 } }), 'does not lead to the root'],
    ['the size of the tree', () => changed({ proof: { ...leg().proof, size: 6 } }), 'a tree of another size'],
    ['a hash of the path', () => changed({ proof: { ...leg().proof, path: leg().proof.path.toReversed() } }), 'does not lead to the root'],
    ['a hash left out', () => changed({ proof: { ...leg().proof, path: leg().proof.path.slice(1) } }), 'does not lead to the root'],
    ['the currency', () => changed({ currency: 'UGX' }), 'another currency'],
    ['the root', () => ({ ...proof, batches: [{ ...batch(), merkleRoot: 'ab'.repeat(32) }] }), 'does not lead to the root'],
    ['a batch that is not there', () => changed({ batchId: PAYMENT }), 'not in the file'],
    ['a leg twice', () => ({ ...proof, legs: [leg(), leg()] }), 'a leg stands twice'],
    ['a batch twice', () => ({ ...proof, batches: [batch(), batch()] }), 'a batch stands twice'],
    [
      'a batch without a leg of the payment',
      () => ({ ...proof, batches: [batch(), otherBatch()] }),
      `no leg of the file is in batch ${OTHER_BATCH}`,
    ],
  ])('%s', async (_what, value, expected) => {
    const { code, out } = await verify(value());
    expect(code).toBe(1);
    expect(out).toMatch(/^\d+ faults?:/);
    expect(out).toContain(expected);
  });

  test('and a tree of its own holds offline, and not on the chain', async () => {
    const items = packItems([{ paymentId: PAYMENT, leg: 'collection', amountMinor: 99_999_999n }]);
    const of = { batchId: batch().id, currency: 'KES' } as const;
    const forged = {
      ...proof,
      legs: [{ ...leg(), amountMinor: '99999999', proof: { index: 0, size: 1, path: [] } }],
      batches: [{ ...batch(), merkleRoot: rootOfItems(of, items), itemCount: 1 }],
    };
    expect((await verify(forged)).code).toBe(0);
    expect(await verify(forged, '--chain')).toMatchObject({ code: 1, out: expect.stringContaining('another root on the chain') });
    const unknown = { ...forged, legs: [], batches: [{ ...batch(), id: PAYMENT }] };
    expect((await verify(unknown)).code).toBe(2);
  });
});

describe('what the chain holds otherwise than the file is refused on the chain:', () => {
  test.each<[string, (of: SettlementProof['batches'][number]) => Partial<SettlementProof['batches'][number]>, string]>([
    ['the amount', () => ({ dueMinor: '1250001' }), 'has another amount on the chain'],
    ['who owes', () => ({ dueMinor: '-1250000' }), 'has another amount on the chain'],
    ['the partner', () => ({ partner: 'mtn-ug' }), 'has another partner on the chain'],
    ['another transaction', () => ({ transactionHash: `0x${'1'.repeat(64)}` }), `was not executed by transaction 0x${'1'.repeat(64)}`],
    ['another transaction of the batch', () => ({ transactionHash: proposedBy }), 'was not executed by transaction 0x'],
    ['the version', ({ ledgerVersion }) => ({ ledgerVersion: `${ledgerVersion}0` }), 'was executed at version'],
    ['a version alone', () => ({ transactionHash: null }), 'has a version and no transaction'],
  ])('%s', async (_what, change, expected) => {
    const altered = { ...proof, batches: [{ ...batch(), ...change(batch()) }] };
    expect((await verify(altered)).code).toBe(0);
    const { code, out } = await verify(altered, '--chain');
    expect([code, out]).toEqual([1, expect.stringContaining(expected)]);
  });

  test('a batch that nobody has executed', async () => {
    const items = packItems([{ paymentId: PAYMENT, leg: 'collection', amountMinor: AMOUNT }]);
    const bare = proposalOf({ deadlineMs: Date.now() + 3_600_000, itemCount: 1 });
    const of = { batchId: bare.batchId, currency: 'KES' } as const;
    const merkleRoot = rootOfItems(of, items);
    await world.chain.propose({ ...bare, merkleRoot }, 0);
    const early = {
      ...proof,
      legs: [{ ...leg(), batchId: of.batchId, proof: { index: 0, size: 1, path: [] } }],
      batches: [{ ...batch(), id: of.batchId, merkleRoot, itemCount: 1, status: 'proposed', transactionHash: null, ledgerVersion: null }],
    };
    expect((await verify(early)).out).toContain('not executed yet');
    expect(await verify(early, '--chain')).toMatchObject({
      code: 1,
      out: expect.stringContaining('is proposed on the chain, not executed'),
    });
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
