/**
 * Tags of answers (RFC 9110, section 8.8): whoever asks again and says which answer is there already is told that nothing is new, with
 * 304 and no body. Where a route says what its answer depends on, the answer is not even made.
 *
 * A tag is made of what the caller may see and of nothing else: what is hidden from them must not move it either. It comes after the
 * caller was let in and the thing was found to be theirs, so that it tells nobody that something exists. Tags are weak: what only
 * tells the time, such as how long an attempt has been open, is left out of them.
 */
import { hash } from 'node:crypto';
import { answerText } from './headers.ts';
import type { ApiContext } from './http.ts';

/** An answer of status 200 that is made when its caller has not got it. */
export interface Versioned {
  /** Everything that the answer shows and that can change: values of JSON, the same for as long as the answer is. */
  readonly version: unknown;
  readonly make: () => unknown;
}

export function isVersioned(answer: object): answer is Versioned {
  return 'make' in answer;
}

/** The same caller's next request must ask us; nobody between us keeps it for anybody else. */
const REVALIDATED = { 'Cache-Control': 'private, no-cache', Vary: 'Authorization' };

/** Answers with a JSON text under its tag, or that the caller has it. */
export function answerTagged(c: ApiContext, text: string): Response {
  const tag = tagOf(text);
  return answerUnlessKnown(c, tag) ?? tagged(c, tag, text);
}

/** The same for an answer that may not need to be made. `program` is the version of the program, which decides how it looks. */
export async function answerVersioned(c: ApiContext, program: string, { version, make }: Versioned): Promise<Response> {
  const { clientId, scopes } = c.get('caller');
  const tag = tagOf(JSON.stringify([program, clientId, scopes, c.req.url, version]));
  return answerUnlessKnown(c, tag) ?? tagged(c, tag, JSON.stringify(await make()));
}

function tagged(c: ApiContext, tag: string, text: string): Response {
  return answerText(c, 200, text, { 'Content-Type': 'application/json', ...REVALIDATED, ETag: tag });
}

function answerUnlessKnown(c: ApiContext, tag: string): Response | null {
  return names(c.req.header('if-none-match'), tag) ? answerText(c, 304, null, { ...REVALIDATED, ETag: tag }) : null;
}

function tagOf(text: string): string {
  return `W/"${hash('sha256', text, 'base64url').slice(0, 27)}"`;
}

/** Whether an `If-None-Match` names a tag, compared weakly. */
function names(field: string | undefined, tag: string): boolean {
  if (field === undefined) return false;
  if (field.trim() === '*') return true;
  return field.split(',').some((each) => each.trim().replace(/^W\//, '') === tag.slice(2));
}
