/**
 * Figures of processes under one supervisor. Prometheus reaches one of those that share the API's port, and must not see that there are
 * several: the one it reaches asks the supervisor, which asks each of them and each worker for what it has counted and hands all of it back.
 */
import type { ChildProcess } from 'node:child_process';
import { AggregatorRegistry, Gauge, type MetricObject, Registry } from 'prom-client';

/** What a process sends: it asks for the figures of all, or tells its own, for the question of that number. */
export type FiguresMessage =
  | { readonly kind: 'ask'; readonly id: number }
  | { readonly kind: 'told'; readonly id: number; readonly figures: readonly MetricObject[] };

/** What a process hears: it is asked for its own figures, or answered with those of all. */
type SupervisorMessage =
  | { readonly kind: 'ask'; readonly id: number }
  | { readonly kind: 'all'; readonly id: number; readonly figures: Figures | null; readonly silent: number };

type Answer = Extract<SupervisorMessage, { kind: 'all' }>;

/** Of each process. */
type Figures = readonly (readonly MetricObject[])[];

/**
 * Of a process that has not told its figures by then those that it told last count, and it is not waited for again until it has answered;
 * while there are none, there is no sum.
 */
const TELL_MS_MAX = 2_000;

const send = (message: FiguresMessage): void => void (process.connected && process.send?.(message));

/** In a process that nobody scrapes: tells its figures whenever it is asked. */
export function tellFigures(own: Registry): void {
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind !== 'ask') return;
    void own.getMetricsAsJSON().then((figures) => send({ kind: 'told', id: message.id, figures }));
  });
}

/** In a process: gives the sum of its own registry and those of the processes beside it, where it can be told now, and how many were silent. */
export function sumOfAll(own: Registry): () => Promise<string> {
  if (process.send === undefined) return () => own.metrics();
  const waiting = new Map<number, (answer: Pick<Answer, 'figures' | 'silent'>) => void>();
  const registry = new Registry();
  const silence = new Gauge({
    name: 'capp_processes_silent',
    help: 'Processes that did not tell their figures in time: those that they told last are in the sums.',
    registers: [registry],
  });
  let lastId = 0;
  tellFigures(own);
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind !== 'all') return;
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  return async () => {
    lastId += 1;
    const id = lastId;
    const { figures, silent } = await new Promise<Pick<Answer, 'figures' | 'silent'>>((resolve) => {
      waiting.set(id, resolve);
      send({ kind: 'ask', id });
    });
    silence.set(silent);
    if (figures === null) return registry.metrics();
    const sum = await AggregatorRegistry.aggregate(figures as MetricObject[][]).metrics();
    return `${sum}${await registry.metrics()}`;
  };
}

/** The supervisor's part. */
export interface FiguresExchange {
  /** A process is ready, and counts from now on. */
  join(child: ChildProcess): void;
  hear(child: ChildProcess, message: FiguresMessage): void;
}

/** Makes the exchange among the processes of a supervisor. */
export function createFiguresExchange(): FiguresExchange {
  const members = new Set<ChildProcess>();
  const lastTold = new WeakMap<ChildProcess, readonly MetricObject[]>();
  /** Who has not answered since they were given up. */
  const silent = new Set<ChildProcess>();
  const questions = new Map<number, { readonly told: Map<ChildProcess, readonly MetricObject[]>; settle(): void }>();
  let lastQuestion = 0;

  function ask(asker: ChildProcess, id: number): void {
    lastQuestion += 1;
    const question = lastQuestion;
    const told = new Map<ChildProcess, readonly MetricObject[]>();
    const answer = (): void => {
      clearTimeout(timer);
      questions.delete(question);
      const figures = [...members].map((member) => told.get(member) ?? lastTold.get(member) ?? null);
      const known = figures.filter((each) => each !== null);
      const answered: Answer = {
        kind: 'all',
        id,
        figures: known.length < figures.length ? null : known,
        silent: [...members].filter((member) => !told.has(member)).length,
      };
      if (asker.connected) asker.send(answered);
    };
    const timer = setTimeout(() => {
      for (const member of members) if (!told.has(member)) silent.add(member);
      answer();
    }, TELL_MS_MAX);
    const settle = (): void => {
      if ([...members].every((member) => told.has(member) || silent.has(member))) answer();
    };
    questions.set(question, { told, settle });
    for (const member of members) if (member.connected) member.send({ kind: 'ask', id: question } satisfies SupervisorMessage);
  }

  return {
    join: (child) => {
      members.add(child);
      child.once('exit', () => {
        members.delete(child);
        silent.delete(child);
        for (const question of questions.values()) question.settle();
      });
    },
    hear: (child, message) => {
      if (message.kind === 'ask') return ask(child, message.id);
      const question = questions.get(message.id);
      lastTold.set(child, message.figures);
      silent.delete(child);
      question?.told.set(child, message.figures);
      question?.settle();
    },
  };
}
