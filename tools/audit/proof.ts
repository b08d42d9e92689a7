/**
 * One payment's part of the audit log, with proofs: whoever has the file, and knows the hash of one of its
 * blocks from elsewhere, can check every row of it without the database.
 */
import type { Pool } from 'pg';
import { z } from 'zod';
import { withTransaction } from '../../db/connect.ts';
import type { Queryable } from '../../db/connect.ts';
import { fault } from '../../domain/errors.ts';
import { HASH_BYTES, type MerkleProof, proofOfHash, verifyMerkleProof } from '../aptos/merkle.ts';
import { readBlocks, type SealedBlock } from './chain.ts';
import { type AuditRow, blockHash, type BlockHeader, keysOf, leafHash } from './encoding.ts';
import { columnsOf, readOfPaymentSql, type Source, SOURCE_NAMES, SOURCES } from './sources.ts';

/** A row of the log with the way from it to the Merkle root of its block. */
export interface ProvenRow {
  readonly source: Source['name'];
  readonly form: number;
  readonly row: AuditRow;
  readonly block: string;
  readonly proof: MerkleProof;
}

export interface PaymentProof {
  readonly kind: 'capp-audit-proof';
  readonly paymentId: string;
  readonly rows: readonly ProvenRow[];
  /** Every block from the first that holds a row of the payment to the last, so that one trusted hash proves those before. */
  readonly blocks: readonly (BlockHeader & { readonly hash: string })[];
  /** Rows of the payment that no block holds yet: they are not in the file. */
  readonly unsealed: number;
}

/**
 * Collects a payment's rows with their proofs, as one snapshot shows them. The chain in the file goes on to
 * the block `upToBlock` when it is given and later than the payment's own. Throws `not_found` for a
 * payment without any row, or when there is no such block.
 */
export async function exportPayment(pool: Pool, paymentId: string, upToBlock: bigint | null = null): Promise<PaymentProof> {
  return withTransaction(
    pool,
    async (tx) => {
      await tx.query('set local extra_float_digits = 1');
      const rows: ProvenRow[] = [];
      const blocks = new Map<string, SealedBlock>();
      let unsealed = 0;
      for (const name of SOURCE_NAMES) {
        const source = SOURCES[name];
        const found = await tx.query<AuditRow>(readOfPaymentSql(source), [paymentId]);
        for (const row of found.rows) {
          const proven = await proveRow(tx, blocks, source, row);
          if (proven === null) unsealed += 1;
          else rows.push(proven);
        }
      }
      if (rows.length + unsealed === 0) throw fault('not_found', { detail: 'The audit log has nothing of a payment with that id.' });
      const chain = await chainOver(tx, [...blocks.keys()].map(BigInt), upToBlock);
      return { kind: 'capp-audit-proof', paymentId, rows, blocks: chain, unsealed };
    },
    { isolation: 'repeatable read' },
  );
}

/** The row's proof, or null while no block holds it. Throws `internal` when its block holds another row in its place. */
async function proveRow(db: Queryable, blocks: Map<string, SealedBlock>, source: Source, row: AuditRow): Promise<ProvenRow | null> {
  const key = row[source.key] ?? '';
  const place = await db.query<{ number: string }>(
    `select block_number::text as number from audit_ranges where source = $1
       and (up_to_tx, up_to_key::${source.keyType}) >= ($2::xid8, $3::${source.keyType}) order by block_number limit 1`,
    [source.name, row['tx_id'], key],
  );
  const number = place.rows[0]?.number;
  if (number === undefined) return null;
  const block = blocks.get(number) ?? (await readBlocks(db, BigInt(number), BigInt(number), { withLeaves: true }))[0];
  if (block === undefined) throw fault('internal', { internal: `audit block ${number} is gone` });
  blocks.set(number, block);
  let index = 0;
  let form = 0;
  for (const range of block.ranges) {
    const at = range.source === source.name ? keysOf(range.keys, source.keyType).indexOf(key) : -1;
    if (at >= 0) {
      index += at;
      form = range.form;
      break;
    }
    index += range.leafCount;
  }
  // The row as the edition of its block seals it.
  const sealed = Object.fromEntries(columnsOf(source, form).map((column) => [column, row[column] ?? null]));
  const hashes = Buffer.concat(block.ranges.map((range) => range.hashes));
  if (hashes.toString('hex', index * HASH_BYTES, (index + 1) * HASH_BYTES) !== leafHash(source.name, form, sealed))
    throw fault('internal', {
      detail: `The audit log does not verify: see capp audit verify.`,
      internal: `${source.name} ${key}, block ${number}`,
    });
  return { source: source.name, form, row: sealed, block: number, proof: proofOfHash(hashes, index) };
}

async function chainOver(db: Queryable, own: readonly bigint[], upToBlock: bigint | null): Promise<PaymentProof['blocks']> {
  const numbers = [...own, ...(upToBlock === null ? [] : [upToBlock])].toSorted((a, b) => (a < b ? -1 : 1));
  const [first, last] = [numbers[0], numbers.at(-1)];
  if (first === undefined || last === undefined) return [];
  const blocks = await readBlocks(db, first, last, { withLeaves: false });
  if (blocks.at(-1)?.header.number !== last.toString()) throw fault('not_found', { detail: `There is no block ${last} yet.` });
  return blocks.map(({ header, hash }) => ({ ...header, hash }));
}

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const numberSchema = z.string().regex(/^[1-9]\d{0,18}$/);
const sourceSchema = z.enum(SOURCE_NAMES);
const placeSchema = z.strictObject({ tx: z.string(), key: z.string() });
const proofFileSchema = z.strictObject({
  kind: z.literal('capp-audit-proof'),
  paymentId: z.string(),
  rows: z.array(
    z.strictObject({
      source: sourceSchema,
      form: z.int(),
      row: z.record(z.string(), z.string().nullable()),
      block: numberSchema,
      proof: z.strictObject({ index: z.int(), size: z.int(), path: z.array(hashSchema) }),
    }),
  ),
  blocks: z.array(
    z.strictObject({
      number: numberSchema,
      previousHash: hashSchema,
      merkleRoot: hashSchema,
      leafCount: z.int(),
      ranges: z.array(z.strictObject({ source: sourceSchema, form: z.int(), after: placeSchema, upTo: placeSchema, leafCount: z.int() })),
      sealedAt: z.string(),
      hash: hashSchema,
    }),
  ),
  unsealed: z.int(),
});

export interface ProofCheck {
  /** What does not hold, in sentences; nothing when every row is proven. */
  readonly faults: readonly string[];
  readonly rows: number;
  /** The last block of the file: who trusts its hash can trust the rest. */
  readonly head: { readonly number: string; readonly hash: string } | null;
}

/**
 * Checks a file made by `exportPayment`, without a database. `trustedHash`, when it is given, must be the
 * hash of the file's last block, for a block proves those before it. Throws `malformed_body` for what is no such file.
 */
export function checkProof(value: unknown, trustedHash: string | null = null): ProofCheck {
  const parsed = proofFileSchema.safeParse(value);
  if (!parsed.success) throw fault('malformed_body', { detail: 'This is no audit proof that CAPP wrote.' });
  const { paymentId, rows, blocks, unsealed } = parsed.data;
  const faults = chainFaults(blocks, trustedHash);
  const byNumber = new Map(blocks.map((block) => [block.number, block]));
  const shared = commonsNamed(rows);
  for (const { source, form, row, block: number, proof } of rows) {
    const name = `${source} ${row[SOURCES[source].key] ?? '?'}`;
    const block = byNumber.get(number);
    const isOwn = source === 'decision_commons' ? shared.delete(placeOf(row['tx_id'], row['number'])) : row['payment_id'] === paymentId;
    if (!isOwn) faults.push(`${name} is not of this payment`);
    if (block === undefined) faults.push(`${name} names block ${number}, which is not in the file`);
    else if (proof.size !== block.leafCount || !verifyMerkleProof(leafHash(source, form, row) ?? '', proof, block.merkleRoot))
      faults.push(`${name} is not what block ${number} sealed`);
  }
  // What no block holds yet is not in the file.
  if (unsealed === 0) for (const place of shared) faults.push(`a set of decisions names ${place}, which is not in the file`);
  const last = blocks.at(-1);
  return { faults, rows: rows.length, head: last === undefined ? null : { number: last.number, hash: last.hash } };
}

/** What the sets of decisions in a file share with others, by place. */
function commonsNamed(rows: readonly { readonly source: Source['name']; readonly row: AuditRow }[]): Set<string> {
  const sets = rows.filter(({ source }) => source === 'decision_sets');
  return new Set(
    sets.flatMap(({ row }) => {
      const from = row['commons_from'] ?? '';
      const parts = (row['commons'] ?? '').match(/\d+/g) ?? [];
      return /^\d{1,19}$/.test(from) ? parts.map((part) => placeOf(row['tx_id'], (BigInt(from) + BigInt(part)).toString())) : [];
    }),
  );
}

function placeOf(txId: string | null | undefined, number: string | null | undefined): string {
  return `transaction ${txId}, number ${number}`;
}

function chainFaults(blocks: readonly (BlockHeader & { readonly hash: string })[], trustedHash: string | null): string[] {
  const faults: string[] = [];
  for (const [at, { hash, ...header }] of blocks.entries()) {
    const before = blocks[at - 1];
    if (blockHash(header) !== hash) faults.push(`block ${header.number} does not have the hash it says`);
    if (before !== undefined && (header.previousHash !== before.hash || BigInt(header.number) !== BigInt(before.number) + 1n))
      faults.push(`block ${header.number} does not follow block ${before.number}`);
  }
  if (trustedHash !== null && blocks.at(-1)?.hash !== trustedHash) faults.push('the last block is not the trusted one');
  return faults;
}
