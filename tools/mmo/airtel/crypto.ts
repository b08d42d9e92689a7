/**
 * Airtel's uses of cryptography: the signature over a body, and the hash of a callback.
 * Source: Airtel Open API, pages on message signing and callbacks, 2024 to 2026.
 */
import { createCipheriv, createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { encryptUnder } from '../public-key.ts';

/**
 * The headers that sign a body: the body under a fresh AES-256-CBC key, and that key with its
 * initialisation vector under Airtel's RSA key. The body must then be sent byte for byte as it is here.
 */
export function signatureHeaders(body: string, key: KeyObject): { 'x-signature': string; 'x-key': string } {
  const secret = randomBytes(32);
  const vector = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', secret, vector);
  const signature = Buffer.concat([cipher.update(body, 'utf8'), cipher.final()]).toString('base64');
  const pair = `${secret.toString('base64')}:${vector.toString('base64')}`;
  return { 'x-signature': signature, 'x-key': encryptUnder(key, pair, 'pkcs1') };
}

/**
 * Whether a callback carries the hash of its own bytes. The portal says "the payload", which some read as
 * the transaction object and some as the body without the hash: both are tried, over the bytes as they
 * came, and each comparison takes the same time wherever it differs.
 */
export function hasRightHash(text: string, hash: string, privateKey: string): boolean {
  const given = Buffer.from(hash, 'base64');
  const readings = [objectText(text, 'transaction'), withoutMember(text, 'hash')];
  let isRight = false;
  for (const reading of readings) {
    if (reading === null) continue;
    const expected = createHmac('sha256', privateKey).update(reading).digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) isRight = true;
  }
  return isRight;
}

/** The object under a key of a JSON object, exactly as it is written; null when there is none. */
function objectText(text: string, key: string): string | null {
  const member = membersOf(text).find(({ name }) => name === key);
  return member === undefined ? null : text.slice(member.valueStart, member.end);
}

/** A JSON object as it is written, less one member and the comma that went with it. */
function withoutMember(text: string, key: string): string | null {
  const members = membersOf(text);
  const index = members.findIndex(({ name }) => name === key);
  const member = members[index];
  if (member === undefined) return null;
  const before = members[index - 1];
  const after = members[index + 1];
  const cut = before !== undefined ? [before.end, member.end] : [member.start, after?.start ?? member.end];
  return text.slice(0, cut[0]) + text.slice(cut[1]);
}

interface Member {
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/** Where the members of the outermost object stand. The text must be JSON; the caller has parsed it. */
function membersOf(text: string): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text[at] === '"') {
    const start = at;
    const nameEnd = stringEnd(text, at);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ name: JSON.parse(text.slice(start, nameEnd)) as string, start, valueStart, end });
    at = skipSpace(text, end);
    if (text[at] !== ',') break;
    at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}

/** One past the closing quote of the string that begins here. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** One past the end of the value that begins here. */
function valueEnd(text: string, from: number): number {
  if (text[from] === '"') return stringEnd(text, from);
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (depth === 0 && /[,}\]\s]/.test(character)) break;
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
    if (depth === 0 && /[}\]]/.test(character)) break;
  }
  return at;
}
