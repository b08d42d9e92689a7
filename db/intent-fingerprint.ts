/** By what an intent is known again without being kept: of a payment, and of what was counted for it before it was stored. */
import { fingerprintOf, type PaymentIntent } from '../domain/intent.ts';
import type { Keyring } from './keyring.ts';

/** The fingerprint of a client's intent. Keyed, or whoever reads the column could try names and numbers against it. */
export function intentFingerprint(keyring: Pick<Keyring, 'blindIndex'>, clientId: string, intent: PaymentIntent): Buffer {
  return keyring.blindIndex(fingerprintOf(intent).toString('hex'), `payments.fingerprint:${clientId}`);
}
