/**
 * `npm run chaos`: the real processes under load, killed and cut again and again. Prints how long each recovery
 * took; ends with 0 when every accepted payment came to its end once and every invariant holds, with 1 when not,
 * with 2 when it could not run.
 */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { TERMINAL_STATUSES } from '../../domain/lifecycle.ts';
import { createCapp } from '../../sdk/index.ts';
import { createChance } from '../../sandbox/random.ts';
import { verifyDatabase } from '../../server/verify.ts';
import { type Blow, BLOWS } from './blows.ts';
import { type Load, startLoad } from './load.ts';
import { type ChaosWorld, openChaosWorld, pause } from './world.ts';
import { loadKeys } from '../../server/secrets.ts';

interface Options {
  readonly seconds: number;
  readonly perSecond: number;
  readonly workers: number;
  readonly seed: string;
  readonly json: boolean;
}

interface Recovery {
  readonly blow: string;
  /** Seconds after the blow at which it came. */
  readonly atSeconds: number;
  /** Until a request sent after the blow was accepted, and until a payment came to its end; null: never, within the bound. */
  readonly acceptsAfterSeconds: number | null;
  readonly finishesAfterSeconds: number | null;
}

const RECOVERED_WITHIN_MS = 120_000;
const REST_WITHIN_MS = 300_000;
const LOOK_MS = 100;
/** Between the recovery from one blow and the next. */
const BREATH_MS = 2_000;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

const program = new Command('chaos')
  .description('Runs the real processes under load, kills and cuts them, and proves that nothing was lost or doubled.')
  .addOption(new Option('--seconds <n>', 'how long blows fall').default(120).argParser(wholeNumber(5, 86_400)))
  .addOption(new Option('--per-second <n>', 'payments a second').default(10).argParser(wholeNumber(1, 5_000)))
  .addOption(new Option('--workers <n>', 'worker processes').default(2).argParser(wholeNumber(1, 16)))
  .option('--seed <seed>', 'order of the blows', '1')
  .option('--json', 'end with one line of JSON on standard output', false)
  .showHelpAfterError()
  .action(main);

async function main(options: Options): Promise<void> {
  const tell = (line: string): void => (options.json ? console.error(line) : console.log(line));
  const world = await openChaosWorld({ workers: options.workers, tell });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void world.stop().finally(() => process.exit(2)));
  try {
    const blows = BLOWS.filter((blow) => {
      const hindrance = blow.hindrance(world);
      if (hindrance !== null) tell(`Not tried: ${blow.name}, for ${hindrance}.`);
      return hindrance === null;
    });
    const capp = createCapp({
      baseUrl: world.platform.url,
      apiKey: world.platform.keys['client:demo'] ?? '',
      timeoutMs: 10_000,
      retriesMax: 0,
    });
    const endMs = Date.now() + options.seconds * 1_000;
    const load = startLoad(capp, { seed: options.seed, perSecond: options.perSecond, seconds: options.seconds });
    const recoveries = await strikeUntil(world, load, blows, { endMs, seed: options.seed, tell });
    await load.finish();
    const report = await conclude(world, load, recoveries);
    for (const wrong of report.wrong) tell(`WRONG: ${wrong}`);
    tell(
      `${report.accepted} payments accepted, ${report.refused} refused; ${recoveries.length} blows, the longest recovery ${report.longestSeconds} s; ` +
        `${report.lost} lost, ${report.doubled} doubled; ${report.wrong.length === 0 ? 'every invariant holds' : 'see above'}.`,
    );
    if (options.json) console.log(JSON.stringify(report));
    process.exitCode = report.wrong.length === 0 ? 0 : 1;
  } finally {
    await world.stop();
  }
}

async function strikeUntil(
  world: ChaosWorld,
  load: Load,
  blows: readonly Blow[],
  { endMs, seed, tell }: { readonly endMs: number; readonly seed: string; readonly tell: (line: string) => void },
): Promise<Recovery[]> {
  const chance = createChance(seed);
  const startMs = Date.now();
  const recoveries: Recovery[] = [];
  await pause(BREATH_MS);
  for (let round = 0; Date.now() < endMs; round += 1) {
    // Each round has every blow once, in an order of its own.
    const turn = Math.floor(round / blows.length);
    const order = [...blows].sort((a, b) => chance.draw('blow', turn, a.name) - chance.draw('blow', turn, b.name));
    const blow = order[round % order.length];
    if (blow === undefined) break;
    const atMs = Date.now();
    await blow.strike(world, round);
    const recovery = { blow: blow.name, atSeconds: secondsOf(atMs - startMs), ...(await recoveryFrom(world, load, Date.now())) };
    recoveries.push(recovery);
    tell(
      `${recovery.atSeconds.toFixed(1)} s  ${blow.name.padEnd(18)}  accepts after ${shown(recovery.acceptsAfterSeconds)}, finishes payments after ${shown(recovery.finishesAfterSeconds)}`,
    );
    await pause(BREATH_MS);
  }
  return recoveries;
}

function secondsOf(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function shown(seconds: number | null): string {
  return seconds === null ? '—' : `${seconds.toFixed(1)} s`;
}

/** How long it took until work was taken in and brought to its end again. */
async function recoveryFrom(world: ChaosWorld, load: Load, fromMs: number) {
  let acceptsAfterSeconds: number | null = null;
  let finishesAfterSeconds: number | null = null;
  while (Date.now() - fromMs < RECOVERED_WITHIN_MS && (acceptsAfterSeconds === null || finishesAfterSeconds === null)) {
    await pause(LOOK_MS);
    const passed = secondsOf(Date.now() - fromMs);
    if (acceptsAfterSeconds === null && load.lastAcceptedSentAtMs() >= fromMs) acceptsAfterSeconds = passed;
    if (finishesAfterSeconds === null && (await someoneFinishedSince(world, fromMs))) finishesAfterSeconds = passed;
  }
  return { acceptsAfterSeconds, finishesAfterSeconds };
}

async function someoneFinishedSince(world: ChaosWorld, sinceMs: number): Promise<boolean> {
  const { rows } = await world
    .pool()
    .query<{ some: boolean }>('select exists(select 1 from payments where completed_at > $1) as some', [new Date(sinceMs)])
    .catch(() => ({ rows: [] }));
  return rows[0]?.some === true;
}

/** Waits for rest, and looks whether everything accepted is there once and everything holds. */
async function conclude(world: ChaosWorld, load: Load, recoveries: readonly Recovery[]) {
  const resting = [...TERMINAL_STATUSES, 'held'];
  const deadlineMs = Date.now() + REST_WITHIN_MS;
  let restless = -1;
  while (restless !== 0 && Date.now() < deadlineMs) {
    await pause(500);
    const { rows } = await world
      .pool()
      .query<{ count: number }>('select count(*)::int as count from payments where status <> all($1::text[])', [resting])
      .catch(() => ({ rows: [] }));
    restless = rows[0]?.count ?? -1;
  }
  const { quoteKey, keyring } = await loadKeys(world.env, world.dataDir);
  const { violations } = await verifyDatabase(world.pool(), { quoteKey, keyring, sandboxFolder: join(world.dataDir, 'sandbox') });
  const stored = await world.pool().query<{ id: string; reference_id: string }>('select id, reference_id from payments');
  const idOf = new Map(stored.rows.map((row) => [row.reference_id, row.id]));
  const lost = [...load.accepted].filter(([reference, id]) => idOf.get(reference) !== id).length;
  const doubled = stored.rows.length - idOf.size;
  const unrecovered = recoveries
    .filter((each) => each.finishesAfterSeconds === null || each.acceptsAfterSeconds === null)
    .map((each) => each.blow);
  const wrong = [
    ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
    ...(restless === 0 ? [] : [`${restless} payments have not come to rest`]),
    ...(lost === 0 ? [] : [`${lost} accepted payments are lost`]),
    ...(doubled === 0 ? [] : [`${doubled} payments are doubled`]),
    ...unrecovered.map((blow) => `not at work again within ${RECOVERED_WITHIN_MS / 1_000} s after: ${blow}`),
  ];
  const longestSeconds = Math.max(0, ...recoveries.map((each) => Math.max(each.acceptsAfterSeconds ?? 0, each.finishesAfterSeconds ?? 0)));
  return { accepted: load.accepted.size, refused: load.refused(), lost, doubled, recoveries, longestSeconds, wrong };
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`chaos: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
