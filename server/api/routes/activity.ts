/** What the agents decided: as a list, and live. */
import { z } from '@hono/zod-openapi';
import { listActivity } from '../../../db/queries/activity.ts';
import { AGENT_NAMES } from '../../../domain/decision.ts';
import { CURSOR_NUMBER, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, nextCursor, pageOf, pageQuery, problems } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema } from '../resources/common.ts';
import { decisionOut, decisionSchema } from '../resources/oversight.ts';
import { type ActivityStream, parseEventId } from '../stream.ts';

const filters = {
  agent: z.enum(AGENT_NAMES).optional(),
  outcome: z.string().max(64).optional(),
  paymentId: idSchema.optional(),
};

/** Mounts the routes of agent activity. */
export function mountActivity(api: Api, stream: ActivityStream): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/activity',
      operationId: 'listActivity',
      tag: 'Activity',
      summary: 'List what agents decided, newest first',
      scope: 'activity:read',
      query: z.strictObject({ ...pageQuery, ...filters }),
      responses: {
        200: answers('A page of decisions.', pageOf(decisionSchema)),
        ...problems('invalid_cursor', 'unauthenticated', 'forbidden', 'validation_failed'),
      },
    },
    async ({ caller, query: { limit, cursor, ...filter } }) => {
      const list = `activity ${JSON.stringify([filter.agent, filter.outcome, filter.paymentId])}`;
      const [txId, position] = cursor === undefined ? [] : decodeCursor(list, cursor, [CURSOR_NUMBER, CURSOR_NUMBER]);
      const before = txId === undefined || position === undefined ? null : { txId, position: BigInt(position) };
      const rows = await listActivity(deps.pool, caller.clientId, filter, { before, limit });
      const encode = (last: (typeof rows)[number]) => encodeCursor(list, [last.txId, last.position.toString()]);
      return { status: 200, body: { items: rows.map(decisionOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/activity/stream',
      operationId: 'streamActivity',
      tag: 'Activity',
      summary: 'Follow what agents decide',
      description:
        'Server-sent events, one `decision` each. After a break, `Last-Event-ID` goes on where the listener was: no row is skipped and none comes twice.',
      scope: 'activity:read',
      headers: z.object({ 'Last-Event-ID': z.string().optional().openapi({ example: '771-1204' }) }),
      query: z.strictObject(filters),
      responses: {
        200: { description: 'The stream.', content: { 'text/event-stream': { schema: z.string() } } },
        ...problems('invalid_cursor', 'unauthenticated', 'forbidden', 'validation_failed', 'overloaded'),
      },
    },
    ({ c, caller, query }) => {
      const last = c.req.header('last-event-id');
      const after = last === undefined || last === '' ? null : parseEventId(last);
      const body = stream.open({ clientId: caller.clientId, filter: query, after });
      return c.body(body, 200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    },
  );
}
