/**
 * The bytes that are hashed, and the shapes that hashes cover. Leaves begin with 0x00 and nodes with 0x01
 * (RFC 6962 section 2.1), headers of blocks with 0x02, so that none can pass for another. A record begins with the number of its
 * fields in four bytes, of which the first is 0x00.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Json } from '../../domain/decision.ts';
import { HASH_BYTES, rootOfHashes } from '../aptos/merkle.ts';
import { columnsOf, isForm, type Kind, RECORD_FORM, type SourceName, SOURCES } from './sources.ts';

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
const HEADER = Buffer.of(2);

function canonicalBytes(value: Json): Buffer {
  return Buffer.from(canonicalJson(value), 'utf8');
}

/**
 * SHA-256 of a row in an edition, hex: of 0x00 and the RFC 8785 JSON of form, row and source at first, of a record of form, source and
 * row since then. Null for what is no row of that edition: other columns than it has, or a value that PostgreSQL would write otherwise.
 */
export function leafHash(source: SourceName, form: number, row: AuditRow): string | null {
  if (!isForm(form)) return null;
  if (form < RECORD_FORM) return hash('sha256', Buffer.concat([LEAF, canonicalBytes({ form, row, source })]), 'hex');
  const columns = columnsOf(SOURCES[source], form);
  if (Object.keys(row).length !== columns.length) return null;
  const record = startRecord(columns.length + 2);
  writeField(record, 'text', Buffer.from(String(form)));
  writeField(record, 'text', Buffer.from(source));
  for (const column of columns) {
    const value = row[column];
    const kind = SOURCES[source].columns[column] ?? 'text';
    const bytes = typeof value === 'string' ? BYTES[kind](value) : null;
    // A value that is not there at all, or that PostgreSQL would write otherwise.
    if (bytes === null && value !== null) return null;
    writeField(record, kind, bytes);
  }
  return hash('sha256', record.bytes.subarray(0, record.length), 'hex');
}

/** A record as `record_send` writes it: the number of fields, and of each its type, length and bytes; the length is -1 for null. */
interface RecordBytes {
  bytes: Buffer;
  length: number;
}

/** The numbers PostgreSQL gives the types of its own. */
const TYPE_IDS: Readonly<Record<Kind, number>> = { text: 25, uuid: 2950, moment: 1184, bytes: 17 };

function startRecord(fields: number): RecordBytes {
  const bytes = Buffer.allocUnsafe(4_096);
  return { bytes, length: bytes.writeInt32BE(fields) };
}

function writeField(record: RecordBytes, kind: Kind, value: Buffer | null): void {
  const end = record.length + 8 + (value?.length ?? 0);
  if (end > record.bytes.length) record.bytes = Buffer.concat([record.bytes.subarray(0, record.length)], 2 * end);
  record.bytes.writeInt32BE(TYPE_IDS[kind], record.length);
  record.bytes.writeInt32BE(value?.length ?? -1, record.length + 4);
  value?.copy(record.bytes, record.length + 8);
  record.length = end;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** PostgreSQL counts time from the year 2000, in microseconds. */
const YEAR_2000_MS = Date.UTC(2000, 0);

/** A value as PostgreSQL sends it, from the one text that stands for it; null for any other text. */
const BYTES: Readonly<Record<Kind, (text: string) => Buffer | null>> = {
  text: (text) => Buffer.from(text, 'utf8'),
  uuid: (text) => (UUID.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : null),
  bytes: (text) => (/^([0-9a-f]{2})*$/.test(text) ? Buffer.from(text, 'hex') : null),
  moment: (text) => {
    const atMs = Date.parse(text);
    if (Number.isNaN(atMs) || new Date(atMs).toISOString() !== text) return null;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(atMs - YEAR_2000_MS) * 1000n);
    return bytes;
  },
};

/** SHA-256(0x02 ‖ RFC 8785 of the header), hex. */
export function blockHash(header: BlockHeader): string {
  const { number, previousHash, merkleRoot, leafCount, ranges, sealedAt } = header;
  return hash('sha256', Buffer.concat([HEADER, canonicalBytes({ number, previousHash, merkleRoot, leafCount, ranges, sealedAt })]), 'hex');
}

/** Cuts strung-together hashes apart. */
export function hashesOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Root over the leaf hashes of ranges in their order, hex; an odd node is promoted. Empty for no leaves, and for what are no whole hashes. */
export function rootOf(ranges: readonly { readonly hashes: Buffer }[]): string {
  if (ranges.some(({ hashes }) => hashes.length % HASH_BYTES !== 0)) return '';
  const hashes = Buffer.concat(ranges.map((range) => range.hashes));
  return hashes.length === 0 ? '' : rootOfHashes(hashes);
}

/** How many leaves ranges hold. */
export function leavesOf(ranges: readonly { readonly hashes: Buffer }[]): number {
  return ranges.reduce((sum, { hashes }) => sum + Math.floor(hashes.length / HASH_BYTES), 0);
}

const KEY_BYTES = { uuid: 16, bigint: 8 } as const;

/** The last of the keys strung together, or undefined for none. */
export function lastKeyOf(bytes: Buffer, keyType: 'bigint' | 'uuid'): string | undefined {
  return keysOf(bytes.subarray(-KEY_BYTES[keyType]), keyType).at(0);
}

/** The keys strung together by a block, as texts. */
export function keysOf(bytes: Buffer, keyType: 'bigint' | 'uuid'): string[] {
  const width = KEY_BYTES[keyType];
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, at) => {
    const key = bytes.subarray(at * width, (at + 1) * width);
    if (keyType === 'bigint') return key.readBigInt64BE().toString();
    return key.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  });
}
