/**
 * The bytes that are hashed, and the shapes that hashes cover. Leaves begin with 0x00 and nodes with 0x01
 * (RFC 6962 section 2.1), headers of blocks with 0x02, so that none can pass for another.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Json } from '../../domain/decision.ts';
import { sha256 } from '../../domain/ids.ts';
import type { SourceName } from './sources.ts';

/** A sealed row: every column as text. */
export type AuditRow = Readonly<Record<string, string | null>>;

/** A place in a source: behind all rows of earlier transactions, and those of the same with a lower key. */
export type Place = {
  readonly tx: string;
  readonly key: string;
};

/** What a block seals of one source: the rows behind `after`, up to and including `upTo`. */
export type AuditRange = {
  readonly source: SourceName;
  readonly form: number;
  readonly after: Place;
  readonly upTo: Place;
  readonly leafCount: number;
};

/** What the hash of a block covers. */
export interface BlockHeader {
  readonly number: string;
  /** Of the block before; 64 zeros for the first. */
  readonly previousHash: string;
  readonly merkleRoot: string;
  readonly leafCount: number;
  /** One for each source, by name. */
  readonly ranges: readonly AuditRange[];
  /** RFC 3339, UTC, milliseconds. */
  readonly sealedAt: string;
}

export const FIRST_PREVIOUS_HASH = '0'.repeat(64);

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
const HEADER = Buffer.of(2);

function canonicalBytes(value: Json): Buffer {
  return Buffer.from(canonicalJson(value), 'utf8');
}

/** SHA-256(0x00 ‖ RFC 8785 of form, row and source). */
export function leafHash(source: SourceName, form: number, row: AuditRow): Buffer {
  return sha256(Buffer.concat([LEAF, canonicalBytes({ form, row, source })]));
}

/** SHA-256(0x02 ‖ RFC 8785 of the header), hex. */
export function blockHash(header: BlockHeader): string {
  const { number, previousHash, merkleRoot, leafCount, ranges, sealedAt } = header;
  return hash('sha256', Buffer.concat([HEADER, canonicalBytes({ number, previousHash, merkleRoot, leafCount, ranges, sealedAt })]), 'hex');
}

const HASH_BYTES = 32;

/** Cuts strung-together hashes apart. */
export function hashesOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Root over leaf hashes in their order, hex; an odd node is promoted. The same tree as tools/aptos/merkle.ts makes, on bytes. */
export function rootOf(leaves: readonly Buffer[]): string {
  let level = leaves;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index] as Buffer, level[index + 1]];
      above.push(right === undefined ? left : sha256(Buffer.concat([NODE, left, right])));
    }
    level = above;
  }
  return (level[0] ?? Buffer.alloc(0)).toString('hex');
}

/** The keys strung together by a block, as texts. */
export function keysOf(bytes: Buffer, keyType: 'bigint' | 'uuid'): string[] {
  const width = keyType === 'uuid' ? 16 : 8;
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, at) => {
    const key = bytes.subarray(at * width, (at + 1) * width);
    if (keyType === 'bigint') return key.readBigInt64BE().toString();
    return key.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  });
}
