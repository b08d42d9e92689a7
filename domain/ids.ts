/**
 * Identifiers. Rows get time-ordered UUIDs (version 7, RFC 9562); effects get ids derived from what
 * they are for, so that a second try of the same effect carries the same id.
 */
import { hash } from 'node:crypto';
import { v7 } from 'uuid';

let drawId: () => string = v7;

/** A new time-ordered UUID (version 7). */
export function newId(): string {
  return drawId();
}

/**
 * Draws the ids of this process from another source, so that a simulation gets the same ones again; gives
 * back what undoes it. Ids must be UUIDs that nobody drew before and grow with time.
 */
export function drawIdsFrom(source: () => string): () => void {
  const before = drawId;
  drawId = source;
  return () => {
    drawId = before;
  };
}

/** SHA-256 as bytes, by way of hex digits: a digest that is made as a buffer costs two and a half times as much. */
export function sha256(data: string | Uint8Array): Buffer {
  return Buffer.from(hash('sha256', data, 'hex'), 'hex');
}

/**
 * A UUID derived from its parts: the same parts always give the same id. It carries the version and
 * variant bits of a version 4 UUID because MTN MoMo refuses any other in `X-Reference-Id`.
 */
export function derivedId(...parts: readonly string[]): string {
  const bytes = sha256(parts.join('\u001f')).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * The id of one numbered step of something with a time-ordered id: the same step always gets the same id, and it sorts
 * beside its owner, so that an index grows at its end. The version says that the layout is ours (8, RFC 9562); the step
 * is mixed into the last byte, and the random bits before it keep the steps of two owners apart.
 */
export function stepId(ownerId: string, step: number): string {
  const last = (Number.parseInt(ownerId.slice(34), 16) ^ step).toString(16).padStart(2, '0');
  return `${ownerId.slice(0, 14)}8${ownerId.slice(15, 34)}${last}`;
}

/** SHA-256 of a text, as lower-case hex. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}

const SHORT_ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A UUID in 26 letters and digits (Crockford's base 32), for operators that take no more; `uuidOfShortId` goes back. */
export function shortIdOf(uuid: string): string {
  let rest = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let text = '';
  for (let place = 0; place < 26; place += 1) {
    text = (SHORT_ALPHABET[Number(rest % 32n)] ?? '') + text;
    rest /= 32n;
  }
  return text;
}

/** The UUID that `shortIdOf` made a text of; null for any other text. */
export function uuidOfShortId(text: string): string | null {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text)) return null;
  let value = 0n;
  for (const character of text) value = value * 32n + BigInt(SHORT_ALPHABET.indexOf(character));
  const hex = value.toString(16).padStart(32, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
