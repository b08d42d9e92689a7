/** `capp settlement dispute` and `vote`: freezing an executed batch before it is paid, and judging that, over the API. */
import { type Command, InvalidArgumentError } from 'commander';
import { type ApiOptions, type CommandContext, openCapp, withExamples, withPrincipal } from '../context.ts';
import { type EvidenceOptions, evidenceHashOf } from '../files.ts';

interface GroundedOptions extends ApiOptions, EvidenceOptions {
  readonly reason: string;
}

const ARBITER = 'arbiter:sena';

/** Adds both commands; `principal` is whose demo key disputes when no key is given. */
export function registerDisputes(settlement: Command, context: CommandContext, principal: string): void {
  const dispute = settlement
    .command('dispute')
    .description(
      'Disputes an executed batch before it is paid: it is frozen on the chain until arbiters judge. Only the hash of the evidence leaves this machine.',
    )
    .argument('<batch>', 'its id')
    .action(async (id: string, options: GroundedOptions) => {
      const capp = await openCapp(context, options, principal);
      const asked = { reasonCode: options.reason, evidenceHash: await evidenceHashOf(options) };
      const { payableAt } = await capp.settlement.dispute(id, asked);
      context.terminal.out(`Asked for, with evidence ${asked.evidenceHash}. It must be on the chain before ${payableAt}.`);
    });
  withExamples(withEvidence(dispute, principal), [
    ['capp settlement dispute BATCH --reason amount_differs --evidence letter.pdf', 'hashes the file here'],
    ['capp settlement dispute BATCH --reason amount_differs --evidence-hash 6b86b273…', 'where somebody else keeps it'],
  ]);
  const vote = settlement
    .command('vote')
    .description(
      'Judges a dispute as an arbiter: how much of the batch goes back to its payer. A later vote takes the place of the earlier.',
    )
    .argument('<batch>', 'its id')
    .requiredOption('--reverse <minor>', 'minor units that go back; 0 lets the payout stand', minorUnits)
    .action(async (id: string, options: GroundedOptions & { readonly reverse: string }) => {
      const capp = await openCapp(context, options, ARBITER);
      const evidenceHash = await evidenceHashOf(options);
      await capp.settlement.vote(id, { reversedMinor: options.reverse, reasonCode: options.reason, evidenceHash });
      context.terminal.out(`Voted to give back ${options.reverse} minor units.`);
    });
  withExamples(withEvidence(vote, ARBITER), [
    ['capp settlement vote BATCH --reverse 25000 --reason amount_differs --evidence letter.pdf', 'on the evidence of the dispute'],
    ['capp settlement vote BATCH --reverse 0 --reason unfounded --evidence letter.pdf --as arbiter:baraka', 'lets it stand'],
  ]);
}

function withEvidence(command: Command, principal: string): Command {
  return withPrincipal(
    command
      .requiredOption('--reason <code>', 'why, as a code such as amount_differs')
      .option('--evidence <file>', 'the evidence, which is hashed here')
      .option('--evidence-hash <hex>', 'its SHA-256, instead of the file'),
    principal,
  );
}

function minorUnits(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be minor units, digits alone.');
}
