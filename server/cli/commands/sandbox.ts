/** `capp sandbox`: the operators of the sandbox, by themselves or of a running platform, for tests of one's own. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { fault } from '../../../domain/errors.ts';
import { readConfig } from '../../config.ts';
import { type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';

interface Where {
  readonly url?: string;
}

interface FateOptions extends Where {
  readonly rail?: string;
  readonly kind?: string;
  readonly phone?: string;
  readonly amountMinor?: string;
  readonly reference?: string;
  readonly fail?: string;
  readonly code?: string;
  readonly answer?: string;
  readonly wrongAmount?: true;
  readonly flips?: true;
  readonly succeed?: true;
  readonly loseAnswer?: true;
  readonly callback?: string;
  readonly slower?: string;
  readonly never?: true;
  readonly times?: number;
}

export function registerSandbox(program: Command, context: CommandContext): void {
  const sandbox = program
    .command('sandbox')
    .summary('run the sandbox operators, and write what befalls payments')
    .description('The sandbox operators speak the real protocols and misbehave as told. See docs/sandbox.md.');
  registerRun(sandbox, context);
  registerFates(sandbox, context);
  registerBehaviour(sandbox, context);
  registerBooks(sandbox, context);
}

function withUrl(command: Command): Command {
  return command.option(
    '--url <address>',
    'where the sandbox listens (default: SANDBOX_URL, or the one of the platform under CAPP_DATA_DIR)',
  );
}

function registerRun(sandbox: Command, context: CommandContext): void {
  const run = sandbox
    .command('run', { isDefault: true })
    .description('Runs the sandbox operators in the foreground until Ctrl-C. Settings beyond these are its environment, SANDBOX_….')
    .option('--port <port>', 'where it listens', wholeNumber(0, 65_535), 8090)
    .option('--speed <times>', 'how many times faster than real time people and operators are', '1')
    .option('--seed <text>', 'chance: the same seed, the same run', '1')
    .option('--perfect', 'no faults by chance: only what is written befalls a payment')
    .option('--data <folder>', 'where the operators keep their books', '.capp/sandbox')
    .action((options: { port: number; speed: string; seed: string; perfect?: true; data: string }) => runSandbox(context, options));
  withExamples(run, [
    ['capp sandbox run --perfect', 'operators at http://127.0.0.1:8090, without chance'],
    ['capp sandbox run --port 9000 --speed 20', 'elsewhere, twenty times as fast'],
  ]);
}

async function runSandbox(
  context: CommandContext,
  options: { port: number; speed: string; seed: string; perfect?: true; data: string },
): Promise<void> {
  const program = fileURLToPath(new URL('../../../sandbox/main.ts', import.meta.url));
  const env = {
    ...context.terminal.env,
    SANDBOX_PORT: String(options.port),
    SANDBOX_SPEED: options.speed,
    SANDBOX_SEED: options.seed,
    SANDBOX_DATA_DIR: options.data,
    ...(options.perfect ? { SANDBOX_FAULTS: '{}' } : {}),
  };
  const child = spawn(process.execPath, [program], { env, stdio: 'inherit' });
  // Ctrl-C reaches the whole group; a signal to us alone is passed on.
  const pass = () => void child.kill('SIGTERM');
  process.once('SIGTERM', pass);
  process.once('SIGINT', () => undefined);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode) => resolve(exitCode ?? 0));
  });
  process.removeListener('SIGTERM', pass);
  if (code !== 0) context.endWith(EXIT.failed);
}

function registerFates(sandbox: Command, context: CommandContext): void {
  const fate = withUrl(
    sandbox
      .command('fate')
      .description('Writes what befalls payments to come: those of a number, an amount, a rail, a reference. The newest that fits counts.')
      .option('--rail <rail>', 'payments over this rail')
      .addOption(new Option('--kind <kind>', 'that way only').choices(['collection', 'disbursement']))
      .option('--phone <number>', 'of this customer, E.164')
      .option('--amount-minor <units>', 'of this amount in minor units')
      .option('--reference <text>', 'known to the operator by this')
      .option('--fail <why>', 'they fail: declined, no_funds, no_answer, expired, wrong_pin, payer_limit, wallet_not_found, …')
      .option('--code <code>', 'with this code of the operator’s own; one that nobody knows leaves the outcome in doubt')
      .option('--succeed', 'they succeed, whatever their number says')
      .option('--lose-answer', 'the operator acts, and its answer is lost')
      .option(
        '--answer <fate>',
        'what becomes of the answer: lost_before, lost_after, error, page_before, page_after, busy, stale_token, given',
      )
      .option('--callback <fate>', 'what becomes of the callback: once, lost, twice, late, early, contradicting')
      .option('--wrong-amount', 'messages and inquiries tell another amount')
      .option('--flips', 'some time after the end messages and inquiries tell the opposite')
      .option('--slower <times>', 'so many times slower than usual')
      .option('--never', 'they stay pending')
      .option('--times <count>', 'for so many payments', wholeNumber(1, 1_000_000)),
  ).action(async (options: FateOptions) => context.terminal.out(await call(context, options, 'POST', '/fates', scriptOf(options))));
  withExamples(fate, [
    ['capp sandbox fate --phone +256772000111 --fail no_funds --times 1', 'the next payment of this customer'],
    ['capp sandbox fate --rail mpesa-ke --lose-answer --callback lost', 'M-Pesa goes silent after it acted'],
    ['capp sandbox fate --amount-minor 150000 --never', 'whoever pays this amount'],
    ['capp sandbox fate --rail mtn-ug --answer stale_token --times 1', 'a token that ends in flight'],
  ]);
  withExamples(
    withUrl(sandbox.command('fates').description('Lists what is written, the newest first.').option('--clear', 'forget all of it')).action(
      async (options: Where & { clear?: true }) =>
        context.terminal.out(await call(context, options, options.clear ? 'DELETE' : 'GET', '/fates')),
    ),
    [['capp sandbox fates --clear', 'begin anew']],
  );
}

function scriptOf(options: FateOptions): unknown {
  const { rail: railId, kind, phone, amountMinor, reference, times } = options;
  return {
    match: { railId, kind, phone, amountMinor, reference },
    fate: {
      failure: options.succeed ? null : options.fail,
      code: options.code,
      answer: options.answer,
      wrongAmount: options.wrongAmount,
      flips: options.flips,
      answerLost: options.loseAnswer,
      callback: options.callback,
      slowness: options.never ? 'never' : options.slower === undefined ? undefined : Number(options.slower),
    },
    times,
  };
}

function registerBehaviour(sandbox: Command, context: CommandContext): void {
  const rail = withUrl(
    sandbox
      .command('rail')
      .description('Shows how an operator behaves, or changes it from now on.')
      .argument('<rail>', 'as mtn-ug')
      .addOption(new Option('--mode <mode>', 'up, giving no token, or cutting every connection').choices(['up', 'refusing', 'silent']))
      .option('--faults <json>', 'shares of calls that go wrong, as {"callbackLost":0.2}')
      .option('--expire-tokens', 'end every access token at once'),
  ).action(async (railId: string, options: Where & { mode?: string; faults?: string; expireTokens?: true }) => {
    const { mode, faults, expireTokens } = options;
    const change = { mode, faults: faults === undefined ? undefined : parseJson(faults), expireTokens };
    const isChange = Object.values(change).some((value) => value !== undefined);
    context.terminal.out(
      await call(context, options, isChange ? 'POST' : 'GET', `/rails/${encodeURIComponent(railId)}`, isChange ? change : undefined),
    );
  });
  withExamples(rail, [
    ['capp sandbox rail mtn-ug --mode silent', 'MTN Uganda is away'],
    ['capp sandbox rail mpesa-ke --expire-tokens', 'tokens end in flight'],
  ]);
}

function registerBooks(sandbox: Command, context: CommandContext): void {
  withExamples(
    withUrl(sandbox.command('books').description('Prints what an operator moved, as JSON.').argument('<rail>', 'as mtn-ug')).action(
      async (railId: string, options: Where) =>
        context.terminal.out(await call(context, options, 'GET', `/books/${encodeURIComponent(railId)}`)),
    ),
    [['capp sandbox books mtn-ug', 'what MTN Uganda says it moved']],
  );
  withExamples(
    withUrl(
      sandbox
        .command('statement')
        .description('Prints an operator’s statement of a day, in the form that operator gives it.')
        .argument('<rail>', 'as mtn-ug')
        .argument('<day>', 'as 2026-11-25, in the operator’s country'),
    ).action(async (railId: string, day: string, options: Where) =>
      context.terminal.out(
        (await call(context, options, 'GET', `/statements/${encodeURIComponent(railId)}?day=${encodeURIComponent(day)}`)).trimEnd(),
      ),
    ),
    [['capp sandbox statement mpesa-ke 2026-11-25 > statement.csv', 'a file for capp reconcile --file']],
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fault('usage_invalid', { detail: 'The faults are not JSON.' });
  }
}

/** The origin of the sandbox: as told, or where the platform's clients reach it. */
async function addressOf(context: CommandContext, options: Where): Promise<string> {
  const { env } = context.terminal;
  const told = options.url ?? env['SANDBOX_URL'];
  if (told !== undefined) return told.replace(/\/+$/, '');
  const path = join(readConfig(env).dataDir, 'operators.json');
  const text = await readFile(path, 'utf8').catch(() => '{}');
  const profile = Object.values(JSON.parse(text) as Record<string, { baseUrl?: string }>).find(({ baseUrl }) => baseUrl !== undefined);
  return profile?.baseUrl === undefined ? 'http://127.0.0.1:8090' : new URL(profile.baseUrl).origin;
}

/** Calls the control plane and gives its answer. Throws `service_unreachable`, and what the sandbox refuses as `usage_invalid`. */
async function call(context: CommandContext, options: Where, method: string, path: string, body?: unknown): Promise<string> {
  const address = await addressOf(context, options);
  const response = await context
    .fetch(`${address}/_sandbox${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    .catch((cause: unknown) => {
      throw fault('service_unreachable', { detail: `No sandbox answers at ${address}. Start one with: capp sandbox run`, cause });
    });
  const text = await response.text();
  if (!response.ok) throw fault('usage_invalid', { detail: `The sandbox refuses it: ${text.slice(0, 500)}` });
  return text;
}
