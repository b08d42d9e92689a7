/**
 * What operators send back. Anybody may call these addresses, so nothing is believed here: the body is
 * stored encrypted, word for word, and only then answered; who reads it asks the operator.
 */
import { hash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { type NewCallback, storeCallbacks } from '../../../db/queries/callbacks.ts';
import { fault } from '../../../domain/errors.ts';
import { type BoundedCommit, createBoundedCommit } from '../../bounded-commit.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiContext, problems, readBody } from '../http.ts';
import { socketAddressOf } from '../limits.ts';
import { type Api, mount } from '../mount.ts';

const CALLBACK_BYTES_MAX = 64 * 1024;
const RAIL_ID = /^[a-z0-9-]{1,40}$/;
/** What can be a token at all; other paths are nobody's and leave no row behind. */
const TOKEN = /^[A-Za-z0-9_-]{16,128}$/;

/** Makes the writer of callbacks; requests that arrive together share a statement. */
export function createCallbackCommit(deps: ApiDeps): BoundedCommit<NewCallback, boolean> {
  return createBoundedCommit({
    flush: async (items) => {
      const known = await storeCallbacks(deps.pool, items, deps.clock.now());
      if (known.includes(true)) deps.notify('callbacks');
      return known.map((result) => ({ result }));
    },
    flushMax: 200,
    waitingMax: 5_000,
  });
}

/** Mounts the addresses operators call back at. */
export function mountCallbacks(api: Api, commit: BoundedCommit<NewCallback, boolean>): void {
  for (const method of ['post', 'put'] as const) {
    mount(
      api,
      {
        method,
        path: '/v1/callbacks/{railId}/{token}',
        operationId: `${method}Callback`,
        tag: 'Callbacks',
        summary: 'For operators: the outcome of an attempt',
        description: 'The token is unguessable, one per attempt. The answer is the one the operator expects.',
        scope: null,
        params: z.object({ railId: z.string(), token: z.string() }),
        rawBody: { 'application/json': { schema: z.unknown() } },
        responses: {
          200: { description: "Stored. The body is the operator's own.", content: { 'application/json': { schema: z.unknown() } } },
          ...problems('callback_unknown', 'body_too_large', 'overloaded'),
        },
      },
      ({ c }) => take(api.deps, commit, c),
    );
  }
}

async function take(deps: ApiDeps, commit: BoundedCommit<NewCallback, boolean>, c: ApiContext): Promise<Response> {
  const [railId, token] = [c.req.param('railId') ?? '', c.req.param('token') ?? ''];
  if (!RAIL_ID.test(railId) || !TOKEN.test(token)) throw fault('callback_unknown');
  const text = (await readBody(c, CALLBACK_BYTES_MAX)).toString('utf8');
  const known = await commit.submit({
    railId,
    tokenHash: hash('sha256', token, 'buffer'),
    body: deps.keyring.encrypt(text, 'operator_callbacks.body'),
    bodyDigest: deps.keyring.blindIndex(text, 'operator_callbacks.body'),
    sourceAddress: socketAddressOf(c),
  });
  c.set('logged', { railId, known });
  const answer = known ? deps.callbackAnswer(railId) : null;
  if (answer === null) throw fault('callback_unknown');
  // An answer of 204 may not even have an empty body.
  return answer.body === ''
    ? c.body(null, answer.status as 200)
    : c.body(answer.body, answer.status as 200, { 'Content-Type': answer.contentType });
}
