/**
 * Continuous re-screening: whenever the lists change, or the way in which names are scored, everybody who is known is screened anew,
 * a page at a time, beside the payments. A crash loses no more than a page; two processes never do the same page.
 *
 * What is found is written down for people, without names, once per person and entry as it is: when the entry changes it is
 * found anew, and what is so no more is closed. Payments are screened anyway; this tells of those who do not pay at the moment.
 */
import type { PersonKeys } from '../../db/person-keys.ts';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Pool, type Queryable, withTransaction } from '../../db/connect.ts';
import {
  closeFindings,
  keepEntryDigests,
  markDelisted,
  type NewFinding,
  type StandingFinding,
  standingFindings,
  storeFindings,
} from '../../db/queries/findings.ts';
import {
  advanceRescreening,
  isRescreened,
  type KnownPerson,
  readKnownPeople,
  renewRescreening,
  takeRescreening,
} from '../../db/queries/rescreening.ts';
import type { Clock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { askedOf } from '../../tools/sanctions/asked.ts';
import type { SanctionsList } from '../../tools/sanctions/list.ts';
import { SCREENER_VERSION } from '../../tools/sanctions/screening/screener.ts';
import { isForPeople } from './decide.ts';
import { digestOfEntry } from './entry.ts';
import { COMPLIANCE_POLICY } from './policy.ts';

export interface RescreenDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  /** Opens names. */
  readonly keyring: { readonly people: Pick<PersonKeys, 'openPerson'> };
  readonly sanctions: SanctionsList;
  /** How names are scored and from which score on people look: as this release does unless told. */
  readonly scoring?: string;
}

const SCORING = `${SCREENER_VERSION}, ${COMPLIANCE_POLICY.version}`;

export interface RescreenResult {
  readonly listVersion: string;
  readonly screened: number;
  /** What was not known before. */
  readonly findings: number;
  /** Nobody is left. */
  readonly isDone: boolean;
}

/** People of one page: a few tens of milliseconds, after which payments get their turn. */
const PAGE = 50;
/** Pages of one call; the next call goes on. */
const PAGES = 10;

/** Makes the step that a worker takes again and again: some pages, or nothing when everybody was screened against the lists in force by the scores in force. */
export function createRescreening(deps: RescreenDeps): () => Promise<RescreenResult | null> {
  let done: string | null = null;
  let seen: string | null = null;
  return async () => {
    const sanctions = deps.sanctions.edition();
    const { version } = sanctions;
    const edition = `${version} by ${deps.scoring ?? SCORING}`;
    if (edition === done) return null;
    if (edition !== seen) {
      await renewRescreening(deps.pool, { edition, takenAtMs: takenAtOf(sanctions), nowMs: deps.clock.now() });
      seen = edition;
    }
    if (await isRescreened(deps.pool, edition)) {
      done = edition;
      return null;
    }
    let [screened, findings] = [0, 0];
    for (let page = 0; page < PAGES; page += 1) {
      const step = await screenPage(deps, version, edition);
      if (step === null) break;
      screened += step.screened;
      findings += step.findings;
      if (step.isDone) return { listVersion: version, screened, findings, isDone: true };
      await breathe();
    }
    return { listVersion: version, screened, findings, isDone: false };
  };
}

/** When the newest of the lists came; 0 for the sample. */
function takenAtOf(sanctions: SanctionsList): number {
  return Math.max(0, ...sanctions.describe().lists.map((list) => list.takenAtMs ?? 0));
}

/** One page in one transaction; null when another process has it in hand. */
async function screenPage(deps: RescreenDeps, version: string, edition: string): Promise<RescreenResult | null> {
  return withTransaction(deps.pool, async (tx) => {
    const taken = await takeRescreening(tx, edition, deps.clock.now());
    const sanctions = deps.sanctions.edition();
    // New lists may have come while this one was under way: its page would be screened against those.
    if (taken === null || sanctions.version !== version) return null;
    const people = await readKnownPeople(tx, taken.lastUserId, PAGE);
    const found = findingsOf({ keyring: deps.keyring, sanctions }, people);
    const isDone = people.length < PAGE;
    await keepEntryDigests(tx, found);
    // Lists that others have left behind add what they find, and take nothing back.
    if (taken.isNewest) await reviewStanding(tx, sanctions, people, found, deps.clock.now());
    const findings = await storeFindings(tx, version, found);
    const progress = { listVersion: version, screened: people.length, findings, isDone };
    await advanceRescreening(tx, { edition, ...progress, lastUserId: people.at(-1)?.id ?? null, nowMs: deps.clock.now() });
    return progress;
  });
}

function findingsOf({ keyring, sanctions }: Pick<RescreenDeps, 'keyring' | 'sanctions'>, people: readonly KnownPerson[]): NewFinding[] {
  const hits = sanctions.screen(people.map((person) => askedOf(keyring.people.openPerson(person))));
  return people.flatMap((person, at) =>
    (hits[at] ?? [])
      .filter((hit) => isForPeople(hit, COMPLIANCE_POLICY))
      .map((hit) => ({
        id: newId(),
        client_id: person.clientId,
        user_id: person.id,
        list: hit.list,
        entry_id: hit.entryId,
        entry_digest: digestOfEntry(sanctions.find(hit.list, hit.entryId)),
        topic: hit.topic,
        score: hit.score,
        how: hit.how,
        grounds: hit.grounds,
      })),
  );
}

/**
 * Closes what was found of a page's people and is so no more, and notes of who is barred whether the entry is listed still. Of a list
 * that is not among those in force nothing is known.
 */
async function reviewStanding(
  tx: Queryable,
  sanctions: SanctionsList,
  people: readonly KnownPerson[],
  found: readonly NewFinding[],
  nowMs: number,
): Promise<void> {
  const inForce = new Set(sanctions.describe().lists.map((list) => list.name));
  const standing = await standingFindings(
    tx,
    people.map((person) => person.id),
  );
  const known = standing.filter((each) => inForce.has(each.list));
  const open = known.filter((each) => each.status === 'open');
  const barring = known.filter((each) => each.status === 'confirmed');
  const isListed = (each: StandingFinding): boolean => sanctions.find(each.list, each.entryId) !== null;
  const idsOf = (some: readonly StandingFinding[]): string[] => some.map((each) => each.id);
  await closeFindings(tx, idsOf(open), found, sanctions.version, nowMs);
  const gone = barring.filter((each) => !each.isDelisted && !isListed(each));
  const back = barring.filter((each) => each.isDelisted && isListed(each));
  await markDelisted(tx, idsOf(gone), idsOf(back), nowMs);
}
