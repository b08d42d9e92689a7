/**
 * Google Cloud KMS: `cryptoKeys.encrypt` and `decrypt` over REST, with checksums in both directions, as
 * cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt and
 * cloud.google.com/kms/docs/data-integrity-guidelines describe. The token comes from the settings, or from the metadata server.
 */
import { crc32c } from './crc32c.ts';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import { ask, type Fetch, type KeyProvider, WRAP_PURPOSE } from './provider.ts';

export interface GcpKmsSettings {
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly keyName: string;
  /** An access token; the metadata server's unless given. */
  readonly token: string | null;
  readonly url: string | null;
}

const METADATA_URL = 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token';
const checksum = z.union([z.string(), z.number()]).transform(String);

/** Makes the client. */
export function gcpKms(settings: GcpKmsSettings, dial: Fetch): KeyProvider {
  const base = `${(settings.url ?? 'https://cloudkms.googleapis.com').replace(/\/$/, '')}/v1/${settings.keyName}`;
  const additional = Buffer.from(WRAP_PURPOSE);
  const authenticated = {
    additionalAuthenticatedData: additional.toString('base64'),
    additionalAuthenticatedDataCrc32c: crc32c(additional),
  };

  async function token(): Promise<string> {
    if (settings.token !== null) return settings.token;
    const init = { method: 'GET', headers: { 'metadata-flavor': 'Google' } };
    return (await ask('Google Cloud KMS', dial, METADATA_URL, init, z.object({ access_token: z.string() }))).access_token;
  }

  async function call<T>(action: 'encrypt' | 'decrypt', body: unknown, schema: z.ZodType<T>): Promise<T> {
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' };
    return ask('Google Cloud KMS', dial, `${base}:${action}`, { method: 'POST', headers, body: JSON.stringify(body) }, schema);
  }

  return {
    name: 'gcp-kms',
    wrap: async (key) => {
      const answer = await call(
        'encrypt',
        { plaintext: key.toString('base64'), plaintextCrc32c: crc32c(key), ...authenticated },
        z.object({ ciphertext: z.base64(), ciphertextCrc32c: checksum, verifiedPlaintextCrc32c: z.literal(true) }),
      );
      return intact(answer.ciphertext, answer.ciphertextCrc32c).toString('base64');
    },
    unwrap: async (wrapped) => {
      const ciphertext = Buffer.from(wrapped, 'base64');
      const answer = await call(
        'decrypt',
        { ciphertext: wrapped, ciphertextCrc32c: crc32c(ciphertext), ...authenticated },
        z.object({ plaintext: z.base64(), plaintextCrc32c: checksum }),
      );
      return intact(answer.plaintext, answer.plaintextCrc32c);
    },
  };
}

function intact(text: string, sum: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (crc32c(bytes) !== sum) throw fault('key_provider_unavailable', { detail: 'An answer of Google Cloud KMS was damaged on its way.' });
  return bytes;
}
