/**
 * Figures of processes under one supervisor. Prometheus reaches one of those that share the API's port, and must not see that there are
 * several: the one it reaches asks the supervisor, which asks each of them and each worker for what it has counted and hands all of it back.
 */
import type { ChildProcess } from 'node:child_process';
import { AggregatorRegistry, type MetricObject, type Registry } from 'prom-client';

/** What a process sends: it asks for the figures of all, or tells its own, for the question of that number. */
export type FiguresMessage =
  | { readonly kind: 'ask'; readonly id: number }
  | { readonly kind: 'told'; readonly id: number; readonly figures: readonly MetricObject[] };

/** What a process hears: it is asked for its own figures, or answered with those of all. */
type SupervisorMessage =
  | { readonly kind: 'ask'; readonly id: number }
  | { readonly kind: 'all'; readonly id: number; readonly figures: readonly (readonly MetricObject[])[] | null };

/** Of a process that has not told its figures by then those that it told last count; while there are none, there is no sum. */
const TELL_MS_MAX = 2_000;

const send = (message: FiguresMessage): void => void (process.connected && process.send?.(message));

/** In a process that nobody scrapes: tells its figures whenever it is asked. */
export function tellFigures(own: Registry): void {
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind !== 'ask') return;
    void own.getMetricsAsJSON().then((figures) => send({ kind: 'told', id: message.id, figures }));
  });
}

/** In a process: gives the sum of its own registry and those of the processes beside it; null when it cannot be told now. */
export function sumOfAll(own: Registry): () => Promise<string | null> {
  if (process.send === undefined) return () => own.metrics();
  const waiting = new Map<number, (figures: readonly (readonly MetricObject[])[] | null) => void>();
  let lastId = 0;
  tellFigures(own);
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind !== 'all') return;
    waiting.get(message.id)?.(message.figures);
    waiting.delete(message.id);
  });
  return async () => {
    lastId += 1;
    const id = lastId;
    const figures = await new Promise<readonly (readonly MetricObject[])[] | null>((resolve) => {
      waiting.set(id, resolve);
      send({ kind: 'ask', id });
    });
    return figures === null ? null : AggregatorRegistry.aggregate(figures as MetricObject[][]).metrics();
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
  const questions = new Map<number, { readonly told: Map<ChildProcess, readonly MetricObject[]>; settle(): void }>();
  let lastQuestion = 0;

  function ask(asker: ChildProcess, id: number): void {
    lastQuestion += 1;
    const question = lastQuestion;
    const told = new Map<ChildProcess, readonly MetricObject[]>();
    const answer = (figures: readonly (readonly MetricObject[])[] | null): void => {
      clearTimeout(timer);
      questions.delete(question);
      if (asker.connected) asker.send({ kind: 'all', id, figures } satisfies SupervisorMessage);
    };
    const timer = setTimeout(() => {
      const figures = [...members].map((member) => told.get(member) ?? lastTold.get(member) ?? null);
      answer(figures.some((each) => each === null) ? null : figures.flatMap((each) => (each === null ? [] : [each])));
    }, TELL_MS_MAX);
    questions.set(question, {
      told,
      settle: () => {
        if ([...members].every((member) => told.has(member))) answer([...told.values()]);
      },
    });
    for (const member of members) if (member.connected) member.send({ kind: 'ask', id: question } satisfies SupervisorMessage);
  }

  return {
    join: (child) => {
      members.add(child);
      child.once('exit', () => {
        members.delete(child);
        for (const question of questions.values()) question.settle();
      });
    },
    hear: (child, message) => {
      if (message.kind === 'ask') return ask(child, message.id);
      const question = questions.get(message.id);
      lastTold.set(child, message.figures);
      question?.told.set(child, message.figures);
      question?.settle();
    },
  };
}
