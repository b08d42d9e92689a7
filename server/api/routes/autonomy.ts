/** Dials of autonomy: how far a model may go with a client's cases. One person turns one down; two turn it up. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { type Dial, findDials, standingOf } from '../../../db/queries/autonomy.ts';
import { AUTONOMY_LEVELS, dialScope, dialScopes, lowestLevel, waitingRaise } from '../../../domain/autonomy.ts';
import { turnDown, turnUp } from '../../../tools/oversight/dials.ts';
import type { Caller } from '../deps.ts';
import { answers } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { corridorSchema, momentOut, momentSchema } from '../resources/common.ts';

const AGENT = 'investigator';
const levelSchema = z.enum(AUTONOMY_LEVELS);

const dialSchema = z
  .object({
    agent: z.literal(AGENT),
    corridor: z.string().nullable(),
    level: levelSchema.openapi({ description: 'Of this dial.' }),
    effective: levelSchema.openapi({ description: 'The lowest of all dials that apply, those of the platform among them.' }),
    reason: z.string().nullable(),
    changedBy: z.string().nullable(),
    changedAt: momentSchema.nullable(),
    waiting: z
      .object({ level: levelSchema, askedBy: z.string(), askedAt: momentSchema })
      .nullable()
      .openapi({ description: 'A wish to turn it up that a second person may agree to within a day.' }),
  })
  .openapi('AutonomyDial');

const turnSchema = z
  .strictObject({
    level: levelSchema,
    corridor: corridorSchema.optional(),
    reason: z.string().min(3).max(200).openapi({ description: 'Why, without names of customers.' }),
  })
  .openapi('AutonomyDialRequest');

type Turn = z.infer<typeof turnSchema>;
const querySchema = z.object({ corridor: corridorSchema.optional() });
const PATH = '/v1/agents/investigator/dial';

/** Mounts the routes of dials. */
export function mountAutonomy(api: Api): void {
  const { deps } = api;
  const standing = async (clientId: string, corridor: string | null) => {
    const own = dialScope(AGENT, clientId, corridor);
    const scopes = corridor === null ? [dialScope(AGENT, null, null), own] : dialScopes(AGENT, clientId, corridor);
    return dialOut(await findDials(deps.tenants.writing(clientId), scopes), own, corridor, deps.clock.now());
  };
  const turn = async (
    caller: Caller,
    { corridor = null, ...body }: Omit<Turn, 'corridor'> & { corridor?: string | null | undefined },
    way: typeof turnUp,
  ) => {
    const { clientId, principal } = caller;
    const scope = dialScope(AGENT, clientId, corridor);
    await withTransaction(deps.tenants.writing(clientId), (tx) =>
      way(tx, clientId, { scope, ...body, principal, nowMs: deps.clock.now() }),
    );
    return { status: 200 as const, body: await standing(clientId, corridor) };
  };
  mount(
    api,
    {
      method: 'get',
      path: PATH,
      operationId: 'getInvestigatorDial',
      tag: 'Cases',
      summary: 'See how far a model may go with cases',
      scope: 'cases:read',
      query: querySchema,
      responses: { 200: answers('The dial.', dialSchema) },
    },
    async ({ caller, query }) => ({ status: 200, body: await standing(caller.clientId, query.corridor ?? null) }),
  );
  mount<z.ZodType, Turn>(
    api,
    {
      method: 'post',
      path: `${PATH}/lower`,
      operationId: 'lowerInvestigatorDial',
      tag: 'Cases',
      summary: 'Turn the dial down, at once',
      description: 'Holds for what is under way as well. A wish to turn it up that waited is gone.',
      scope: 'agents:switch',
      body: { schema: turnSchema },
      responses: { 200: answers('The dial as it stands now.', dialSchema) },
      refusals: ['switch_unchanged'],
    },
    ({ caller, body }) => turn(caller, body, turnDown),
  );
  mount<z.ZodType, Turn>(
    api,
    {
      method: 'post',
      path: `${PATH}/raise`,
      operationId: 'raiseInvestigatorDial',
      tag: 'Cases',
      summary: 'Ask for the dial to be turned up, or agree to it',
      description: 'The first person asks, and nothing changes; the second, within a day and for the same level, turns it.',
      scope: 'agents:switch',
      stepUp: true,
      body: { schema: turnSchema },
      responses: { 200: answers('The dial as it stands now.', dialSchema) },
      refusals: ['switch_unchanged', 'maker_is_checker'],
    },
    ({ caller, body }) => turn(caller, body, turnUp),
  );
}

function dialOut(dials: readonly Dial[], own: string, corridor: string | null, nowMs: number): z.infer<typeof dialSchema> {
  const dial = dials.find(({ scope }) => scope === own) ?? null;
  const standing = standingOf(dial);
  const wish = waitingRaise(standing, nowMs);
  return {
    agent: AGENT,
    corridor,
    level: standing.level,
    effective: lowestLevel(dials.map(({ level }) => level)),
    reason: dial?.reason ?? null,
    changedBy: dial?.changedBy ?? null,
    changedAt: dial === null ? null : momentOut(dial.changedAt),
    waiting: wish === null ? null : { level: wish.level, askedBy: wish.by, askedAt: new Date(wish.atMs).toISOString() },
  };
}
