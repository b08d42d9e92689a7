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
  type PayeeNumberRow,
  refuseUnsent,
  replaceGrant,
  type SealedGrant,
} from '../db/queries/grants.ts';
import type { Queryable } from '../db/connect.ts';
import { GRANT_LIFETIME_MS, grantDigest, type GrantRefusal, type GrantTerms, grantText } from '../domain/grant.ts';
import { fault } from '../domain/errors.ts';
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

/** A grant whose seal was found to be ours, or one whose seal is not. */
export type CheckedGrant = { readonly expiresAtMs: number; readonly digests: ReadonlySet<string> } | 'forged';

export interface GrantDesk {
  /** The grants of these ids, checked; an id of which there is none is left out. One query for those that were not read lately. */
  fetch(db: Queryable | Pool, ids: readonly (string | null)[]): Promise<ReadonlyMap<string | null, CheckedGrant>>;
}

const KNOWN_MAX = 500;

/** Makes the place of a process where grants are checked; each seal is checked once while its grant is in use. */
export function createGrantDesk(keyring: Pick<Keyring, 'seals'>): GrantDesk {
  const known = new Map<string | null, CheckedGrant>();
  return {
    async fetch(db, ids) {
      const wanted = [...new Set(ids)].filter((id): id is string => id !== null);
      const read = await readGrants(
        db,
        keyring,
        wanted.filter((id) => !known.has(id)),
      );
      const found = new Map<string | null, CheckedGrant>();
      for (const id of wanted) {
        const grant = read.get(id) ?? known.get(id);
        if (grant === undefined) continue;
        found.set(id, grant);
        // What was asked for last is forgotten last.
        known.delete(id);
        known.set(id, grant);
      }
      for (const id of known.keys()) {
        if (known.size <= KNOWN_MAX) break;
        known.delete(id);
      }
      return found;
    },
  };
}

async function readGrants(
  db: Queryable | Pool,
  keyring: Pick<Keyring, 'seals'>,
  ids: readonly string[],
): Promise<Map<string, CheckedGrant>> {
  if (ids.length === 0) return new Map();
  return new Map(
    (await findGrants(db, ids)).map((grant) => {
      // A retired key grants nothing, however old the grant says it is: nothing else vouches for its age.
      const isOurs = keyring.seals(grantText(grant), SEAL_CONTEXT, null).some((seal) => seal.equals(grant.seal));
      return [grant.id, isOurs ? { expiresAtMs: grant.expiresAtMs, digests: digestsOf(grant) } : 'forged'];
    }),
  );
}

function digestsOf({ digests }: SealedGrant): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at < digests.length; at += DIGEST_BYTES) found.add(digests.toString('hex', at, at + DIGEST_BYTES));
  return found;
}

/** Why an attempt of these terms may not be sent at a moment; null when its grant covers exactly them. */
export function grantRefusal(grant: CheckedGrant | undefined, terms: GrantTerms, nowMs: number): GrantRefusal | null {
  if (grant === undefined) return 'grant_missing';
  if (grant === 'forged') return 'grant_forged';
  if (grant.expiresAtMs <= nowMs) return 'grant_expired';
  return grant.digests.has(grantDigest(terms)) ? null : 'terms_differ';
}

/** The same for the number that is about to be sent to; it may have been granted under an index key that has aged since. */
export function numberRefusal(
  keyring: Pick<Keyring, 'blindIndexes'>,
  row: GrantTermsRow,
  grant: CheckedGrant | undefined,
  at: { readonly phone: string; readonly nowMs: number },
): GrantRefusal | null {
  const terms = grantTermsOf(row);
  const refusals = keyring
    .blindIndexes(at.phone, row.owner_id)
    .map((index) => grantRefusal(grant, { ...terms, payeeIndex: index.toString('hex') }, at.nowMs));
  return refusals.includes(null) ? null : (refusals[0] ?? 'terms_differ');
}

/** The number an attempt is about. Throws when it cannot be opened, or its person was erased. A refund goes back to whoever paid. */
export function openNumber({ people }: Pick<Keyring, 'people'>, row: GrantTermsRow & PayeeNumberRow): string {
  const keys = { parties: row.parties, senderKey: row.party_key, receiverKey: row.party_key };
  const { phone } = people.openParty(keys, row.leg === 'payout' ? 'receiver' : 'sender');
  if (phone === '') throw fault('internal', { internal: `attempt ${row.id} is to somebody who was erased` });
  return phone;
}

const LAPSED_MAX = 500;
const RENEWAL_PAUSE_MS = 5_000;

/**
 * Looks again at attempts that were not sent while their grant counted: those whose terms are still what was granted get another
 * grant, the others fail for sure, for nothing was sent. Looks every few seconds at most; says how many got one.
 */
export function createRenewer(deps: GraphDeps, desk: GrantDesk): () => Promise<number> {
  let nextLookMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = deps.clock.now();
    if (nowMs < nextLookMs) return 0;
    const { taken, renewed } = await withTransaction(deps.pool, (tx) => renew(tx, deps, desk, nowMs));
    if (taken < LAPSED_MAX) nextLookMs = nowMs + RENEWAL_PAUSE_MS;
    if (taken > renewed) deps.notify('outcomes');
    return renewed;
  };
}

async function renew(tx: Queryable, deps: GraphDeps, desk: GrantDesk, nowMs: number): Promise<{ taken: number; renewed: number }> {
  const rows = await lockLapsed(tx, new Date(nowMs), LAPSED_MAX);
  const grants = await desk.fetch(
    tx,
    rows.map((row) => row.grant_id),
  );
  const kept: (typeof rows)[number][] = [];
  const refused: Refused[] = [];
  for (const row of rows) {
    // Time alone takes no money back: what is asked is whether anything else speaks against it.
    const why = lapsedRefusal(deps.keyring, row, grants.get(row.grant_id));
    if (why === null) kept.push(row);
    else refused.push({ row, why });
  }
  if (kept.length > 0) {
    const grant = issueGrant(deps.keyring, kept.map(grantTermsOf), nowMs);
    await replaceGrant(
      tx,
      grant,
      kept.map((row) => row.id),
    );
  }
  await refuseAll(tx, deps, refused, nowMs);
  return { taken: rows.length, renewed: kept.length };
}

const WHENEVER_MS = 0;

/** What speaks against an attempt besides its time: the rows, or a number that was granted under an older index key. */
function lapsedRefusal(
  keyring: Pick<Keyring, 'blindIndexes' | 'people'>,
  row: GrantTermsRow & PayeeNumberRow,
  grant: CheckedGrant | undefined,
): GrantRefusal | null {
  const why = grantRefusal(grant, grantTermsOf(row), WHENEVER_MS);
  if (why !== 'terms_differ') return why;
  try {
    return numberRefusal(keyring, row, grant, { phone: openNumber(keyring, row), nowMs: WHENEVER_MS });
  } catch {
    // Terms that differ and a number that cannot be opened: not what was granted, whichever of them it is.
    return why;
  }
}

interface Refused {
  readonly row: GrantTermsRow;
  readonly why: GrantRefusal;
}

async function refuseAll(tx: Queryable, deps: GraphDeps, refused: readonly Refused[], nowMs: number): Promise<void> {
  if (refused.length === 0) return;
  await refuseUnsent(
    tx,
    refused.map(({ row }) => row.id),
    new Date(nowMs),
  );
  for (const { row, why } of refused) await reportRefusal(tx, deps, row, why);
}

/**
 * Writes down that nothing was sent for an attempt, and why; loudly, for it does not happen by itself. The payment is halted with it:
 * another attempt would get a grant over whatever the rows say now, and that is for two people to look at. A grant that only ran out
 * halts nothing.
 */
export async function reportRefusal(tx: Queryable, deps: GraphDeps, row: GrantTermsRow, why: GrantRefusal): Promise<void> {
  deps.log.error({ attemptId: row.id, paymentId: row.payment_id, why }, 'nothing sent: no grant covers the attempt');
  const act = {
    clientId: row.owner_id,
    actor: 'system',
    action: 'grant.refused',
    subject: `attempt:${row.id}`,
    paymentId: row.payment_id,
  };
  const nowMs = deps.clock.now();
  await recordAuditEvents(tx, [{ ...act, details: { why, grantId: row.grant_id } }], nowMs);
  if (why === 'grant_expired') return;
  const scope = { clientId: row.owner_id, corridor: null, railId: null, paymentId: row.payment_id };
  await halt(tx, { ...scope, reason: `no grant covers attempt ${row.id}: ${why}`, principal: 'system', nowMs });
}
