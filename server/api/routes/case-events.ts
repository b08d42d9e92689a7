/** What happens to cases, live, for the officers at their desks. */
import { z } from '@hono/zod-openapi';
import type { CaseEventRow } from '../../../db/queries/case-events.ts';
import { type Api, mount } from '../mount.ts';
import { CASE_EVENTS, caseEventOut } from '../resources/case-events.ts';
import { idSchema } from '../resources/common.ts';
import { answerStream, type LiveStream } from '../stream.ts';

/** Mounts the stream of cases. Before `/v1/cases/{id}`, which would take `stream` for an id. */
export function mountCaseEvents(api: Api, stream: LiveStream<CaseEventRow>): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/cases/stream',
      operationId: 'streamCases',
      tag: 'Cases',
      summary: 'Follow what happens to cases',
      description:
        'Server-sent events, one `case` each: opened, claimed, given back, put off, decided, escalated, asked about, overdue, closed. After a break, `Last-Event-ID` goes on where the listener was: no event is skipped and none comes twice.',
      scope: 'cases:read',
      headers: z.object({ 'Last-Event-ID': z.string().optional().openapi({ example: '771-1204' }) }),
      query: z.strictObject({ type: z.enum(CASE_EVENTS).optional(), caseId: idSchema.optional() }),
      responses: { 200: { description: 'The stream.', content: { 'text/event-stream': { schema: z.string() } } } },
      refusals: ['invalid_cursor', 'overloaded'],
    },
    ({ c, caller, query }) =>
      answerStream(c, stream, {
        clientId: caller.clientId,
        tell: (row) => {
          const event = caseEventOut(row);
          if (event === null || (query.type ?? event.type) !== event.type || (query.caseId ?? event.caseId) !== event.caseId) return null;
          return event;
        },
      }),
  );
}
