/** Requests and answers as the sandbox operators see them, whether they came over a socket or in process. */

export interface SandboxRequest {
  readonly method: string;
  /** Path after the rail's prefix, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body as it came, for those who take no text. */
  readonly bytes?: Uint8Array;
}

export interface SandboxAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `cut`: the connection ends without an answer. */
export type Answer = SandboxAnswer | 'cut';

export function json(status: number, body: unknown): SandboxAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}

export function empty(status: number): SandboxAnswer {
  return { status, headers: {}, body: '' };
}

/** The page of a gateway in front of the operator. */
export function page(status: number): SandboxAnswer {
  const body = `<html><head><title>${status}</title></head><body><h1>The page cannot be displayed</h1></body></html>`;
  return { status, headers: { 'content-type': 'text/html' }, body };
}

/** A JSON object, or null. */
export function parseBody(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** A field as text: strings as they are, numbers as they print, anything else as nothing. */
export function fieldOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** User and password of a Basic authorization header, or null. */
export function basicCredentials(header: string | undefined): { user: string; password: string } | null {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/.exec(header ?? '');
  const text = match === null ? '' : Buffer.from(match[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The token of a Bearer authorization header, or null. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer (\S+)$/.exec(header ?? '')?.[1] ?? null;
}

export function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

export function sameText(left: unknown, right: string): boolean {
  return typeof left === 'string' && left === right;
}
