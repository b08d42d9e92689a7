/**
 * Reads transactions of mobile money in the shape of PaySim (Lopez-Rojas, Elmir, Axelsson, EMSS 2016): CSV, or
 * JSON lines with the same names, either gzipped. Gives each row with what was known before it was decided:
 * only rows that stand before it have a part in that, never its own outcome or a balance after it.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { RiskInput } from '../../agents/compliance/risk/model.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';

const rowSchema = z.object({
  txn_id: z.string().optional(),
  step: z.coerce.number().int().min(0),
  type: z.string().min(1),
  /** Major units of a currency that the file does not name: only ratios are made of it. */
  amount: z.coerce.string().regex(/^\d+(\.\d+)?$/),
  nameOrig: z.string().min(1),
  nameDest: z.string().min(1),
  oldbalanceOrg: z.coerce.number().optional(),
  isFraud: z.union([z.coerce.number(), z.boolean()]).transform((value) => Number(value) === 1),
});

export interface Transaction {
  readonly id: string;
  /** Hour since the beginning. */
  readonly step: number;
  readonly type: string;
  readonly from: string;
  readonly to: string;
  readonly isFraud: boolean;
  /** With the balance, where it is told. */
  readonly input: RiskInput;
}

export interface TransactionFile {
  readonly name: string;
  readonly digest: string;
  readonly rows: readonly Transaction[];
}

const unzip = promisify(gunzip);

/** Text of a file, gunzipped when it is a gzip. Throws `config_invalid` when it cannot be read. */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return (isGzip ? await unzip(bytes) : bytes).toString('utf8');
  } catch (cause) {
    throw fault('config_invalid', { detail: `${path} cannot be read.`, cause });
  }
}

/** Reads a file of transactions in the order of their steps. Throws `config_invalid` naming the row and field that is wrong. */
export async function readTransactions(path: string): Promise<TransactionFile> {
  const text = await readText(path);
  const raw = recordsIn(text, path);
  const rows = raw.map((record, at) => {
    const parsed = rowSchema.safeParse(record);
    if (parsed.success) return parsed.data;
    throw fault('config_invalid', {
      detail: `${path}, row ${at + 1}: the field ${parsed.error.issues[0]?.path.join('.') ?? ''} is missing or not of its form.`,
    });
  });
  if (rows.length === 0) throw fault('config_invalid', { detail: `${path} has no rows.` });
  return { name: path.split('/').slice(-2).join('/'), digest: digestOf(text), rows: withHistory(rows) };
}

function recordsIn(text: string, path: string): unknown[] {
  try {
    if (!text.trimStart().startsWith('{')) return parse(text, { columns: true, skip_empty_lines: true, bom: true });
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as unknown);
  } catch (cause) {
    throw fault('config_invalid', { detail: `${path} is neither CSV nor JSON lines.`, cause });
  }
}

type Row = z.infer<typeof rowSchema>;

const KINDS: Readonly<Record<string, RiskInput['kind']>> = { TRANSFER: 'transfer', CASH_OUT: 'cash_out' };

/** Walks the rows once, in order of time, and gives each what stood before it. */
function withHistory(rows: readonly Row[]): Transaction[] {
  const typical = typicalAmount(rows);
  const transfers = new Map<string, number>();
  const inOrder = rows.map((row, at) => ({ row, at })).sort((a, b) => a.row.step - b.row.step || a.at - b.at);
  return inOrder.map(({ row, at }) => {
    const { step, type, nameOrig, nameDest, oldbalanceOrg } = row;
    const size = Number(row.amount);
    const kind = KINDS[type] ?? 'other';
    const mirror = transfers.get(size.toFixed(2));
    const input: RiskInput = {
      kind,
      amountRatio: size / typical,
      isRound: isRoundFigure(size),
      isMirrored: kind === 'cash_out' && mirror !== undefined && mirror >= step - 1,
      balanceShare: oldbalanceOrg === undefined ? null : shareOf(size, oldbalanceOrg),
    };
    if (kind === 'transfer' && size > 0) transfers.set(size.toFixed(2), step);
    return {
      id: row.txn_id ?? `row-${at + 1}`,
      step,
      type,
      from: nameOrig,
      to: nameDest,
      isFraud: row.isFraud,
      input,
    };
  });
}

const NO_BALANCE = 1_000;

function shareOf(size: number, before: number): number {
  return before <= 0 ? NO_BALANCE : Math.min(NO_BALANCE, size / before);
}

function isRoundFigure(size: number): boolean {
  if (!Number.isInteger(size) || size <= 0) return false;
  let digits = size;
  while (digits >= 100 && digits % 10 === 0) digits /= 10;
  return digits < 100;
}

/** Steps whose amounts a service would know before the ones that are scored. */
export const TYPICAL_UNTIL_STEP = 300;
const TYPICAL_FALLBACK = 182_000;

/** The median of transfers and cash-outs of the earlier steps, labels aside: what is typical for the service. */
function typicalAmount(rows: readonly Row[]): number {
  const sizes = rows
    .filter((row) => row.step <= TYPICAL_UNTIL_STEP && KINDS[row.type] !== undefined && Number(row.amount) > 0)
    .map((row) => Number(row.amount))
    .sort((a, b) => a - b);
  return sizes[sizes.length >> 1] ?? TYPICAL_FALLBACK;
}
