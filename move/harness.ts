/**
 * Compiles the Move package and runs its tests, without the Aptos CLI: in a copy of the package, with the
 * doubles of the Aptos framework (`testing/framework`) mounted where the compiler looks for the framework that
 * `Move.toml` names. Nothing is fetched, and the checkout is left as it was.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bcs } from '@mysten/bcs';

export interface MoveTestReport {
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  /** What the compiler warned of. */
  readonly warnings: readonly string[];
  /** Everything that the tests said. */
  readonly output: string;
}

/** How far the tests reach into one module. */
export interface ModuleCoverage {
  readonly module: string;
  /** Hundredths of its instructions that were run. */
  readonly percent: number;
  /** Functions that other modules, transactions or views may call. */
  readonly functions: readonly string[];
  readonly unreached: readonly string[];
}

/** A module's interface as the compiler gives it. */
export interface MoveModuleAbi {
  readonly address: string;
  readonly name: string;
  readonly exposed_functions: readonly MoveFunctionAbi[];
  readonly structs: readonly { readonly name: string; readonly fields: readonly { readonly name: string; readonly type: string }[] }[];
}

export interface MoveFunctionAbi {
  readonly name: string;
  readonly visibility: string;
  readonly is_entry: boolean;
  readonly is_view: boolean;
  readonly params: readonly string[];
  readonly return: readonly string[];
}

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const PACKAGE = import.meta.dirname;
/** The compiler's name for the checkout of `https://github.com/aptos-labs/aptos-framework.git` at `mainnet`. */
const FRAMEWORK = 'https___github_com_aptos-labs_aptos-framework_git_mainnet';

/** The recorder's file: which instructions of which function were run how often. */
const CoverageMap = bcs.struct('CoverageMap', {
  exec_maps: bcs.map(
    bcs.string(),
    bcs.struct('ExecCoverageMap', {
      exec_id: bcs.string(),
      module_maps: bcs.map(
        bcs.tuple([bcs.bytes(32), bcs.string()]),
        bcs.struct('ModuleCoverageMap', {
          address: bcs.bytes(32),
          name: bcs.string(),
          function_maps: bcs.map(bcs.string(), bcs.map(bcs.u64(), bcs.u64())),
        }),
      ),
    }),
  ),
});

/** Runs `use` with a copy of the package and its tests, which is gone afterwards. */
async function withCopy<T>(use: (copy: string, native: (mode: string, filter?: string) => Promise<Run>) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'capp-move-'));
  try {
    const copy = join(root, 'package');
    const home = join(root, 'home');
    await mkdir(home);
    for (const name of ['Move.toml', 'sources', 'tests']) await cp(join(PACKAGE, name), join(copy, name), { recursive: true });
    // Tests of what only a double can play.
    await cp(join(PACKAGE, 'testing', 'tests'), join(copy, 'tests'), { recursive: true });
    await cp(join(PACKAGE, 'testing', 'framework'), join(home, FRAMEWORK), { recursive: true });
    return await use(copy, (mode, filter = '') => runNative(home, copy, [mode, copy, filter]));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/**
 * One call of the compiler, in the package's folder, where its coverage report looks for the package. Its
 * streams are files: the native code takes a pipe that is full for a moment for the end of the world.
 */
async function runNative(home: string, cwd: string, args: readonly string[]): Promise<Run> {
  const [stdout, stderr] = [join(home, 'stdout'), join(home, 'stderr')];
  const files = await Promise.all([stdout, stderr].map((path) => open(path, 'w')));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      const stdio = ['ignore' as const, ...files.map(({ fd }) => fd)];
      const child = spawn(process.execPath, [join(PACKAGE, 'native.ts'), ...args], {
        cwd,
        env: { ...process.env, MOVE_HOME: home },
        stdio,
      });
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { code, stdout: await readFile(stdout, 'utf8'), stderr: plain(await readFile(stderr, 'utf8')) };
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Without the colours of a terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins every colour.
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '');
}

/** The compiler's warnings: of the package's manifest (`Warning: …`) and of its code (`warning: …`). */
export function warningsIn(diagnostics: string): string[] {
  return diagnostics.split('\n').filter((line) => /^warning\b/i.test(line));
}

async function abiOf(native: (mode: string) => Promise<Run>): Promise<Record<string, MoveModuleAbi>> {
  const run = await native('abi');
  const json = run.stdout.split('\n').findLast((line) => line.startsWith('{'));
  if (run.code !== 0 || json === undefined) throw new Error(`the Move package does not compile:\n${run.stdout}${run.stderr}`);
  return JSON.parse(json) as Record<string, MoveModuleAbi>;
}

/** The interfaces of the package's modules, by module name. Throws Error with the diagnostics if it does not compile. */
export function moveAbi(): Promise<Record<string, MoveModuleAbi>> {
  return withCopy((_copy, native) => abiOf(native));
}

/** Names of the functions that were called, by module. */
async function reachedFunctions(copy: string): Promise<Map<string, ReadonlySet<string>>> {
  const map = CoverageMap.parse(await readFile(join(copy, '.coverage_map.mvcov')));
  const reached = new Map<string, ReadonlySet<string>>();
  for (const { module_maps: modules } of map.exec_maps.values()) {
    for (const [[, name], { function_maps: functions }] of modules) reached.set(name, new Set(functions.keys()));
  }
  return reached;
}

function percentOf(output: string, module: string): number {
  const found = new RegExp(`::${module}\\n>>> % Module coverage: ([0-9.]+)`).exec(output);
  return Number(found?.[1] ?? 0);
}

export interface MoveTestOptions {
  /** Only tests whose name contains it; all for an empty one. */
  readonly filter?: string;
  /** Further test files, by name. */
  readonly extraTests?: Readonly<Record<string, string>>;
}

/**
 * Compiles sources and tests, runs the tests and says how they went. Throws Error with the diagnostics when the code does not compile or the run breaks off.
 */
export function runMoveTests({ filter = '', extraTests = {} }: MoveTestOptions = {}): Promise<MoveTestReport> {
  return withCopy(async (copy, native) => {
    for (const [name, source] of Object.entries(extraTests)) await writeFile(join(copy, 'tests', name), source);
    const built = await native('build');
    if (built.code !== 0) throw new Error(`the Move package does not compile:\n${built.stdout}${built.stderr}`);
    const run = await native('test', filter);
    const total = /Total tests: (\d+); passed: (\d+); failed: (\d+)/.exec(run.stdout);
    if (total === null) throw new Error(`the Move tests broke off:\n${run.stdout}${run.stderr}`);
    const [tests, passed, failed] = [Number(total[1]), Number(total[2]), Number(total[3])];
    // The test run does not know Aptos's attributes and warns of them; the build knows them, so its word counts.
    return { tests, passed, failed, warnings: warningsIn(built.stderr), output: run.stdout };
  });
}

/**
 * How far the tests reach. The long random sequences (`*_model_tests.move`) are left out, because every
 * instruction is written down: the figures are what the other tests reach alone.
 */
export function moveCoverage(): Promise<ModuleCoverage[]> {
  return withCopy(async (copy, native) => {
    for (const name of await readdir(join(copy, 'tests'))) {
      if (name.endsWith('_model_tests.move')) await rm(join(copy, 'tests', name));
    }
    const built = await native('build');
    const run = await native('coverage');
    if (built.code !== 0 || run.code !== 0) throw new Error(`the Move tests failed:\n${run.stdout}${run.stderr}`);
    const reached = await reachedFunctions(copy);
    return Object.values(await abiOf(native)).map(({ name, exposed_functions: exposed }) => ({
      module: name,
      percent: percentOf(run.stdout, name),
      functions: exposed.map((fn) => fn.name),
      unreached: exposed.map((fn) => fn.name).filter((fn) => reached.get(name)?.has(fn) !== true),
    }));
  });
}
