/** `capp cases`: the desk of a compliance officer on the command line. It talks to the API with the officer's own key. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CASE_KINDS, CASE_REASONS, CASE_STATUSES, CASE_VERDICTS, type CaseVerdict, isCaseReason } from '../../../domain/cases.ts';
import { fault } from '../../../domain/errors.ts';
import { DETAIL_COLUMNS, detailsFromCells } from '../../../domain/party.ts';
import type { AddedDetails, Case } from '../../../sdk/index.ts';
import { renderCaseFile, renderQueue } from '../cases.ts';
import { type CommandContext, idOf, type OfficerOptions, openDesk, wholeNumber, withDesk, withExamples } from '../context.ts';

interface ListOptions extends OfficerOptions {
  readonly all?: true;
  readonly status?: Case['status'];
  readonly kind?: Case['kind'];
  readonly mine?: true;
  readonly overdue?: true;
  readonly snoozed?: true;
  readonly limit: number;
}

interface DecideOptions extends OfficerOptions {
  readonly reason: string;
  readonly note?: string;
  readonly evidence: string;
}

const caseIdOf = idOf('case', 'capp cases list');

const reasonLines = CASE_VERDICTS.map((verdict) => {
  const reasons = Object.entries(CASE_REASONS[verdict]).map(([code, text]) => `    ${code.padEnd(26)} ${text}`);
  return `  ${verdict}\n${reasons.join('\n')}`;
}).join('\n');

export function registerCases(program: Command, context: CommandContext): void {
  const cases = program
    .command('cases')
    .summary('list, read, claim and decide cases')
    .description("The compliance officer's desk: the queue of cases, the file of each, claims and decisions.");
  registerList(cases, context);
  registerShow(cases, context);
  registerClaims(cases, context);
  registerDetails(cases, context);
  registerDecide(cases, context);
}

function registerList(cases: Command, context: CommandContext): void {
  const list = cases
    .command('list')
    .description('Lists the cases that wait for people, the most pressing first: risk and amount, and how long they have waited.')
    .option('--all', 'closed cases and those that are put off as well')
    .addOption(new Option('--status <status>', 'only those in one status').choices(CASE_STATUSES))
    .addOption(new Option('--kind <kind>', 'only those of one kind').choices(CASE_KINDS))
    .option('--mine', 'only those that the officer whose key is used has claimed')
    .option('--overdue', 'only those past their due time')
    .option('--snoozed', 'only those that are put off')
    .option('--limit <count>', 'how many at most', wholeNumber(1, 200), 50)
    .action(async (options: ListOptions) => {
      const capp = await openDesk(context, options);
      const { status, kind, limit } = options;
      const wantsSnoozed = options.all === true ? {} : { snoozed: options.snoozed === true };
      const page = await capp.cases.list(
        {
          ...(options.all === true || status !== undefined ? {} : { live: true }),
          ...(status === undefined ? {} : { status }),
          ...(kind === undefined ? {} : { kind }),
          ...(options.mine === true ? { claimedBy: 'me' } : {}),
          ...(options.overdue === true ? { overdue: true } : {}),
          ...wantsSnoozed,
        },
        { limit },
      );
      context.terminal.out(options.json ? JSON.stringify(page.items) : renderQueue(page.items, context.terminal, Date.now()));
    });
  withExamples(withDesk(list), [
    ['capp cases list', 'what to do next'],
    ['capp cases list --overdue --json', 'what is late, for programs'],
    ['capp cases list --mine --as officer:kofi', 'what Kofi has claimed'],
  ]);
}

function registerShow(cases: Command, context: CommandContext): void {
  const show = cases
    .command('show')
    .description(
      'Shows the file of a case: evidence, parties, hits, history, linked cases, what was asked and said. That you looked is recorded.',
    )
    .argument('<case>', 'its id', caseIdOf)
    .action(async (id: string, options: OfficerOptions) => {
      const file = await (await openDesk(context, options)).cases.get(id);
      context.terminal.out(options.json ? JSON.stringify(file) : renderCaseFile(file));
    });
  withExamples(withDesk(show), [
    ['capp cases show 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'the whole file'],
    ['capp cases show 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --json', 'with the digest that a decision carries'],
  ]);
}

function registerClaims(cases: Command, context: CommandContext): void {
  const tell = (options: OfficerOptions, each: Case, text: string) => context.terminal.out(options.json ? JSON.stringify(each) : text);
  const claim = cases
    .command('claim')
    .description('Takes a case for a quarter of an hour; again, to lengthen it.')
    .argument('<case>', 'its id', caseIdOf)
    .action(async (id: string, options: OfficerOptions) => {
      const claimed = await (await openDesk(context, options)).cases.claim(id);
      tell(options, claimed, `claimed by ${claimed.claimedBy ?? 'nobody'} until ${claimed.claimedUntil ?? '-'}`);
    });
  withExamples(withDesk(claim), [['capp cases claim 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'yours for a while']]);
  const release = cases
    .command('release-claim')
    .description('Puts a claimed case back for others.')
    .argument('<case>', 'its id', caseIdOf)
    .action(async (id: string, options: OfficerOptions) => {
      tell(options, await (await openDesk(context, options)).cases.releaseClaim(id), 'free again');
    });
  withExamples(withDesk(release), [['capp cases release-claim 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'for others']]);
  const snooze = cases
    .command('snooze')
    .description('Puts a case off: three times at most, for a day at most each. It stays due when it was due.')
    .argument('<case>', 'its id', caseIdOf)
    .requiredOption('--hours <hours>', 'for how long', wholeNumber(1, 24))
    .action(async (id: string, options: OfficerOptions & { readonly hours: number }) => {
      const until = new Date(Date.now() + options.hours * 3_600_000);
      const put = await (await openDesk(context, options)).cases.snooze(id, until);
      tell(options, put, `put off until ${put.snoozedUntil ?? '-'}, ${put.snoozeCount} of 3 times`);
    });
  withExamples(withDesk(snooze), [['capp cases snooze 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --hours 4', 'back after lunch']]);
}

function registerDetails(cases: Command, context: CommandContext): void {
  const parts = DETAIL_COLUMNS.map(([, path]) => path.join('.')).join(', ');
  const details = cases
    .command('add-details')
    .description(
      'Adds what you learned of the parties of a held payment you have claimed. It is then screened again, before anybody decides.',
    )
    .argument('<case>', 'its id', caseIdOf)
    .argument('<part...>', 'what is known of whom, as `receiver.dateOfBirth=1971-03-04`')
    .requiredOption('--evidence <digest>', 'the digest of the evidence you read, as `capp cases show` prints it')
    .addHelpText('after', `\nParts, of the sender or the receiver: ${parts}.`)
    .action(async (id: string, told: readonly string[], options: OfficerOptions & { readonly evidence: string }) => {
      const given = { ...detailsFrom(told), evidenceDigest: options.evidence };
      const added = await (await openDesk(context, options)).cases.addDetails(id, given);
      const text = added.rescreenSince === null ? 'all of it was known' : 'added; the payment is being screened again';
      context.terminal.out(options.json ? JSON.stringify(added) : text);
    });
  withExamples(withDesk(details), [
    ['capp cases add-details CASE receiver.dateOfBirth=1971-03-04 --evidence DIGEST', 'the receiver is screened with it'],
    [
      'capp cases add-details CASE sender.document.type=passport sender.document.number=A778899 --evidence DIGEST',
      'a document, whose type is told with its number',
    ],
  ]);
}

/** Takes `receiver.address.town=Goma` and others like it. Throws `usage_invalid`. */
function detailsFrom(told: readonly string[]): AddedDetails {
  const cells = new Map<string, string>(
    told.map((each) => {
      const [, role, path, value] = /^(sender|receiver)\.([A-Za-z.]+)=(.+)$/su.exec(each) ?? [];
      const column = DETAIL_COLUMNS.find(([, field]) => field.join('.') === path)?.[0];
      if (column === undefined || value === undefined) {
        throw fault('usage_invalid', { detail: 'A part is written as receiver.dateOfBirth=1971-03-04; see --help for those there are.' });
      }
      return [`${role}_${column}`, value] as const;
    }),
  );
  const of = (role: string) => detailsFromCells((column) => cells.get(`${role}_${column}`));
  return Object.fromEntries(['sender', 'receiver'].flatMap((role) => (Object.keys(of(role)).length === 0 ? [] : [[role, of(role)]])));
}

function registerDecide(cases: Command, context: CommandContext): void {
  const decide = cases
    .command('decide')
    .description('Says what is to become of a case you have claimed. Some releases need a second officer, who says the same.')
    .argument('<case>', 'its id', caseIdOf)
    .argument('<verdict>', `one of ${CASE_VERDICTS.join(', ')}`, verdictOf)
    .requiredOption('--reason <code>', 'why, one of the codes below')
    .requiredOption('--evidence <digest>', 'the digest of the evidence you read, as `capp cases show` prints it')
    .option('--note <text>', 'for other officers; stored encrypted')
    .addHelpText('after', `\nReasons:\n${reasonLines}`)
    .action(async (id: string, verdict: CaseVerdict, options: DecideOptions) => {
      if (!isCaseReason(verdict, options.reason)) {
        throw fault('usage_invalid', { detail: `${verdict} is given for one of ${Object.keys(CASE_REASONS[verdict]).join(', ')}.` });
      }
      const capp = await openDesk(context, options);
      const said = { verdict, reasonCode: options.reason, evidenceDigest: options.evidence };
      const decided = await capp.cases.decide(id, options.note === undefined ? said : { ...said, note: options.note });
      context.terminal.out(options.json ? JSON.stringify(decided) : decidedLine(verdict, decided));
    });
  withExamples(withDesk(decide), [
    ['capp cases decide CASE release --reason false_positive --evidence DIGEST', 'it may go on'],
    ['capp cases decide CASE reject --reason true_match --evidence DIGEST', 'it ends'],
    ['capp cases decide CASE request_information --reason source_of_funds --evidence DIGEST', 'the client is asked'],
    ['capp cases decide CASE escalate --reason political_exposure --evidence DIGEST', 'a senior officer decides'],
  ]);
}

/** What has become of the case, and what it still takes: a first approval alone moves no money. */
function decidedLine(verdict: CaseVerdict, { status, approvalsNeeded }: Case): string {
  const eyes =
    verdict === 'release' && approvalsNeeded > 1
      ? `; it takes ${approvalsNeeded} officers who say the same, and \`capp cases show\` tells who has`
      : '';
  return `${verdict}: the case is ${status}${eyes}`;
}

function verdictOf(text: string): CaseVerdict {
  const verdict = CASE_VERDICTS.find((each) => each === text);
  if (verdict !== undefined) return verdict;
  throw new InvalidArgumentError(`It must be one of ${CASE_VERDICTS.join(', ')}.`);
}
