/**
 * The chain's memory: its genesis and every committed transaction, one line each, written before anybody can see the
 * commit. Started again, the chain executes them anew at the times they had; what was only in the mempool is gone, as in
 * a node that dies. A line that a crash tore is dropped.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isCurrency } from '../../domain/currency.ts';
import type { Genesis } from './genesis.ts';

/** Seven days, as the contract has it. */
export const DISPUTE_LIMIT_SECS = 604_800;

const genesisSchema = z.object({
  line: z.literal('genesis'),
  chainId: z.number().int(),
  seed: z.string(),
  partners: z.array(z.string()),
  currencies: z.array(z.string().refine(isCurrency)),
  startedAtMs: z.number(),
  disputeLimitSecs: z.number().int().default(DISPUTE_LIMIT_SECS),
});
const committedSchema = z.object({ line: z.literal('committed'), bytes: z.string(), timestampUs: z.string() });

export interface JournalledTransaction {
  readonly bytes: Uint8Array;
  readonly timestampUs: bigint;
}

export interface ChainJournal {
  readonly genesis: Genesis;
  readonly transactions: readonly JournalledTransaction[];
  committed(transaction: JournalledTransaction): void;
  close(): void;
}

/** Opens the journal, reading what is there. Without a folder the chain lives in memory. */
export function openChainJournal(dir: string | null, fresh: Genesis): ChainJournal {
  if (dir === null) return { genesis: fresh, transactions: [], committed: () => undefined, close: () => undefined };
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'chain.jsonl');
  const read = existsSync(path) ? readJournal(readFileSync(path)) : null;
  if (read !== null) truncateSync(path, read.soundBytes);
  const file = openSync(path, 'a');
  const write = (line: object): void => void writeSync(file, `${JSON.stringify(line)}\n`);
  if (read?.genesis === undefined) write({ line: 'genesis', ...fresh });
  return {
    genesis: read?.genesis ?? fresh,
    transactions: read?.transactions ?? [],
    committed: ({ bytes, timestampUs }) =>
      write({ line: 'committed', bytes: Buffer.from(bytes).toString('hex'), timestampUs: timestampUs.toString() }),
    close: () => closeSync(file),
  };
}

function readJournal(content: Buffer): { genesis: Genesis | undefined; transactions: JournalledTransaction[]; soundBytes: number } {
  const soundBytes = content.lastIndexOf(0x0a) + 1;
  const lines = content
    .subarray(0, soundBytes)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  const [first, ...rest] = lines.map((line) => JSON.parse(line) as unknown);
  if (first === undefined) return { genesis: undefined, transactions: [], soundBytes };
  const transactions = rest.map((line) => {
    const { bytes, timestampUs } = committedSchema.parse(line);
    return { bytes: Buffer.from(bytes, 'hex'), timestampUs: BigInt(timestampUs) };
  });
  return { genesis: genesisSchema.parse(first) as Genesis, transactions, soundBytes };
}
