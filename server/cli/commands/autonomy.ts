/** `capp autonomy`: how far the model behind an agent may go, for everybody or for some. Works on the database, beside whatever runs. */
import type { Command } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { type Dial, listDials, standingOf } from '../../../db/queries/autonomy.ts';
import {
  AUTONOMY_FULL,
  AUTONOMY_LEVELS,
  type AutonomyLevel,
  DIALLED_AGENTS,
  type DialledAgent,
  dialScope,
  waitingRaise,
} from '../../../domain/autonomy.ts';
import { systemClock } from '../../../domain/clock.ts';
import { turnDown, turnUp } from '../../../tools/oversight/dials.ts';
import { type CommandContext, corridorOf, nameOf, oneOf, withExamples } from '../context.ts';
import { clientOf, onDatabase } from '../database.ts';
import { renderTable } from '../table.ts';

interface TurnOptions {
  readonly client?: string;
  readonly corridor?: string;
  readonly by: string;
  readonly reason: string;
}

/** Adds the command with its parts. */
export function registerAutonomy(program: Command, context: CommandContext): void {
  const group = program
    .command('autonomy')
    .summary('how far a model may go: off, explain, rank, tighten')
    .description(
      'Dials of autonomy, of an agent, a client, a corridor; the lowest that applies holds. One person turns one down, two turn it up.',
    );
  const show = group
    .command('show')
    .description('Lists the dials that were ever turned.')
    .action(() => onDatabase(context, (pool) => showDials(context, pool)));
  withExamples(show, [['capp autonomy show', 'all of them']]);
  for (const [name, way, what] of [
    ['lower', turnDown, 'Turns a dial down, at once.'],
    ['raise', turnUp, 'Asks for a dial to be turned up; said by a second person within a day, turns it.'],
  ] as const) {
    const turn = group
      .command(name)
      .description(what)
      .argument('<agent>', DIALLED_AGENTS.join(', '), oneOf(DIALLED_AGENTS))
      .argument('<level>', AUTONOMY_LEVELS.join(', '), oneOf(AUTONOMY_LEVELS))
      .option('--client <name>', 'of one client', nameOf)
      .option('--corridor <from-to>', 'of one corridor, as KE-UG', corridorOf)
      .requiredOption('--by <person>', 'who does it, as operator:jane', nameOf)
      .requiredOption('--reason <text>', 'why')
      .action((agent: DialledAgent, level: AutonomyLevel, options: TurnOptions) =>
        onDatabase(context, (pool) => turnDial(context, pool, { agent, level, ...options }, way)),
      );
    withExamples(turn, [
      [`capp autonomy ${name} investigator rank --corridor KE-UG --by operator:jane --reason "a trial"`, 'one corridor of everybody'],
    ]);
  }
}

async function turnDial(
  context: CommandContext,
  pool: Pool,
  { agent, level, client, corridor, by, reason }: TurnOptions & { readonly agent: DialledAgent; readonly level: AutonomyLevel },
  way: typeof turnUp,
): Promise<void> {
  const clientId = client === undefined ? null : await clientOf(pool, client);
  const scope = dialScope(agent, clientId, corridor ?? null);
  const dial = await withTransaction(pool, (tx) => way(tx, clientId, { scope, level, reason, principal: by, nowMs: systemClock.now() }));
  context.terminal.out(
    dial.pendingLevel === null
      ? `The dial stands at ${dial.level}.`
      : `Asked. It is turned up to ${dial.pendingLevel} when somebody else says the same.`,
  );
}

async function showDials(context: CommandContext, pool: Pool): Promise<void> {
  const nowMs = systemClock.now();
  const rows = (await listDials(pool)).map((dial) => [dial.scope, dial.level, waitingOf(dial, nowMs), dial.changedBy, dial.reason]);
  context.terminal.out(
    rows.length === 0
      ? `No dial was ever turned: every model may go as far as ${AUTONOMY_FULL}.`
      : renderTable(context.terminal, COLUMNS, rows),
  );
}

const COLUMNS = [{ title: 'dial' }, { title: 'level' }, { title: 'waits' }, { title: 'turned by' }, { title: 'reason' }];

function waitingOf(dial: Dial, nowMs: number): string {
  const wish = waitingRaise(standingOf(dial), nowMs);
  return wish === null ? '' : `${wish.by} asks for ${wish.level}`;
}
