/**
 * What the command line says when it cannot go on: one line, `capp: code: sentence`, and an exit code.
 * Where it happened is shown only with CAPP_DEBUG=1, for the people who mend CAPP.
 *
 * Exit codes: 0 all is well · 1 something is wrong with payments or books · 2 the command could not be
 * carried out · 3 nothing is wrong, and what was to be shown is not there.
 */
import { CommanderError } from 'commander';
import { databaseFault } from '../../db/connect.ts';
import { ERRORS, type ErrorCode, type Fault, fault, isFault } from '../../domain/errors.ts';
import { CappApiError, CappConnectionError } from '../../sdk/index.ts';
import type { Terminal } from './terminal.ts';

export const EXIT = { ok: 0, wrong: 1, failed: 2, unproven: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes of the operating system in the words of the catalogue. */
const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'port_in_use',
  EROFS: 'storage_unwritable',
  ENOSPC: 'storage_unwritable',
  EDQUOT: 'storage_unwritable',
};

/** Any error as a fault of the catalogue. Messages of other programs are not repeated: they may hold what must not be shown. */
export function faultOf(error: unknown): Fault {
  const known = databaseFault(error);
  if (isFault(known)) return known;
  if (known instanceof CappConnectionError) {
    return known.code === 'malformed_answer'
      ? fault('service_unreachable', { detail: 'Something answers at that address, but it is not CAPP.', cause: known })
      : fault('service_unreachable', { detail: `${known.message} Is it running? Start it with: npm start`, cause: known });
  }
  if (known instanceof CappApiError)
    return fault(isErrorCode(known.code) ? known.code : 'internal', { detail: known.detail, cause: known });
  const systemCode = known instanceof Error && 'code' in known ? String(known.code) : '';
  const code = SYSTEM_CODES[systemCode];
  if (code !== undefined) return fault(code, { detail: `${ERRORS[code].title} (${systemCode})`, cause: known });
  return fault('internal', { detail: `${ERRORS.internal.title} Set CAPP_DEBUG=1 to see where.`, cause: known });
}

/** Tells why a command ended, and returns the exit code. Help and version end well. */
export function reportFailure(terminal: Terminal, error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has written its sentence already.
    return error.exitCode === 0 ? EXIT.ok : EXIT.failed;
  }
  const failure = faultOf(error);
  terminal.err(`capp: ${failure.code}: ${failure.detail.replaceAll(/\s+/g, ' ')}`);
  if (terminal.env.CAPP_DEBUG === '1') terminal.err(stackOf(error));
  return EXIT.failed;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
