/** `capp rules`: what compliance asks of every payment, and what other rules would have said. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Backtest, setWith } from '../../../agents/compliance/rules/backtest.ts';
import { parseRule, type Rule } from '../../../agents/compliance/rules/language.ts';
import { createStoredRules } from '../../../agents/compliance/rules/live.ts';
import { BUILT_IN_RULES } from '../../../agents/compliance/rules/rule-set.ts';
import type { Pool } from '../../../db/connect.ts';
import { listRules } from '../../../db/queries/rules.ts';
import { fault } from '../../../domain/errors.ts';
import { COUNTRIES } from '../../../domain/network.ts';
import type { RuleVersion } from '../../../sdk/index.ts';
import { backtestFile, backtestHistory } from '../../backtest.ts';
import { readConfig } from '../../config.ts';
import { openRiskModel } from '../../risk-model.ts';
import { type CommandContext, type OfficerOptions, openDesk, withDesk, withExamples } from '../context.ts';
import { onStoredData } from '../database.ts';
import { renderTable } from '../table.ts';

interface Options extends OfficerOptions {
  readonly status?: RuleVersion['status'];
  readonly note?: string;
}

const ABOUT =
  'The rules of compliance are data: drafted by one person, tried in shadow on live payments, brought to life by another. ' +
  'Who acts is whoever holds the API key; --as names one of the demo keys.';

export function registerRules(program: Command, context: CommandContext): void {
  const rules = program.command('rules').summary('read, draft, try and approve the rules of compliance').description(ABOUT);
  registerReading(rules, context);
  registerSteps(rules, context);
  registerBacktest(rules, context);
}

const COLUMNS = [
  { title: 'rule' },
  { title: 'version', align: 'right' },
  { title: 'status' },
  { title: 'effect' },
  { title: 'typology' },
  { title: 'found', align: 'right' },
  { title: 'title' },
] as const;

function registerReading(rules: Command, context: CommandContext): void {
  const list = withDesk(
    rules.command('list').description('Lists the rules; of those in shadow, how many payments of 30 days they spoke about.'),
  )
    .option('--status <status>', 'draft, shadow, live or retired')
    .action(async (options: Options) => {
      const found = await (await openDesk(context, options)).rules.list(options.status === undefined ? {} : { status: options.status });
      if (options.json) return context.terminal.out(JSON.stringify(found));
      const rows = found.items.map((each) => [
        each.id,
        String(each.version),
        each.status,
        each.rule.effect,
        each.rule.typology,
        each.shadow === null ? '' : String(each.shadow.found),
        each.rule.title,
      ]);
      context.terminal.out(`${renderTable(context.terminal, COLUMNS, rows)}\nIn force: ${found.ruleSet ?? BUILT_IN_RULES.label}`);
    });
  withExamples(list, [['capp rules list --status shadow', 'those on trial']]);
  const show = withDesk(
    rules.command('show').description('Shows every version of a rule, and who did which step.').argument('<rule>', 'its id'),
  ).action(async (id: string, options: Options) => {
    const found = await (await openDesk(context, options)).rules.get(id);
    context.terminal.out(options.json ? JSON.stringify(found) : found.items.map(storyOf).join('\n\n'));
  });
  withExamples(show, [['capp rules show structuring', 'what it says, and its history']]);
}

function storyOf(each: RuleVersion): string {
  const step = (what: string, by: string | null, at: string | null): string[] =>
    by === null ? [] : [`  ${what} by ${by} ${at ?? ''}`.trimEnd()];
  return [
    `${each.id}@${each.version}  ${each.status}  ${each.digest.slice(0, 12)}`,
    `  ${each.note}`,
    ...step('made', each.madeBy, each.createdAt),
    ...step('put into shadow', each.submittedBy, each.submittedAt),
    ...step('brought to life', each.approvedBy, each.approvedAt),
    ...step('end asked for', each.endAskedBy, each.endAskedAt),
    ...step('ended', each.endedBy, each.endedAt),
    ...(each.shadow === null ? [] : [`  spoke about ${each.shadow.found} payments of 30 days, ${each.shadow.wouldChange} of them clear`]),
    JSON.stringify(each.rule, null, 2),
  ].join('\n');
}

function registerSteps(rules: Command, context: CommandContext): void {
  const say = (options: Options, each: RuleVersion): void =>
    context.terminal.out(options.json ? JSON.stringify(each) : `${each.id}@${each.version} is ${each.status}${waitsOf(each)}`);
  const draft = withDesk(
    rules
      .command('draft')
      .description('Drafts a rule from a JSON file; a known id becomes its next version.')
      .argument('<file>', 'a JSON file with one rule'),
  )
    .requiredOption('--note <text>', 'why it is made')
    .action(async (file: string, options: Options) => {
      const rule = (await rulesIn(file))[0];
      say(options, await (await openDesk(context, options)).rules.draft(rule, options.note ?? ''));
    });
  withExamples(draft, [['capp rules draft velocity.json --note "Three an hour, after the case of May"', 'the next version of a rule']]);
  const steps = [
    ['submit', 'Puts a draft into shadow: it is asked of every payment, and changes nothing.'],
    ['approve', 'Brings a rule from shadow to life. Whoever made or submitted it cannot.'],
    ['retire', 'Ends a rule. A live one ends when a second person does the same.'],
  ] as const;
  for (const [name, about] of steps) {
    const command = withDesk(rules.command(name).description(about).argument('<rule>', 'id@version')).action(
      async (text: string, options: Options) => {
        const { id, version } = versionIn(text);
        say(options, await (await openDesk(context, options)).rules[name](id, version));
      },
    );
    withExamples(command, [[`capp rules ${name} velocity_count_1h@2 --as officer:kofi`, 'by one of the demo officers']]);
  }
}

function waitsOf(each: RuleVersion): string {
  return each.status === 'live' && each.endAskedBy !== null ? `; ${each.endAskedBy} asked for its end, a second person must agree` : '';
}

function versionIn(text: string): { readonly id: string; readonly version: number } {
  const match = /^([a-z][a-z0-9_]*)@(\d{1,6})$/.exec(text);
  if (match === null) throw fault('config_invalid', { detail: `${text} is not id@version, such as velocity_count_1h@2.` });
  return { id: match[1] ?? '', version: Number(match[2]) };
}

async function rulesIn(file: string): Promise<Rule[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `${file} cannot be read.`, cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fault('config_invalid', { detail: `${file} is not JSON.`, cause });
  }
  return (Array.isArray(value) ? value : [value]).map(parseRule);
}

interface BacktestOptions {
  readonly rules?: string;
  readonly rule?: string[];
  readonly without?: string[];
  readonly since?: string;
  readonly until?: string;
  readonly input?: string;
  readonly accounts?: string;
  readonly country: string;
  readonly json?: true;
}

function registerBacktest(rules: Command, context: CommandContext): void {
  const command = rules
    .command('backtest')
    .description(
      'Makes past decisions again with other rules and shows what would change, with examples. Works on the database itself, ' +
        'or on a file of transactions (CSV or JSON lines, also gzipped, as of PaySim, AMLSim, or with id, at, from, to, amount, currency, fromCountry, toCountry).',
    )
    .option('--rules <file>', 'JSON file of rules that would be live, in the place of those of the same id')
    .option('--rule <id@version...>', 'rules of the database that would be live, whatever their step')
    .option('--without <id...>', 'rules that would not be there')
    .option('--since <day>', 'decisions from that moment on (ISO 8601)')
    .option('--until <day>', 'decisions before that moment')
    .option('--input <file>', 'transactions of a file instead')
    .option('--accounts <file>', 'labels of accounts to it (AMLSim)')
    .option('--country <code>', 'whose currency and limits count where a file names none', 'KE')
    .option('--json', 'print as JSON')
    .action(async (options: BacktestOptions) => {
      const result = await backtest(context, options);
      context.terminal.out(options.json ? JSON.stringify(result) : rendered(context, result));
    });
  withExamples(command, [
    ['capp rules backtest --rules velocity.json', 'what a draft would have done to all payments so far'],
    ['capp rules backtest --rule round_amounts@1 --since 2026-11-01', 'what a rule in shadow would do if it lived'],
    ['capp rules backtest --input paysim.csv.gz', 'the rules in force on transactions of a file'],
  ]);
}

function momentOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw fault('config_invalid', { detail: `${text} is not a moment such as 2026-11-01.` });
  return ms;
}

async function backtest(context: CommandContext, options: BacktestOptions): Promise<Backtest> {
  const trial = options.rules === undefined ? [] : await rulesIn(options.rules);
  const country = COUNTRIES.find((each) => each.country === options.country)?.country;
  if (country === undefined) throw fault('config_invalid', { detail: `${options.country} is not a country that CAPP reaches.` });
  const { input, without = [], rule = [] } = options;
  const ofFile = async () => {
    const risk = await openRiskModel(readConfig(context.terminal.env).riskModelPath);
    return { risk, country, accountsPath: options.accounts ?? null };
  };
  if (input !== undefined && rule.length === 0) {
    const set = setWith(BUILT_IN_RULES, trial, without);
    return backtestFile(input, { trial: set, inForce: BUILT_IN_RULES, ...(await ofFile()) });
  }
  return onStoredData(context, async (pool) => {
    const inForce = await createStoredRules(pool).current();
    const named = await Promise.all(rule.map((text) => storedRule(pool, text)));
    const set = setWith(inForce, [...trial, ...named], without);
    if (input !== undefined) return backtestFile(input, { trial: set, inForce, ...(await ofFile()) });
    return backtestHistory(pool, { trial: set, sinceMs: momentOf(options.since), untilMs: momentOf(options.until) });
  });
}

async function storedRule(pool: Pool, text: string): Promise<Rule> {
  const { id, version } = versionIn(text);
  const row = (await listRules(pool, id)).find((each) => each.version === version);
  if (row === undefined) throw fault('not_found', { detail: `There is no rule ${text}.` });
  return parseRule(row.body);
}

function rendered(context: CommandContext, result: Backtest): string {
  const { before, after, changes, labelled } = result;
  const outcomes = [
    ['before', String(before.clear), String(before.flag), String(before.block)],
    ['after', String(after.clear), String(after.flag), String(after.block)],
  ];
  const right = 'right' as const;
  const rules = Object.entries(result.rules)
    .filter(([, { found }]) => found > 0)
    .map(([name, { found, fraud }]) => [name, String(found), labelled === null ? '' : String(fraud)]);
  return [
    `${result.cases} decisions made again${result.olderFacts === 0 ? '' : `, ${result.olderFacts} of them from before today's facts were gathered`}.`,
    renderTable(
      context.terminal,
      [{ title: '' }, { title: 'clear', align: right }, { title: 'flag', align: right }, { title: 'block', align: right }],
      outcomes,
    ),
    ...(labelled === null
      ? []
      : [`Fraud by the labels: ${labelled.fraud}; stopped before ${labelled.caughtBefore}, after ${labelled.caughtAfter}.`]),
    renderTable(context.terminal, [{ title: 'rule' }, { title: 'found', align: right }, { title: 'fraud', align: right }], rules),
    Object.keys(changes).length === 0
      ? 'Nothing would change.'
      : `Would change: ${Object.entries(changes)
          .map(([change, count]) => `${change} ${count}`)
          .join(', ')}.`,
    ...result.examples.map((each) => `  ${each.id}  ${each.before} → ${each.after}  ${each.reasons.join(' ')}`),
  ].join('\n');
}
