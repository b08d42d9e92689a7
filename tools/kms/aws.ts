/**
 * AWS Key Management Service: `Encrypt` and `Decrypt` of the JSON 1.1 protocol, signed with Signature Version 4.
 * Sources: docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html and
 * docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html.
 */
import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../domain/clock.ts';
import { ask, type Fetch, type KeyProvider, WRAP_PURPOSE } from './provider.ts';

export interface AwsKmsSettings {
  /** Key id, ARN or alias. */
  readonly keyId: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** Another endpoint than the region's own. */
  readonly url: string | null;
}

const base64 = z.base64();

/** Makes the client. */
export function awsKms(settings: AwsKmsSettings, dial: Fetch, clock: Clock): KeyProvider {
  const url = settings.url ?? `https://kms.${settings.region}.amazonaws.com`;
  const context = { purpose: WRAP_PURPOSE };

  async function call<T>(action: 'Encrypt' | 'Decrypt', body: unknown, schema: z.ZodType<T>): Promise<T> {
    const text = JSON.stringify(body);
    const headers = signed(settings, { host: new URL(url).host, target: `TrentService.${action}`, body: text, atMs: clock.now() });
    return ask('AWS KMS', dial, `${url.replace(/\/$/, '')}/`, { method: 'POST', headers, body: text }, schema);
  }

  return {
    name: 'aws-kms',
    wrap: async (key) => {
      const request = { KeyId: settings.keyId, Plaintext: key.toString('base64'), EncryptionContext: context };
      return (await call('Encrypt', request, z.object({ CiphertextBlob: base64 }))).CiphertextBlob;
    },
    unwrap: async (wrapped) => {
      const request = { KeyId: settings.keyId, CiphertextBlob: wrapped, EncryptionContext: context };
      return Buffer.from((await call('Decrypt', request, z.object({ Plaintext: base64 }))).Plaintext, 'base64');
    },
  };
}

interface Signable {
  readonly host: string;
  readonly target: string;
  readonly body: string;
  readonly atMs: number;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The headers of a signed request to KMS. Pure. */
export function signed(settings: Omit<AwsKmsSettings, 'keyId' | 'url'>, { host, target, body, atMs }: Signable): Record<string, string> {
  const stamp = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = stamp.slice(0, 8);
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host,
    'x-amz-date': stamp,
    ...(settings.sessionToken === null ? {} : { 'x-amz-security-token': settings.sessionToken }),
    'x-amz-target': target,
  };
  const names = Object.keys(headers).join(';');
  const canonical = ['POST', '/', '', ...Object.entries(headers).map(([name, value]) => `${name}:${value}`), '', names, sha256(body)].join(
    '\n',
  );
  const scope = `${day}/${settings.region}/kms/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n');
  const key = ['kms', 'aws4_request'].reduce(hmac, hmac(hmac(`AWS4${settings.secretAccessKey}`, day), settings.region));
  const credential = `Credential=${settings.accessKeyId}/${scope}`;
  const { host: _host, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${hmac(key, toSign).toString('hex')}`,
  };
}
