/**
 * Signatures over requests (RFC 9421) by Ed25519, with the digest of the body (RFC 9530): of the standard what one client needs to prove that
 * a request is whole, young and its own. What the signature must cover is said by us, not by whoever signs.
 */
import { createHash, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

/** A request as it came, without the parts of it that nobody signs. */
export interface SignedRequest {
  readonly method: string;
  /** The whole address, as the client wrote it: `https://host/path?query`. */
  readonly url: string;
  /** Fields by lower-case name; those that came more than once joined by `, `. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
}

/** A signature that holds: who made it when, and the number that may be used once. */
export interface HeldSignature {
  readonly keyId: string;
  readonly createdS: number;
  readonly expiresS: number;
  readonly nonce: string;
}

/** What every signature must cover; requests with a body their digest too. */
const COVERED = ['@method', '@target-uri'] as const;
/** How old a signature may be, and how long it may be meant to last, seconds. */
export const SIGNATURE_S_MAX = 300;
const LEEWAY_S = 5;
const INPUT_LENGTH_MAX = 2_000;

interface Input {
  readonly components: readonly string[];
  /** The text after the label, word for word: it is part of what is signed. */
  readonly text: string;
  readonly parameters: ReadonlyMap<string, string | number>;
}

const INPUT =
  /^([a-z*][a-z0-9_.*-]{0,40})=(\(((?:"[a-z0-9@-]{1,60}"(?: (?!\)))?){0,20})\)((?:;[a-z]{1,20}=(?:"[\x20\x21\x23-\x5b\x5d-\x7e]{0,200}"|\d{1,15}))*))$/;
const PARAMETER = /;([a-z]+)=(?:"([^"]*)"|(\d+))/g;

/** Reads a `Signature-Input` with one signature in it; null for anything else. */
function readInput(field: string): (Input & { readonly label: string }) | null {
  if (field.length > INPUT_LENGTH_MAX) return null;
  const [, label, text, listed, written] = INPUT.exec(field) ?? [];
  if (label === undefined || text === undefined || listed === undefined || written === undefined) return null;
  const components = [...listed.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
  const pairs = [...written.matchAll(PARAMETER)].map(([, name = '', quoted, digits]): [string, string | number] => [
    name,
    quoted ?? Number(digits),
  ]);
  const isTwice = new Set(components).size !== components.length || new Set(pairs.map(([name]) => name)).size !== pairs.length;
  return isTwice ? null : { label, text, components, parameters: new Map(pairs) };
}

/** The text that is signed (RFC 9421, section 2.5); null when a part that is named is not there. */
export function signatureBase(request: SignedRequest, input: Pick<Input, 'components' | 'text'>): string | null {
  const lines: string[] = [];
  for (const name of input.components) {
    const value = componentOf(request, name);
    if (value === undefined) return null;
    lines.push(`"${name}": ${value}`);
  }
  return [...lines, `"@signature-params": ${input.text}`].join('\n');
}

function componentOf({ method, url, header }: SignedRequest, name: string): string | undefined {
  if (!name.startsWith('@')) return header(name)?.trim();
  const { host, pathname, search, protocol } = new URL(url);
  const derived: Readonly<Record<string, string>> = {
    '@method': method,
    '@target-uri': url,
    '@authority': host.toLowerCase(),
    '@scheme': protocol.slice(0, -1),
    '@path': pathname,
    '@query': search === '' ? '?' : search,
    '@request-target': `${pathname}${search}`,
  };
  return Object.hasOwn(derived, name) ? derived[name] : undefined;
}

/** Whether a `Content-Digest` is of the body: by SHA-256 or SHA-512, all of those that are given and at least one. */
export function isDigestOf(field: string, body: Uint8Array): boolean {
  const given = field.split(',').map((part) => /^\s*(sha-256|sha-512)=:([A-Za-z0-9+/]+={0,2}):\s*$/.exec(part));
  if (given.length > 4 || given.some((match) => match === null)) return false;
  return given.every((match) => {
    const [, algorithm = '', written = ''] = match ?? [];
    const digest = createHash(algorithm.replace('-', '')).update(body).digest();
    const said = Buffer.from(written, 'base64');
    return said.length === digest.length && timingSafeEqual(said, digest);
  });
}

/** The name of the key that a request says it was signed with; null when it says nothing that can be read. */
export function signerOf(request: Pick<SignedRequest, 'header'>): string | null {
  const keyId = readInput(request.header('signature-input') ?? '')?.parameters.get('keyid');
  return typeof keyId === 'string' ? keyId : null;
}

/**
 * The signature of a request, when it is by this key, covers what it must, is of this moment and carries a nonce; null otherwise.
 * Whether the nonce was used before is for the caller to know.
 */
export function checkSignature(request: SignedRequest, publicKey: KeyObject, nowMs: number): HeldSignature | null {
  const input = readInput(request.header('signature-input') ?? '');
  if (input === null) return null;
  const { label, components, parameters } = input;
  const required = request.body.length > 0 ? [...COVERED, 'content-digest'] : COVERED;
  if (!required.every((name) => components.includes(name))) return null;
  if (request.body.length > 0 && !isDigestOf(request.header('content-digest') ?? '', request.body)) return null;
  const signature = readSignature(request.header('signature') ?? '', label);
  const base = signatureBase(request, input);
  if (signature === null || base === null || !verify(null, Buffer.from(base), publicKey, signature)) return null;
  return momentOf(parameters, nowMs / 1000);
}

function readSignature(field: string, label: string): Buffer | null {
  const [, said, written] = /^([a-z*][a-z0-9_.*-]{0,40})=:([A-Za-z0-9+/]{86}==):$/.exec(field) ?? [];
  return said === label && written !== undefined ? Buffer.from(written, 'base64') : null;
}

function momentOf(parameters: Input['parameters'], nowS: number): HeldSignature | null {
  const [created, expires, nonce, keyId, algorithm] = ['created', 'expires', 'nonce', 'keyid', 'alg'].map((name) => parameters.get(name));
  if (typeof created !== 'number' || typeof expires !== 'number' || typeof nonce !== 'string' || typeof keyId !== 'string') return null;
  if (algorithm !== undefined && algorithm !== 'ed25519') return null;
  const isYoung = created <= nowS + LEEWAY_S && nowS < expires && expires - created <= SIGNATURE_S_MAX;
  return isYoung && nonce.length >= 16 ? { keyId, createdS: created, expiresS: expires, nonce } : null;
}
