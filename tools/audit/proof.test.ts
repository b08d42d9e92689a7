import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { checkProof, exportPayment, type PaymentProof } from './proof.ts';
import { testLog, type TestLog } from './testing.ts';

let log: TestLog;
let paymentId: string;
let proof: PaymentProof;

beforeAll(async () => {
  log = await testLog();
  await log.writePayment();
  await log.sealAll();
  paymentId = await log.writePayment();
  await log.sealAll({ rowsMax: 1 });
  await log.writePayment();
  await log.sealAll();
  proof = await exportPayment(log.pool, paymentId);
});
afterAll(() => log.close());

/** The file as somebody reads it elsewhere, with a part of it made otherwise. */
function altered(change: (file: Record<string, never> & PaymentProof) => void): unknown {
  const file = JSON.parse(JSON.stringify(proof));
  change(file);
  return file;
}

describe('an exported payment', () => {
  test('has every row of every source, and each is proven without the database', () => {
    expect(proof.rows.map(({ source }) => source).toSorted()).toEqual([
      'agent_activity',
      'audit_events',
      'case_decisions',
      'compliance_records',
      'decision_commons',
      'decision_commons',
      'decision_sets',
      'payment_events',
      'payment_events',
      'transfers',
      'transfers',
    ]);
    expect(proof.unsealed).toBe(0);
    const last = proof.blocks.at(-1);
    expect(checkProof(JSON.parse(JSON.stringify(proof)), last?.hash)).toEqual({
      faults: [],
      rows: 11,
      head: { number: last?.number, hash: last?.hash },
    });
  });

  test('goes on to a later block whose hash is known', async () => {
    const { head } = await log.verify();
    const longer = await exportPayment(log.pool, paymentId, BigInt(head?.number ?? 0));
    expect(longer.blocks.length).toBeGreaterThan(proof.blocks.length);
    expect(checkProof(longer, head?.hash).faults).toEqual([]);
    expect(checkProof(proof, head?.hash).faults).toEqual(['the last block is not the trusted one']);
    await expect(exportPayment(log.pool, paymentId, 10_000n)).rejects.toThrow('not_found: There is no block 10000 yet.');
  });

  test('says how many rows wait for a block', async () => {
    const waiting = await log.writePayment();
    const early = await exportPayment(log.pool, waiting);
    expect(early).toMatchObject({ rows: [], blocks: [], unsealed: 11 });
    await log.sealAll();
    expect(await exportPayment(log.pool, waiting)).toMatchObject({ unsealed: 0 });
  });

  test('of a payment that is none is not found', async () => {
    await expect(exportPayment(log.pool, newId())).rejects.toThrow('not_found');
  });
});

describe('a file that was tampered with', () => {
  const first = (file: PaymentProof) =>
    file.rows[0] as unknown as { row: Record<string, string | null>; block: string; proof: { path: string[]; index: number } };
  const last = (file: PaymentProof) => file.blocks.at(-1) as unknown as Record<string, string>;
  test.each<[string, (file: PaymentProof) => void]>([
    ['a changed value', (file) => void (first(file).row['outcome'] = 'clear')],
    ['a value taken away', (file) => void delete first(file).row['outcome']],
    ['a value put in', (file) => void (first(file).row['extra'] = 'x')],
    ['a row of another payment', (file) => void (first(file).row['payment_id'] = newId())],
    ['another place in the tree', (file) => void (first(file).proof.index += 1)],
    ['a hash too many', (file) => void first(file).proof.path.push('0'.repeat(64))],
    ['a block that is not there', (file) => void (first(file).block = '999')],
    ['a root of its own', (file) => void (last(file)['merkleRoot'] = '0'.repeat(64))],
    ['another time of sealing', (file) => void (last(file)['sealedAt'] = '2020-01-01T00:00:00.000Z')],
    ['a block left out', (file) => void (file.blocks as unknown[]).splice(1, 1)],
  ])('%s is found', (_what, change) => {
    expect(checkProof(altered(change)).faults.length).toBeGreaterThan(0);
  });

  test('what its decisions share is there, and nothing that others share', async () => {
    const without = altered((file) => void Object.assign(file, { rows: file.rows.filter(({ source }) => source !== 'decision_commons') }));
    expect(checkProof(without).faults).toEqual([
      expect.stringMatching(/^a set of decisions names transaction \d+, number \d+, which/),
      expect.any(String),
    ]);
    const other = await log.writePayment();
    await log.sealAll();
    const strangers = (await exportPayment(log.pool, other)).rows.filter(({ source }) => source === 'decision_commons');
    expect(strangers).toHaveLength(2);
    const mixed = altered((file) => void (file.rows as unknown[]).push(...strangers));
    expect(checkProof(mixed).faults).toContainEqual(expect.stringMatching(/^decision_commons \d+ is not of this payment$/));
  });

  test('what is no such file is refused', () => {
    for (const value of [null, {}, [], 'x', altered((file) => void Object.assign(file, { kind: 'other' }))])
      expect(() => checkProof(value)).toThrow('malformed_body');
  });
});
