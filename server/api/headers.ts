/**
 * The header fields of an answer, kept as a plain record until it is sent. In a `Headers` object each would be checked, folded
 * and sorted, for every answer anew.
 */
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ApiContext } from './http.ts';

/** Sent with every answer, unless its route says otherwise. */
const ALWAYS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};

/** Begins the record of a request's answer. */
export function beginHeaders(c: ApiContext, requestId: string): void {
  c.set('headers', { ...ALWAYS, 'X-Request-Id': requestId });
}

/** Adds a field to the answer that is to come, whoever gives it. */
export function addHeader(c: ApiContext, name: string, value: string): void {
  c.get('headers')[name] = value;
}

/** An answer with a text as its body and all fields of the record; `fields` are its own. */
export function answerText(c: ApiContext, status: number, text: string | null, fields: Readonly<Record<string, string>>): Response {
  const response = c.body(text as string, status as ContentfulStatusCode, { ...c.get('headers'), ...fields });
  c.set('carries', response);
  return response;
}

/** Gives the answer those fields of the record that it does not carry yet: streams, files and pages are made elsewhere. */
export function completeHeaders(c: ApiContext): void {
  if (c.res === c.get('carries')) return;
  const { headers } = c.res;
  for (const [name, value] of Object.entries(c.get('headers'))) if (!headers.has(name)) headers.set(name, value);
}
