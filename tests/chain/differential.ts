/**
 * Random sequences of calls, run by the sandbox chain and written down as Move tests: what the sandbox carried out the
 * contracts must carry out, what it refused they must refuse with the same code in the same module, and at the end every view
 * must answer the same.
 */
import { assertArguments, ENTRIES, VIEWS } from '../../sandbox/aptos/functions.ts';
import { createAsset, mint, setFrozen, setTax } from '../../sandbox/aptos/fungible.ts';
import { callAs, emptyLedger } from '../../sandbox/aptos/genesis.ts';
import type { Ledger } from '../../sandbox/aptos/ledger.ts';
import { poolAddress } from '../../sandbox/aptos/pool-state.ts';
import {
  Abort,
  addressOf,
  type ChainEvent,
  commit,
  ExecutionFailure,
  type Frame,
  namedObjectAddress,
  openFrame,
  textHex,
  type Value,
} from '../../sandbox/aptos/vm.ts';

/** The address that the package has in its tests. */
export const CONTRACT = addressOf('0xca99');
const START_SECS = 1_700_000_000n;
export const ASSET = namedObjectAddress(CONTRACT, textHex('KES'));
export const POOL = poolAddress(CONTRACT, ASSET);

export const PEOPLE = {
  admin: CONTRACT,
  settler: addressOf('0xa1'),
  guardian: addressOf('0xa2'),
  treasury: addressOf('0xa3'),
  regulator: addressOf('0xa4'),
  reporter: addressOf('0xa5'),
  alice: addressOf('0xb1'),
  bob: addressOf('0xb2'),
  mallory: addressOf('0xbad'),
} as const;

export type Step =
  | { readonly kind: 'call'; readonly signer: string; readonly fn: string; readonly args: readonly Value[] }
  | { readonly kind: 'pass'; readonly secs: bigint }
  | { readonly kind: 'freeze'; readonly owner: string; readonly frozen: boolean }
  | { readonly kind: 'tax'; readonly owner: string; readonly units: bigint };

export type Result =
  | { readonly kind: 'done' }
  | { readonly kind: 'aborted'; readonly location: string; readonly code: bigint }
  | { readonly kind: 'arithmetic'; readonly location: string };

export interface Played {
  readonly step: Step;
  readonly result: Result;
}

/** A chain as `fixture::new_pool` leaves it. */
export interface World {
  readonly ledger: Ledger;
  nowSecs: bigint;
  readonly played: Played[];
  readonly events: ChainEvent[];
}

export function createWorld(): World {
  const ledger = emptyLedger(CONTRACT, 4);
  const frame = openFrame(ledger.state, CONTRACT, START_SECS);
  const roles = [
    ...([1n, 2n, 3n] as const).map((role) => ['liquidity_pool', role] as const),
    ...([1n, 2n] as const).map((role) => ['settlement', role] as const),
  ];
  const holders = [PEOPLE.settler, PEOPLE.guardian, PEOPLE.treasury];
  for (const [module, role] of roles) handOn(frame, module, role, holders[Number(role) - 1] ?? '');
  handOn(frame, 'compliance_registry', 1n, PEOPLE.regulator);
  handOn(frame, 'compliance_registry', 2n, PEOPLE.reporter);
  createAsset(frame, ASSET, { name: 'Shilling', symbol: 'KES', decimals: 2n });
  callAs(frame, CONTRACT, 'liquidity_pool::create_pool', ASSET, 1_000_000n, 600_000n, 500_000n, 200_000n, 86_400n, 3_600n, 1_000n);
  for (const owner of [PEOPLE.alice, PEOPLE.bob, PEOPLE.settler]) mint(frame, owner, ASSET, 1_000_000n);
  commit(ledger.state, frame);
  return { ledger, nowSecs: START_SECS, played: [], events: [] };
}

function handOn(frame: Frame, module: string, role: bigint, holder: string): void {
  callAs(frame, CONTRACT, `${module}::offer_role`, role, holder);
  callAs(frame, holder, `${module}::accept_role`, role);
}

/** Plays one step on the sandbox's rules. */
export function play(world: World, step: Step): Result {
  const result = carryOut(world, step);
  world.played.push({ step, result });
  return result;
}

function carryOut(world: World, step: Step): Result {
  if (step.kind === 'pass') {
    world.nowSecs += step.secs;
    return { kind: 'done' };
  }
  const frame = openFrame(world.ledger.state, CONTRACT, world.nowSecs);
  try {
    if (step.kind === 'freeze') setFrozen(frame, step.owner, ASSET, step.frozen);
    else if (step.kind === 'tax') setTax(frame, step.owner, ASSET, step.units);
    else {
      const [module = '', name = ''] = step.fn.split('::');
      const entry = ENTRIES[module]?.[name];
      if (entry === undefined) throw new RangeError(`there is no ${step.fn}`);
      assertArguments(frame, entry.params, step.args);
      entry.run(frame, step.signer, step.args as unknown as readonly never[]);
    }
    commit(world.ledger.state, frame);
    world.events.push(...frame.events);
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof Abort) return { kind: 'aborted', location: error.location, code: error.code };
    if (error instanceof ExecutionFailure) return { kind: 'arithmetic', location: error.location };
    throw error;
  }
}

/** A value of Move source. */
function literal(type: string, value: Value): string {
  const list = (inner: string): string => `vector<${inner}>[${(value as readonly Value[]).map((each) => literal(inner, each)).join(', ')}]`;
  if (type === 'vector<u8>') return `x"${value as string}"`;
  const inner = /^vector<(.+)>$/.exec(type)?.[1];
  if (inner !== undefined) return list(inner);
  const object = /^object<(\w+)>$/.exec(type)?.[1];
  if (object !== undefined) return `object::address_to_object<${object}>(@${value as string})`;
  if (type === 'address') return `@${value as string}`;
  return typeof value === 'bigint' ? `${value}${type}` : String(value === true);
}

function statement(step: Step): string {
  if (step.kind === 'pass') return `fixture::pass(${step.secs});`;
  if (step.kind === 'freeze') return `fixture::freeze_store(${literal('object<Metadata>', ASSET)}, @${step.owner}, ${step.frozen});`;
  if (step.kind === 'tax') {
    const store = `primary_fungible_store::ensure_primary_store_exists(@${step.owner}, ${literal('object<Metadata>', ASSET)})`;
    return `fungible_asset::tax_deposits(${store}, ${step.units});`;
  }
  const [module = '', name = ''] = step.fn.split('::');
  const { signs = false, params = [] } = ENTRIES[module]?.[name] ?? {};
  const args = params.map((param, index) => literal(param, step.args[index] ?? null));
  return `${step.fn}(${[...(signs ? [`&fixture::signer_of(@${step.signer})`] : []), ...args].join(', ')});`;
}

export interface ViewCall {
  readonly fn: string;
  readonly args: readonly Value[];
}

/** What a view answers by the rules. */
export function answerOf(world: World, { fn, args }: ViewCall): readonly Value[] {
  const [module = '', name = ''] = fn.split('::');
  const view = VIEWS[module]?.[name];
  if (view === undefined) throw new RangeError(`there is no ${fn}`);
  return view.read(openFrame(world.ledger.state, CONTRACT, world.nowSecs), args as unknown as readonly never[]);
}

/** What the view answers, as statements that abort when the contracts answer otherwise. */
function viewChecks(world: World, fn: string, args: readonly Value[]): string[] {
  const [module = '', name = ''] = fn.split('::');
  const view = VIEWS[module]?.[name];
  if (view === undefined) throw new RangeError(`there is no ${fn}`);
  const answer = answerOf(world, { fn, args });
  const call = `${fn}(${view.params.map((param, index) => literal(param, args[index] ?? null)).join(', ')})`;
  const names = answer.map((_, index) => `v${index}`);
  const asserts = answer.map((value, index) => `assert!(v${index} == ${literal(view.returns[index] ?? '', value)}, 77);`);
  return [`let ${names.length === 1 ? names[0] : `(${names.join(', ')})`} = ${call};`, ...asserts];
}

const LOCATIONS: Readonly<Record<string, string>> = {
  [addressOf('0x1')]: 'aptos_framework',
  [CONTRACT]: 'capp',
};

function locationOf(text: string): string {
  const [address = '', module = ''] = text.split('::');
  return `${LOCATIONS[address] ?? address}::${module}`;
}

/** The Move module that repeats what the sandbox did, and the number of its tests. `told` are refusals that have a test already. */
export function moveModule(world: World, name: string, views: readonly ViewCall[], told: Set<string>): { source: string; tests: number } {
  const functions: string[] = [];
  const calls: string[] = [];
  const tests: string[] = [];
  // Each test replays all before it: one for every way in which a function is refused is enough.
  const isNews = (step: Step, result: Result): boolean => {
    const what = `${step.kind === 'call' ? step.fn : step.kind} ${result.kind === 'aborted' ? result.code : ''}`;
    return !told.has(what) && told.add(what).size > 0;
  };
  world.played.forEach(({ step, result }, index) => {
    functions.push(`fun step_${index}() {\n${statement(step)}\n}`);
    if (result.kind === 'done') calls.push(`if (upto > ${index}) step_${index}();`);
    else if (isNews(step, result)) {
      const reason = result.kind === 'aborted' ? `abort_code = 0x${result.code.toString(16)}` : 'arithmetic_error';
      const attribute = `#[expected_failure(${reason}, location = ${locationOf(result.location)})]`;
      tests.push(`#[test]\n${attribute}\nfun refused_${index}() {\nrun(${index});\nstep_${index}();\n}`);
    }
  });
  const checks = views.map((view, index) => `fun view_${index}() {\n${viewChecks(world, view.fn, view.args).join('\n')}\n}`);
  const source = [
    `#[test_only]\nmodule capp::${name} {`,
    'use aptos_framework::fungible_asset::{Self, Metadata};\nuse aptos_framework::object;\nuse aptos_framework::primary_fungible_store;',
    'use capp::compliance_registry;\nuse capp::fixture;\nuse capp::liquidity_pool::{Self, Pool};\nuse capp::settlement::{Self, Batch};',
    `fun run(upto: u64) {\nfixture::new_pool();\n${calls.join('\n')}\n}`,
    ...functions,
    ...checks,
    `#[test]\nfun same_end() {\nrun(${world.played.length});\n${views.map((_, index) => `view_${index}();`).join('\n')}\n}`,
    ...tests,
    '}',
  ].join('\n');
  return { source, tests: tests.length + 1 };
}
