/** Where the command line reads its surroundings and writes its lines, so that tests can look over its shoulder. */
import { Readable } from 'node:stream';

export interface Terminal {
  /** Writes a line to standard output: results. */
  readonly out: (text: string) => void;
  /** Writes a line to standard error: progress, remarks, faults. */
  readonly err: (text: string) => void;
  /** Asks for a line: writes to standard error and stays on the line. */
  readonly ask: (text: string) => void;
  /** What somebody types, or a program pipes in. */
  readonly input: NodeJS.ReadableStream;
  /** Standard output is a person's terminal: borders and alignment are welcome. */
  readonly isTty: boolean;
  /** Where progress bars are drawn; null when standard error is no terminal. */
  readonly progressStream: NodeJS.WriteStream | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal this process was started from. */
export function systemTerminal(): Terminal {
  return {
    out: (text) => console.log(text),
    err: (text) => console.error(text),
    ask: (text) => void process.stderr.write(text),
    get input() {
      return process.stdin;
    },
    isTty: process.stdout.isTTY === true,
    progressStream: process.stderr.isTTY === true ? process.stderr : null,
    env: process.env,
  };
}

export interface RecordedTerminal extends Terminal {
  readonly outLines: string[];
  readonly errLines: string[];
}

/** A terminal that keeps what was written, for tests. */
export function recordedTerminal(
  options: { readonly isTty?: boolean; readonly env?: Terminal['env']; readonly typed?: string } = {},
): RecordedTerminal {
  const outLines: string[] = [];
  const errLines: string[] = [];
  return {
    out: (text) => outLines.push(...text.split('\n')),
    err: (text) => errLines.push(...text.split('\n')),
    ask: (text) => errLines.push(text),
    input: Readable.from(options.typed === undefined ? [] : [options.typed]),
    isTty: options.isTty ?? false,
    progressStream: null,
    env: options.env ?? {},
    outLines,
    errLines,
  };
}
