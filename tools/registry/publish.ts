/**
 * What supervisors can read on the settlement chain: the lists in force as Merkle roots, which customers were checked, as salted
 * hashes, and how much was reported in a month. Off the way of payments: whatever the chain does, they go on.
 *
 * A list is published when another edition than the one published last is in force. Of customers only those whose status is
 * `verified` are attested; who is so no longer, or was erased, is revoked, and with an erasure the salt goes as well.
 */
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { type Queryable, withTransaction } from '../../db/connect.ts';
import {
  type DueSubject,
  endRecord,
  insertRecord,
  latestRecords,
  type RegistryRow,
  saveSubject,
  putOffSubject,
  takeDueSubject,
  tryOpenRecord,
} from '../../db/queries/registry.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Clock } from '../../domain/clock.ts';
import { type ErrorCode, isFault } from '../../domain/errors.ts';
import { digestOf, newId, sha256 } from '../../domain/ids.ts';
import { type ListRoll, rollRoot } from '../sanctions/roll.ts';
import { carryOne } from './carry.ts';
import { beginReport } from './reports.ts';

/** What came of putting a row there; `unknown`: ask again. */
export type PutOutcome =
  | { readonly state: 'there'; readonly transactionHash: string | null; readonly ledgerVersion: bigint | null }
  | { readonly state: 'unknown' };

/** The registry on the chain. Repeating a row is harmless. Throws faults of the chain when nothing was sent or it is refused. */
export interface RegistryKeeper {
  /** Whether there is a key by which lists are published. */
  readonly publishesLists: boolean;
  /** Whether there is a key by which reports are told of. */
  readonly tellsReports: boolean;
  /** The chain's name of whoever attests for us; null where there is no key for that. */
  readonly issuer: string | null;
  put(row: RegistryRow): Promise<PutOutcome>;
}

export interface PublishDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly keeper: RegistryKeeper;
  /** The lists in force. */
  readonly rolls: () => readonly ListRoll[];
  /** Random bytes of a salt; the tests' own. */
  readonly salt?: () => Buffer;
}

export interface Published {
  readonly put: number;
  /** Codes of what was refused, or could not be reached. */
  readonly failed: readonly ErrorCode[];
}

/** Where the chain cannot be asked, or takes nothing, no other row gets through either. */
const HOLDS_UP_ALL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['chain_unavailable', 'chain_behind', 'chain_busy', 'chain_mismatch']);

/** Rows carried in one go, and how many of them may be open ones: however many are refused, lists and revocations still begin. */
const ROWS_MAX = 20;
const OPEN_ROWS_MAX = 10;
/** An open row is tried again after so long. */
const RETRY_MS = 5_000;
/** The contract knows these tiers; ours above are the highest of them there. */
const TIER_MAX = 4;
const LIFE_MS = 365 * 86_400_000;
/** What ends sooner is renewed. */
const RENEW_BEFORE_MS = 30 * 86_400_000;
/** Every process has the newest edition of a list after so long. */
const TAKEN_OVER_WITHIN_MS = 3_600_000;
const REVOKED = { withdrawn: 1n, outdated: 2n, untrue: 3n } as const;
const SALT_BYTES = 32;
/** Customers looked at for one that is told of, at most. */
const LOOKED_MAX = 100;

/** Puts there what is due, some rows at a time. Several processes may do so. */
export async function publishDue(deps: PublishDeps): Promise<Published> {
  const { pool, clock, keeper } = deps;
  const startedAtMs = clock.now();
  const failed: ErrorCode[] = [];
  let put = 0;
  for (let rows = 0; rows < ROWS_MAX; rows += 1) {
    try {
      const carried = await carryOne<RegistryRow, PutOutcome>({
        open: async () => (rows < OPEN_ROWS_MAX ? tryOpenRecord(pool, clock.now(), startedAtMs - RETRY_MS) : null),
        begin: () => beginNext(deps),
        put: (row) => keeper.put(row),
        end: (row, outcome) => endRecord(pool, row.id, { transactionHash: null, ledgerVersion: null, ...outcome }, clock.now()),
      });
      if (carried === null) break;
      if (carried.outcome.state === 'there') put += 1;
    } catch (error) {
      if (!isFault(error)) throw error;
      failed.push(error.code);
      if (HOLDS_UP_ALL.has(error.code)) break;
    }
  }
  return { put, failed };
}

async function beginNext(deps: PublishDeps): Promise<RegistryRow | null> {
  const { publishesLists, tellsReports, issuer } = deps.keeper;
  const list = publishesLists ? await beginList(deps) : null;
  const report = list === null && tellsReports ? await beginReport(deps.pool, deps.clock.now()) : null;
  return list ?? report ?? (issuer === null ? null : beginAttestation(deps, issuer));
}

/**
 * Whether an edition takes the place of the one published last. A process that has not taken over the newest yet does not bring the one
 * before back; an older one that is in force later than any process takes to take another over was put there by somebody.
 */
function mayFollow({ version, takenAtMs }: ListRoll, last: RegistryRow, nowMs: number): boolean {
  if (last.content['version'] === version) return false;
  return BigInt(takenAtMs) > BigInt(last.content['takenAtMs'] ?? '0') || nowMs - last.createdAt.getTime() > TAKEN_OVER_WITHIN_MS;
}

/** Under which subject a list is kept. */
export function listSubject(list: string): string {
  return `list ${list}`;
}

async function beginList({ pool, clock, rolls }: PublishDeps): Promise<RegistryRow | null> {
  const inForce = rolls();
  const latest = await latestRecords(
    pool,
    inForce.map(({ list }) => listSubject(list)),
  );
  for (const roll of inForce) {
    const last = latest.find(({ subject }) => subject === listSubject(roll.list));
    if (last !== undefined && !mayFollow(roll, last, clock.now())) continue;
    const content = {
      list: roll.list,
      version: roll.version,
      takenAtMs: String(roll.takenAtMs),
      root: rollRoot(roll),
      count: String(roll.entries.length),
      sourceHash: roll.sourceHash,
    };
    const row = await insertRecord(pool, { id: newId(), kind: 'list', subject: listSubject(roll.list), content }, clock.now());
    if (row !== null) return row;
  }
  return null;
}

/** The hash under which the registry knows a customer. */
export function subjectOf(salt: Buffer, userId: string): string {
  return sha256(Buffer.concat([salt, Buffer.from(userId, 'utf8')])).toString('hex');
}

async function beginAttestation(deps: PublishDeps, issuer: string): Promise<RegistryRow | null> {
  const nowMs = deps.clock.now();
  return withTransaction(deps.pool, async (tx) => {
    const due = await nextSubject(tx, nowMs);
    if (due === null) return null;
    const salt = due.salt ?? (deps.salt ?? (() => randomBytes(SALT_BYTES)))();
    // Whose salt is gone keeps the hash that was attested: it is what must be revoked.
    const subject = due.salt === null && due.subject !== null ? due.subject : subjectOf(salt, due.userId);
    const expiresAtMs = due.tier === null ? null : Math.floor((nowMs + LIFE_MS) / 1_000) * 1_000;
    const content: Readonly<Record<string, string>> =
      due.tier === null || expiresAtMs === null
        ? { subject, issuer: due.issuer ?? issuer, reason: String(reasonOf(due)) }
        : { subject, issuer, tier: String(due.tier), expiresAtSecs: String(expiresAtMs / 1_000), ...evidenceOf(due, salt) };
    const record = { id: newId(), kind: due.tier === null ? ('revoke' as const) : ('attest' as const), subject: due.userId, content };
    const row = await insertRecord(tx, record, nowMs);
    if (row === null) return null;
    // Where one of before stands still, it is the next to be revoked; who is verified again meanwhile is attested anew.
    const isLast = due.tier !== null || !due.othersStand;
    const kept = isLast
      ? { tier: due.tier, expiresAtMs, renewAtMs: expiresAtMs === null ? null : expiresAtMs - RENEW_BEFORE_MS }
      : { tier: due.attestedTier, expiresAtMs: nowMs, renewAtMs: nowMs };
    await saveSubject(tx, { userId: due.userId, subject, salt: due.erased ? null : salt, ...kept });
    return row;
  });
}

/** The next customer of whom the registry is told something that it does not hold; whoever is told of rightly is put off until renewal. */
async function nextSubject(tx: Queryable, nowMs: number): Promise<DueSubject | null> {
  for (let looked = 0; looked < LOOKED_MAX; looked += 1) {
    const due = await takeDueSubject(tx, TIER_MAX, nowMs);
    if (due === null) return null;
    const renewAtMs = due.attestedUntil === null ? null : due.attestedUntil.getTime() - RENEW_BEFORE_MS;
    const isTold = due.tier === due.attestedTier && (renewAtMs === null || renewAtMs > nowMs);
    if (!isTold) return due;
    await putOffSubject(tx, due.userId, renewAtMs);
  }
  return null;
}

function reasonOf({ erased, status }: DueSubject): bigint {
  if (erased) return REVOKED.withdrawn;
  return status === 'rejected' ? REVOKED.untrue : REVOKED.outdated;
}

/** What we keep of the check is bound by a hash, under the salt as well: what is checked has few values. */
function evidenceOf({ tier, status, checkedAt }: DueSubject, salt: Buffer): { readonly evidence: string; readonly checkedAt: string } {
  const at = checkedAt.toISOString();
  return { evidence: digestOf(canonicalJson(['capp.kyc-evidence.v1', salt.toString('hex'), status, tier ?? 0, at])), checkedAt: at };
}
