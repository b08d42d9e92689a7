/**
 * The log: one JSON line per event, with the ids that tie events together, and nothing by which a
 * person could be known.
 *
 * Three nets, each for what slips through the one before. Callers log ids, codes and counts. Fields
 * whose key is on the list below are blanked at any depth. Whatever still looks like an E.164 number
 * is blanked in the finished line.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { isFault } from '../domain/errors.ts';

export type Log = Logger;

/** Keys whose values never reach the log; compared without case, hyphens and underscores. */
export const REDACTED_KEYS: readonly string[] = [
  'authorization',
  'apikey',
  'key',
  'secret',
  'token',
  'password',
  'cookie',
  'body',
  'rawbody',
  'phone',
  'phonenumber',
  'msisdn',
  'number',
  'name',
  'firstname',
  'lastname',
  'fullname',
  'names',
  'sender',
  'receiver',
  'parties',
  'party',
  'document',
  'documentnumber',
  'idnumber',
  'handle',
  'operatorhandle',
  'note',
  'address',
  'email',
  'dateofbirth',
  'placeofbirth',
  'nationality',
  'partydetails',
];

const REDACTED = '[redacted]';
const redactedKeys = new Set(REDACTED_KEYS);
const DEPTH_MAX = 8;
/** E.164 with its plus, seven to fifteen digits. */
const PHONE_SHAPED = /\+\d{7,15}\b/g;

function isRedacted(key: string): boolean {
  return redactedKeys.has(key.toLowerCase().replace(/[-_]/g, ''));
}

function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH_MAX) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  return redactFields(value as Record<string, unknown>, depth + 1);
}

function redactFields(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) clean[key] = isRedacted(key) ? REDACTED : withoutSecrets(value, depth);
  return clean;
}

/** What the log itself writes into a line; a field of the same name gets an underscore, for a key stands once in an object. */
const OWN_KEYS: ReadonlySet<string> = new Set(['level', 'at', 'program', 'event']);

function withoutOwnKeys(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [OWN_KEYS.has(key) ? `${key}_` : key, value]));
}

/**
 * What of an error may be logged: its kind, its code, and where it was thrown. Messages of other
 * programs repeat what they were given, so only our own are kept.
 */
function describeError(error: Error): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  const described: Record<string, unknown> = { type: error.constructor.name, ...(typeof code === 'string' ? { code } : {}) };
  if (isFault(error)) {
    described.detail = error.detail;
    if (error.internal !== undefined) described.internal = error.internal;
  }
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8);
  if (frames.length > 0) described.at = frames.map((line) => line.trim().slice(3));
  if (error.cause instanceof Error) described.cause = describeError(error.cause);
  return described;
}

export interface LogOptions {
  /** Which program of the platform speaks: `api`, `worker`. */
  readonly program: string;
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard output, unless said otherwise. */
  readonly destination?: DestinationStream;
}

/** Makes the log of a program. Called once, at the composition root, and handed to whoever logs. */
export function createLog(options: LogOptions): Log {
  const log = pino(
    {
      level: options.level ?? 'info',
      base: { program: options.program },
      messageKey: 'event',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(withoutOwnKeys(fields)),
      },
      serializers: { err: (value: unknown) => value },
      hooks: { streamWrite: (line) => line.replace(PHONE_SHAPED, REDACTED) },
    },
    options.destination ?? pino.destination({ sync: false, minLength: 0 }),
  );
  // pino does not pass a child's bindings through the formatters; children inherit this method from the root.
  const makeChild = log.child;
  log.child = function child(this: Log, bindings: Record<string, unknown>, childOptions?: object) {
    return makeChild.call(this, redactFields(withoutOwnKeys(bindings)), childOptions);
  } as Log['child'];
  return log;
}
