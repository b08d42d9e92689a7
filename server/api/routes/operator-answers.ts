/** Answers of operators that could not be used: that they came, to what and why, and never what they say. */
import { z } from '@hono/zod-openapi';
import { type AnswerView, listAnswers } from '../../../db/queries/operator-answers.ts';
import { ANSWER_PRODUCTS } from '../../../tools/mmo/refused-answers.ts';
import { CURSOR_NUMBER, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentSchema } from '../resources/common.ts';

const answerSchema = z
  .object({
    id: z.string(),
    railId: z.string(),
    product: z.enum(ANSWER_PRODUCTS).openapi({ description: 'What was being done.' }),
    attemptId: idSchema.nullable().openapi({ description: 'For which attempt; null when for none.' }),
    status: z.int().openapi({ description: 'HTTP status.' }),
    reasonCode: z.string().openapi({ example: 'unreadable_answer' }),
    times: z.int().openapi({ description: 'How often the same came for the same.' }),
    receivedAt: momentSchema,
    lastReceivedAt: momentSchema,
  })
  .openapi('OperatorAnswer');

function answerOut(row: AnswerView): z.infer<typeof answerSchema> {
  const { receivedAt, lastReceivedAt } = row;
  return {
    ...row,
    id: row.id.toString(),
    product: row.product as z.infer<typeof answerSchema>['product'],
    receivedAt: receivedAt.toISOString(),
    lastReceivedAt: lastReceivedAt.toISOString(),
  };
}

/** Mounts the list. */
export function mountOperatorAnswers(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/operator-answers',
      operationId: 'listOperatorAnswers',
      tag: 'Callbacks',
      summary: 'List answers of operators that could not be used, newest first',
      description:
        'What could not be read, was too large, named another amount or reference than ours, or a code that no table knows, and token answers without a token. Bodies are kept encrypted, without the secrets in them, and not shown.',
      scope: 'callbacks:read',
      query: z.strictObject({ ...pageQuery, railId: z.string().max(40).optional(), attemptId: z.uuid().optional() }),
      responses: { 200: answers('A page of answers.', pageOf(answerSchema)) },
    },
    async ({ caller, query: { limit, cursor, ...filter } }) => {
      const list = `operator answers ${JSON.stringify([filter.railId, filter.attemptId])}`;
      const [before = null] = cursor === undefined ? [] : decodeCursor(list, cursor, [CURSOR_NUMBER]);
      const rows = await listAnswers(api.deps.tenants.listing(caller.clientId), caller.clientId, filter, { before, limit });
      const encode = (last: AnswerView) => encodeCursor(list, [last.id.toString()]);
      return { status: 200, body: { items: rows.map(answerOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}
