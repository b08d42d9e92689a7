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
  const { reference } = await world.chain.execute(proposal.batchId);
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

  test('of a batch on the books needs no chain', async () => {
    const onBooks = { ...proof, batches: [{ ...batch(), method: 'books', transactionHash: null, ledgerVersion: null }] };
    expect(await verify(onBooks, '--chain')).toMatchObject({ code: 0, out: expect.stringContaining('on the books') });
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
    ['a leg twice', () => ({ ...proof, legs: [leg(), leg()] }), 'stands twice'],
  ])('%s', async (_what, value, expected) => {
    const { code, out } = await verify(value());
    expect(code).toBe(1);
    expect(out).toMatch(/^\d+ faults:/);
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
