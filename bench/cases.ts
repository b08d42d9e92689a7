/**
 * Flagged payments: how many threads of the case graph a second go from the evidence to the verdict, kept by our own
 * saver and by LangGraph's, in turns. What a case reads and what follows from its verdict are left out, so that
 * what is measured is the graph and its checkpoints.
 */
import pg from 'pg';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import { newId } from '../domain/ids.ts';
import { actionDigest } from '../domain/cases.ts';
import { answerCase, buildCaseGraph, type CaseGraph, runCase } from '../graph/case/case-graph.ts';
import { CaseCheckpointer } from '../graph/case/checkpointer.ts';
import { strictSerde } from '../graph/case/serde.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { type Finding, figure, type Spread, spread, spreadOf } from './finding.ts';
import { startMeter } from './meters.ts';
import { openWorld, type World } from './world.ts';

export interface CasesBenchOptions {
  readonly rounds: number;
  /** Cases in one round of each kind. */
  readonly cases: number;
  /** Cases under way at once. */
  readonly atOnce: number;
  readonly leastRatio: number;
}

const EVIDENCE_DIGEST = 'e'.repeat(64);
/** Where the library's saver keeps its tables. */
const LIBRARY_SCHEMA = 'library_saver';

interface Kind {
  readonly name: string;
  readonly graph: CaseGraph;
  /** Cases whose verdict was put into effect, and how often. */
  readonly applied: Map<string, number>;
}

interface Round {
  readonly perSecond: number;
  /** CPU milliseconds per case, node and PostgreSQL together. */
  readonly cpuMs: number;
}

/** Runs the bench. Fails below the least ratio, or when a case was not decided exactly once. */
export async function runCasesBench(options: CasesBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const world = await openWorld({ connections: 4 });
  const connections = new pg.Pool({ connectionString: world.url, max: options.atOnce });
  // The server ends while connections that were told to end may still be ending.
  connections.on('error', () => undefined);
  try {
    const library = new PostgresSaver(connections, strictSerde, { schema: LIBRARY_SCHEMA });
    await library.setup();
    const kinds = [kindOf('our saver', new CaseCheckpointer(world.pool)), kindOf("the library's", library)] as const;
    for (const kind of kinds) await measure(world, kind, { ...options, cases: options.atOnce * 4 });
    const rounds = kinds.map((): Round[] => []);
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const [index, kind] of kinds.entries()) {
        const measured = await measure(world, kind, options);
        rounds[index]?.push(measured);
        tell(
          `round ${round}  ${kind.name.padEnd(14)} ${figure(measured.perSecond).padStart(6)} cases/s   CPU ${figure(measured.cpuMs)} ms each`,
        );
      }
    }
    return await conclude(world, options, kinds, rounds, tell);
  } finally {
    await connections.end();
    await world.close();
  }
}

function kindOf(name: string, checkpointer: CaseCheckpointer | PostgresSaver): Kind {
  const applied = new Map<string, number>();
  const graph = buildCaseGraph({
    checkpointer,
    readCase: async () => ({ round: 1, evidenceDigest: EVIDENCE_DIGEST, approvalsNeeded: 1 }),
    applyVerdict: async ({ caseId }) => {
      applied.set(caseId, (applied.get(caseId) ?? 0) + 1);
      return 'applied';
    },
  });
  return { name, graph, applied };
}

async function measure(world: World, kind: Kind, { cases, atOnce }: Pick<CasesBenchOptions, 'cases' | 'atOnce'>): Promise<Round> {
  let left = cases;
  const stop = startMeter(world.postgresPid);
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await decideOne(kind.graph);
      }
    }),
  );
  const used = stop();
  return { perSecond: cases / used.seconds, cpuMs: ((used.node + used.postgres) / cases) * 1_000 };
}

/** A case from its first step over the pause to its end: what is resumed is read from the database, as another process would. */
async function decideOne(graph: CaseGraph): Promise<void> {
  const start = { caseId: newId(), paymentId: newId() };
  await runCase(graph, start);
  const said = {
    verdict: 'release',
    reasonCode: 'false_positive',
    paymentId: start.paymentId,
    evidenceDigest: EVIDENCE_DIGEST,
    round: 1,
  } as const;
  const answer = { decisionId: newId(), officer: 'officer:bench', ...said, actionDigest: actionDigest({ caseId: start.caseId, ...said }) };
  await answerCase(graph, start.caseId, answer);
}

async function conclude(
  world: World,
  options: CasesBenchOptions,
  kinds: readonly [Kind, Kind],
  rounds: readonly Round[][],
  tell: (line: string) => void,
): Promise<Finding> {
  const [ours = [], library = []] = rounds;
  const ratios = spreadOf(ours.map((round, index) => round.perSecond / (library[index]?.perSecond ?? Number.NaN)));
  const of = (measured: readonly Round[], pick: (round: Round) => number): Spread => spreadOf(measured.map(pick));
  const figures = Object.fromEntries(
    kinds.map(({ name }, index) => {
      const measured = rounds[index] ?? [];
      return [name, { perSecond: of(measured, (round) => round.perSecond), cpuMs: of(measured, (round) => round.cpuMs) }];
    }),
  );
  for (const [name, { perSecond, cpuMs }] of Object.entries(figures))
    tell(`${name}: ${spread(perSecond)} cases/s, CPU ${spread(cpuMs)} ms each`);
  tell(`ratio: ${spread(ratios)} times as many cases/s`);
  const counts = kinds.flatMap(({ applied }) => [...applied.values()]);
  const asked = kinds.length * (options.rounds * options.cases + 4 * options.atOnce);
  const violations = await checkBooks(world.pool);
  tell(`${figure(counts.length)} cases decided, ${counts.filter((times) => times > 1).length} more than once`);
  tell(`books: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
  return {
    bench: 'cases',
    figures: {
      ratio: ratios.median,
      ratios,
      kinds: figures,
      decided: counts.length,
      options,
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...(counts.length === asked ? [] : [`${asked - counts.length} cases were not decided`]),
      ...(counts.every((times) => times === 1) ? [] : ['a verdict was put into effect twice']),
      ...(ratios.median < options.leastRatio ? [`the ratio is ${figure(ratios.median)}, less than ${options.leastRatio}`] : []),
      ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
    ],
  };
}
