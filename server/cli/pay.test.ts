import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BatchAnswer, BatchRow, Capp } from '../../sdk/index.ts';
import { type PayCounts, payFile } from './pay.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-pay-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** An API that judges each intent by its reference. */
function judging(judge: (reference: string) => Omit<BatchRow, 'line' | 'referenceId'>) {
  const batches: unknown[][] = [];
  const submit = async (intents: readonly unknown[]): Promise<BatchAnswer> => {
    batches.push([...intents]);
    const rows = (intents as { referenceId: string }[]).map(({ referenceId }, index) => ({
      line: index + 1,
      referenceId,
      ...judge(referenceId),
    }));
    return { batchId: 'b', accepted: 0, replayed: 0, rejected: 0, rows };
  };
  const capp = { batches: { submit } } as unknown as Pick<Capp, 'batches'>;
  return { capp, batches };
}

const accepted = (reference: string): Omit<BatchRow, 'line' | 'referenceId'> => ({ status: 'accepted', paymentId: `p-${reference}` });

async function ndjson(lines: readonly string[]) {
  const file = join(folder, 'in.ndjson');
  await writeFile(file, `${lines.join('\n')}\n`);
  return { file, format: 'ndjson', resultFile: join(folder, 'out.csv') } as const;
}

test('writes what became of each row, with the lines of the file', async () => {
  const { capp } = judging((reference) => {
    if (reference === 'b') return { status: 'replayed', paymentId: 'p-old' };
    if (reference !== 'c') return accepted(reference);
    const errors = [
      { code: 'amount_too_precise', field: 'amount', detail: 'x' },
      { code: 'phone_invalid', field: 'sender.phone', detail: 'x' },
    ];
    return { status: 'rejected', errors };
  });
  const lines = ['{"referenceId":"a"}', 'nonsense', '{"referenceId":"b"}', '', '{"referenceId":"c"}', '{"referenceId":"d,\\"x\\""}'];
  const options = await ndjson(lines);
  expect(await payFile({ capp }, options)).toEqual({ rows: 5, accepted: 2, replayed: 1, rejected: 2 });
  expect(await readFile(options.resultFile, 'utf8')).toBe(
    [
      'line,reference_id,status,payment_id,codes,fields',
      '1,a,accepted,p-a,,',
      '2,,rejected,,malformed_body,',
      '3,b,replayed,p-old,,',
      '5,c,rejected,,amount_too_precise;phone_invalid,amount;sender.phone',
      '6,"d,""x""",accepted,"p-d,""x""",,',
      '',
    ].join('\n'),
  );
});

test('submits in batches and tells of each', async () => {
  const { capp, batches } = judging(accepted);
  const options = await ndjson(Array.from({ length: 7 }, (_, index) => `{"referenceId":"r${index}"}`));
  const told: PayCounts[] = [];
  await payFile({ capp }, { ...options, batchRows: 3, onProgress: (counts) => told.push(counts) });
  expect(batches.map((batch) => batch.length)).toEqual([3, 3, 1]);
  expect(told.map(({ rows }) => rows)).toEqual([3, 6, 7]);
});

test('what was answered for stays written when the API goes away', async () => {
  let asked = 0;
  const { capp } = judging((reference) => {
    asked += 1;
    if (asked > 2) throw new RangeError('gone');
    return accepted(reference);
  });
  const options = await ndjson(['{"referenceId":"a"}', '{"referenceId":"b"}', '{"referenceId":"c"}']);
  await expect(payFile({ capp }, { ...options, batchRows: 2 })).rejects.toThrow('gone');
  expect((await readFile(options.resultFile, 'utf8')).split('\n')).toHaveLength(4);
});

test('asks the API nothing when there is nothing to ask', async () => {
  const { capp, batches } = judging(accepted);
  expect(await payFile({ capp }, await ndjson(['nonsense']))).toMatchObject({ rejected: 1 });
  expect(await payFile({ capp }, await ndjson(['']))).toMatchObject({ rows: 0 });
  expect(batches).toEqual([]);
});

test('an answer that leaves rows out is not believed', async () => {
  const capp = {
    batches: { submit: async () => ({ batchId: 'b', accepted: 0, replayed: 0, rejected: 0, rows: [] }) },
  } as unknown as Pick<Capp, 'batches'>;
  await expect(payFile({ capp }, await ndjson(['{"referenceId":"a"}']))).rejects.toMatchObject({ code: 'internal' });
});

test('a result file that cannot be written stops it before anything is submitted', async () => {
  const { capp, batches } = judging(accepted);
  const options = await ndjson(['{"referenceId":"a"}']);
  const resultFile = join(folder, 'no', 'such', 'folder.csv');
  await expect(payFile({ capp }, { ...options, resultFile })).rejects.toMatchObject({ code: 'storage_unwritable' });
  expect(batches).toEqual([]);
});

test('a file that cannot be read leaves no result file', async () => {
  const { capp } = judging(accepted);
  const resultFile = join(folder, 'out.csv');
  const missing = payFile({ capp }, { file: join(folder, 'none.ndjson'), format: 'ndjson', resultFile });
  await expect(missing).rejects.toMatchObject({ code: 'file_unreadable' });
  await expect(readFile(resultFile)).rejects.toMatchObject({ code: 'ENOENT' });
});
