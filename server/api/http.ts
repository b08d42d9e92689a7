/** What every route shares: the context's variables, ids in paths, bodies with a bound, standard answers. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ErrorCode, ERRORS, fault } from '../../domain/errors.ts';
import { isTooDeep, JSON_DEPTH_MAX } from './depth.ts';
import type { Caller } from './deps.ts';
import { type ProblemError, faultWith, problemSchema } from './problem.ts';

export interface ApiEnv {
  Variables: {
    requestId: string;
    caller: Caller;
    /** The route in the words of OpenAPI; for the log and the metrics, which must not see tokens in paths. */
    route: string;
    /** Ids the handler wants in the request's line in the log. */
    logged: Record<string, unknown>;
    /** Fields of the answer to come; see `headers.ts`. */
    headers: Record<string, string>;
    /** The body of a signed request, which was read before its handler. */
    wholeBody: Uint8Array;
    /** The answer that carries them already. */
    carries: Response;
  };
}

export type ApiContext = Context<ApiEnv>;

/** Body of a single request at most, bytes. */
export const BODY_BYTES_MAX = 16 * 1024;

/** A path parameter that is an id. What is no UUID cannot exist, so it is not found rather than invalid. */
export function idParam(c: ApiContext, name = 'id'): string {
  const id = c.req.param(name) ?? '';
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)) throw fault('not_found');
  return id.toLowerCase();
}

/** The schema of an `{id}` path parameter, for the document. */
export const idParams = z.object({ id: z.string().openapi({ format: 'uuid', param: { name: 'id', in: 'path' } }) });

/** The media type of the body, without parameters, lower case; '' when none is said. */
export function mediaTypeOf(c: Context): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** The body as it comes. Throws `request_unfinished` when its client breaks off, or is too slow. */
export async function* bodyBytes(c: Context): AsyncGenerator<Uint8Array> {
  try {
    yield* (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    brokenOff(cause);
  }
}

/** Whatever goes wrong with a body that is read is its client's connection. */
function brokenOff(cause: unknown): never {
  throw fault('request_unfinished', { cause });
}

/** Reads a body up to a bound. Throws `body_too_large` as soon as it is passed, and `request_unfinished`. */
export async function readBody(c: Context, bytesMax: number): Promise<Buffer> {
  const declared = Number(c.req.header('content-length') ?? '');
  if (declared > bytesMax) throw fault('body_too_large');
  if (declared > 0) return Buffer.from(await c.req.arrayBuffer().catch(brokenOff));
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyBytes(c)) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw fault('body_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The body, or as much of it as a message can have: for those who keep what they refuse. */
export async function readSome(c: Context, bytesMax: number): Promise<{ readonly bytes: Buffer; readonly whole: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bodyBytes(c)) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > bytesMax) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, bytesMax), whole: length <= bytesMax };
}

/** Reads a bounded body of `application/json`. Throws `unsupported_media_type`, `body_too_large`. */
export async function readJsonText(c: Context): Promise<string> {
  if (mediaTypeOf(c) !== 'application/json') throw fault('unsupported_media_type', { detail: 'This route takes application/json.' });
  return (await readBody(c, BODY_BYTES_MAX)).toString('utf8');
}

/** U+0000 as JSON writes it, and not a backslash that is written before four digits. */
const NUL_ESCAPE = /(?<!\\)(?:\\\\)*\\u0000/;

/** Whether a text has the one character that PostgreSQL keeps in no text. */
export const hasNul = (text: string): boolean => text.includes('\0');

/** Parses JSON. Throws `malformed_body`, without repeating any of it. */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw fault('malformed_body', { detail: `Arrays and objects stand deeper than ${JSON_DEPTH_MAX} in one another.` });
  if (text.includes('\\u0000') && NUL_ESCAPE.test(text))
    throw fault('malformed_body', { detail: 'The body has the character U+0000, which no text of ours may have.' });
  try {
    return JSON.parse(text);
  } catch {
    throw fault('malformed_body', { detail: 'The body is not valid JSON.' });
  }
}

/** Checks a value by its schema. Throws `validation_failed` with every issue, naming fields but no values. */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw faultWith('validation_failed', problemErrorsOf(result.error));
}

/** The issues of a failed validation in the words of a problem document. */
export function problemErrorsOf(error: z.ZodError): ProblemError[] {
  return error.issues.slice(0, 50).map((issue) => {
    if (issue.code === 'unrecognized_keys')
      return { code: 'validation_failed', field: issue.path.join('.'), detail: 'There is a field this route does not know.' };
    return { code: codeOfIssue(issue), field: issue.path.join('.'), detail: issue.message };
  });
}

/** A check of a schema may name a code of the catalogue in its `params`. */
function codeOfIssue(issue: z.core.$ZodIssue): ErrorCode {
  const code: unknown = issue.code === 'custom' ? issue.params?.['code'] : undefined;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'validation_failed';
}

const problemContent = { 'application/problem+json': { schema: problemSchema } };

type ProblemResponses<Code extends ErrorCode> = {
  [Status in (typeof ERRORS)[Code]['status']]: { description: string; content: typeof problemContent };
};

/** The error answers of a route for the document, by code of the catalogue: all of them at once, or codes of one status hide each other. */
export function problems<const Code extends ErrorCode>(...codes: Code[]): ProblemResponses<Code> {
  const byStatus = Map.groupBy(new Set(codes), (code) => ERRORS[code].status);
  const responses = [...byStatus].map(([status, each]) => [
    status,
    { description: each.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(' '), content: problemContent },
  ]);
  return Object.fromEntries(responses) as ProblemResponses<Code>;
}

/** A JSON answer for the document. */
export function answers<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } };
}

/** A yes or no in a query. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

/** What every list takes: how many at once, and where to go on. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50).openapi({ description: 'How many at most.' }),
  cursor: z.string().max(500).optional().openapi({ description: '`nextCursor` of the page before.' }),
};

/** A page of a list: its items, and the cursor of the next page or null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** The next cursor when a list gave a full page, else null. */
export function nextCursor<Row>(rows: readonly Row[], limit: number, encode: (last: Row) => string): string | null {
  const last = rows.at(-1);
  return last !== undefined && rows.length === limit ? encode(last) : null;
}

interface Connected {
  readonly socket?: { readonly authorized?: boolean };
  /** Of HTTP/2: the socket of a request there is a stand-in that says nothing of certificates. */
  readonly stream?: { readonly session?: { readonly socket?: { readonly authorized?: boolean } } };
}

/** Whether the caller showed a certificate that an authority of the operators signed. */
export function hasKnownCertificate(c: ApiContext): boolean {
  const incoming = (c.env as { readonly incoming?: Connected } | undefined)?.incoming;
  return (incoming?.stream?.session?.socket ?? incoming?.socket)?.authorized === true;
}
