/** Progress: a bar for people at a terminal, a line at every tenth for logs, nothing when nothing is asked. */
import cliProgress from 'cli-progress';
import type { Terminal } from './terminal.ts';

export interface Progress {
  /** Says how much is done, and how it stands: `paid 412 · held 3`. */
  readonly update: (done: number, standing?: string) => void;
  /** Ends the bar; what is written next begins on a line of its own. */
  readonly stop: () => void;
}

export interface ProgressOptions {
  readonly label: string;
  /** Zero when it is not known: then only counts are shown. */
  readonly total: number;
}

/** Shows progress on standard error, so that standard output stays clean. */
export function createProgress(terminal: Terminal, options: ProgressOptions): Progress {
  return terminal.progressStream === null || options.total <= 0 ? linesOf(terminal, options) : barOf(terminal.progressStream, options);
}

/** Shows nothing. */
export const silentProgress: Progress = { update: () => undefined, stop: () => undefined };

/** Counts as one short line, in the order given, zeros left out: `paid 412 · held 3`. */
export function standingOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(' · ');
}

function barOf(stream: NodeJS.WriteStream, options: ProgressOptions): Progress {
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{label} {bar} {value}/{total}  {standing}',

    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 28,
    hideCursor: true,
    clearOnComplete: false,
    linewrap: false,
    fps: 10,
  });
  bar.start(options.total, 0, { label: options.label, standing: '' });
  return {
    update: (done, standing = '') => bar.update(Math.min(done, options.total), { standing }),
    stop: () => bar.stop(),
  };
}

function linesOf(terminal: Terminal, options: ProgressOptions): Progress {
  let tenthsSaid = 0;
  return {
    update: (done, standing = '') => {
      const tenths = options.total > 0 ? Math.floor((done * 10) / options.total) : Math.floor(done / 10_000);
      if (tenths <= tenthsSaid) return;
      tenthsSaid = tenths;
      const of = options.total > 0 ? `/${options.total}` : '';
      terminal.err(`${options.label} ${done}${of}${standing === '' ? '' : `  ${standing}`}`);
    },
    stop: () => undefined,
  };
}
