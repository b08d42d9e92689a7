/**
 * HashiCorp Vault's transit engine (and OpenBao's): `encrypt` and `decrypt` with associated data, as
 * developer.hashicorp.com/vault/api-docs/secret/transit describes. The ciphertext names the version of the key itself.
 */
import { z } from 'zod';
import { ask, type Fetch, type KeyProvider, WRAP_PURPOSE } from './provider.ts';

export interface VaultSettings {
  readonly url: string;
  readonly token: string;
  /** Name of the transit key; of a type that takes associated data, such as aes256-gcm96. */
  readonly keyName: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  readonly namespace: string | null;
}

/** Makes the client. */
export function vaultTransit(settings: VaultSettings, dial: Fetch): KeyProvider {
  const base = `${settings.url.replace(/\/$/, '')}/v1/${settings.mount}`;
  const associated = { associated_data: Buffer.from(WRAP_PURPOSE).toString('base64') };

  async function call<T>(action: 'encrypt' | 'decrypt', body: unknown, schema: z.ZodType<T>): Promise<T> {
    const headers = {
      'x-vault-token': settings.token,
      'x-vault-request': 'true',
      'content-type': 'application/json',
      ...(settings.namespace === null ? {} : { 'x-vault-namespace': settings.namespace }),
    };
    const url = `${base}/${action}/${encodeURIComponent(settings.keyName)}`;
    return ask('Vault', dial, url, { method: 'POST', headers, body: JSON.stringify(body) }, schema);
  }

  return {
    name: 'vault',
    wrap: async (key) => {
      const schema = z.object({ data: z.object({ ciphertext: z.string().regex(/^vault:v\d+:[A-Za-z0-9+/=]+$/) }) });
      const { data } = await call('encrypt', { plaintext: key.toString('base64'), ...associated }, schema);
      return data.ciphertext.slice('vault:'.length);
    },
    unwrap: async (wrapped) => {
      const schema = z.object({ data: z.object({ plaintext: z.base64() }) });
      const { data } = await call('decrypt', { ciphertext: `vault:${wrapped}`, ...associated }, schema);
      return Buffer.from(data.plaintext, 'base64');
    },
  };
}
