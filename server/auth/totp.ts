/** One-time passwords of six digits (TOTP, RFC 6238, over HOTP, RFC 4226) as authenticator apps make them. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const STEP_S = 30;
const DIGITS = 6;
/** Steps before and after now whose codes are taken, for clocks that are not quite right. */
const SKEW_STEPS = 1;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A new secret, 160 bits as RFC 4226 recommends. */
export const newTotpSecret = (): Buffer => randomBytes(20);

/** The code of a step. `digits` and `algorithm` are those of apps unless told. */
export function totpCode(secret: Uint8Array, step: bigint, { digits = DIGITS, algorithm = 'sha1' } = {}): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(step);
  const mac = createHmac(algorithm, secret).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 10 ** digits).padStart(digits, '0');
}

/** The step that a moment lies in. */
export const stepOf = (nowMs: number): bigint => BigInt(Math.floor(nowMs / 1000 / STEP_S));

/** The step whose code this is, later than the last one taken; null when it is of none that counts now. */
export function matchTotp(secret: Uint8Array, code: string, nowMs: number, lastStep: bigint): bigint | null {
  if (!/^\d{6}$/.test(code)) return null;
  const now = stepOf(nowMs);
  for (let step = now - BigInt(SKEW_STEPS); step <= now + BigInt(SKEW_STEPS); step += 1n) {
    if (step > lastStep && timingSafeEqual(Buffer.from(totpCode(secret, step)), Buffer.from(code))) return step;
  }
  return null;
}

/** What an authenticator app reads from a QR code, or takes typed in. */
export function totpUri(secret: Uint8Array, issuer: string, account: string): string {
  const query = new URLSearchParams({ secret: base32(secret), issuer, algorithm: 'SHA1', digits: String(DIGITS), period: String(STEP_S) });
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?${query.toString()}`;
}

/** RFC 4648 base 32 without padding. */
export function base32(bytes: Uint8Array): string {
  let [text, bits, value] = ['', 0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      text += ALPHABET[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}
