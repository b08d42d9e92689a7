/** Cases as officers see them: in the queue, as a file with everything that is known, and what was said and asked. */
import { z } from '@hono/zod-openapi';
import type { CaseDecisionRow, QuestionRow } from '../../../db/queries/case-decisions.ts';
import type { LinkedCaseRow, PartySummaryRow, PastPaymentRow } from '../../../db/queries/case-evidence.ts';
import type { Parties } from '../../../db/person-keys.ts';
import type { CaseRow } from '../../../db/queries/cases.ts';
import { CASE_KINDS, CASE_REASONS, CASE_STATUSES, CASE_VERDICTS, JOINED_VERDICTS, LIVE_CASE_STATUSES } from '../../../domain/cases.ts';
import type { Facts, Json } from '../../../domain/decision.ts';
import { amountOut, amountSchema, countrySchema, currencySchema, idSchema, minorSchema, momentOut, momentSchema } from './common.ts';
import { besideListed, comparisonSchema, type ListLookup, listedSchema, shownPersonSchema } from './listed.ts';
import { decisionSchema, factsSchema, reasonSchema } from './oversight.ts';
import { eventSchema, paymentSchema, statusSchema } from './payment.ts';

export const caseSchema = z
  .object({
    id: idSchema,
    paymentId: idSchema,
    kind: z.enum(CASE_KINDS).openapi({
      description:
        '`held`: the payment waits for a release. `in_doubt`: an operator has not told an outcome within its limit; ends by itself with the attempt. ' +
        '`late_success`: an operator moved money for an attempt recorded as failed; the evidence proposes the correcting entries. ' +
        '`contradicted`: an operator says otherwise of an attempt than is recorded, and moved no more money by that. ' +
        '`refused`: the payment was refused for a listed name; two officers say who the party is, and nobody lets it go.',
    }),
    attemptId: idSchema.nullable(),
    status: z.enum(CASE_STATUSES).openapi({ description: '`waiting`: the client was asked for information; officers may still decide.' }),
    priority: z.int().openapi({ description: '0 to 100, the higher the sooner: risk and amount. The queue adds the age.' }),
    reasons: z.array(reasonSchema),
    amount: amountSchema,
    amountMinor: minorSchema,
    currency: currencySchema,
    fromCountry: countrySchema,
    toCountry: countrySchema,
    approvalsNeeded: z
      .int()
      .openapi({ description: 'How many different officers must agree to a release, or to what becomes of a refusal.' }),
    round: z.int().openapi({ description: 'The round of asking. What was said in an earlier one counts for nothing.' }),
    claimedBy: z.string().nullable(),
    claimedUntil: momentSchema.nullable(),
    escalatedAt: momentSchema.nullable(),
    escalatedBy: z.string().nullable(),
    snoozedUntil: momentSchema.nullable().openapi({ description: 'Until when it is put off; null when it is not.' }),
    snoozeCount: z.int(),
    informationDueAt: momentSchema.nullable().openapi({ description: 'Until when an answer is waited for.' }),
    rescreenSince: momentSchema.nullable().openapi({
      description:
        'Since when the payment waits to be screened again, because more was said of a party. Nobody decides before; it takes a moment.',
    }),
    createdAt: momentSchema,
    updatedAt: momentSchema,
    dueAt: momentSchema,
    overdue: z.boolean().openapi({ description: 'It is due and nobody has decided it.' }),
    closedAt: momentSchema.nullable(),
  })
  .openapi('Case');

/** A case as it stands in the queue; a claim or a snooze that has run out is shown as none. */
export function caseOut(row: CaseRow, nowMs: number): z.infer<typeof caseSchema> {
  const lasts = (until: Date | null): until is Date => until !== null && until.getTime() > nowMs;
  const claimed = lasts(row.claimedUntil);
  return {
    id: row.id,
    paymentId: row.paymentId,
    kind: row.kind,
    attemptId: row.attemptId,
    status: row.status,
    priority: row.priority,
    reasons: [...row.reasons],
    amount: amountOut(row.amount, row.fromCurrency),
    amountMinor: row.amount.toString(),
    currency: row.fromCurrency as z.infer<typeof currencySchema>,
    fromCountry: row.fromCountry,
    toCountry: row.toCountry,
    approvalsNeeded: row.approvalsNeeded,
    round: row.round,
    claimedBy: claimed ? row.claimedBy : null,
    claimedUntil: claimed ? momentOut(row.claimedUntil) : null,
    escalatedAt: momentOut(row.escalatedAt),
    escalatedBy: row.escalatedBy,
    snoozedUntil: lasts(row.snoozedUntil) ? momentOut(row.snoozedUntil) : null,
    snoozeCount: row.snoozeCount,
    informationDueAt: momentOut(row.informationDueAt),
    rescreenSince: momentOut(row.rescreenSince),
    createdAt: momentOut(row.createdAt),
    updatedAt: momentOut(row.updatedAt),
    dueAt: momentOut(row.dueAt),
    overdue: LIVE_CASE_STATUSES.includes(row.status) && row.dueAt.getTime() <= nowMs,
    closedAt: momentOut(row.closedAt),
  };
}

export const caseDecisionSchema = z
  .object({
    id: idSchema,
    at: momentSchema,
    officer: z.string(),
    senior: z.boolean(),
    verdict: z.enum(CASE_VERDICTS),
    reasonCode: z.string(),
    note: z.string().nullable(),
    evidenceDigest: z.string(),
    round: z.int(),
    actionDigest: z
      .string()
      .openapi({ description: 'SHA-256 over case, payment, evidence, verdict, reason and round: exactly what was agreed to.' }),
    expiresAt: momentSchema.nullable().openapi({ description: 'Until when an approval that another officer has to join counts.' }),
    appliedAt: momentSchema.nullable(),
  })
  .openapi('CaseDecision');

/** What an officer said; `openNote` turns the stored note into text. */
export function caseDecisionOut(row: CaseDecisionRow, openNote: (note: Buffer) => string | null): z.infer<typeof caseDecisionSchema> {
  const { note, createdAt, expiresAt, appliedAt, ...rest } = row;
  return {
    ...rest,
    note: note === null ? null : openNote(note),
    at: momentOut(createdAt),
    expiresAt: momentOut(expiresAt),
    appliedAt: momentOut(appliedAt),
  };
}

const hitSchema = z
  .object({
    party: z.enum(['sender', 'receiver']),
    list: z.string(),
    entryId: z.string(),
    program: z.string(),
    how: z.string(),
    score: z.number(),
    weak: z.boolean(),
    topic: z.string(),
    grounds: z
      .array(z.string())
      .openapi({ description: 'How the words of the two names met, and how birth, country and document compare.' }),
    explanation: z.string(),
    clearedByCase: z
      .string()
      .nullable()
      .openapi({ description: 'The case in which officers said that the person is somebody else, where that counts still.' }),
    listed: listedSchema.openapi({ description: 'The listed party; null when it is on no list in force any more.' }),
    comparison: comparisonSchema,
  })
  .openapi('CaseHit');

type HitOut = z.infer<typeof hitSchema>;

const objectOf = (value: Json | undefined): Facts =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Facts) : {};
const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** The hits in a case's evidence, each with a sentence and the listed party. Evidence of other kinds of cases has none. */
export function hitsOf(evidence: Facts, parties: Parties, lists: ListLookup | undefined): HitOut[] {
  const hits = objectOf(evidence['facts'])['hits'];
  return Array.isArray(hits)
    ? hits.map((each: Json) => {
        const hit = hitOut(objectOf(each));
        return { ...hit, ...besideListed(lists, hit.list, hit.entryId, parties[hit.party]) };
      })
    : [];
}

function hitOut(hit: Facts): Omit<HitOut, 'listed' | 'comparison'> {
  const grounds = Array.isArray(hit['grounds']) ? hit['grounds'].map((each) => textOf(each)) : [];
  const party = hit['party'] === 'receiver' ? 'receiver' : 'sender';
  const [list, entryId, how] = [textOf(hit['list']), textOf(hit['entryId']), textOf(hit['how'])];
  const score = typeof hit['score'] === 'number' ? hit['score'] : 0;
  const weak = hit['weak'] === true;
  const alias = weak ? 'a weak alias of ' : '';
  const why = grounds.length === 0 ? '' : ` Compared: ${grounds.join('; ')}.`;
  const explanation = `The name of the ${party} and ${alias}entry ${entryId} of ${list}: ${how}, score ${score.toFixed(2)}.${why}`;
  return {
    party,
    list,
    entryId,
    program: textOf(hit['program']),
    how,
    score,
    weak,
    topic: textOf(hit['topic']) || 'sanction',
    grounds,
    explanation,
    clearedByCase: textOf(objectOf(hit['cleared'])['caseId']) || null,
  };
}

const roleSchema = z.enum(['sender', 'receiver']);

const pastPaymentSchema = z
  .object({
    id: idSchema,
    role: roleSchema.openapi({ description: 'What the party was in that payment.' }),
    status: statusSchema,
    amount: amountSchema,
    currency: currencySchema,
    fromCountry: countrySchema,
    toCountry: countrySchema,
    createdAt: momentSchema,
  })
  .openapi('PastPayment');

const summarySchema = z
  .object({
    role: roleSchema,
    status: statusSchema,
    currency: currencySchema,
    count: z.int(),
    amount: amountSchema,
    firstAt: momentSchema,
    lastAt: momentSchema,
  })
  .openapi('PartySummary');

const historySchema = z.object({ last90Days: z.array(summarySchema), newest: z.array(pastPaymentSchema) }).openapi('PartyHistory');

const linkedCaseSchema = z
  .object({
    id: idSchema,
    paymentId: idSchema,
    kind: z.enum(CASE_KINDS),
    status: z.enum(CASE_STATUSES),
    priority: z.int(),
    reasons: z.array(reasonSchema),
    createdAt: momentSchema,
    closedAt: momentSchema.nullable(),
    links: z
      .array(z.object({ party: roleSchema, as: roleSchema }))
      .openapi({ description: 'Which party of this case is in that one, as what.' }),
  })
  .openapi('LinkedCase');

/** One party's other payments: sums of 90 days and the newest. */
export function historyOut(
  party: 'sender' | 'receiver',
  past: readonly PastPaymentRow[],
  sums: readonly PartySummaryRow[],
): z.infer<typeof historySchema> {
  return {
    last90Days: sums.flatMap(({ party: whose, amount, currency, firstAt, lastAt, ...rest }) =>
      whose === party
        ? [
            {
              ...rest,
              currency: currency as z.infer<typeof currencySchema>,
              amount: amountOut(amount, currency),
              firstAt: momentOut(firstAt),
              lastAt: momentOut(lastAt),
            },
          ]
        : [],
    ),
    newest: past.flatMap(({ party: whose, amount, fromCurrency, createdAt, ...rest }) =>
      whose === party
        ? [
            {
              ...rest,
              amount: amountOut(amount, fromCurrency),
              currency: fromCurrency as z.infer<typeof currencySchema>,
              createdAt: momentOut(createdAt),
            },
          ]
        : [],
    ),
  };
}

export function linkedCaseOut(row: LinkedCaseRow): z.infer<typeof linkedCaseSchema> {
  return {
    ...row,
    reasons: [...row.reasons],
    links: [...row.links],
    createdAt: momentOut(row.createdAt),
    closedAt: momentOut(row.closedAt),
  };
}

export const questionSchema = z
  .object({
    id: idSchema,
    code: z.string(),
    question: z.string(),
    askedAt: momentSchema,
    dueAt: momentSchema,
    answeredAt: momentSchema.nullable(),
  })
  .openapi('PaymentQuestion');

/** A question as the client sees it, who is told neither by whom nor why it is asked. */
export function questionOut(row: QuestionRow): z.infer<typeof questionSchema> {
  const { id, code, askedAt, dueAt, answeredAt } = row;
  const sentences: Readonly<Record<string, string>> = CASE_REASONS.request_information;
  return {
    id,
    code,
    question: sentences[code] ?? '',
    askedAt: momentOut(askedAt),
    dueAt: momentOut(dueAt),
    answeredAt: momentOut(answeredAt),
  };
}

const informationSchema = questionSchema
  .extend({
    answer: z.string().nullable().openapi({ description: "The client's own words: untrusted." }),
    answeredBy: z.string().nullable(),
  })
  .openapi('CaseInformation');

/** A question with its answer, for officers. */
export function informationOut(row: QuestionRow, openAnswer: (answer: Buffer) => string | null): z.infer<typeof informationSchema> {
  return { ...questionOut(row), answer: row.answer === null ? null : openAnswer(row.answer), answeredBy: row.answeredBy };
}

const adviceSchema = z.record(z.string(), z.unknown()).nullable().openapi({
  description: 'What an adviser says of the case as it stands: to be read after the evidence, and no part of it. Null: there is none.',
});

export const caseFileSchema = caseSchema
  .extend({
    evidence: factsSchema,
    evidenceDigest: z.string().openapi({ description: 'A decision must carry it.' }),
    payment: paymentSchema.extend({ timeline: z.array(eventSchema) }),
    parties: z.object({ sender: shownPersonSchema, receiver: shownPersonSchema }),
    hits: z.array(hitSchema),
    history: z.object({ sender: historySchema, receiver: historySchema }),
    linkedCases: z.array(linkedCaseSchema).openapi({ description: 'Other cases in which a party of this payment is a party.' }),
    agentDecisions: z.array(decisionSchema),
    information: z.array(informationSchema),
    decisions: z.array(caseDecisionSchema),
    pendingApproval: z
      .object({
        officer: z.string(),
        verdict: z.enum(CASE_VERDICTS),
        reasonCode: z.string(),
        actionDigest: z.string(),
        expiresAt: momentSchema,
      })
      .nullable()
      .openapi({ description: 'The first approval of what needs two. Another officer agrees to the same reason, rejects, or escalates.' }),
    advice: adviceSchema,
  })
  .openapi('CaseFile');

/** Advice is about one round; that of an earlier one is not shown. */
export function adviceOut(row: CaseRow): Record<string, unknown> | null {
  return row.advice === null || row.advice['round'] !== row.round ? null : { ...row.advice };
}

/** The approval of the present round that waits for another officer, or null. */
export function pendingApprovalOf(row: CaseRow, decisions: readonly CaseDecisionRow[]): z.infer<typeof caseFileSchema>['pendingApproval'] {
  if (!LIVE_CASE_STATUSES.includes(row.status)) return null;
  const given = decisions.find((each) => each.round === row.round && JOINED_VERDICTS.includes(each.verdict));
  if (given === undefined || given.expiresAt === null) return null;
  const { officer, verdict, reasonCode, actionDigest } = given;
  return { officer, verdict, reasonCode, actionDigest, expiresAt: momentOut(given.expiresAt) };
}
