/** `capp start`: brings the platform up, shows what it does, and stays until it is told to stop. */
import type { Command } from 'commander';
import type { Platform } from '../../supervisor.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { EXAMPLE_FILE } from '../example.ts';
import { EXIT } from '../failure.ts';
import { unlessTold, waitForSignal } from '../signals.ts';

interface StartOptions {
  readonly tls?: true;
  readonly demo: boolean;
  readonly file: string;
}

export function registerStart(program: Command, context: CommandContext): void {
  const command = program
    .command('start')
    .summary('start the platform and stay up')
    .description(
      'Starts the database, the sandbox operators, the API and the workers, submits the example payments, shows what becomes of them, and ' +
        'stays up until Ctrl-C. The next start goes on where this one ended.',
    )
    .option('--no-demo', 'submit nothing')
    .option('--tls', 'serve TLS 1.3; without a certificate in the settings with one of its own, made at the first start')
    .option('--file <file>', 'the intents to submit', EXAMPLE_FILE)
    .action((options: StartOptions) => start(context, options));
  withExamples(command, [
    ['capp start', 'everything on this machine, with the example payments'],
    ['capp start --no-demo', 'the platform alone'],
    ['PORT=9000 CAPP_DATA_DIR=/var/lib/capp capp start', 'at another address, with its data elsewhere'],
  ]);
}

async function start(context: CommandContext, options: StartOptions): Promise<void> {
  const { terminal } = context;
  const { startPlatform } = await import('../../supervisor.ts');
  // Heard from the first moment, so that Ctrl-C while things are starting leaves nothing behind.
  const told = waitForSignal();
  const platform = await unlessTold(told, () =>
    startPlatform({ env: options.tls ? { ...terminal.env, CAPP_TLS: '1' } : terminal.env, tell: terminal.err }),
  );
  if (platform === null) return terminal.err('Stopped before it was up.');
  try {
    if (!told.isHeard() && options.demo && platform.config.env !== 'production')
      await Promise.race([demo(context, platform, options.file), told.signal]);
    if (!told.isHeard()) {
      const key = platform.keys['client:demo'];
      if (key !== undefined) terminal.out(`API key of the demo client: ${key}`);
      terminal.out(`CAPP is up at ${platform.url}. Press Ctrl-C to stop it.`);
    }
    await told.signal;
    terminal.err('Stopping; what is under way is kept and goes on at the next start.');
  } finally {
    await platform.stop();
    told.finish();
  }
}

async function demo(context: CommandContext, platform: Platform, file: string): Promise<void> {
  const { terminal } = context;
  const [{ runDemo }, { renderReport }, { isSound }] = await Promise.all([
    import('../../demo/run.ts'),
    import('../../demo/render.ts'),
    import('../../demo/report.ts'),
  ]);
  const report = await runDemo(platform, { file, killWorkers: 0, terminal, env: terminal.env });
  terminal.out(renderReport(terminal, report));
  if (!isSound(report)) context.endWith(EXIT.wrong);
}
