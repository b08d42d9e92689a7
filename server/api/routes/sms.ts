/** Text messages: what people were told of a client's payments, and what became of it. Neither number nor text is kept. */
import { z } from '@hono/zod-openapi';
import { listSms, SMS_STATES, type SmsRow } from '../../../db/queries/sms.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentOut, momentSchema } from '../resources/common.ts';

const smsSchema = z
  .object({
    id: idSchema,
    paymentId: idSchema,
    topic: z.string().openapi({ example: 'payment.paid' }),
    role: z.enum(['sender', 'receiver']),
    state: z.enum(SMS_STATES as [SmsRow['state'], ...SmsRow['state'][]]).openapi({
      description:
        '`accepted`: the gateway has it. `unknown`: it may have gone out, and is not sent again. `suppressed`: its receiver wants no texts.',
    }),
    reasonCode: z.string().nullable(),
    gateway: z.string().nullable(),
    language: z.string().nullable(),
    segments: z.int().nullable().openapi({ description: 'Messages the operator bills.' }),
    tries: z.int(),
    createdAt: momentSchema,
    updatedAt: momentSchema,
    endedAt: momentSchema.nullable(),
  })
  .openapi('SmsMessage');

function smsOut(row: SmsRow): z.infer<typeof smsSchema> {
  const { createdAt, updatedAt, endedAt } = row;
  return { ...row, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), endedAt: momentOut(endedAt) };
}

/** Mounts the list of text messages. */
export function mountSms(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/sms-messages',
      operationId: 'listSmsMessages',
      tag: 'Text messages',
      summary: 'List what people were told by text, newest first',
      scope: 'payments:read',
      query: z.strictObject({
        ...pageQuery,
        paymentId: z.uuid().optional(),
        state: z.enum(SMS_STATES as [SmsRow['state'], ...SmsRow['state'][]]).optional(),
      }),
      responses: { 200: answers('A page of text messages.', pageOf(smsSchema)) },
    },
    async ({ caller, query: { limit, cursor, paymentId, state } }) => {
      const list = `sms messages ${JSON.stringify([paymentId, state])}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [/^\d{4}-[\dT:.-]+Z$/, CURSOR_UUID]);
      const after = at === undefined || id === undefined ? null : { createdAt: new Date(at), id };
      const rows = await listSms(deps.tenants.listing(caller.clientId), { clientId: caller.clientId, paymentId, state }, { after, limit });
      const encode = (last: SmsRow) => encodeCursor(list, [last.createdAt.toISOString(), last.id]);
      return { status: 200, body: { items: rows.map(smsOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}
