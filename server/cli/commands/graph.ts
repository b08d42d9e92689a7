/** `capp graph`: the state machines as pictures. */
import { type Command, Option } from 'commander';
import { type CommandContext, withExamples } from '../context.ts';
import { drawGraphs } from '../draw.ts';

export function registerGraph(program: Command, context: CommandContext): void {
  const command = program
    .command('graph')
    .summary('print the state machine of payments as Mermaid')
    .description('Prints the state machine that payments travel, or that of cases, as a Mermaid diagram.')
    .addOption(new Option('--of <graph>', 'which one').choices(['payments', 'cases']).default('payments'))
    .action(async (options: { readonly of: 'payments' | 'cases' }) => {
      context.terminal.out((await drawGraphs())[options.of].trimEnd());
    });
  withExamples(command, [
    ['capp graph', 'the path of a payment'],
    ['capp graph --of cases', 'the path of a held payment'],
  ]);
}
