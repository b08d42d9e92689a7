/**
 * What every process under the supervisor has in common: it says when it is ready or why it is not,
 * ends gracefully when told to or when its supervisor is gone, and never hangs on the way out.
 */
import { isFault } from '../../domain/errors.ts';
import type { CrowdMessage } from '../crowd.ts';
import type { FiguresMessage } from '../figures.ts';

/** What a child tells its supervisor. */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly detail: Readonly<Record<string, string | number>> }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }
  | FiguresMessage
  | CrowdMessage;

export interface Running {
  /** Told to the supervisor: the address served, for example. */
  readonly detail?: Readonly<Record<string, string | number>>;
  stop(): Promise<void>;
}

const STOP_MS_MAX = 10_000;

/** Starts the process's work and sees it to its end. */
export async function runChild(start: () => Promise<Running>): Promise<void> {
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    const failed: ChildMessage = isFault(error)
      ? { kind: 'failed', code: error.code, detail: error.detail }
      : { kind: 'failed', code: 'internal', detail: error instanceof Error ? `${error.name} at start` : 'unknown error at start' };
    if (process.env['CAPP_DEBUG'] === '1') process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    // Under a supervisor the supervisor speaks; alone, the process says itself why it cannot start.
    if (process.send === undefined) process.stderr.write(`capp: ${failed.code}: ${failed.detail.replaceAll(/\s+/g, ' ')}\n`);
    await tell(failed);
    if (isOrphan()) endAtExit();
    process.exit(2);
  }
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  const stopAlone = (): void => {
    endAtExit();
    stop();
  };
  process.on('SIGTERM', stop);
  // Ctrl-C and a closed terminal reach the whole group; the supervisor decides in which order its children end.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('disconnect', stopAlone);
  // A supervisor that died during the start is not told of any more.
  if (isOrphan()) return stopAlone();
  await tell({ kind: 'ready', detail: running.detail ?? {} });
}

/**
 * Makes any exit the last act, one for an error that nobody caught included: log lines that nobody reads any more end in such errors.
 * An exit can wait for ever for a thread of the compiler (nodejs/node#54918): a supervisor kills a child that is late, a process that
 * outlived its supervisor kills itself, after all others have heard of the exit.
 */
function endAtExit(): void {
  process.once('exit', () => process.kill(process.pid, 'SIGKILL'));
}

function isOrphan(): boolean {
  return process.send !== undefined && !process.connected;
}

function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
