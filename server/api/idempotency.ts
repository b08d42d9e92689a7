/**
 * `Idempotency-Key`: a request that is sent again with its key gets the answer of the first time and
 * does nothing. The key stands for method, path and body; with another of these it is refused.
 *
 * Answers are kept for a day. Errors on our side are not kept, so that the request can be tried again.
 */
import type { Pool } from 'pg';
import {
  claimIdempotencyKeys,
  type ClaimVerdict,
  forgetIdempotencyKeys,
  type IdempotencyClaim,
  type IdempotentAnswer,
  keepAnswers,
  releaseIdempotencyKey,
} from '../../db/queries/idempotency.ts';
import type { Keyring } from '../../db/keyring.ts';
import type { Clock } from '../../domain/clock.ts';
import { ERRORS, fault } from '../../domain/errors.ts';
import { createBoundedCommit } from '../bounded-commit.ts';
import type { Log } from '../log.ts';
import { addHeader, answerText } from './headers.ts';
import type { ApiContext } from './http.ts';
import { problemOf, toFault } from './problem.ts';

/** What a handler gives back when its answer can be kept. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Idempotency {
  /** Runs `act` at most once per key; without the header it simply runs. `text` is the body as it came. */
  run(c: ApiContext, text: string, act: () => Promise<Answer>): Promise<Response>;
  drain(): Promise<void>;
}

interface Deps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
}

const KEY = /^[\x21-\x7e]{1,255}$/;
/** A request that was claimed and not answered for so long counts as lost. */
const LOCK_MS = 60_000;
const KEPT_FOR_MS = 24 * 3_600_000;
const FORGET_EVERY_MS = 600_000;
const FLUSH_MAX = 500;
const WAITING_MAX = 20_000;

/** Makes the keeper of idempotency keys; one per process, so that requests share statements. */
export function createIdempotency(deps: Deps): Idempotency {
  let forgetAtMs = 0;
  const running = new Map<string, Buffer>();
  const claims = createBoundedCommit<IdempotencyClaim, ClaimVerdict>({
    flush: async (items) => {
      const verdicts = await claimIdempotencyKeys(deps.pool, items, deps.clock.now(), LOCK_MS);
      return verdicts.map((result) => (!result.claimed && result.fingerprint === undefined ? 'again' : { result }));
    },
    flushMax: FLUSH_MAX,
    waitingMax: WAITING_MAX,
    laneOf: ({ clientId }) => clientId,
  });
  const answers = createBoundedCommit<IdempotentAnswer, null>({
    flush: async (items) => {
      await keepAnswers(deps.pool, items);
      return items.map(() => ({ result: null }));
    },
    flushMax: FLUSH_MAX,
    waitingMax: WAITING_MAX,
    laneOf: ({ clientId }) => clientId,
  });

  function forgetNowAndThen(): void {
    const nowMs = deps.clock.now();
    if (nowMs < forgetAtMs) return;
    forgetAtMs = nowMs + FORGET_EVERY_MS;
    forgetIdempotencyKeys(deps.pool, nowMs - KEPT_FOR_MS).catch((error: unknown) => {
      deps.log.warn({ err: error }, 'old idempotency keys not forgotten');
    });
  }

  async function run(c: ApiContext, text: string, act: () => Promise<Answer>): Promise<Response> {
    const key = c.req.header('idempotency-key');
    if (key === undefined) return send(c, await act());
    if (!KEY.test(key))
      throw fault('validation_failed', { field: 'Idempotency-Key', detail: 'An idempotency key is 1 to 255 printable characters.' });
    const { clientId } = c.get('caller');
    const claim = {
      clientId,
      key,
      fingerprint: deps.keyring.blindIndex(`${c.req.method}\n${c.req.path}\n${text}`, `idempotency:${clientId}`),
    };
    const mine = `${clientId}${key}`;
    refuseTwin(running.get(mine), claim.fingerprint);
    running.set(mine, claim.fingerprint);
    try {
      forgetNowAndThen();
      const verdict = await claims.submit(claim);
      if (!verdict.claimed) return replay(c, verdict, claim.fingerprint);
      return send(c, await actAndKeep(c, claim, act));
    } finally {
      running.delete(mine);
    }
  }

  async function actAndKeep(c: ApiContext, claim: IdempotencyClaim, act: () => Promise<Answer>): Promise<Answer> {
    const { clientId, key } = claim;
    let answer: Answer;
    try {
      answer = await act();
    } catch (error) {
      const refusal = toFault(error);
      if (ERRORS[refusal.code].retry === 'later') {
        await releaseIdempotencyKey(deps.pool, clientId, key).catch(() => undefined);
        throw error;
      }
      answer = { status: ERRORS[refusal.code].status, body: problemOf(refusal, c.get('requestId')) };
    }
    // Should keeping fail, the effect stands and its own reference guards it; the caller must still hear of it.
    await answers.submit({ clientId, key, status: answer.status, body: JSON.stringify(answer.body) }).catch((error: unknown) => {
      deps.log.warn({ err: error, requestId: c.get('requestId') }, 'answer of an idempotency key not kept');
    });
    return answer;
  }

  return { run, drain: async () => void (await Promise.all([claims.drain(), answers.drain()])) };
}

/** Refuses a request whose key is being worked on in this very process. */
function refuseTwin(running: Buffer | undefined, fingerprint: Buffer): void {
  if (running === undefined) return;
  throw fault(running.equals(fingerprint) ? 'idempotency_in_progress' : 'idempotency_key_reused');
}

function replay(c: ApiContext, verdict: Extract<ClaimVerdict, { claimed: false }>, fingerprint: Buffer): Response {
  if (!verdict.fingerprint.equals(fingerprint)) throw fault('idempotency_key_reused');
  if (verdict.answer === null) throw fault('idempotency_in_progress');
  addHeader(c, 'Idempotent-Replayed', 'true');
  return sendText(c, verdict.answer.status, verdict.answer.body);
}

function send(c: ApiContext, answer: Answer): Response {
  return sendText(c, answer.status, JSON.stringify(answer.body));
}

function sendText(c: ApiContext, status: number, text: string): Response {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  return answerText(c, status, text, { 'Content-Type': type });
}
