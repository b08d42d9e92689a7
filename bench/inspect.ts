/**
 * A look into a process of Node's that runs, through its own inspector: what it holds in memory, and which timers it has. The
 * process opens the inspector on the loopback address when it is sent SIGUSR1.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Inspected {
  /** Evaluates an expression there and gives its value. */
  evaluate(expression: string): Promise<unknown>;
  /** Bytes of objects that are in use, after those that are not were cleared away. */
  heapBytes(): Promise<number>;
  close(): void;
}

const OPENS_WITHIN_MS = 30_000;
const POLL_MS = 100;

/** The setting that makes Node listen on this port once it is asked to. */
export function inspectorSetting(port: number): string {
  return `--inspect-port=127.0.0.1:${port}`;
}

/** Opens the inspector of a process that was started with `inspectorSetting(port)`. */
export async function inspect(pid: number, port: number): Promise<Inspected> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await addressOf(port));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector takes no connection')), { once: true });
  });
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let count = 0;
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: { message: string } };
    const asked = waiting.get(id ?? -1);
    if (asked === undefined) return;
    waiting.delete(id ?? -1);
    if (error === undefined) asked.resolve(result);
    else asked.reject(new Error(error.message));
  });
  socket.addEventListener('close', () => {
    for (const asked of waiting.values()) asked.reject(new Error('the inspector is gone'));
  });
  const call = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, { resolve, reject });
      socket.send(JSON.stringify({ id: count, method, params }));
    });
  return {
    evaluate: async (expression) => {
      const { result, exceptionDetails } = (await call('Runtime.evaluate', { expression, returnByValue: true })) as {
        result: { value?: unknown };
        exceptionDetails?: unknown;
      };
      if (exceptionDetails !== undefined) throw new Error(`the process cannot evaluate ${expression}`);
      return result.value;
    },
    heapBytes: async () => {
      await call('HeapProfiler.collectGarbage');
      return ((await call('Runtime.getHeapUsage')) as { usedSize: number }).usedSize;
    },
    close: () => socket.close(),
  };
}

async function addressOf(port: number): Promise<string> {
  const untilMs = performance.now() + OPENS_WITHIN_MS;
  for (;;) {
    const listed = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => null);
    const [target] = listed === null ? [] : ((await listed.json()) as { webSocketDebuggerUrl: string }[]);
    if (target !== undefined) return target.webSocketDebuggerUrl;
    if (performance.now() > untilMs) throw new Error('the process does not open its inspector');
    await delay(POLL_MS);
  }
}
