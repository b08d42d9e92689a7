/** Requests that have to be signed (RFC 9421): of clients that bound an API key to a key of their own. */
import { createPublicKey } from 'node:crypto';
import { takeNonce } from '../../db/queries/api-keys.ts';
import { fault } from '../../domain/errors.ts';
import { checkSignature } from '../auth/http-signatures.ts';
import type { Caller } from './deps.ts';
import type { ApiContext } from './http.ts';
import type { Api } from './mount.ts';

/**
 * Throws `signature_invalid` unless the request is signed with the caller's key, in full, for this address, a moment ago, and was not
 * sent before.
 */
export async function assertSigned({ deps }: Api, c: ApiContext, key: NonNullable<Caller['requestKey']>, body: Buffer): Promise<void> {
  if (deps.access === undefined) throw fault('signature_invalid', { detail: 'This route takes no signed requests.' });
  const { pathname, search } = new URL(c.req.url);
  const request = {
    method: c.req.method,
    url: `${deps.access.origin}${pathname}${search}`,
    header: (name: string) => c.req.header(name),
    body,
  };
  const nowMs = deps.clock.now();
  const held = checkSignature(request, createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }), nowMs);
  if (held === null || held.keyId !== key.id) throw fault('signature_invalid');
  const taken = { keyId: key.id, nonce: held.nonce, expiresAtMs: held.expiresS * 1000, nowMs };
  if (!(await takeNonce(deps.pool, taken))) throw fault('signature_invalid');
}
