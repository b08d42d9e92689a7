/** Keeping the platform's keys with a key management service. */
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { awsKms } from './aws.ts';
import { gcpKms } from './gcp.ts';
import type { Fetch, KeyProvider } from './provider.ts';
import { vaultTransit } from './vault.ts';

export type { KeyProvider } from './provider.ts';

type Env = Readonly<Record<string, string | undefined>>;

export const PROVIDERS = ['aws-kms', 'gcp-kms', 'vault'] as const satisfies readonly KeyProvider['name'][];

/** Makes the client of a provider from the settings, by the names its own tools use. Throws `config_invalid` for one that is missing. */
export function openKeyProvider(name: KeyProvider['name'], env: Env, deps: { readonly fetch: Fetch; readonly clock: Clock }): KeyProvider {
  const must = (setting: string): string => {
    const value = env[setting];
    if (value === undefined || value === '')
      throw fault('config_invalid', { field: setting, detail: `${setting} must be set for ${name}.` });
    return value;
  };
  const may = (setting: string): string | null => env[setting] || null;
  const url = may('CAPP_KMS_URL');
  if (name === 'vault') {
    const settings = { url: url ?? must('VAULT_ADDR'), token: must('VAULT_TOKEN'), keyName: must('CAPP_KMS_KEY') };
    return vaultTransit({ ...settings, mount: may('CAPP_KMS_MOUNT') ?? 'transit', namespace: may('VAULT_NAMESPACE') }, deps.fetch);
  }
  if (name === 'gcp-kms') return gcpKms({ keyName: must('CAPP_KMS_KEY'), token: may('CAPP_KMS_TOKEN'), url }, deps.fetch);
  return awsKms(
    {
      keyId: must('CAPP_KMS_KEY'),
      region: must('AWS_REGION'),
      accessKeyId: must('AWS_ACCESS_KEY_ID'),
      secretAccessKey: must('AWS_SECRET_ACCESS_KEY'),
      sessionToken: may('AWS_SESSION_TOKEN'),
      url,
    },
    deps.fetch,
    deps.clock,
  );
}
