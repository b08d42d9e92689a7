/**
 * Rotation of keys over everybody, while payments run. Each kind is a job in the database: it goes on where it was left, in
 * whatever process, a page of people at a time, and is over after a pass that found nothing to do.
 */
import { type Pool, withTransaction } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import {
  advanceKeyJob,
  beginKeyJob,
  changeIndexes,
  changePersonKeys,
  findOlderKeyed,
  type KeyedPerson,
  type KeyJob,
  type KeyJobKind,
  readKeyedPeople,
  takeKeyJob,
} from '../../db/queries/key-jobs.ts';
import type { PersonFailure } from '../../db/queries/retention.ts';
import { reindexSubscribers, SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import type { Clock } from '../../domain/clock.ts';
import { isFault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { resealPlaces } from './sealed.ts';
import { rewrapTexts } from './texts.ts';
import { dropOlderKeys, failureOf, nextKey, resealPaymentsOf } from './reseal.ts';

export interface RotateDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

export interface RotateOptions {
  /** People of one page; 200 unless told. */
  readonly page?: number;
  /** Pages in this call; as many as it takes unless told. A later call goes on. */
  readonly pages?: number;
  /** Hears after each page. */
  readonly onPage?: (progress: RotateResult) => void;
}

export interface RotateResult {
  /** People looked at and changed in this call. */
  readonly looked: number;
  readonly changed: number;
  /** `done`: the job is over; `paused`: pages are used up; `busy`: another process is at it. */
  readonly state: 'done' | 'paused' | 'busy';
}

const PAGE = 200;
/** A data key stays beside its successor for longer than any process remembers the key of a person. */
export const GRACE_MS = 7_200_000;
/** People whose older keys are dropped in one call at most. */
const PEOPLE_MAX = 1_000;
/** Passes that go on finding work are given up: somebody else undoes it. */
const PASSES_MAX = 50;

type Change = (deps: RotateDeps, job: KeyJob, people: readonly KeyedPerson[]) => Promise<number>;

/** Wraps the data keys of everybody by the first key of the keyring. Afterwards the others wrap nothing. */
async function rewrapPage({ pool, keyring }: RotateDeps, _job: KeyJob, people: readonly KeyedPerson[]): Promise<number> {
  const changes = people.flatMap(({ id, dataKey }) => {
    const next = dataKey === null ? null : keyring.people.rewrap(dataKey);
    return next === null || next === dataKey ? [] : [{ id, before: dataKey, dataKey: next, person: null, madeAtMs: null }];
  });
  if (changes.length === 0) return 0;
  await changePersonKeys(pool, changes);
  return changes.length;
}

/** Gives everybody a data key that is younger than the job, and seals what is theirs under it. */
async function renewPage(deps: RotateDeps, job: KeyJob, people: readonly KeyedPerson[]): Promise<number> {
  const { pool, keyring, clock } = deps;
  const old = people.filter((each) => each.dataKey === null || each.person === null || each.keyMadeAt < job.startedAt);
  if (old.length > 0) {
    await changePersonKeys(
      pool,
      old.map((person) => nextKey(keyring, person, clock.now())),
    );
  }
  // Whoever still remembers an older key goes on sealing with it for a while; that is sealed anew before the older key is dropped.
  if (old.length > 0)
    await resealPaymentsOf(
      deps,
      old.map(({ id }) => id),
      clock.now(),
    );
  return old.length;
}

/**
 * Drops data keys that were followed by another at least `graceMs` ago, once nothing is sealed under them: what was copied
 * under them before opens nowhere any more. Gives how many people had one, `peopleMax` at most.
 */
export async function dropOldKeys(deps: RotateDeps, graceMs: number = GRACE_MS, peopleMax = PEOPLE_MAX): Promise<number> {
  return dropKeysOf(deps, await findOlderKeyed(deps.pool, new Date(deps.clock.now() - graceMs), peopleMax));
}

/** The same, with whoever's data does not open left as they are, and told. */
export async function dropOldKeysOfEach(deps: RotateDeps): Promise<{ readonly dropped: number; readonly failures: PersonFailure[] }> {
  const people = await findOlderKeyed(deps.pool, new Date(deps.clock.now() - GRACE_MS), PEOPLE_MAX);
  try {
    return { dropped: await dropKeysOf(deps, people), failures: [] };
  } catch (error) {
    if (!isFault(error, 'internal')) throw error;
  }
  const failures: PersonFailure[] = [];
  let dropped = 0;
  for (const person of people) {
    try {
      dropped += await dropKeysOf(deps, [person]);
    } catch (error) {
      failures.push(failureOf(person.id, error));
    }
  }
  return { dropped, failures };
}

async function dropKeysOf(deps: RotateDeps, people: readonly KeyedPerson[]): Promise<number> {
  if (people.length === 0) return 0;
  await resealPaymentsOf(
    deps,
    people.map(({ id }) => id),
    deps.clock.now(),
  );
  return dropOlderKeys(deps.pool, people);
}

/** Makes the indexes of everybody, and of what they told us, by the first index key, from the number itself. */
async function reindexPage({ pool, keyring }: RotateDeps, _job: KeyJob, people: readonly KeyedPerson[]): Promise<number> {
  const numbers = people.map((person) => keyring.people.openPerson(person).phone);
  const changes = people.flatMap((person, at) => {
    const phoneIndex = keyring.blindIndex(numbers[at] ?? '', person.clientId);
    return phoneIndex.equals(person.phoneIndex) ? [] : [{ id: person.id, before: person.phoneIndex, phoneIndex }];
  });
  const wishes = numbers.flatMap((phone) => {
    const [phoneIndex, ...older] = keyring.blindIndexes(phone, SUBSCRIBER_SCOPE);
    return older.map((olderIndex) => ({ phoneIndex, olderIndex }));
  });
  const moved = await reindexSubscribers(pool, wishes);
  return moved + (changes.length === 0 ? 0 : await changeIndexes(pool, changes));
}

const CHANGES: Readonly<Record<KeyJobKind, Change>> = { wrap: rewrapPage, data: renewPage, index: reindexPage };

/**
 * Runs the job of a kind, or goes on with the one under way. Payments go on meanwhile. Throws what the database throws, and
 * `internal` for somebody whose data does not open; the job stays where it was.
 */
export async function rotateKeys(deps: RotateDeps, kind: KeyJobKind, options: RotateOptions = {}): Promise<RotateResult> {
  await beginKeyJob(deps.pool, { id: newId(), kind, nowMs: deps.clock.now() });
  let [looked, changed] = [0, 0];
  for (let page = 0; page < (options.pages ?? Number.POSITIVE_INFINITY); page += 1) {
    const step = await withTransaction(deps.pool, (tx) => takePage(deps, tx, kind, options));
    if (step === null) return { looked, changed, state: 'busy' };
    looked += step.looked;
    changed += step.changed;
    options.onPage?.({ looked, changed, state: step.isDone ? 'done' : 'paused' });
    if (step.isDone) return { looked, changed, state: 'done' };
  }
  return { looked, changed, state: 'paused' };
}

/** Until a pass finds nothing: what an older process seals meanwhile as well. */
async function resealUntilNone({ pool, keyring }: RotateDeps): Promise<void> {
  for (let pass = 0; (await resealPlaces(pool, keyring)) > 0; pass += 1)
    if (pass >= PASSES_MAX) throw new Error(`what field keys seal is sealed by an older one after ${PASSES_MAX} passes`);
}

/** One page. The job's row is held meanwhile, so that two processes never walk side by side; what it changes is committed by itself. */
async function takePage(deps: RotateDeps, tx: Parameters<typeof takeKeyJob>[0], kind: KeyJobKind, options: RotateOptions) {
  // Somebody with very many payments takes longer than a transaction may stand idle.
  await tx.query('set local idle_in_transaction_session_timeout = 0');
  const job = await takeKeyJob(tx, kind);
  if (job === null) return null;
  const size = options.page ?? PAGE;
  const people = await readKeyedPeople(deps.pool, job.lastUserId, size);
  const changed = await CHANGES[kind](deps, job, people);
  const isLastPage = people.length < size;
  const isDone = isLastPage && job.passChanged + BigInt(changed) === 0n;
  if (isLastPage && !isDone && job.passes >= PASSES_MAX) throw new Error(`a job over keys found work in ${PASSES_MAX} passes`);
  // Over only when texts, and what field keys seal by themselves, are under the first key as well: what fails here leaves the job where it was.
  if (isDone && kind === 'wrap') {
    await rewrapTexts(deps.pool, deps.keyring);
    await resealUntilNone(deps);
  }
  const next = isDone ? 'done' : isLastPage ? 'again' : 'on';
  const lastUserId = people.at(-1)?.id ?? job.lastUserId;
  await advanceKeyJob(tx, job, { lastUserId, looked: people.length, changed, next, nowMs: deps.clock.now() });
  return { looked: people.length, changed, isDone };
}
