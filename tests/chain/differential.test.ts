/** The sandbox chain keeps to the compiled contracts: the same random calls end the same, refusals and all. */
import { beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT, createWorld, moveModule, play, type World } from './differential.ts';
import { type ChainPlayed, compareViews, playOverChain } from './differential-chain.ts';
import { BEGINNING, dice, nextStep, viewsOf } from './differential-steps.ts';
import { moveAbi, type MoveTestReport, runMoveTests } from '../../move/harness.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7];
const STEPS = 200;
/** A sequence of its own, played over the chain: signed, submitted, committed. */
const CHAIN_SEED = 9;

const worlds = new Map<number, World>();
let overChain: ChainPlayed;
let report: MoveTestReport;
let expectedTests = 0;

beforeAll(async () => {
  const extraTests: Record<string, string> = {};
  const told = new Set<string>();
  for (const seed of SEEDS) {
    const [world, roll] = [createWorld(), dice(seed)];
    for (const step of BEGINNING) play(world, step);
    for (let count = 0; count < STEPS; count += 1) play(world, nextStep(roll, world));
    worlds.set(seed, world);
  }
  overChain = await playOverChain(dice(CHAIN_SEED), STEPS);
  worlds.set(CHAIN_SEED, overChain.rules);
  for (const [seed, world] of worlds) {
    const { source, tests } = moveModule(world, `differential_${seed}_tests`, viewsOf(world), told);
    extraTests[`differential_${seed}_tests.move`] = source;
    expectedTests += tests;
  }
  report = await runMoveTests({ filter: 'differential_', extraTests });
}, 300_000);

describe('random sequences', () => {
  it('end on the compiled contracts as they end in the sandbox, with the same aborts', () => {
    expect(report.output.split('\n').filter((line) => /\[ (FAIL|TIMEOUT)/.test(line))).toEqual([]);
    expect(report.tests).toBe(expectedTests);
    expect(report.passed).toBe(expectedTests);
  });

  it('over the chain come to the same, transaction by transaction, and its views answer the same at the end', async () => {
    expect(overChain.differences).toEqual([]);
    const { asked, different } = await compareViews(overChain, viewsOf(overChain.rules));
    expect(different).toEqual([]);
    // Views of whole terms and of a few limits our client does not ask for.
    expect([asked > 60, overChain.transactions > 150]).toEqual([true, true]);
  });

  it('carry out and refuse enough for that to mean something', () => {
    const played = [...worlds.values()].flatMap((world) => world.played);
    const calls = played.filter(({ step }) => step.kind === 'call');
    const done = new Set(calls.flatMap(({ step, result }) => (result.kind === 'done' && step.kind === 'call' ? [step.fn] : [])));
    const aborts = new Set(calls.flatMap(({ result }) => (result.kind === 'aborted' ? [`${result.location} ${result.code}`] : [])));
    expect(calls.filter(({ result }) => result.kind === 'done').length).toBeGreaterThan(200);
    expect(done.size).toBeGreaterThan(35);
    expect(aborts.size).toBeGreaterThan(45);
    // A batch into which less arrived than was sent is among them.
    expect(aborts).toContain(`${CONTRACT}::settlement ${0x30031}`);
  });
});

it('events of the sandbox have the fields of their structs', async () => {
  const abi = await moveAbi();
  const shapes = new Map(
    Object.values(abi).flatMap(({ name, structs }) =>
      structs.map((struct) => [`${name}::${struct.name}`, struct.fields.map((field) => field.name)]),
    ),
  );
  const events = [...worlds.values()].flatMap((world) => world.events);
  const seen = new Set<string>();
  for (const { type, data } of events) {
    const name = type.split('::').slice(1).join('::');
    seen.add(name);
    expect([name, Object.keys(data)]).toEqual([name, shapes.get(name)]);
  }
  expect(seen.size).toBeGreaterThan(25);
}, 120_000);
