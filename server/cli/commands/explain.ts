/** `capp explain PAYMENT`: the whole story of one payment. */
import type { Command } from 'commander';
import { fault } from '../../../domain/errors.ts';
import type { Capp } from '../../../sdk/index.ts';
import { type ApiOptions, type CommandContext, openDesk, withExamples, withOfficer } from '../context.ts';
import { renderExplanation } from '../explain.ts';

interface ExplainOptions extends ApiOptions {
  readonly json?: true;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function registerExplain(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .summary('tell the whole story of a payment')
    .description(
      'Tells the whole story of a payment: its states, what the agents decided and why, attempts, transfers. What compliance knows is told to officers.',
    )
    .argument('<payment>', 'its id, or the reference it was submitted under')
    .option('--json', 'print the story as JSON')
    .action(async (payment: string, options: ExplainOptions) => {
      const capp = await openDesk(context, options);
      const story = await capp.payments.explain(UUID.test(payment) ? payment : await idOfReference(capp, payment));
      context.terminal.out(options.json ? JSON.stringify(story) : renderExplanation(story, context.terminal));
    });
  withExamples(withOfficer(command), [
    ['capp explain inv-2026-000123', 'by reference'],
    ['capp explain 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'by id'],
    ['capp explain inv-2026-000123 --json', 'for programs'],
  ]);
}

async function idOfReference(capp: Pick<Capp, 'payments'>, referenceId: string): Promise<string> {
  const page = await capp.payments.list({ referenceId }, { limit: 1 });
  const found = page.items[0];
  if (found === undefined) throw fault('not_found', { detail: 'There is no payment with that id or reference.' });
  return found.id;
}
