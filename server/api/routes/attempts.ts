/** Attempts over all payments of a client: those in doubt above all. */
import { z } from '@hono/zod-openapi';
import { listAttempts, listContradicted } from '../../../db/queries/payment-views.ts';
import { ATTEMPT_STATES } from '../../../domain/lifecycle.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, flag, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { attemptOut, attemptSchema, attemptVersion } from '../resources/payment.ts';

/** Mounts the list of attempts. */
export function mountAttempts(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/attempts',
      operationId: 'listAttempts',
      tag: 'Payments',
      summary: 'List attempts in a state, newest first',
      description:
        'By default those whose outcome is unknown: they are inquired until they converge, and never tried again before. `state=open` gives all that are in doubt, those that were sent and those their operator works on as well. `contradicted=true` gives those of which their operator has said otherwise than is recorded, whatever their state.',
      scope: 'payments:read',
      tagged: true,
      query: z.strictObject({ ...pageQuery, state: z.enum([...ATTEMPT_STATES, 'open']).default('unknown'), contradicted: flag.optional() }),
      responses: { 200: answers('A page of attempts.', pageOf(attemptSchema)) },
    },
    async ({ caller, query: { limit, cursor, state, contradicted } }) => {
      const list = contradicted === true ? 'attempts contradicted' : `attempts ${state}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [/^\d{4}-[\dT:.-]+Z$/, CURSOR_UUID]);
      const after = at === undefined || id === undefined ? null : { createdAt: new Date(at), id };
      const [pool, page] = [deps.tenants.of(caller.clientId), { after, limit }];
      const rows = await (contradicted === true
        ? listContradicted(pool, caller.clientId, page)
        : listAttempts(pool, caller.clientId, state, page));
      const encode = (last: (typeof rows)[number]) => encodeCursor(list, [last.createdAt.toISOString(), last.id]);
      return {
        version: rows.map(attemptVersion),
        make: () => ({ items: rows.map((row) => attemptOut(row, deps.clock.now())), nextCursor: nextCursor(rows, limit, encode) }),
      };
    },
  );
}
