/** Halts of a client's payments: one person begins one, at once; two lift it. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { type Halt, listHalts, requestsUnderWay } from '../../../db/queries/halts.ts';
import { fault } from '../../../domain/errors.ts';
import { RAILS } from '../../../domain/network.ts';
import { findPayment } from '../../../db/queries/payment-views.ts';
import { halt, lift } from '../../../tools/oversight/halts.ts';
import { answers, idParam, idParams } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { corridorSchema, idSchema, momentOut, momentSchema } from '../resources/common.ts';

const haltSchema = z
  .object({
    id: idSchema,
    corridor: z.string().nullable(),
    railId: z.string().nullable(),
    paymentId: idSchema.nullable(),
    reason: z.string().nullable().openapi({ description: 'Null for a halt that the platform began.' }),
    begunBy: z.string().openapi({ description: '`platform` stands for anybody there.' }),
    liftable: z.boolean().openapi({ description: 'Whether two of your people may lift it; else the platform does.' }),
    begunAt: momentSchema,
    liftAskedBy: z.string().nullable(),
    liftedBy: z.string().nullable(),
    liftedAt: momentSchema.nullable(),
  })
  .openapi('Halt');

const begunSchema = haltSchema
  .extend({
    underWay: z.int().nullable().openapi({
      description:
        'Requests to operators that were sent before and whose outcome is open: they are not called back. Null when they could not be counted; the halt is in force all the same.',
    }),
  })
  .openapi('BegunHalt');

const wishSchema = z
  .strictObject({
    corridor: corridorSchema.optional(),
    railId: z.string().max(40).optional().openapi({ description: 'Without it all rails.', example: 'mtn-ug' }),
    paymentId: idSchema.optional().openapi({ description: 'Without it all payments of the client.' }),
    reason: z.string().min(3).max(200).openapi({ description: 'Why, without names of customers.' }),
  })
  .openapi('HaltRequest');

type Wish = z.infer<typeof wishSchema>;
const PATH = '/v1/halts';
const LISTED_MAX = 200;

/** Mounts the routes of halts. */
export function mountHalts(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: PATH,
      operationId: 'listHalts',
      tag: 'Payments',
      summary: 'See what halts your payments',
      description: 'Your own halts, and those that the platform began over you or over everybody.',
      scope: 'payments:read',
      responses: { 200: answers('Halts, those in force first.', z.object({ items: z.array(haltSchema) })) },
    },
    async ({ caller: { clientId } }) => {
      const halts = await listHalts(deps.tenants.of(clientId), clientId, LISTED_MAX);
      return { status: 200, body: { items: halts.map(haltOut) } };
    },
  );
  mount<z.ZodType, Wish>(
    api,
    {
      method: 'post',
      path: PATH,
      operationId: 'beginHalt',
      tag: 'Payments',
      summary: 'Let no money of yours move, at once',
      description: 'What has been sent is not called back, and its outcome is still worked in. Nothing else is lost: it waits.',
      scope: 'payments:halt',
      body: { schema: wishSchema },
      responses: { 201: answers('The halt, in force.', begunSchema) },
      refusals: ['not_found', 'operator_unknown'],
    },
    async ({ caller, body }) => {
      const { clientId, principal } = caller;
      const { corridor = null, railId = null, paymentId = null, reason } = body;
      if (railId !== null && !RAILS.some(({ id }) => id === railId)) throw fault('operator_unknown', { field: 'railId' });
      if (paymentId !== null && (await findPayment(deps.tenants.of(clientId), clientId, paymentId)) === null) throw fault('not_found');
      const wish = { clientId, corridor, railId, paymentId, reason, liftClientId: clientId, principal, nowMs: deps.clock.now() };
      const begun = await withTransaction(deps.tenants.writing(clientId), (tx) => halt(tx, wish));
      // It is in force: an error here would have the officer begin another.
      const underWay = await requestsUnderWay(deps.tenants.of(clientId), begun).catch((error: unknown) => {
        deps.log.error(
          { haltId: begun.id, error: error instanceof Error ? error.message : 'unknown' },
          'requests under way were not counted',
        );
        return null;
      });
      return { status: 201, body: { ...haltOut(begun), underWay } };
    },
  );
  mount(
    api,
    {
      method: 'post',
      path: `${PATH}/{id}/lift`,
      operationId: 'liftHalt',
      tag: 'Payments',
      summary: 'Ask for the end of a halt, or agree to it',
      description:
        'The first person asks, and nothing changes; the second ends it. What the platform began the platform lifts: `not_found`.',
      scope: 'payments:halt',
      stepUp: true,
      params: idParams,
      responses: { 200: answers('The halt as it stands now.', haltSchema) },
      refusals: ['switch_unchanged', 'maker_is_checker'],
    },
    async ({ c, caller }) => {
      const id = idParam(c);
      const nowMs = deps.clock.now();
      const lifted = await withTransaction(deps.tenants.writing(caller.clientId), (tx) =>
        lift(tx, id, caller.clientId, caller.principal, nowMs),
      );
      return { status: 200, body: haltOut(lifted) };
    },
  );
}

/** Why the platform halts, and in whose name, is for its own people: it may speak of others, or warn whoever it is about. */
function haltOut(halted: Halt): z.infer<typeof haltSchema> {
  const { id, corridor, railId, paymentId } = halted;
  const liftable = halted.liftClientId !== null;
  const nameOut = (name: string | null) => (name === null || liftable ? name : 'platform');
  return {
    id,
    corridor,
    railId,
    paymentId,
    reason: liftable ? halted.reason : null,
    begunBy: liftable ? halted.begunBy : 'platform',
    liftable,
    begunAt: momentOut(halted.begunAt),
    liftAskedBy: nameOut(halted.liftAskedBy),
    liftedBy: nameOut(halted.liftedBy),
    liftedAt: momentOut(halted.liftedAt),
  };
}
