/** Bringing what is stored of people under the data key they have now: their own row, and their side of every payment. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Pool, type Queryable, withTransaction } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { joinParties, type Parties, sealedVersion, splitParties, wrappedKeys } from '../../db/person-keys.ts';
import {
  changePersonKeys,
  findKeyedPeople,
  findPaymentIdsOf,
  type KeyChange,
  type KeyedPerson,
  readSealedPayments,
  resealPayments,
  type SealedPayment,
} from '../../db/queries/key-jobs.ts';
import type { PersonFailure } from '../../db/queries/retention.ts';
import { fault, isFault } from '../../domain/errors.ts';

const PAYMENTS_PAGE = 500;
/** Whose payments they are is asked for many pages at once: the database goes through all of somebody's for each answer. */
const IDS_PAGE = 20_000;
/** Rows that somebody holds are left out and looked at again, so often at most in one call, each time after a longer pause. */
const TRIES_MAX = 20;
const PAUSE_MS = 25;
const PAUSE_MS_MAX = 500;

export interface ResealDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
}

/** The first data key of a person who has none, with their row under it. */
export function firstKey(keyring: Keyring, person: KeyedPerson, nowMs: number): KeyChange {
  const { key, wrapped } = keyring.people.create();
  return { id: person.id, before: null, dataKey: wrapped, person: sealedAnew(keyring, person, key), madeAtMs: nowMs };
}

/** A new data key for a person in front of those they have, with their row under it. */
export function nextKey(keyring: Keyring, person: KeyedPerson, nowMs: number): KeyChange {
  if (person.dataKey === null) return firstKey(keyring, person, nowMs);
  const { key, wrapped } = keyring.people.create(person.dataKey);
  const dataKey = Buffer.concat([wrapped, person.dataKey]);
  return { id: person.id, before: person.dataKey, dataKey, person: sealedAnew(keyring, person, key), madeAtMs: nowMs };
}

function sealedAnew({ people }: Keyring, person: KeyedPerson, key: Parameters<Keyring['people']['seal']>[0]): KeyChange['person'] {
  return { before: person.person, anew: people.seal(key, people.openPerson(person)) };
}

/**
 * Seals every payment of these people under the data keys they have now. Gives how many payments were sealed anew; throws
 * `internal` for a payment that does not open, and when rows stay held by others however often they are looked at.
 */
export async function resealPaymentsOf(deps: ResealDeps, userIds: readonly string[], nowMs: number): Promise<number> {
  let resealed = 0;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { done, left } = await resealOnce(deps, userIds, nowMs);
    resealed += done;
    if (left === 0) return resealed;
    // A cohort holds its payments for as long as a step of it takes.
    await pause(Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** tries));
  }
  throw fault('internal', { internal: 'payments are held by others: try again' });
}

/** The failure of whoever cannot be gone on with: an `internal` fault is about their data alone. Throws anything else again. */
export function failureOf(userId: string, error: unknown): PersonFailure {
  if (!isFault(error, 'internal')) throw error;
  return { userId, reason: error.internal ?? error.code };
}

async function resealOnce(deps: ResealDeps, userIds: readonly string[], nowMs: number): Promise<{ done: number; left: number }> {
  let [done, left] = [0, 0];
  for (let afterId: string | null = null; ; ) {
    const ids: string[] = await findPaymentIdsOf(deps.pool, userIds, afterId, IDS_PAGE);
    for (let at = 0; at < ids.length; at += PAYMENTS_PAGE) {
      const page = await readSealedPayments(deps.pool, ids.slice(at, at + PAYMENTS_PAGE));
      const wanted = await giveKeys(deps, page, nowMs);
      const stale = wanted.filter((payment) => isStale(payment));
      if (stale.length === 0) continue;
      const changes = stale.map((payment) => ({ id: payment.id, before: payment.parties, parties: resealed(deps.keyring, payment) }));
      const written = await withTransaction(deps.pool, (tx) => resealPayments(tx, changes));
      done += written;
      left += stale.length - written;
    }
    if (ids.length < IDS_PAGE) return { done, left };
    afterId = ids.at(-1) ?? null;
  }
}

/** The other party of an old payment may have no data key yet. */
async function giveKeys({ pool, keyring }: ResealDeps, page: SealedPayment[], nowMs: number): Promise<SealedPayment[]> {
  const old = page.filter(({ parties }) => splitParties(parties) === null);
  const keyless = old.flatMap((each) => [
    ...(each.senderKey === null ? [each.senderId] : []),
    ...(each.receiverKey === null ? [each.receiverId] : []),
  ]);
  if (keyless.length === 0) return page;
  await ensureKeys({ pool, keyring }, keyless, nowMs);
  const keys = new Map((await findKeyedPeople(pool, [...new Set(keyless)])).map(({ id, dataKey }) => [id, dataKey]));
  return page.map((each) => ({
    ...each,
    senderKey: each.senderKey ?? keys.get(each.senderId) ?? null,
    receiverKey: each.receiverKey ?? keys.get(each.receiverId) ?? null,
  }));
}

/** Gives a data key to those of them who have none. */
export async function ensureKeys({ pool, keyring }: ResealDeps, userIds: readonly string[], nowMs: number): Promise<void> {
  const people = (await findKeyedPeople(pool, userIds)).filter(({ dataKey }) => dataKey === null);
  if (people.length > 0)
    await changePersonKeys(
      pool,
      people.map((person) => firstKey(keyring, person, nowMs)),
    );
}

function versionOf(dataKey: Buffer | null): number | null {
  return dataKey === null ? null : (wrappedKeys(dataKey)[0]?.[1] ?? null);
}

/** Whether a party is not under the key that is theirs now. Who was erased has none, and what is left of them stays as it is. */
function isStale({ parties, senderKey, receiverKey }: SealedPayment): boolean {
  const split = splitParties(parties);
  if (split === null) return senderKey !== null && receiverKey !== null;
  const differs = (sealed: Buffer, key: Buffer | null): boolean => key !== null && sealedVersion(sealed) !== versionOf(key);
  return differs(split.sender, senderKey) || differs(split.receiver, receiverKey);
}

function resealed({ people }: Keyring, payment: SealedPayment): Buffer {
  const split = splitParties(payment.parties);
  const parties: Parties = people.openParties(payment);
  const anew = (role: keyof Parties, key: Buffer | null): Buffer => {
    const sealed = split?.[role];
    if (sealed !== undefined && (key === null || sealedVersion(sealed) === versionOf(key))) return sealed;
    return people.seal(people.current(key as Buffer), parties[role]);
  };
  return joinParties(anew('sender', payment.senderKey), anew('receiver', payment.receiverKey));
}

/** Data keys that nothing is sealed under any more are dropped: afterwards what was sealed under them opens nowhere. */
export async function dropOlderKeys(db: Queryable, people: readonly KeyedPerson[]): Promise<number> {
  const changes = people.flatMap(({ id, dataKey }): KeyChange[] => {
    const newest = dataKey === null ? undefined : wrappedKeys(dataKey)[0];
    if (newest === undefined || dataKey?.length === newest.length) return [];
    return [{ id, before: dataKey, dataKey: newest, person: null, madeAtMs: null }];
  });
  return changes.length === 0 ? 0 : changePersonKeys(db, changes);
}
