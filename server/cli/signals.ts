/** Ctrl-C and its kin, as something to wait for. */

export interface ToldToStop {
  /** Resolves when the process is told to stop. */
  readonly signal: Promise<void>;
  readonly isHeard: () => boolean;
  /** The end has been put in order. After a signal the process ends here, whatever else still waits in it. */
  readonly finish: () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C comes twice under npm: from the terminal, and from npm, which passes it on. */
const SAME_MS = 1_000;

/** Listens from now on. The first signal asks for an orderly end; a second one, a while later, is obeyed at once. */
export function waitForSignal(): ToldToStop {
  let heardAtMs: number | null = null;
  let tell: () => void = () => undefined;
  const signal = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const listen = (): void => {
    const nowMs = performance.now();
    if (heardAtMs === null) tell();
    else if (nowMs - heardAtMs > SAME_MS) process.exit(130);
    heardAtMs ??= nowMs;
  };
  for (const name of SIGNALS) process.on(name, listen);
  return {
    signal,
    isHeard: () => heardAtMs !== null,
    finish: () => {
      for (const name of SIGNALS) process.removeListener(name, listen);
      // Not before the exit code of the command has been set.
      if (heardAtMs !== null) setImmediate(() => process.exit());
    },
  };
}

/**
 * Starts what a signal may cut short: null when it failed because the process was told to stop. Ctrl-C reaches
 * everything that was started from the terminal, so what fails after it is no news.
 */
export async function unlessTold<T>(told: ToldToStop, start: () => Promise<T>): Promise<T | null> {
  try {
    return await start();
  } catch (error) {
    if (!told.isHeard()) throw error;
    told.finish();
    return null;
  }
}
