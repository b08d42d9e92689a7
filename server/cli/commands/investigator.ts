/** `capp investigator`: turns the model behind the investigator off or on for everybody, and shows what it spent. */
import { type Command } from 'commander';
import { INVESTIGATOR } from '../../../agents/investigator/switch.ts';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { findSwitch, spendingOf, turnSwitch } from '../../../db/queries/llm.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { dayOf } from '../../../domain/network.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { onStoredData } from '../database.ts';

interface TurnOptions {
  readonly by: string;
  readonly reason: string;
}

export function registerInvestigator(program: Command, context: CommandContext): void {
  const investigator = program
    .command('investigator')
    .summary('turn the model that advises officers off or on')
    .description('The model behind the investigator, for everybody. Works while CAPP runs, and on what is under way.');
  const status = investigator
    .command('status')
    .description('Says how the switch stands and what was spent today.')
    .action(() => onStoredData(context, (pool) => show(context, pool)));
  withExamples(status, [['capp investigator status', 'switch and spending']]);
  for (const state of ['off', 'on'] as const) {
    const turn = investigator
      .command(state)
      .description(state === 'off' ? 'Turns it off, at once.' : 'Turns it on again; by another person than the one who turned it off.')
      .requiredOption('--by <person>', 'who does it, as operator:jane')
      .requiredOption('--reason <text>', 'why')
      .action((options: TurnOptions) => onStoredData(context, (pool) => turnTo(context, pool, state, options)));
    withExamples(turn, [
      [`capp investigator ${state} --by operator:jane --reason "looks odd"`, `${state}, and written into the audit log`],
    ]);
  }
}

async function show(context: CommandContext, pool: Pool): Promise<void> {
  const [found, spent] = await Promise.all([findSwitch(pool, INVESTIGATOR), spendingOf(pool, dayOf(systemClock.now()))]);
  const usd = `${(spent.costNanoUsd / 1_000_000n)
    .toString()
    .padStart(4, '0')
    .replace(/(\d{3})$/, '.$1')} USD`;
  const turned =
    found === null
      ? 'on, nobody ever turned it'
      : `${found.state}, by ${found.changedBy} on ${found.changedAt.toISOString()}: ${found.reason}`;
  context.terminal.out(`The model is ${turned}.\nToday: ${spent.calls} calls, ${spent.tokens} tokens, ${usd}.`);
}

async function turnTo(context: CommandContext, pool: Pool, state: 'on' | 'off', { by, reason }: TurnOptions): Promise<void> {
  const nowMs = systemClock.now();
  await withTransaction(pool, async (tx) => {
    const turned = await turnSwitch(tx, { agent: INVESTIGATOR, state, reason, principal: by, nowMs });
    if (turned === null)
      throw fault((await findSwitch(tx, INVESTIGATOR))?.state === 'off' && state === 'on' ? 'maker_is_checker' : 'switch_unchanged');
    const act = { clientId: null, actor: by, action: `agent.switched_${state}`, subject: `agent:${INVESTIGATOR}` };
    await recordAuditEvents(tx, [{ ...act, details: { reason } }], nowMs);
  });
  context.terminal.out(`The model is ${state}.`);
}
