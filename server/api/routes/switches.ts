/** Switches of agents that ask a model: one person turns one off, at once; another turns it on again. */
import { z } from '@hono/zod-openapi';
import { INVESTIGATOR, switchOfClient } from '../../../agents/investigator/switch.ts';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { type AgentSwitch, findSwitch, turnSwitch } from '../../../db/queries/llm.ts';
import { fault } from '../../../domain/errors.ts';
import { requireStepUp } from '../authenticate.ts';
import { answers } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { momentOut, momentSchema } from '../resources/common.ts';

const switchSchema = z
  .object({
    agent: z.literal(INVESTIGATOR),
    state: z.enum(['on', 'off']).openapi({ description: 'Of your own cases; `off` as well while it is off for everybody.' }),
    platformState: z.enum(['on', 'off']).openapi({ description: 'Of everybody’s cases; turned by whoever runs the platform.' }),
    reason: z.string().nullable(),
    changedBy: z.string().nullable(),
    changedAt: momentSchema.nullable(),
  })
  .openapi('AgentSwitch');

const turnSchema = z
  .strictObject({
    state: z.enum(['on', 'off']),
    reason: z.string().min(3).max(200).openapi({ description: 'Why, without names of customers.' }),
  })
  .openapi('AgentSwitchRequest');

type Turn = z.infer<typeof turnSchema>;
const PATH = '/v1/agents/investigator/switch';

/** Mounts the routes of switches. */
export function mountSwitches(api: Api): void {
  const { deps } = api;
  const stateOf = async (clientId: string): Promise<z.infer<typeof switchSchema>> => {
    const pool = deps.tenants.writing(clientId);
    const [own, platform] = await Promise.all([findSwitch(pool, switchOfClient(clientId)), findSwitch(pool, INVESTIGATOR)]);
    return switchOut(own, platform);
  };
  mount(
    api,
    {
      method: 'get',
      path: PATH,
      operationId: 'getInvestigatorSwitch',
      tag: 'Cases',
      summary: 'See whether a model is asked about cases',
      scope: 'cases:read',
      responses: { 200: answers('The switch.', switchSchema) },
    },
    async ({ caller }) => ({ status: 200, body: await stateOf(caller.clientId) }),
  );
  mount<z.ZodType, Turn>(
    api,
    {
      method: 'put',
      path: PATH,
      operationId: 'turnInvestigatorSwitch',
      tag: 'Cases',
      summary: 'Turn the model of the investigator off, or on again',
      description:
        'Off works at once, also on what is under way. On needs another person than the one who turned it off, who has shown the second factor within five minutes.',
      scope: 'agents:switch',
      body: { schema: turnSchema },
      responses: { 200: answers('The switch as it stands now.', switchSchema) },
      refusals: ['switch_unchanged', 'maker_is_checker', 'step_up_needed'],
    },
    async ({ caller, body }) => {
      // Less than this asks nobody for anything: off must be quick.
      if (body.state === 'on') requireStepUp(caller, deps);
      const agent = switchOfClient(caller.clientId);
      const nowMs = deps.clock.now();
      await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
        const turned = await turnSwitch(tx, { agent, ...body, principal: caller.principal, nowMs });
        if (turned === null)
          throw fault((await findSwitch(tx, agent))?.state === 'off' && body.state === 'on' ? 'maker_is_checker' : 'switch_unchanged');
        const act = {
          clientId: caller.clientId,
          actor: caller.principal,
          action: `agent.switched_${body.state}`,
          subject: `agent:${INVESTIGATOR}`,
        };
        await recordAuditEvents(tx, [{ ...act, details: { reason: body.reason } }], nowMs);
      });
      return { status: 200, body: await stateOf(caller.clientId) };
    },
  );
}

function switchOut(own: AgentSwitch | null, platform: AgentSwitch | null): z.infer<typeof switchSchema> {
  return {
    agent: INVESTIGATOR,
    state: platform?.state === 'off' ? 'off' : (own?.state ?? 'on'),
    platformState: platform?.state ?? 'on',
    reason: own?.reason ?? null,
    changedBy: own?.changedBy ?? null,
    changedAt: own === null ? null : momentOut(own.changedAt),
  };
}
