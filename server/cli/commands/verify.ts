/** `capp verify`: checks every invariant of a running or stopped system. */
import type { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { assertData, type CommandContext, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';

const SHOWN_MAX = 50;

const CHAIN_SENTENCES = {
  none: 'Settlement stays on the books.',
  unreachable: 'The settlement chain does not answer; the books were not compared with it.',
  compared: 'Ledger and settlement chain agree.',
} as const;

export function registerVerify(program: Command, context: CommandContext): void {
  const command = program
    .command('verify')
    .summary('check that the books balance and every invariant holds')
    .description(
      "Checks the books, the payments, the quotes, the audit log and the operators' own books against the invariants, whether CAPP runs or not. " +
        'Exit code: 0 when all hold, 1 when one is broken.',
    )
    .option('--json', 'print as JSON')
    .action((options: { readonly json?: true }) => verify(context, options.json === true));
  withExamples(command, [
    ['capp verify', 'the system under CAPP_DATA_DIR, or at DATABASE_URL'],
    ['capp verify --json', 'for programs'],
  ]);
}

async function verify(context: CommandContext, json: boolean): Promise<void> {
  const { terminal } = context;
  assertData(readConfig(terminal.env));
  const { verifyPlatform } = await import('../../verify.ts');
  const { violations, payments, transfers, chain } = await verifyPlatform({ env: terminal.env });
  const holds = violations.length === 0;
  const looked = `${payments} payments and ${transfers} transfers`;
  if (json)
    terminal.out(
      JSON.stringify({
        invariants: holds ? 'hold' : violations,
        payments,
        transfers,
        chain: { state: chain.state, batches: chain.batches },
      }),
    );
  else if (holds) terminal.out(`Every invariant holds over ${looked}. ${CHAIN_SENTENCES[chain.state]}`);
  else {
    const shown = violations.slice(0, SHOWN_MAX).map(({ invariant, subject, detail }) => `  ${invariant}. ${subject}: ${detail}`);
    const more = violations.length > SHOWN_MAX ? [`  and ${violations.length - SHOWN_MAX} more; see them all with --json`] : [];
    terminal.out([`${violations.length} violations over ${looked}:`, ...shown, ...more].join('\n'));
  }
  if (!holds) context.endWith(EXIT.wrong);
}
