/** `capp identity`: what was found of a customer's identity. Works on the database, whether CAPP runs or not. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { withTransaction } from '../../../db/connect.ts';
import { IDENTITY_STATUSES, type IdentityStatus, recordIdentityCheck } from '../../../db/queries/identity.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { ACTOR, type CommandContext, idOf, nameOf, wholeNumber, withExamples } from '../context.ts';
import { onStoredData } from '../database.ts';
import { type EvidenceOptions, evidenceHashOf } from '../files.ts';

interface CheckOptions extends EvidenceOptions {
  readonly status: IdentityStatus;
  readonly tier: number;
  readonly by: string;
}

const TIER_MAX = 9;

export function registerIdentity(program: Command, context: CommandContext): void {
  const identity = program
    .command('identity')
    .summary('write down what was found of a customer')
    .description(
      "What is known of a customer's identity: limits follow from its tier, and the registry on the chain tells of who is verified.",
    );
  const check = identity
    .command('check')
    .description('Writes down the result of a check. What it was checked on stays where it is; only its hash is kept.')
    .argument('<customer>', 'their id', idOf('customer'))
    .addOption(new Option('--status <status>', 'what was found').choices(IDENTITY_STATUSES).makeOptionMandatory())
    .requiredOption('--tier <number>', "by the country's own scheme", wholeNumber(0, TIER_MAX))
    .requiredOption('--by <name>', 'who checked, such as officer:amina', nameOf)
    .option('--evidence <file>', 'what it was checked on, which is hashed here')
    .option('--evidence-hash <hex>', 'its SHA-256, instead of the file', sha256)
    .action((userId: string, options: CheckOptions) => writeCheck(context, userId, options));
  withExamples(check, [
    ['capp identity check CUSTOMER --status verified --tier 2 --by officer:amina --evidence passport.pdf', 'a document was seen'],
    ['capp identity check CUSTOMER --status none --tier 0 --by officer:amina --evidence letter.pdf', 'it holds no longer'],
  ]);
}

async function writeCheck(context: CommandContext, userId: string, options: CheckOptions): Promise<void> {
  const { status, tier, by: checkedBy } = options;
  const evidenceHash = await evidenceHashOf(options);
  const check = { userId, status, tier, checkedBy, evidenceHash, actor: ACTOR, nowMs: systemClock.now() };
  const outcome = await onStoredData(context, (pool) => withTransaction(pool, (tx) => recordIdentityCheck(tx, check)));
  if (outcome === 'absent') throw fault('not_found', { detail: 'There is no such customer, or their data was erased.' });
  if (outcome === 'barred')
    throw fault('illegal_transition', { detail: 'A confirmed finding bars the customer; it has to be lifted first.' });
  context.terminal.out(`${userId} is ${status}, tier ${tier}.`);
}

function sha256(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a SHA-256, 64 hex digits.');
}
