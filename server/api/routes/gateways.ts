/**
 * What messaging gateways post: turns of USSD sessions, delivery reports, texts from people. None of it is signed, so
 * the address carries a secret and may be open to certain networks only. What is refused is kept, encrypted and word for
 * word, under the code it was refused with; what comes to an address with a wrong secret leaves nothing behind.
 */
import { isUtf8 } from 'node:buffer';
import { hash, timingSafeEqual } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { RECORD_CONTEXT, storeGatewayRecord, takeUnmatchedReports } from '../../../db/queries/gateway-records.ts';
import { optIn, optOut, SUBSCRIBER_SCOPE } from '../../../db/queries/subscribers.ts';
import { ERRORS, fault, isFault } from '../../../domain/errors.ts';
import { MESSAGE_BYTES_MAX } from '../../../tools/notify/gateways/form.ts';
import { type GatewayMessage, GATEWAYS, MESSAGE_KINDS, type UssdRequest } from '../../../tools/notify/gateways/gateway.ts';
import { PROTOCOLS } from '../../../tools/notify/gateways/protocols.ts';
import { wishOf } from '../../../tools/notify/sms/keywords.ts';
import { applyReport } from '../../../tools/notify/sms/reports.ts';
import type { GatewayDoor, Messaging } from '../../messaging.ts';
import { takeTurn, type UssdDeps } from '../../ussd.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiContext, mediaTypeOf, readSome } from '../http.ts';
import { callerAddressOf } from '../limits.ts';
import { type Api, mount } from '../mount.ts';

/** Mounts the addresses gateways post to. */
export function mountGateways(api: Api): void {
  mount(
    api,
    {
      method: 'post',
      path: '/v1/gateways/{gateway}/{token}/{kind}',
      operationId: 'postFromGateway',
      tag: 'Callbacks',
      summary: 'For messaging gateways: a turn of a USSD session, a delivery report, a text from a person',
      description: `The token is a secret between us and the gateway. The answer is the one the gateway expects. Kinds: ${MESSAGE_KINDS.join(', ')}.`,
      scope: null,
      params: z.object({ gateway: z.enum(GATEWAYS), token: z.string(), kind: z.enum(MESSAGE_KINDS) }),
      rawBody: {
        'application/x-www-form-urlencoded': { schema: z.record(z.string(), z.string()) },
        'application/json': { schema: z.record(z.string(), z.unknown()) },
      },
      responses: { 200: { description: "Taken. The body is the gateway's own.", content: { 'text/plain': { schema: z.string() } } } },
      refusals: [
        'malformed_body',
        'gateway_unknown',
        'ussd_session_unknown',
        'ussd_session_mismatch',
        'ussd_step_stale',
        'body_too_large',
        'unsupported_media_type',
        'validation_failed',
      ],
    },
    ({ c }) => take(api.deps, c),
  );
}

/** A request that came to an address of ours, before anything of it is believed. */
interface Arrival {
  readonly c: ApiContext;
  readonly deps: ApiDeps;
  readonly messaging: Messaging;
  readonly gateway: (typeof GATEWAYS)[number];
  readonly door: GatewayDoor;
  readonly kind: (typeof MESSAGE_KINDS)[number];
  readonly sourceAddress: string;
}

async function take(deps: ApiDeps, c: ApiContext): Promise<Response> {
  const arrival = arrivalOf(deps, c);
  const { gateway, kind } = arrival;
  const { bytes, whole } = await readSome(c, MESSAGE_BYTES_MAX);
  if (!arrival.door.allows(arrival.sourceAddress)) {
    await keepRefused(arrival, bytes, 'source_refused');
    throw fault('gateway_unknown');
  }
  try {
    const text = readText(arrival, bytes, whole);
    const message = PROTOCOLS[gateway].read(kind, text);
    const answer = await act(arrival, message, text);
    c.set('logged', { gateway, kind, ...answer.logged });
    return c.body(answer.body, 200, { 'Content-Type': answer.contentType });
  } catch (error) {
    if (!isFault(error) || ERRORS[error.code].status >= 500) throw error;
    c.set('logged', { gateway, kind, refused: error.code });
    await keepRefused(arrival, bytes, error.code);
    throw error;
  }
}

/** Finds whose address was called. Throws `gateway_unknown` for any that is nobody's. */
function arrivalOf(deps: ApiDeps, c: ApiContext): Arrival {
  const gateway = GATEWAYS.find((name) => name === c.req.param('gateway'));
  const kind = MESSAGE_KINDS.find((name) => name === c.req.param('kind'));
  const messaging = deps.messaging ?? null;
  const door = gateway === undefined ? undefined : messaging?.doors.get(gateway);
  if (messaging === null || gateway === undefined || kind === undefined || door === undefined) throw fault('gateway_unknown');
  if (!isSame(c.req.param('token') ?? '', door.token)) throw fault('gateway_unknown');
  return { c, deps, messaging, gateway, door, kind, sourceAddress: callerAddressOf(deps, c) };
}

/** Compared by their hashes, so that neither content nor length shows in the time it takes. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'));
}

/** The body as text. Throws `body_too_large`, `unsupported_media_type`, `malformed_body`. */
function readText({ c, gateway }: Arrival, bytes: Buffer, whole: boolean): string {
  if (!whole) throw fault('body_too_large');
  const { mediaType } = PROTOCOLS[gateway];
  if (mediaTypeOf(c) !== mediaType) throw fault('unsupported_media_type', { detail: `This address takes ${mediaType}.` });
  if (!isUtf8(bytes)) throw fault('malformed_body', { detail: 'The body is not UTF-8.' });
  return bytes.toString('utf8');
}

interface Done {
  readonly body: string;
  readonly contentType: string;
  /** For the line in the log: ids and words of ours only. */
  readonly logged: Readonly<Record<string, unknown>>;
}

async function act(arrival: Arrival, message: GatewayMessage, text: string): Promise<Done> {
  const done = (logged: Done['logged']): Done => ({ body: 'OK', contentType: 'text/plain; charset=utf-8', logged });
  const { deps } = arrival;
  switch (message.kind) {
    case 'ussd':
    case 'ussd-events':
      return turn(arrival, message.request);
    case 'sms-reports':
      return done({ report: await takeReport(arrival, message, text) });
    case 'sms-inbound': {
      const wish = wishOf(message.text.text);
      const phoneIndex = deps.keyring.blindIndex(message.text.sender, SUBSCRIBER_SCOPE);
      if (wish === 'stop') await optOut(deps.pool, phoneIndex, 'keyword', deps.clock.now());
      if (wish === 'start') await optIn(deps.pool, deps.keyring.blindIndexes(message.text.sender, SUBSCRIBER_SCOPE), deps.clock.now());
      return done({ wish });
    }
    case 'sms-opt-outs':
      await optOut(deps.pool, deps.keyring.blindIndex(message.optOut.phone, SUBSCRIBER_SCOPE), 'gateway', deps.clock.now());
      return done({ wish: 'stop' });
  }
}

async function turn({ c, deps, messaging, gateway, door }: Arrival, request: UssdRequest): Promise<Done> {
  if (messaging.ussd === null) throw fault('gateway_unknown');
  if (door.serviceCodes.length > 0 && !door.serviceCodes.includes(request.serviceCode))
    throw fault('validation_failed', { field: 'serviceCode', detail: 'The service code is not one of ours.' });
  const ussd: UssdDeps = { ...deps, settings: messaging.ussd };
  const { reply, sessionId, paymentId } = await takeTurn(ussd, gateway, request);
  return { ...PROTOCOLS[gateway].answer(request, reply, c.get('requestId')), logged: { sessionId, paymentId, ends: reply.ends } };
}

/** A report that names no message of ours is kept: the answer that names the message may still be on its way. */
async function takeReport(arrival: Arrival, message: GatewayMessage & { kind: 'sms-reports' }, text: string): Promise<string> {
  const { deps, gateway } = arrival;
  const { report } = message;
  const applied = await applyReport(deps, gateway, report);
  if (applied !== 'unknown') return applied;
  await storeGatewayRecord(
    deps.pool,
    { ...recordOf(arrival, text), verdict: 'unmatched', reasonCode: 'callback_unknown', reference: report.key.id },
    deps.clock.now(),
  );
  // Between the look and the record the answer may have come.
  const again = await applyReport(deps, gateway, report);
  if (again !== 'unknown') await takeUnmatchedReports(deps.pool, gateway, report.key.id);
  return again;
}

async function keepRefused(arrival: Arrival, bytes: Buffer, reasonCode: string): Promise<void> {
  const { deps, gateway } = arrival;
  const text = PROTOCOLS[gateway].redact(isUtf8(bytes) ? bytes.toString('utf8') : `base64:${bytes.toString('base64')}`);
  const record = { ...recordOf(arrival, text), verdict: 'refused', reasonCode, reference: null } as const;
  await storeGatewayRecord(deps.pool, record, deps.clock.now());
}

function recordOf({ deps, gateway, kind, sourceAddress }: Arrival, text: string) {
  return {
    gateway,
    kind,
    body: deps.keyring.encrypt(text, RECORD_CONTEXT),
    bodyDigest: deps.keyring.blindIndex(text, RECORD_CONTEXT),
    sourceAddress,
  };
}
