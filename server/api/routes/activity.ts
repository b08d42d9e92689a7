/** What the agents decided: as a list, and live. */
import { z } from '@hono/zod-openapi';
import { type ActivityFilter, type ActivityRow, listActivity } from '../../../db/queries/activity.ts';
import { AGENT_NAMES } from '../../../domain/decision.ts';
import type { Caller } from '../deps.ts';
import { CURSOR_NUMBER, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema } from '../resources/common.ts';
import { AGENTS_FOR_OFFICERS, decisionFor, decisionSchema, NEUTRAL_OUTCOME, seesCompliance } from '../resources/oversight.ts';
import { answerStream, type LiveStream } from '../stream.ts';

const filters = {
  agent: z.enum(AGENT_NAMES).optional(),
  outcome: z.string().max(64).optional(),
  paymentId: idSchema.optional(),
};

const WHO_SEES_WHAT =
  'What compliance decided is told to keys with `cases:read`; others learn that it looked, as outcome `reviewed`, and nothing of an investigation.';

/** A filter as it may be asked by a caller: whoever may not see what compliance said cannot find out by its outcomes either. */
function filterFor(caller: Caller, filter: ActivityFilter): ActivityFilter {
  if (seesCompliance(caller)) return filter;
  if (filter.outcome === undefined) return { ...filter, without: AGENTS_FOR_OFFICERS };
  if (filter.outcome !== NEUTRAL_OUTCOME) return { ...filter, without: [...AGENTS_FOR_OFFICERS, 'compliance'] };
  // Every decision of compliance, and nothing else, has the neutral outcome.
  const isNone = filter.agent !== undefined && filter.agent !== 'compliance';
  return { ...filter, agent: 'compliance', outcome: undefined, ...(isNone ? { without: ['compliance'] } : {}) };
}

/** Mounts the routes of agent activity. */
export function mountActivity(api: Api, stream: LiveStream<ActivityRow>): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/activity',
      operationId: 'listActivity',
      tag: 'Activity',
      summary: 'List what agents decided, newest first',
      description: WHO_SEES_WHAT,
      scope: 'activity:read',
      query: z.strictObject({ ...pageQuery, ...filters }),
      responses: { 200: answers('A page of decisions.', pageOf(decisionSchema)) },
    },
    async ({ caller, query: { limit, cursor, ...filter } }) => {
      const list = `activity ${JSON.stringify([filter.agent, filter.outcome, filter.paymentId])}`;
      const [txId, position] = cursor === undefined ? [] : decodeCursor(list, cursor, [CURSOR_NUMBER, CURSOR_NUMBER]);
      const before = txId === undefined || position === undefined ? null : { txId, position: BigInt(position) };
      const rows = await listActivity(deps.tenants.listing(caller.clientId), caller.clientId, filterFor(caller, filter), { before, limit });
      const encode = (last: (typeof rows)[number]) => encodeCursor(list, [last.txId, last.position.toString()]);
      const items = rows.flatMap((row) => decisionFor(caller, row) ?? []);
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, encode) } };
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
      description: `Server-sent events, one \`decision\` each. After a break, \`Last-Event-ID\` goes on where the listener was: no row is skipped and none comes twice. ${WHO_SEES_WHAT}`,
      scope: 'activity:read',
      headers: z.object({ 'Last-Event-ID': z.string().optional().openapi({ example: '771-1204' }) }),
      query: z.strictObject(filters),
      responses: { 200: { description: 'The stream.', content: { 'text/event-stream': { schema: z.string() } } } },
      refusals: ['invalid_cursor', 'overloaded'],
    },
    ({ c, caller, query: { agent, outcome, paymentId } }) =>
      answerStream(c, stream, {
        clientId: caller.clientId,
        tell: (row) => {
          const told = decisionFor(caller, row);
          if (told === null || (agent ?? told.agent) !== told.agent || (paymentId ?? told.paymentId) !== told.paymentId) return null;
          return (outcome ?? told.outcome) === told.outcome ? told : null;
        },
      }),
  );
}
