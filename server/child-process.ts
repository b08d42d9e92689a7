/** One process under the supervisor: launched, watched, started again when it dies, stopped when told. */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, ERRORS, fault } from '../domain/errors.ts';
import type { CrowdMessage } from './crowd.ts';
import type { FiguresExchange } from './figures.ts';
import { giveWay } from './priorities.ts';
import type { ChildMessage } from './processes/child.ts';

/** Room for young objects, MB: a request or a cohort that ends within it costs the collector nothing. */
const NURSERY = '--max-semi-space-size=64';

export interface ChildOptions {
  readonly name: string;
  /** Path of the entry point, relative to this file. */
  readonly module: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By how much it gives way to others on the processor, 0 to 19; not at all unless told. */
  readonly niceness?: number;
  /** Shares its figures with the others. */
  readonly figures?: FiguresExchange;
  /** Hears that a crowd waits for its answers. */
  readonly onCrowd?: () => void;
  /** Hears that it died without being told to, and is up again. */
  readonly onRestart?: () => void;
  /** Where its output is kept, one file per name. */
  readonly logDir: string;
}

export interface Child {
  readonly name: string;
  /** Resolves with what the process told when it was ready; throws the fault it failed with at its first start. */
  ready(): Promise<Readonly<Record<string, string | number>>>;
  /** SIGKILL, at once; says whether there was a process to kill that had got ready. */
  kill(): boolean;
  /** Tells the process something, when it is up. */
  tell(message: CrowdMessage): void;
  /** How often it died without being told to. */
  deaths(): number;
  /** SIGTERM, and SIGKILL for one that does not end in time. */
  stop(): Promise<void>;
}

const STOP_MS_MAX = 12_000;
/** A process that dies at once is not started again at once; milliseconds. */
const RESTART_DELAY_MS = 200;
const RESTART_DELAY_MS_MAX = 10_000;

/** Launches a process and keeps it alive. */
export function launchChild(options: ChildOptions): Child {
  const log = openLog(join(options.logDir, `${options.name}.log`));
  let deaths = 0;
  let stopping = false;
  let current: ChildProcess | null = null;
  let restart: NodeJS.Timeout | null = null;
  let delayMs = RESTART_DELAY_MS;
  let settle: { resolve(detail: Readonly<Record<string, string | number>>): void; reject(error: Error): void };
  const ready = new Promise<Readonly<Record<string, string | number>>>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // A failure is handed to whoever asks for readiness; until then it must not end the supervisor.
  ready.catch(() => undefined);
  let everReady = false;
  let isReady = false;

  function launch(): void {
    const child = fork(new URL(options.module, import.meta.url), {
      env: { ...options.env },
      execArgv: [...process.execArgv, NURSERY],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    current = child;
    if (child.pid !== undefined && options.niceness !== undefined) giveWay(child.pid, options.niceness);
    for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk: Buffer) => log.write(chunk));
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'ready') {
        if (everReady) options.onRestart?.();
        everReady = true;
        isReady = true;
        options.figures?.join(child);
        delayMs = RESTART_DELAY_MS;
        settle.resolve(message.detail);
      } else if (message.kind === 'ask' || message.kind === 'told') {
        options.figures?.hear(child, message);
      } else if (message.kind === 'crowd') {
        options.onCrowd?.();
      } else if (message.kind === 'failed' && !everReady) {
        settle.reject(fault(isErrorCode(message.code) ? message.code : 'internal', { detail: message.detail }));
      }
    });
    child.on('exit', () => {
      if (current === child) current = null;
      isReady = false;
      if (stopping) return;
      if (!everReady)
        return settle.reject(fault('internal', { detail: `The process ${options.name} ended before it was ready; see its log.` }));
      deaths += 1;
      restart = setTimeout(launch, delayMs);
      delayMs = Math.min(RESTART_DELAY_MS_MAX, delayMs * 2);
    });
  }

  launch();
  return {
    name: options.name,
    ready: () => ready,
    kill: () => isReady && (current?.kill('SIGKILL') ?? false),
    tell: (message) => void (isReady && current?.connected && current.send(message)),
    deaths: () => deaths,
    async stop() {
      stopping = true;
      if (restart !== null) clearTimeout(restart);
      const child = current;
      if (child !== null) {
        const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
        child.kill('SIGTERM');
        await ended;
        clearTimeout(timer);
      }
      log.end();
    },
  };
}

/**
 * A log file that outlives a full disk: what cannot be written is lost, and what comes later is written again. A child's
 * output is read in any case, or the child would stop at its next line.
 */
export function openLog(path: string): { write(chunk: Buffer): void; end(): void } {
  let stream: WriteStream | null = null;
  const open = (): WriteStream => {
    const opened = createWriteStream(path, { flags: 'a', mode: 0o600 });
    opened.on('error', () => {
      if (stream === opened) stream = null;
    });
    return opened;
  };
  return {
    write: (chunk) => {
      stream ??= open();
      stream.write(chunk);
    },
    end: () => void stream?.end(),
  };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
