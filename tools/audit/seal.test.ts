import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { newId } from '../../domain/ids.ts';
import { merkleRoot } from '../aptos/merkle.ts';
import { insertBlock, readBlocks, type SealedBlock } from './chain.ts';
import { blockHash, FIRST_PREVIOUS_HASH, hashesOf, leafHash, leavesOf, rootOf } from './encoding.ts';
import { checkProof, exportPayment } from './proof.ts';
import { BEGIN_SQL, sealAudit, sealOf } from './seal.ts';
import { columnsOf, KEY_BOUNDS, sealSql, SOURCE_NAMES, SOURCES } from './sources.ts';
import { testLog, type TestLog } from './testing.ts';

let log: TestLog;
beforeEach(async () => {
  log = await testLog();
});
afterEach(() => log.close());

const event = (details: Record<string, unknown> = {}) => ({
  clientId: log.clientId,
  actor: 'client:shop',
  action: 'payment.cancelled',
  subject: `payment:${newId()}`,
  details,
});

/** The block as a version sealed it that did not know the sources that came later. */
function withoutLateSources(block: SealedBlock): SealedBlock {
  const ranges = block.ranges.filter(({ source }) => SOURCES[source].isLate !== true);
  const header = {
    ...block.header,
    ranges: ranges.map(({ keys: _keys, hashes: _hashes, ...range }) => range),
    merkleRoot: rootOf(ranges),
    leafCount: leavesOf(ranges),
  };
  const hash = blockHash(header);
  return { header, hash, seal: sealOf(log.deps.keyring, hash), ranges };
}

describe('sealing', () => {
  test('puts every row of every source into blocks that follow one another', async () => {
    await log.writePayment();
    const first = await log.sealAll();
    await log.writePayment();
    const second = await log.sealAll();
    expect(first.rows).toBe(11);
    expect(second.rows).toBe(11);
    const blocks = await readBlocks(log.pool, 1n, 99n, { withLeaves: true });
    expect(blocks.length).toBe(first.blocks + second.blocks);
    expect(blocks.at(-1)?.hash).toBe(second.head?.hash);
    for (const [at, block] of blocks.entries()) {
      expect(block.header.number).toBe(String(at + 1));
      expect(block.header.previousHash).toBe(at === 0 ? FIRST_PREVIOUS_HASH : blocks[at - 1]?.hash);
      expect(block.ranges.map((range) => range.source)).toEqual([...SOURCE_NAMES]);
    }
    expect(await log.verify()).toMatchObject({ findings: [], rows: 22, unsealed: 0 });
  });

  test('makes no block of nothing', async () => {
    expect(await sealAudit(log.deps)).toEqual({ blocks: 0, rows: 0, head: null, stalled: false });
    await log.writePayment();
    await log.sealAll();
    expect(await sealAudit(log.deps)).toMatchObject({ blocks: 0, rows: 0 });
  });

  test('cuts what one transaction wrote into blocks of a bounded size', async () => {
    await recordAuditEvents(
      log.pool,
      Array.from({ length: 10 }, (_, n) => event({ n })),
      0,
    );
    const sealed = await log.sealAll({ rowsMax: 3 });
    expect(sealed).toMatchObject({ blocks: 4, rows: 10 });
    expect(await log.verify()).toMatchObject({ findings: [], blocks: 4, rows: 10, unsealed: 0 });
  });

  test('makes at most as many blocks as it may, and goes on from there', async () => {
    await recordAuditEvents(
      log.pool,
      Array.from({ length: 10 }, (_, n) => event({ n })),
      0,
    );
    await expect.poll(() => sealAudit(log.deps, { rowsMax: 2, blocksMax: 2 })).toMatchObject({ blocks: 2, rows: 4 });
    expect(await log.sealAll({ rowsMax: 2 })).toMatchObject({ rows: 6 });
    expect((await log.verify()).findings).toEqual([]);
  });

  test('waits for a transaction that could still write an earlier row, and misses nothing of it', async () => {
    const slow = await log.pool.connect();
    await slow.query('begin');
    await recordAuditEvents(slow, [event({ who: 'slow' })], 0);
    await recordAuditEvents(log.pool, [event({ who: 'fast' })], 0);
    expect(await sealAudit(log.deps)).toMatchObject({ blocks: 0, rows: 0 });
    expect(await log.verify()).toMatchObject({ findings: [], unsealed: 1 });
    await recordAuditEvents(slow, [event({ who: 'slow again' })], 0);
    await slow.query('commit');
    slow.release();
    expect(await log.sealAll()).toMatchObject({ rows: 3 });
    expect((await log.verify()).findings).toEqual([]);
  });

  test('is done by one at a time, whoever asks', async () => {
    for (let round = 0; round < 5; round++) {
      await recordAuditEvents(log.pool, [event({ round })], 0);
      await Promise.all(Array.from({ length: 6 }, () => sealAudit(log.deps)));
    }
    await log.sealAll();
    expect(await log.verify()).toMatchObject({ findings: [], rows: 5, unsealed: 0 });
  });

  test('stops when the database counts its transactions anew', async () => {
    await log.writePayment();
    await log.sealAll();
    await log.pool.query('alter table audit_ranges disable trigger all');
    await log.pool.query("update audit_ranges set up_to_tx = '9000000000'");
    await recordAuditEvents(log.pool, [event()], 0);
    expect(await sealAudit(log.deps)).toEqual({ blocks: 0, rows: 0, head: null, stalled: true });
  });
});

describe('the encoding', () => {
  test('of blocks sealed in earlier editions still verifies, under blocks of the newest, and proves their rows', async () => {
    const [first, second] = [await log.writePayment(), await log.sealAll({ form: 1 }).then(() => log.writePayment())];
    await log.sealAll({ form: 2 });
    const young = await log.writePayment();
    await log.sealAll();
    const blocks = await readBlocks(log.pool, 1n, 99n, { withLeaves: true });
    expect(new Set(blocks.flatMap((block) => block.ranges.map((range) => range.form)))).toEqual(new Set([1, 2, 3]));
    expect(await log.verify()).toMatchObject({ findings: [], rows: 33, unsealed: 0 });
    for (const [paymentId, form] of [
      [first, 1],
      [second, 2],
      [young, 3],
    ] as const) {
      const proof = await exportPayment(log.pool, paymentId);
      expect(proof.rows.map((row) => row.form)).toEqual(proof.rows.map(() => form));
      expect(checkProof(JSON.parse(JSON.stringify(proof)))).toMatchObject({ faults: [], rows: 11 });
      const said = proof.rows.find((row) => row.source === 'case_decisions')?.row ?? {};
      expect(Object.keys(said).includes('action_digest')).toBe(form >= 2);
    }
  });

  test('of blocks from before a source was sealed still verifies, its rows go into the next, and no later block leaves it out', async () => {
    await log.writePayment();
    await log.untilDecided();
    await log.sealAll();
    const [block] = await readBlocks(log.pool, 1n, 1n, { withLeaves: true });
    const older = withoutLateSources(block as SealedBlock);
    await log.pool.query('alter table audit_ranges disable trigger all');
    await log.pool.query('alter table audit_blocks disable trigger all');
    await log.pool.query('with gone as (delete from audit_ranges) delete from audit_blocks');
    await log.pool.query('alter table audit_ranges enable trigger all');
    await log.pool.query('alter table audit_blocks enable trigger all');
    await insertBlock(log.pool, older);
    expect(await log.verify()).toMatchObject({ findings: [], rows: 8, unsealed: 3 });
    const sealed = await log.sealAll();
    expect(sealed).toMatchObject({ blocks: 1, rows: 3 });
    expect(await log.verify()).toMatchObject({ findings: [], rows: 11, unsealed: 0 });
    const header = { ...older.header, number: '3', previousHash: sealed.head?.hash ?? '' };
    const hash = blockHash(header);
    const late = { ...older, header, hash, seal: sealOf(log.deps.keyring, hash) };
    await expect(insertBlock(log.pool, late)).rejects.toMatchObject({ constraint: 'audit_ranges_sources' });
    expect(await log.verify()).toMatchObject({ findings: [], blocks: 2 });
  });

  test('has every column of its tables, but for what is noted there later', async () => {
    const notSealed: Readonly<Record<string, readonly string[]>> = { case_decisions: ['applied_at'] };
    for (const name of SOURCE_NAMES) {
      const { rows } = await log.pool.query<{ name: string; type: string }>(
        `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [name],
      );
      const columns = rows.map((row) => row.name).filter((column) => !(notSealed[name] ?? []).includes(column));
      expect([name, columns.toSorted()]).toEqual([name, columnsOf(SOURCES[name])]);
      // Of a finer moment than these the text that is verified would not say all.
      const kinds: Readonly<Record<string, string>> = { uuid: 'uuid', 'timestamp(3) with time zone': 'moment', bytea: 'bytes' };
      for (const { name: column, type } of rows.filter((row) => columns.includes(row.name)))
        expect([column, SOURCES[name].columns[column]]).toEqual([column, kinds[type] ?? 'text']);
    }
  });

  test('is the same in SQL and in JavaScript, whatever stands in a row', async () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', ''));
    const awkward = fc.constantFrom('\u0001\u001f\u007f\b\f\n\r\t"\\/', '\u2028\u2029\ufeff', '😀\ud7ff\ue000', "'; drop table", '\\u0041');
    const values = fc.oneof(
      texts,
      awkward,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
    );
    const rows = fc.sample(fc.tuple(fc.oneof(texts, awkward), fc.dictionary(texts, values, { maxKeys: 5 })), 300);
    const events = rows.map(([actor, details]) => ({ ...event(details), actor }));
    await recordAuditEvents(log.pool, events, Date.UTC(2026, 0, 1) + 7);
    expect(await log.sealAll()).toMatchObject({ rows: 300 });
    // Verifying makes every leaf anew in JavaScript.
    expect((await log.verify()).findings).toEqual([]);
  });

  test('hangs on no setting of a session', async () => {
    await log.writePayment();
    await log.sealAll();
    const client = await log.pool.connect();
    await client.query(`set timezone = 'Africa/Nairobi'; set datestyle = 'German'; set bytea_output = 'escape'`);
    client.release();
    expect((await log.verify()).findings).toEqual([]);
  });

  test('makes the tree of the settlement batches', () => {
    for (let size = 1; size < 40; size++) {
      const leaves = Array.from({ length: size }, (_, n) => Buffer.alloc(32, n));
      const ranges = [{ hashes: Buffer.concat(leaves.slice(0, size >> 1)) }, { hashes: Buffer.concat(leaves.slice(size >> 1)) }];
      expect(rootOf(ranges)).toBe(merkleRoot(leaves.map((leaf) => leaf.toString('hex'))));
      expect(leavesOf(ranges)).toBe(size);
      expect(hashesOf(Buffer.concat(leaves))).toEqual(leaves);
    }
    expect(rootOf([{ hashes: Buffer.alloc(0) }])).toBe('');
    expect(rootOf([{ hashes: Buffer.alloc(33) }])).toBe('');
  });

  test('takes a value from the one text that stands for it, and no other columns than a row has', async () => {
    const paymentId = await log.writePayment();
    await log.sealAll();
    const file = await exportPayment(log.pool, paymentId);
    const texts: Readonly<Record<string, (text: string) => string>> = {
      uuid: (text) => text.toUpperCase(),
      moment: (text) => text.replace('Z', '+00:00'),
      bytes: (text) => `${text} `,
      text: (text) => `${text}\0`,
    };
    for (const { source, form, row } of file.rows) {
      const known = leafHash(source, form, row);
      expect(known).toMatch(/^[0-9a-f]{64}$/);
      for (const [column, kind] of Object.entries(SOURCES[source].columns)) {
        const value = row[column];
        if (typeof value !== 'string') continue;
        const other = (texts[kind] as (text: string) => string)(value);
        if (other !== value) expect([column, leafHash(source, form, { ...row, [column]: other })]).not.toEqual([column, known]);
        expect(leafHash(source, form, { ...row, [column]: null })).not.toBe(known);
        const { [column]: _gone, ...rest } = row;
        expect(leafHash(source, form, rest)).toBeNull();
        expect(leafHash(source, form, { ...rest, other: value })).toBeNull();
      }
      expect(leafHash(source, 4, row)).toBeNull();
    }
  });
});

test('a block is read by the index of transactions, one after the other, though the planner takes the backlog for a few rows', async () => {
  await log.writePayment();
  await log.pool.query('analyze transfers');
  for (let written = 0; written < 40; written += 1) {
    await log.pool.query(
      `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason)
       select gen_random_uuid(), 'posted', 1, 2, 100, 'KES', 'fee' from generate_series(1, 50)`,
    );
  }
  const rows = await withTransaction(log.pool, async (tx) => {
    await tx.query(BEGIN_SQL, [0]);
    const explained = await tx.query<{ 'QUERY PLAN': string }>({
      text: `explain (analyze, costs off, timing off, buffers off) ${sealSql(SOURCES.transfers, 100)
        .replaceAll('$1', "'0'")
        .replaceAll('$2', `'${KEY_BOUNDS.uuid.first}'`)
        .replaceAll('$3', "'9223372036854775807'")}`,
    });
    return explained.rows.map((row) => row['QUERY PLAN']);
  });
  const scan = rows.find((row) => row.includes('Index Scan using transfers_written'));
  expect(Number(/rows=(\d+)/.exec(scan ?? '')?.[1])).toBeLessThanOrEqual(152);
});
