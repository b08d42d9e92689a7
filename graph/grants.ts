/**
 * Issuing, checking and renewing execution grants. A grant is issued in the transaction that opens its attempts, with one seal for
 * all of them; the sender makes the digest of each attempt anew, from the rows and from the number it is about to send to, and sends
 * only what a sealed grant that still counts has among its digests.
 */
import type { Pool } from 'pg';
import { withTransaction } from '../db/connect.ts';
import type { Keyring } from '../db/keyring.ts';
import { recordAuditEvents } from '../db/queries/audit.ts';
import {
  findGrants,
  type GrantTermsRow,
  grantTermsOf,
  lockLapsed,
  refuseUnsent,
  replaceGrant,
  type SealedGrant,
} from '../db/queries/grants.ts';
import type { Queryable } from '../db/connect.ts';
import { GRANT_LIFETIME_MS, grantDigest, type GrantRefusal, type GrantTerms, grantText } from '../domain/grant.ts';
import { newId } from '../domain/ids.ts';
import { halt } from '../tools/oversight/halts.ts';
import type { GraphDeps } from './types.ts';

const SEAL_CONTEXT = 'execution_grants.seal';
const DIGEST_BYTES = 32;

/** Makes a grant over some attempts: one seal, however many there are. */
export function issueGrant(keyring: Pick<Keyring, 'blindIndex'>, terms: readonly GrantTerms[], nowMs: number): SealedGrant {
  const digests = Buffer.from(terms.map(grantDigest).join(''), 'hex');
  const grant = { id: newId(), issuedAtMs: nowMs, expiresAtMs: nowMs + GRANT_LIFETIME_MS, digests };
  return { ...grant, seal: keyring.blindIndex(grantText(grant), SEAL_CONTEXT) };
}

/** A grant whose seal was found to be ours. */
interface KnownGrant {
  readonly expiresAtMs: number;
  readonly digests: ReadonlySet<string>;
}

export interface GrantDesk {
  /** Reads the grants that rows name and are not known yet: one query for all of them, none when all are known. */
  fetch(db: Queryable | Pool, ids: readonly (string | null)[]): Promise<void>;
  /** Why an attempt may not be sent at a moment; null when a grant covers exactly its terms. Asks nobody: `fetch` comes before. */
  refusal(grantId: string | null, terms: GrantTerms, nowMs: number): GrantRefusal | null;
}

const KNOWN_MAX = 500;

/** Makes the place of a process where grants are checked; each seal is checked once. */
export function createGrantDesk(keyring: Pick<Keyring, 'blindIndexes'>): GrantDesk {
  const known = new Map<string, KnownGrant | 'forged'>();
  return {
    async fetch(db, ids) {
      const wanted = [...new Set(ids)].filter((id): id is string => id !== null && !known.has(id));
      if (wanted.length === 0) return;
      for (const grant of await findGrants(db, wanted)) {
        const isOurs = keyring.blindIndexes(grantText(grant), SEAL_CONTEXT).some((seal) => seal.equals(grant.seal));
        known.set(grant.id, isOurs ? { expiresAtMs: grant.expiresAtMs, digests: digestsOf(grant) } : 'forged');
      }
      // The oldest go first; one that is asked for again is read again.
      for (const id of known.keys()) {
        if (known.size <= KNOWN_MAX) break;
        if (!wanted.includes(id)) known.delete(id);
      }
    },
    refusal(grantId, terms, nowMs) {
      const grant = grantId === null ? undefined : known.get(grantId);
      if (grant === undefined) return 'grant_missing';
      if (grant === 'forged') return 'grant_forged';
      if (grant.expiresAtMs <= nowMs) return 'grant_expired';
      return grant.digests.has(grantDigest(terms)) ? null : 'terms_differ';
    },
  };
}

function digestsOf({ digests }: SealedGrant): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at < digests.length; at += DIGEST_BYTES) found.add(digests.toString('hex', at, at + DIGEST_BYTES));
  return found;
}

const LAPSED_MAX = 500;
const RENEWAL_PAUSE_MS = 1_000;

/**
 * Looks again at attempts that were not sent while their grant counted: those whose terms are still what was granted get another
 * grant, the others fail for sure, for nothing was sent. At most once a second; says how many got one.
 */
export function createRenewer(deps: GraphDeps, desk: GrantDesk): () => Promise<number> {
  let nextLookMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = deps.clock.now();
    if (nowMs < nextLookMs) return 0;
    const { taken, renewed } = await withTransaction(deps.pool, async (tx) => {
      const rows = await lockLapsed(tx, new Date(nowMs), LAPSED_MAX);
      if (rows.length === 0) return { taken: 0, renewed: 0 };
      await desk.fetch(
        tx,
        rows.map((row) => row.grant_id),
      );
      const judged = rows.map((row) => ({ row, terms: grantTermsOf(row), why: desk.refusal(row.grant_id, grantTermsOf(row), nowMs) }));
      // Only time has taken the grant from these.
      const kept = judged.filter(({ row, terms, why }) => why === 'grant_expired' && desk.refusal(row.grant_id, terms, 0) === null);
      const refused = judged.filter((each) => !kept.includes(each));
      if (kept.length > 0) {
        const grant = issueGrant(
          deps.keyring,
          kept.map(({ terms }) => terms),
          nowMs,
        );
        await replaceGrant(
          tx,
          grant,
          kept.map(({ row }) => row.id),
        );
      }
      await refuseAll(tx, deps, refused, nowMs);
      return { taken: rows.length, renewed: kept.length };
    });
    if (taken < LAPSED_MAX) nextLookMs = nowMs + RENEWAL_PAUSE_MS;
    if (taken > renewed) deps.notify('outcomes');
    return renewed;
  };
}

interface Refused {
  readonly row: GrantTermsRow;
  readonly why: GrantRefusal | null;
}

async function refuseAll(tx: Queryable, deps: GraphDeps, refused: readonly Refused[], nowMs: number): Promise<void> {
  if (refused.length === 0) return;
  await refuseUnsent(
    tx,
    refused.map(({ row }) => row.id),
    new Date(nowMs),
  );
  for (const { row, why } of refused) await reportRefusal(tx, deps, row, why === 'grant_expired' || why === null ? 'terms_differ' : why);
}

/**
 * Writes down that nothing was sent for an attempt, and why; loudly, for it does not happen by itself. The payment is halted with it:
 * another attempt would get a grant over whatever the rows say now, and that is for two people to look at. A grant that only ran out
 * halts nothing.
 */
export async function reportRefusal(tx: Queryable, deps: GraphDeps, row: GrantTermsRow, why: GrantRefusal): Promise<void> {
  deps.log.error({ attemptId: row.id, paymentId: row.payment_id, why }, 'nothing sent: no grant covers the attempt');
  const act = {
    clientId: row.client_id,
    actor: 'system',
    action: 'grant.refused',
    subject: `attempt:${row.id}`,
    paymentId: row.payment_id,
  };
  const nowMs = deps.clock.now();
  await recordAuditEvents(tx, [{ ...act, details: { why, grantId: row.grant_id } }], nowMs);
  if (why === 'grant_expired') return;
  const scope = { clientId: row.client_id, corridor: null, railId: null, paymentId: row.payment_id };
  await halt(tx, { ...scope, reason: `no grant covers attempt ${row.id}: ${why}`, principal: 'system', nowMs });
}
