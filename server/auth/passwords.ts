/** Passwords by argon2id (RFC 9106), kept in the form of the PHC strings that other programs write: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { fault } from '../../domain/errors.ts';

const derive = promisify(argon2);

/** 19 MiB, two passes, one lane: the least that OWASP's cheat sheet on storing passwords asks for. Memory in KiB. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
export const PASSWORD_LENGTH = { least: 12, most: 256 } as const;
const FORM = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** So many are worked out at once: each takes memory, and one of the threads that everything else of the process needs as well. */
const AT_ONCE = 2;
/** So many may wait for their turn; one more is refused, as it would not be answered in a time that anybody waits. */
const WAITING_MAX = 128;
const waiting: (() => void)[] = [];
let busy = 0;

/** Does work that hashes a password in its turn, first come first served. Not to be nested. Throws `overloaded` when too many wait. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (busy < AT_ONCE) busy += 1;
  else {
    if (waiting.length >= WAITING_MAX) throw fault('overloaded');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  try {
    return await work();
  } finally {
    // The turn is handed on, so that nobody who comes just now gets in between.
    const next = waiting.shift();
    if (next === undefined) busy -= 1;
    else next();
  }
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** Hashes a password under a salt of its own. Throws `validation_failed` for one that is too short or too long. */
export async function hashPassword(password: string): Promise<string> {
  const { least, most } = PASSWORD_LENGTH;
  if (password.length < least || password.length > most)
    throw fault('validation_failed', { field: 'password', detail: `A password has ${least} to ${most} characters.` });
  const nonce = randomBytes(SALT_BYTES);
  const tag = await derive('argon2id', { message: password.normalize('NFKC'), nonce, tagLength: HASH_BYTES, ...COST });
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(nonce)}$${unpadded(tag)}`;
}

/** Says whether a password is the one that was hashed. A form that is none is never right. */
export async function isPassword(password: string, kept: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt = '', wanted = ''] = FORM.exec(kept) ?? [];
  if (memory === undefined) return false;
  const tag = Buffer.from(wanted, 'base64');
  const found = await derive('argon2id', {
    message: password.slice(0, PASSWORD_LENGTH.most + 1).normalize('NFKC'),
    nonce: Buffer.from(salt, 'base64'),
    tagLength: tag.length,
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  });
  return timingSafeEqual(found, tag);
}

/** What a name that nobody has is held against, so that it costs as much as one that somebody has. */
export const NOBODYS_PASSWORD = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(Buffer.alloc(SALT_BYTES))}$${unpadded(Buffer.alloc(HASH_BYTES))}`;
