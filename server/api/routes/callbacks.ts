/**
 * What operators send back. Anybody may call these addresses, so nothing is believed here: the body is
 * stored encrypted, word for word, and only then answered; who reads it asks the operator.
 */
import { isUtf8 } from 'node:buffer';
import { hash, timingSafeEqual } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { CALLBACK_CONTEXT, type CallbackView, listCallbacks, type NewCallback, storeCallbacks } from '../../../db/queries/callbacks.ts';
import { fault } from '../../../domain/errors.ts';
import { RAILS } from '../../../domain/network.ts';
import { type BoundedCommit, createBoundedCommit } from '../../bounded-commit.ts';
import { CURSOR_NUMBER, decodeCursor, encodeCursor } from '../cursor.ts';
import type { ApiDeps, CallbackTerms } from '../deps.ts';
import { answers, type ApiContext, hasKnownCertificate, nextCursor, pageOf, pageQuery, readSome } from '../http.ts';
import { callerAddressOf } from '../limits.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentSchema } from '../resources/common.ts';

export const CALLBACK_BYTES_MAX = 64 * 1024;
const CALLBACK_VERDICTS = ['matched', 'duplicate', 'quarantined'] as const;
const RAIL_IDS: ReadonlySet<string> = new Set(RAILS.map(({ id }) => id));
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
    laneOf: ({ railId }) => railId,
  });
}

/** Mounts the addresses operators call back at, and what became of their messages. */
export function mountCallbacks(api: Api, commit: BoundedCommit<NewCallback, boolean>): void {
  mountAddresses(api, commit);
  mountReading(api);
}

function mountAddresses(api: Api, commit: BoundedCommit<NewCallback, boolean>): void {
  for (const method of ['post', 'put'] as const) {
    mount(
      api,
      {
        method,
        path: '/v1/callbacks/{railId}/{token}',
        operationId: `${method}Callback`,
        tag: 'Callbacks',
        summary: 'For operators: the outcome of an attempt',
        description:
          'The token is unguessable, one per attempt; of an operator that knows one address for all, one per rail: its messages are matched by the reference in them, and believed only after it was asked. The answer is the one the operator expects.',
        scope: null,
        params: z.object({ railId: z.string(), token: z.string() }),
        rawBody: { 'application/json': { schema: z.unknown() } },
        responses: {
          200: { description: "Stored. The body is the operator's own.", content: { 'application/json': { schema: z.unknown() } } },
        },
        refusals: ['callback_unknown', 'body_too_large', 'overloaded'],
      },
      ({ c }) => take(api.deps, commit, c),
    );
  }
}

const callbackSchema = z
  .object({
    id: z.string(),
    railId: z.string(),
    attemptId: idSchema.nullable().openapi({ description: 'Whose outcome it tells; null when no attempt claims it.' }),
    sourceAddress: z.string(),
    receivedAt: momentSchema,
    processedAt: momentSchema.nullable(),
    verdict: z.enum(CALLBACK_VERDICTS).nullable().openapi({ description: 'Null until it was read. A quarantined one changes nothing.' }),
    reasonCode: z.string().nullable(),
  })
  .openapi('OperatorCallback');

function callbackOut(row: CallbackView): z.infer<typeof callbackSchema> {
  const { receivedAt, processedAt, verdict, ...rest } = row;
  return {
    ...rest,
    id: row.id.toString(),
    receivedAt: receivedAt.toISOString(),
    processedAt: processedAt?.toISOString() ?? null,
    verdict: verdict as z.infer<typeof callbackSchema>['verdict'],
  };
}

function mountReading(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/callbacks',
      operationId: 'listCallbacks',
      tag: 'Callbacks',
      summary: 'List what operators sent, newest first',
      description: 'With `verdict=quarantined`: what was malformed, hostile or nobody’s. Bodies are kept encrypted and not shown.',
      scope: 'callbacks:read',
      query: z.strictObject({ ...pageQuery, verdict: z.enum(CALLBACK_VERDICTS).optional(), railId: z.string().max(40).optional() }),
      responses: { 200: answers('A page of callbacks.', pageOf(callbackSchema)) },
    },
    async ({ caller, query: { limit, cursor, ...filter } }) => {
      const list = `callbacks ${JSON.stringify([filter.verdict, filter.railId])}`;
      const [before = null] = cursor === undefined ? [] : decodeCursor(list, cursor, [CURSOR_NUMBER]);
      const rows = await listCallbacks(api.deps.tenants.listing(caller.clientId), caller.clientId, filter, { before, limit });
      const encode = (last: CallbackView) => encodeCursor(list, [last.id.toString()]);
      return { status: 200, body: { items: rows.map(callbackOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}

export const ANYWHERE: CallbackTerms = { applicationToken: null, allows: () => true };

/** A message as it is kept: what is no text as base64. */
export function textOfBytes(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : `base64:${bytes.toString('base64')}`;
}

/** Why what came is put aside unread: it is kept, and changes nothing. */
function refusalOf(deps: ApiDeps, c: ApiContext, found: { readonly isAllowed: boolean; readonly whole: boolean }) {
  if (!found.isAllowed) return 'source_refused';
  if (deps.operatorCertificates === true && !hasKnownCertificate(c)) return 'certificate_refused';
  return found.whole ? null : 'body_too_large';
}

/** Compares without telling by its time how far the two agree. */
function isSameToken(token: string, expected: string | null): boolean {
  return expected !== null && timingSafeEqual(hash('sha256', token, 'buffer'), hash('sha256', expected, 'buffer'));
}

async function take(deps: ApiDeps, commit: BoundedCommit<NewCallback, boolean>, c: ApiContext): Promise<Response> {
  const [railId, token] = [c.req.param('railId') ?? '', c.req.param('token') ?? ''];
  if (!RAIL_ID.test(railId) || !RAIL_IDS.has(railId)) throw fault('callback_unknown');
  const terms = deps.callbackTerms?.(railId) ?? ANYWHERE;
  if (!TOKEN.test(token)) throw fault('callback_unknown');
  const sourceAddress = callerAddressOf(deps, c);
  const { bytes, whole } = await readSome(c, CALLBACK_BYTES_MAX);
  const text = textOfBytes(bytes);
  const refusal = refusalOf(deps, c, { isAllowed: terms.allows(sourceAddress), whole });
  const known = await commit.submit({
    railId,
    tokenHash: isSameToken(token, terms.applicationToken) ? null : hash('sha256', token, 'buffer'),
    ...(refusal === null ? {} : { refusal }),
    body: deps.keyring.encrypt(text, CALLBACK_CONTEXT),
    bodyDigest: deps.keyring.blindIndex(text, CALLBACK_CONTEXT),
    sourceAddress,
  });
  c.set('logged', { railId, known });
  if (refusal === 'body_too_large') throw fault(refusal);
  const answer = known ? deps.callbackAnswer(railId) : null;
  if (answer === null) throw fault('callback_unknown');
  // An answer of 204 may not even have an empty body.
  return answer.body === ''
    ? c.body(null, answer.status as 200)
    : c.body(answer.body, answer.status as 200, { 'Content-Type': answer.contentType });
}
