/**
 * Checks every invariant of a system, running or stopped: the books and payments in the database, the
 * signatures of quotes, the audit log from its first block, the operators' own books, and the settlement chain.
 */
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findTamperedQuotes } from '../agents/exchange-rate/audit.ts';
import { connect, type Pool } from '../db/connect.ts';
import { attachOrStartDatabase } from '../db/embedded.ts';
import type { Keyring } from '../db/keyring.ts';
import { assertIndexKeys } from '../tools/privacy/index.ts';
import { type AuditFinding, verifyAudit } from '../tools/audit/index.ts';
import { checkBooks, type Violation } from '../tools/ledger/index.ts';
import { readConfig } from './config.ts';
import type { ChainReader } from '../tools/aptos/reader.ts';
import { openChainReader } from './settlement.ts';
import { type ChainComparison, compareChain } from './verify-chain.ts';
import { compareOperators, type ReadBooks, readSandboxBooks } from './verify-operators.ts';
import { loadKeys } from './secrets.ts';

export interface VerifyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Verification {
  readonly violations: readonly Violation[];
  readonly payments: number;
  readonly transfers: number;
  /** The books against the settlement chain. */
  readonly chain: ChainComparison;
}

/** A system at work moves between two looks; what is still wrong after this many is wrong. */
const LOOKS_MAX = 4;
const LOOK_AGAIN_MS = 1_500;

/** Verifies the system of the environment's data folder or database. Throws when it cannot be reached. */
export async function verifyPlatform(options: VerifyOptions): Promise<Verification> {
  const config = readConfig(options.env);
  const dataDir = resolve(config.dataDir);
  const database = await attachOrStartDatabase({ dataDir, databaseUrl: config.databaseUrl });
  try {
    const pool = connect({ url: database.url, applicationName: 'capp verify', max: 2 });
    try {
      const { quoteKey, keyring } = await loadKeys(options.env, dataDir);
      await assertIndexKeys(pool, keyring);
      const chain = await openChainReader({ ...config, dataDir });
      return await verifyDatabase(pool, { quoteKey, keyring, sandboxFolder: join(dataDir, 'sandbox'), chain });
    } finally {
      await pool.end();
    }
  } finally {
    await database.stop();
  }
}

/** What is needed besides the database. */
export interface VerifyKeys {
  /** Signed the quotes. */
  readonly quoteKey: Buffer;
  /** Sealed the audit log. */
  readonly keyring: Keyring;
  /** Where the sandbox operators keep their books, or how to read them. */
  readonly sandboxFolder: string | ReadBooks;
  /** How often is looked before what is wrong counts as wrong: once, where nothing moves any more. */
  readonly looksMax?: number;
  /** Null where there is no chain. */
  readonly chain?: ChainReader | null;
}

/** The same for a database that is open already. */
export async function verifyDatabase(pool: Pool, keys: VerifyKeys): Promise<Verification> {
  let { violations, chain } = await look(pool, keys);
  for (let looks = 1; looks < (keys.looksMax ?? LOOKS_MAX) && violations.some((each) => each.invariant === 2); looks += 1) {
    await delay(LOOK_AGAIN_MS);
    ({ violations, chain } = await look(pool, keys));
  }
  const counted = await pool.query<{ payments: number; transfers: number }>(
    'select (select count(*) from payments)::int as payments, (select count(*) from transfers)::int as transfers',
  );
  return { violations, payments: counted.rows[0]?.payments ?? 0, transfers: counted.rows[0]?.transfers ?? 0, chain };
}

async function look(pool: Pool, keys: VerifyKeys): Promise<Pick<Verification, 'violations' | 'chain'>> {
  const inDatabase = await checkBooks(pool);
  const tampered = await findTamperedQuotes(pool, keys.quoteKey);
  const audit = await verifyAudit({ pool, keyring: keys.keyring });
  const { sandboxFolder: books } = keys;
  const operators = await compareOperators(pool, typeof books === 'string' ? () => readSandboxBooks(books) : books);
  const chain = await compareChain(pool, keys.chain ?? null);
  const violations = [
    ...inDatabase,
    ...tampered.map(
      (quoteId): Violation => ({
        invariant: 6,
        subject: `quote ${quoteId}`,
        detail: 'quotes are unaltered: the signature does not fit the terms',
      }),
    ),
    ...audit.findings.map(violationOf),
    ...operators,
    ...chain.violations,
  ];
  return { violations, chain };
}

/** What is wrong with the audit log, as a violation of the invariant that everything has its event and the chain verifies. */
function violationOf({ block, source, key, detail }: AuditFinding): Violation {
  const subject = [source, key].filter((part) => part !== null).join(' ') || 'audit log';
  return { invariant: 5, subject, detail: `the audit chain verifies: ${block === null ? '' : `block ${block}: `}${detail}` };
}
