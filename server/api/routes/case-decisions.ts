/**
 * What officers say about cases, from a closed catalogue of reasons, and what clients answer when they are asked.
 * Nobody decides a case twice, and in bulk only information is asked for.
 */
import { z } from '@hono/zod-openapi';
import { findQuestions } from '../../../db/queries/case-decisions.ts';
import { findCase } from '../../../db/queries/cases.ts';
import { findPayment } from '../../../db/queries/payment-views.ts';
import { BULK_CASES_MAX, CASE_REASONS, CASE_VERDICTS, isCaseReason } from '../../../domain/cases.ts';
import { ERRORS, fault } from '../../../domain/errors.ts';
import { ADDED_FIELDS } from '../added-details.ts';
import { addToParties, answer, decide, requestInBulk } from '../case-desk.ts';
import { answers, idParam, idParams } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { caseOut, caseSchema, questionOut, questionSchema } from '../resources/cases.ts';
import { digestSchema, idSchema } from '../resources/common.ts';

const noteSchema = z.string().max(2000).optional().openapi({ description: 'Stored encrypted; for officers only.' });

const decisionRequestSchema = z
  .strictObject({
    verdict: z.enum(CASE_VERDICTS).openapi({
      description:
        'A `held` case is released, rejected or escalated, or information is asked for; one of a `late_success` and one that is `contradicted` are resolved; a `refused` one is resolved or escalated; one `in_doubt` ends by itself.',
    }),
    reasonCode: z.string().max(64).openapi({ example: 'false_positive', description: 'One of the verdict: see `GET /v1/case-reasons`.' }),
    note: noteSchema,
    evidenceDigest: digestSchema.openapi({ description: 'Of the evidence that was read.' }),
  })
  .refine(({ verdict, reasonCode }) => isCaseReason(verdict, reasonCode), {
    path: ['reasonCode'],
    message: 'Invalid input: expected a reason of this verdict, see GET /v1/case-reasons',
  })
  .openapi('CaseDecisionRequest');

type DecisionRequest = z.infer<typeof decisionRequestSchema>;

const INFORMATION_CODES = Object.keys(CASE_REASONS.request_information) as [string, ...string[]];

const bulkRequestSchema = z
  .strictObject({
    caseIds: z.array(idSchema).min(1).max(BULK_CASES_MAX),
    reasonCode: z.enum(INFORMATION_CODES),
    note: noteSchema,
  })
  .openapi('InformationBulkRequest');

type BulkRequest = z.infer<typeof bulkRequestSchema>;

const bulkAnswerSchema = z
  .object({
    requested: z.int(),
    refused: z.int(),
    cases: z.array(
      z.object({ caseId: idSchema, outcome: z.enum(['requested', 'refused']), code: z.string().nullable(), detail: z.string().nullable() }),
    ),
  })
  .openapi('InformationBulkAnswer');

const answerRequestSchema = z
  .strictObject({ questionId: idSchema, answer: z.string().trim().min(1).max(4000), ...ADDED_FIELDS })
  .openapi('PaymentAnswer');

type AnswerRequest = z.infer<typeof answerRequestSchema>;

const detailsRequestSchema = z
  .strictObject({ ...ADDED_FIELDS, evidenceDigest: digestSchema.openapi({ description: 'Of the evidence that was read.' }) })
  .refine(({ sender, receiver }) => sender !== undefined || receiver !== undefined, {
    path: ['receiver'],
    message: 'Invalid input: expected what is known of the sender or the receiver',
  })
  .openapi('CaseDetails');

type DetailsRequest = z.infer<typeof detailsRequestSchema>;

/** What a request may be refused for that adds to what is known of a party. */
const DETAILS_REFUSED = ['date_of_birth_invalid', 'country_code_invalid', 'address_invalid', 'document_invalid'] as const;

/** Mounts the routes of decisions, and of what clients are asked. */
export function mountCaseDecisions(api: Api): void {
  mountReasons(api);
  mountDecision(api);
  mountDetails(api);
  mountBulk(api);
  mountInformation(api);
}

const reasonsSchema = z
  .object({
    verdicts: z.array(z.object({ verdict: z.enum(CASE_VERDICTS), reasons: z.array(z.object({ code: z.string(), text: z.string() })) })),
  })
  .openapi('CaseReasons');

function mountReasons(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/case-reasons',
      operationId: 'listCaseReasons',
      tag: 'Cases',
      summary: 'The reasons that each verdict may be given for',
      scope: 'cases:read',
      responses: { 200: answers('The whole catalogue.', reasonsSchema) },
    },
    () => {
      const verdicts = CASE_VERDICTS.map((verdict) => ({
        verdict,
        reasons: Object.entries(CASE_REASONS[verdict]).map(([code, text]) => ({ code, text })),
      }));
      return { status: 200, body: { verdicts } };
    },
  );
}

function mountDecision(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, DecisionRequest>(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/decisions',
      operationId: 'decideCase',
      tag: 'Cases',
      summary: 'Say what is to become of a case',
      description:
        'Some cases need two officers to agree before a payment is released, and each `refused` one before it is resolved: the second agrees to the same reason on the same evidence, before the first approval expires. The officer is the holder of the key.',
      scope: 'cases:decide',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: decisionRequestSchema },
      responses: { 202: answers('The decision is written down; the case graph takes it from here.', caseSchema) },
      refusals: [
        'senior_needed',
        'maker_is_checker',
        'case_not_open',
        'case_claimed',
        'case_not_claimed',
        'evidence_stale',
        'verdict_not_applicable',
        'approval_differs',
        'approval_expired',
      ],
    },
    async ({ c, caller, body }) => {
      const caseId = idParam(c);
      await decide(deps, caller, caseId, body);
      deps.notify('cases');
      if (body.verdict === 'request_information') deps.notify('webhooks');
      c.set('logged', { caseId, principal: caller.principal, verdict: body.verdict });
      const row = await findCase(deps.tenants.of(caller.clientId), caller.clientId, caseId);
      if (row === null) throw fault('not_found');
      return { status: 202, body: caseOut(row, deps.clock.now()) };
    },
  );
}

function mountDetails(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, DetailsRequest>(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/details',
      operationId: 'addCaseDetails',
      tag: 'Cases',
      summary: 'Add what was learned of the parties of a held payment',
      description:
        'Sealed with the parties; the payment is screened again by it, and what that finds is the new evidence of the case. What was said before stands.',
      scope: 'cases:decide',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: detailsRequestSchema },
      responses: { 202: answers('The case; `rescreenSince` is set until the payment has been screened again.', caseSchema) },
      refusals: [
        ...DETAILS_REFUSED,
        'verdict_not_applicable',
        'case_not_open',
        'case_claimed',
        'case_not_claimed',
        'evidence_stale',
        'detail_given',
      ],
    },
    async ({ c, caller, body }) => {
      const caseId = idParam(c);
      await addToParties(deps, caller, caseId, body);
      deps.notify('cases');
      c.set('logged', { caseId, principal: caller.principal });
      const row = await findCase(deps.tenants.of(caller.clientId), caller.clientId, caseId);
      if (row === null) throw fault('not_found');
      return { status: 202, body: caseOut(row, deps.clock.now()) };
    },
  );
}

function mountBulk(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, BulkRequest>(
    api,
    {
      method: 'post',
      path: '/v1/cases/request-information',
      operationId: 'requestInformationInBulk',
      tag: 'Cases',
      summary: 'Ask the clients of many cases the same question',
      description:
        'Up to 100 open cases. Each stands for itself: one that cannot be asked about is refused with its code and holds up no other.',
      scope: 'cases:decide',
      idempotent: true,
      body: { schema: bulkRequestSchema },
      responses: { 200: answers('What became of each.', bulkAnswerSchema) },
    },
    async ({ c, caller, body }) => {
      const verdicts = await requestInBulk(deps, caller, body);
      const requested = verdicts.filter((each) => each.outcome === 'requested').length;
      if (requested > 0) for (const hint of ['cases', 'webhooks'] as const) deps.notify(hint);
      c.set('logged', { principal: caller.principal, requested, refused: verdicts.length - requested });
      const cases = verdicts.map((each) => ({ ...each, detail: each.code === null ? null : ERRORS[each.code].title }));
      return { status: 200, body: { requested, refused: verdicts.length - requested, cases } };
    },
  );
}

function mountInformation(api: Api): void {
  const { deps } = api;
  const listSchema = z.object({ items: z.array(questionSchema) });
  const questionsOf = async (clientId: string, paymentId: string) => {
    const db = deps.tenants.of(clientId);
    if ((await findPayment(db, clientId, paymentId)) === null) throw fault('not_found');
    return { items: (await findQuestions(db, clientId, paymentId)).map(questionOut) };
  };
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments/{id}/information',
      operationId: 'listQuestions',
      tag: 'Payments',
      summary: 'What is asked about a held payment',
      scope: 'payments:read',
      params: idParams,
      responses: { 200: answers('The questions, oldest first.', listSchema) },
    },
    async ({ c, caller }) => ({ status: 200, body: await questionsOf(caller.clientId, idParam(c)) }),
  );
  mount<z.ZodType, AnswerRequest>(
    api,
    {
      method: 'post',
      path: '/v1/payments/{id}/information',
      operationId: 'answerQuestion',
      tag: 'Payments',
      summary: 'Answer a question about a held payment',
      description:
        'Stored encrypted, for officers only. Each question is answered once. What is said of a party beside it is added to what is known, and the payment is screened again.',
      scope: 'payments:write',
      idempotent: true,
      params: idParams,
      body: { schema: answerRequestSchema },
      responses: { 200: answers('The questions, as they stand now.', listSchema) },
      refusals: [...DETAILS_REFUSED, 'question_closed', 'case_not_open', 'detail_given'],
    },
    async ({ c, caller, body }) => {
      const paymentId = idParam(c);
      await answer(deps, caller, paymentId, body);
      deps.notify('cases');
      c.set('logged', { paymentId });
      return { status: 200, body: await questionsOf(caller.clientId, paymentId) };
    },
  );
}
