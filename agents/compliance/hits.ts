/**
 * What the lists say of the parties of payments, as facts: no name, no date and no number stands in them.
 *
 * Where officers said lately that a person is somebody else than an entry, the hit says so, as long as the entry and what is known of
 * the person are as they were: it spares the next payment what was looked at already. What was said is read from the closed cases
 * themselves, with the officers who said it.
 */
import type { Queryable } from '../../db/connect.ts';
import type { Parties, Person, PersonKeys } from '../../db/person-keys.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import { caseOpening, type FourEyesRule } from '../../domain/cases.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Json } from '../../domain/decision.ts';
import type { Money } from '../../domain/money.ts';
import { dayOf } from '../../domain/network.ts';
import { askedOf } from '../../tools/sanctions/asked.ts';
import type { Hit, SanctionsList } from '../../tools/sanctions/list.ts';
import { inTurns } from '../../tools/turns.ts';
import type { WorkItem } from '../agent.ts';
import { type ComplianceVerdict, isForPeople } from './decide.ts';
import { digestOfEntry } from './entry.ts';
import type { ComplianceFacts, HitFacts } from './facts.ts';
import type { CompliancePolicy } from './policy.ts';
import { type ClosedCase, readClosedCases } from './queries.ts';

interface HitDeps {
  readonly db: Queryable;
  readonly keyring: { readonly people: Pick<PersonKeys, 'openParties'> };
}

export interface FourEyesDeps {
  /** For which payments two officers must agree. */
  readonly fourEyes: FourEyesRule;
  /** Units of a currency for one US dollar, times 10^12, as cases are opened by it; what has no known worth takes two officers. */
  readonly perUsd?: (currency: Currency) => bigint | null;
}

/** How long officers' word that somebody is not a listed party spares the person: half a year. */
const CLEARED_MS = 180 * 86_400_000;

/** Screens both parties of every item, in the order of the items. Reads more than the lists only where people would have to look. */
export async function gatherHits(
  deps: HitDeps,
  sanctions: SanctionsList,
  policy: CompliancePolicy,
  items: readonly WorkItem[],
  opened: readonly Parties[],
): Promise<(readonly HitFacts[])[]> {
  const found = await inTurns(opened, ({ sender, receiver }) =>
    hitFacts(sanctions.screen([askedOf(sender), askedOf(receiver)]), sanctions, policy),
  );
  const matched = new Set(
    items.flatMap((item, at) => (found[at] ?? []).flatMap((hit) => (hit.entry === undefined ? [] : [userOf(item, hit)]))),
  );
  if (matched.size === 0) return found;
  const since = new Date(Math.min(...items.map(({ payment }) => payment.createdAtMs)) - CLEARED_MS);
  const closed = (await readClosedCases(deps.db, [...matched], since)).map((row) => ({ ...row, person: personIn(deps, row) }));
  const byUser = Map.groupBy(closed, (each) => each.userId);
  return items.map((item, at) =>
    (found[at] ?? []).map((hit) => {
      const cleared = clearanceOf(item, hit, opened[at]?.[hit.party], byUser.get(userOf(item, hit)) ?? []);
      return cleared === null ? hit : { ...hit, cleared };
    }),
  );
}

function userOf({ payment }: WorkItem, { party }: HitFacts): string {
  return party === 'sender' ? payment.senderId : payment.receiverId;
}

/** The best are enough for people to decide on; a name that many listed parties bear has no end of others. */
const HITS_MAX = 20;

const NO_HITS: readonly HitFacts[] = [];

function hitFacts([sender, receiver]: readonly (readonly Hit[])[], lists: SanctionsList, policy: CompliancePolicy): readonly HitFacts[] {
  if ((sender?.length ?? 0) + (receiver?.length ?? 0) === 0) return NO_HITS;
  const of = (party: HitFacts['party'], hits: readonly Hit[] | undefined): HitFacts[] =>
    (hits ?? []).slice(0, HITS_MAX).map((hit) => {
      const { list, entryId, program, how, weak, score, topic, grounds, agreement } = hit;
      return {
        party,
        list,
        entryId,
        program,
        how,
        weak,
        score,
        topic,
        grounds,
        ...(agreement === undefined ? {} : { agreement }),
        // What people are shown they may speak of later.
        ...(isForPeople(hit, policy) ? { entry: digestOfEntry(lists.find(list, entryId)) } : {}),
      };
    });
  return [...of('sender', sender), ...of('receiver', receiver)];
}

interface ClosedWithPerson extends ClosedCase {
  readonly person: Person | null;
}

/** Whom the case was about, as they were told of then; null for what does not open, which is then nobody whom officers spoke of. */
function personIn({ keyring }: HitDeps, row: ClosedCase): Person | null {
  try {
    return keyring.people.openParties(row)[row.role];
  } catch {
    // Whether the person is the same is not known: the payment waits for people, as it would have without that case.
    return null;
  }
}

/**
 * What officers said last of a person and an entry, if it was that they are not the same, and both are as they were; null otherwise.
 * The cases are the newest first. One in which the entry was cleared already says nothing new of it, unless
 * officers stopped the payment: then what they had said counts no longer.
 */
function clearanceOf(
  { payment }: WorkItem,
  hit: HitFacts,
  person: Person | undefined,
  closed: readonly ClosedWithPerson[],
): HitFacts['cleared'] | null {
  if (hit.entry === undefined || person === undefined) return null;
  for (const each of closed) {
    const then = each.hits.find(({ party, list, entryId }) => party === each.role && list === hit.list && entryId === hit.entryId);
    if (then === undefined || (then.cleared !== undefined && (each.isReleased || each.isSomebodyElse))) continue;
    const untilMs = each.closedAt.getTime() + CLEARED_MS;
    const isSame = then.entry === hit.entry && then.how === hit.how && each.person !== null && isSamePerson(each.person, person);
    if (!each.isSomebodyElse || !isSame || untilMs <= payment.createdAtMs) return null;
    return { caseId: each.caseId, officers: each.officers, until: dayOf(untilMs) };
  }
  return null;
}

/** So many officers agree at most: what as many said spares any payment. */
const OFFICERS_MAX = 2;

/**
 * Facts without what too few officers said: who looked at a small payment alone spares none for which two would have to agree, by its
 * amount or for whatever else speaks against it. `decide` says what would become of facts.
 */
export function withoutScantWord(
  facts: ComplianceFacts,
  amount: Money,
  { fourEyes, perUsd }: FourEyesDeps,
  decide: (facts: ComplianceFacts) => ComplianceVerdict,
): ComplianceFacts {
  const isScant = ({ cleared }: HitFacts): boolean => cleared !== undefined && cleared.officers < OFFICERS_MAX;
  if (!facts.hits.some(isScant)) return facts;
  const hits = facts.hits.map((hit) => {
    const { cleared: _, ...found } = hit;
    return isScant(hit) ? found : hit;
  });
  const held = { ...facts, hits };
  const { priority, escalates = false } = decide(held).data;
  const risk = { priority, riskScore: facts.risk?.score ?? null, amount, perUsd: perUsd?.(amount.currency) ?? null };
  return escalates || caseOpening(risk, fourEyes).approvalsNeeded > 1 ? held : facts;
}

/** With the very name, and everything else that was said. */
function isSamePerson(one: Person, other: Person): boolean {
  const told = ({ name, details = {} }: Person): string => canonicalJson({ name, details: details as unknown as Json });
  return told(one) === told(other);
}
