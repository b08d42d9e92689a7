/**
 * Recording what agents decided: append-only, set-wise, in the transaction of the durable boundary.
 *
 * What agents say of nearly every payment is kept together: one row for a payment, with what its decisions share with those about
 * other payments of the same client kept once beside it. Whatever is rarer has a row of its own. `decisions`, a view, shows both alike.
 */
import type { PoolClient } from 'pg';
import type { Decision } from '../../domain/decision.ts';
import type { WrittenFacts } from '../../domain/facts.ts';
import { newId } from '../../domain/ids.ts';
import { bytesArray, intArray, plainArray, textArray, uuidArray } from '../arrays.ts';

/** A decision with the tenant whose payment it is about. */
export interface RecordedDecision extends Omit<Decision, 'id'> {
  /** Where something else names the decision by its id; one is drawn otherwise. */
  readonly id?: string;
  readonly clientId: string;
  /** The facts as JSON, where somebody has written them already. */
  readonly factsJson?: string;
  /** The same in two parts; without them the decision has a row of its own. */
  readonly parts?: Pick<WrittenFacts, 'own' | 'common'>;
}

/** What is said of nearly every payment. */
export const ORDINARY_OUTCOMES: ReadonlySet<string> = new Set(['quoted', 'clear', 'routed', 'reserve']);
/** Decisions of one set at most: as many positions as its row stands for, which is the step of the sequence. */
export const SET_MAX = 8;
/** As many numbers as a statement draws at once; the step of the sequence. */
const COMMONS_MAX = 65_536;

/** Between texts that are sent, or kept, in one: JSON has no bare control characters. */
const [RECORD_END, GROUP_END] = ['\x1e', '\x1d'];

/** Inserts decisions; those of one payment, and those of the same kind of row, stand in the activity stream in the order given. */
export async function recordDecisions(tx: PoolClient, decisions: readonly RecordedDecision[], nowMs: number): Promise<void> {
  const byPayment = Map.groupBy(decisions, ({ paymentId }) => paymentId);
  const sets = [...byPayment.values()].filter(isOrdinarySet);
  if (sets.length > 0) await recordSets(tx, sets, nowMs);
  const together = new Set(sets.map(([first]) => first.paymentId));
  const alone = decisions.filter(({ paymentId }) => !together.has(paymentId));
  if (alone.length > 0) await recordAlone(tx, alone, nowMs);
}

type DecisionSet = [RecordedDecision, ...RecordedDecision[]];

function isOrdinarySet(decisions: readonly RecordedDecision[]): decisions is DecisionSet {
  return decisions.length <= SET_MAX && decisions.every(isOrdinary);
}

function isOrdinary({ id, agent, outcome, modelId, promptHash, parts }: RecordedDecision): boolean {
  if (id !== undefined || modelId !== null || promptHash !== null || !isOrdinaryAgent(agent)) return false;
  return ORDINARY_OUTCOMES.has(outcome) && parts !== undefined && !holdsZero(parts.own) && !holdsZero(parts.common);
}

/** Whether decisions of an agent may be kept together; those of the others are few, and found by an index. */
export function isOrdinaryAgent(agent: string): boolean {
  return agent !== 'settlement' && agent !== 'investigator';
}

/** Facts are put together as `jsonb`, which cannot hold the character 0. */
function holdsZero(json: string): boolean {
  return json.includes('\\u0000');
}

const RECORD_SETS_SQL = `
with first as materialized (select nextval('decision_commons_number_seq') as number),
shared as (
  insert into decision_commons (number, client_id, agent, policy_version, outcome, reasons, confidence, duration_us, facts, created_at)
  select first.number + place - 1, client_id, agent, policy_version, outcome, reasons::json, confidence, duration_us, facts::json, $15
  from first, unnest($1::uuid[], $2::text[], $3::text[], $4::text[], string_to_array($5, E'\\x1e'), $6::real[], $7::int[],
    string_to_array($8, E'\\x1e'))
    with ordinality as common(client_id, agent, policy_version, outcome, reasons, confidence, duration_us, facts, place)
)
insert into decision_sets (id, client_id, payment_id, cohort_id, commons_from, commons, digests, facts, created_at)
select id, client_id, payment_id, cohort_id, first.number, commons::int[], digests, facts, $15
from first, unnest($9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], string_to_array($13, E'\\x1d'), $14::bytea[],
  string_to_array($16, E'\\x1d')) as given(id, client_id, payment_id, cohort_id, commons, digests, facts)`;

async function recordSets(tx: PoolClient, sets: readonly DecisionSet[], nowMs: number): Promise<void> {
  const { commons, places } = commonsOf(sets);
  if (commons.length > COMMONS_MAX) throw new RangeError(`${commons.length} kinds of decisions are more than one statement can number`);
  const common = <T>(pick: (decision: Common) => T): T[] => commons.map(pick);
  const heads = sets.map(([first]) => first);
  await tx.query({
    name: 'record_decision_sets',
    text: RECORD_SETS_SQL,
    values: [
      uuidArray(common(({ decision }) => decision.clientId)),
      plainArray(common(({ decision }) => decision.agent)),
      textArray(common(({ decision }) => decision.policyVersion)),
      plainArray(common(({ decision }) => decision.outcome)),
      common(({ decision }) => JSON.stringify(decision.reasons)).join(RECORD_END),
      plainArray(common(({ decision }) => decision.confidence)),
      intArray(common(({ decision }) => decision.durationUs)),
      common(({ facts }) => facts).join(RECORD_END),
      uuidArray(heads.map(newId)),
      uuidArray(heads.map(({ clientId }) => clientId)),
      uuidArray(heads.map(({ paymentId }) => paymentId)),
      uuidArray(heads.map(({ cohortId }) => cohortId)),
      places.join(GROUP_END),
      bytesArray(sets.map(digestsOf)),
      new Date(nowMs),
      sets.map((set) => set.map(({ parts }) => parts?.own).join(RECORD_END)).join(GROUP_END),
    ],
  });
}

/** What decisions share: those of one client that say the same, in the same words. */
interface Common {
  readonly place: number;
  readonly decision: RecordedDecision;
  readonly facts: string;
}

/** Everything that sets share, and of each set, as the literal of an array, where among it its decisions are. */
function commonsOf(sets: readonly DecisionSet[]): { readonly commons: readonly Common[]; readonly places: readonly string[] } {
  // By client, for a cohort may have as many clients as payments, and then by the text of the facts, which decisions that share it have
  // from one place, so that it is hashed once.
  const known = new Map<string, Map<string, Common[]>>();
  const commons: Common[] = [];
  const placeOf = (decision: RecordedDecision): number => {
    const facts = decision.parts?.common ?? '{}';
    let ofClient = known.get(decision.clientId);
    if (ofClient === undefined) known.set(decision.clientId, (ofClient = new Map()));
    let alike = ofClient.get(facts);
    if (alike === undefined) ofClient.set(facts, (alike = []));
    for (const common of alike) if (isSaidAlike(common.decision, decision)) return common.place;
    const common = { place: commons.length, decision, facts };
    alike.push(common);
    commons.push(common);
    return common.place;
  };
  const places = sets.map((set) => `{${set.map(placeOf).join(',')}}`);
  return { commons, places };
}

/** Whether two decisions for one client with the same shared facts differ in nothing else than what each has of its own. */
function isSaidAlike(one: RecordedDecision, other: RecordedDecision): boolean {
  if (one.agent !== other.agent || one.policyVersion !== other.policyVersion) return false;
  if (one.outcome !== other.outcome || one.confidence !== other.confidence || one.durationUs !== other.durationUs) return false;
  const [these, those] = [one.reasons, other.reasons];
  if (these === those) return true;
  return these.length === those.length && these.every(({ code, text }, at) => code === those[at]?.code && text === those[at]?.text);
}

const DIGEST_BYTES = 32;

function digestsOf(set: DecisionSet): Buffer {
  const digests = Buffer.allocUnsafe(DIGEST_BYTES * set.length);
  for (const [at, { factsDigest }] of set.entries()) {
    if (digests.write(factsDigest, at * DIGEST_BYTES, DIGEST_BYTES, 'hex') !== DIGEST_BYTES)
      throw new RangeError('a digest has 64 hex digits');
  }
  return digests;
}

const RECORD_SQL = `
insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
  confidence, duration_us, model_id, prompt_hash, created_at)
select id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts::json, outcome, reasons::json,
  confidence, duration_us, model_id, prompt_hash, $15
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], string_to_array($8, E'\\x1e'), $9::text[],
  string_to_array($10, E'\\x1e'), $11::real[], $12::int[], $13::text[], $14::text[])
  as decision(id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
    confidence, duration_us, model_id, prompt_hash)`;

async function recordAlone(tx: PoolClient, decisions: readonly RecordedDecision[], nowMs: number): Promise<void> {
  const column = <T>(pick: (decision: RecordedDecision) => T): T[] => decisions.map(pick);
  // As elements of an array every quotation mark would be escaped here and unescaped there, at a third of the cost of the whole
  // statement.
  const joined = (pick: (decision: RecordedDecision) => string): string => decisions.map(pick).join(RECORD_END);
  await tx.query({
    name: 'record_decisions',
    text: RECORD_SQL,
    values: [
      uuidArray(column((decision) => decision.id ?? newId())),
      uuidArray(column((decision) => decision.clientId)),
      uuidArray(column((decision) => decision.paymentId)),
      uuidArray(column((decision) => decision.cohortId)),
      plainArray(column((decision) => decision.agent)),
      textArray(column((decision) => decision.policyVersion)),
      plainArray(column((decision) => decision.factsDigest)),
      joined((decision) => decision.factsJson ?? JSON.stringify(decision.facts)),
      textArray(column((decision) => decision.outcome)),
      joined((decision) => JSON.stringify(decision.reasons)),
      plainArray(column((decision) => decision.confidence)),
      intArray(column((decision) => decision.durationUs)),
      textArray(column((decision) => decision.modelId)),
      textArray(column((decision) => decision.promptHash)),
      new Date(nowMs),
    ],
  });
}
