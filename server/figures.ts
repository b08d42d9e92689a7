/**
 * Figures of API processes that share a port. Prometheus reaches one of them, and must not see that there are several:
 * the one it reaches asks the supervisor, which adds up what each has counted.
 */
import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';

interface FiguresAnswer {
  readonly kind: 'figures';
  readonly id: number;
  /** Null when a process did not answer in time. */
  readonly text: string | null;
}

/** In a process: gives the sum of its own registry and those of the processes it shares its port with; null when it cannot be told now. */
export function sumOfAll(own: Registry): () => Promise<string | null> {
  if (!cluster.isWorker) return () => own.metrics();
  AggregatorRegistry.setRegistries(own);
  // Made for its listener, which answers when the supervisor asks.
  new AggregatorRegistry();
  const waiting = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  process.on('message', (message: FiguresAnswer) => {
    if (message.kind !== 'figures') return;
    waiting.get(message.id)?.(message.text);
    waiting.delete(message.id);
  });
  return () =>
    new Promise((resolve) => {
      lastId += 1;
      waiting.set(lastId, resolve);
      process.send?.({ kind: 'figures', id: lastId });
    });
}

let all: AggregatorRegistry<typeof AggregatorRegistry.PROMETHEUS_CONTENT_TYPE> | null = null;

/** In the supervisor: answers a process that asked. Of processes that are starting or ending nothing is counted. */
export async function answerFigures(child: ChildProcess, id: number): Promise<void> {
  all ??= new AggregatorRegistry();
  const text = await all.clusterMetrics().catch(() => null);
  const answer: FiguresAnswer = { kind: 'figures', id, text };
  if (child.connected) child.send(answer);
}
