/** The command line: `capp COMMAND`. Each command stands in a file of its own under `commands/`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerAudit } from './commands/audit.ts';
import { registerCases } from './commands/cases.ts';
import { registerFindings } from './commands/findings.ts';
import { registerDemo } from './commands/demo.ts';
import { registerExplain } from './commands/explain.ts';
import { registerGraph } from './commands/graph.ts';
import { registerGateways } from './commands/gateways.ts';
import { registerIdentity } from './commands/identity.ts';
import { registerInvestigator } from './commands/investigator.ts';
import { registerKeys } from './commands/keys.ts';
import { registerAutonomy } from './commands/autonomy.ts';
import { registerHalt } from './commands/halt.ts';
import { registerMandates } from './commands/mandates.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerLists } from './commands/lists.ts';
import { registerNetwork } from './commands/network.ts';
import { registerOperators } from './commands/operators.ts';
import { registerPay } from './commands/pay.ts';
import { registerReconcile } from './commands/reconcile.ts';
import { registerSandbox } from './commands/sandbox.ts';
import { registerRules } from './commands/rules.ts';
import { registerReports } from './commands/reports.ts';
import { registerPrivacy } from './commands/privacy.ts';
import { registerProof } from './commands/proof.ts';
import { registerRegistry } from './commands/registry.ts';
import { registerRoutes } from './commands/routes.ts';
import { registerScreen } from './commands/screen.ts';
import { registerSms } from './commands/sms.ts';
import { registerSettlement } from './commands/settlement.ts';
import { registerStart } from './commands/start.ts';
import { registerUsers } from './commands/users.ts';
import { registerUssd } from './commands/ussd.ts';
import { registerVerify } from './commands/verify.ts';
import { trustPlatform } from '../tls.ts';
import type { CommandContext } from './context.ts';
import { EXIT, type ExitCode, reportFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

const ABOUT = [
  'CAPP moves money between African mobile-money wallets: agents quote, screen, route, fund and settle payments, ',
  'and every decision and every transfer can be read afterwards.\n\n',
  'From a checkout, put `npm run capp --` before a command; `npm start` and `npm run demo` are short for ',
  '`capp start` and `capp demo`.',
].join('');

const ENVIRONMENT = `
Environment:
  CAPP_DATA_DIR   where data is kept (default: .capp)
  DATABASE_URL    a PostgreSQL to use instead of the embedded one
  REDIS_URL       a Redis for the queues instead of the database
  PORT            where the API listens (default: 8080)
  CAPP_URL        the API that pay and explain talk to
  CAPP_KEY        their API key
  CAPP_DEBUG=1    show where an error came from

Exit codes: 0 all is well, 1 something is wrong with payments or books, 2 the command could not be carried out,
3 nothing is wrong, and a proof ends where no chain holds it.`;

/** Runs one command and returns the exit code. Never throws: whatever goes wrong becomes one line. */
export async function runCli(argv: readonly string[], terminal: Terminal, dial: typeof fetch = fetch): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const context: CommandContext = {
    terminal,
    fetch: dial,
    endWith: (code) => {
      exitCode = code;
    },
  };
  try {
    await trustPlatform(terminal.env['CAPP_DATA_DIR'] ?? '.capp');
    await createProgram(context).parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportFailure(terminal, error);
  }
}

/** Builds the program with all its commands. */
export function createProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command('capp')
    .description(ABOUT)
    .version(versionOfCapp(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText('after', ENVIRONMENT)
    .exitOverride();
  registerStart(program, context);
  registerDemo(program, context);
  registerPay(program, context);
  registerVerify(program, context);
  registerAudit(program, context);
  registerCases(program, context);
  registerFindings(program, context);
  registerPrivacy(program, context);
  registerProof(program, context);
  registerRegistry(program, context);
  registerIdentity(program, context);
  registerSettlement(program, context);
  registerExplain(program, context);
  registerGraph(program, context);
  registerNetwork(program, context);
  registerLists(program, context);
  registerScreen(program, context);
  registerRules(program, context);
  registerReports(program, context);
  registerInvestigator(program, context);
  registerAutonomy(program, context);
  registerHalt(program, context);
  registerMandates(program, context);
  registerOperators(program, context);
  registerReconcile(program, context);
  registerSandbox(program, context);
  registerUssd(program, context);
  registerSms(program, context);
  registerGateways(program, context);
  registerKeys(program, context);
  registerUsers(program, context);
  registerRoutes(program, context);
  registerMigrate(program, context);
  explainMistakes(program, 'capp', terminal);
  return program;
}

/** A mistake in a command is one line that leads to that command's help. */
function explainMistakes(command: Command, words: string, terminal: Terminal): void {
  command.configureOutput({ outputError: (text) => terminal.err(`capp: usage_invalid: ${sentenceOf(text)} See: ${words} --help`) });
  for (const inner of command.commands) explainMistakes(inner, `${words} ${inner.name()}`, terminal);
}

/** What commander says of a mistake, as one sentence. */
function sentenceOf(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return /[.?)]$/.test(sentence) ? sentence : `${sentence}.`;
}

function versionOfCapp(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
