/**
 * Those who use the platform from outside: clients who send, send again when nothing comes back, and change
 * their minds; officers who decide what is held.
 */
import type { CASE_REASONS } from '../domain/cases.ts';
import type { Network } from './network.ts';
import type { Stage } from './stage.ts';
import { MANY, type Wish } from './intents.ts';

export const API_URL = 'http://api.simulation';

export interface ClientDeps {
  readonly stage: Stage;
  readonly network: Network;
  readonly key: string;
}

/** What became of a wish: the payment it was answered with, or the refusal. */
export type Answered = { readonly paymentId: string } | { readonly refusal: string };

export interface Client {
  /** Answers by the index of the wish. */
  readonly answers: ReadonlyMap<number, Answered>;
  /** Begins; every wish comes at its moment. */
  start(wishes: readonly Wish[]): void;
}

const PATIENCE_MS = 700;
const PATIENCE_MS_MAX = 20_000;

/** A client that has been answered for every wish sooner or later. */
export function createClient(deps: ClientDeps): Client {
  const answers = new Map<number, Answered>();
  const { stage } = deps;

  async function live(wish: Wish): Promise<void> {
    const quoteId = wish.byQuote ? await quoteFor(deps, wish) : null;
    const intent = quoteId === null ? wish.intent : { ...wish.intent, quoteId };
    const send = () => untilAnswered(deps, `wish ${wish.index}`, '/v1/payments', intent, `pay-${wish.index}`);
    const [first, second] = await Promise.all([send(), wish.twice ? send() : null]);
    const answer = answerOf(first);
    answers.set(wish.index, answer);
    if (second !== null && 'paymentId' in answer && JSON.stringify(answerOf(second)) !== JSON.stringify(answer))
      answers.set(wish.index, { refusal: `two answers: ${JSON.stringify(answerOf(second))}` });
    if (wish.changesMindAfterMs !== null && 'paymentId' in answer) await changeMind(deps, wish, answer.paymentId);
  }

  async function liveTogether(lot: readonly Wish[]): Promise<void> {
    const verdicts = await untilBatchAnswered(deps, lot);
    for (const [index, wish] of lot.entries()) {
      const { paymentId, errors } = verdicts[index] ?? {};
      const answer: Answered = paymentId === undefined ? { refusal: errors?.[0]?.code ?? 'no verdict' } : { paymentId };
      answers.set(wish.index, answer);
      if (wish.changesMindAfterMs !== null && 'paymentId' in answer) void changeMind(deps, wish, answer.paymentId);
    }
  }

  return {
    answers,
    start: (wishes) => {
      const plain = wishes.length < MANY ? [] : wishes.filter((wish) => !wish.byQuote && !wish.twice);
      const inLots = new Set(plain);
      for (const wish of wishes) if (!inLots.has(wish)) stage.after(wish.atMs, () => void live(wish));
      for (let from = 0; from < plain.length; from += LOT) {
        const lot = plain.slice(from, from + LOT);
        stage.after(lot.at(-1)?.atMs ?? 0, () => void liveTogether(lot));
      }
    },
  };
}

/** Of many wishes most come in batches, of so many each. */
const LOT = 100;

/** Sends a batch until every row has a verdict that is not "later". */
async function untilBatchAnswered(deps: ClientDeps, lot: readonly Wish[]): Promise<readonly RowVerdict[]> {
  const key = `batch-${lot[0]?.index ?? 0}`;
  for (;;) {
    const { body } = await untilAnswered(deps, key, '/v1/payments/batches', { intents: lot.map((wish) => wish.intent) }, key);
    const rows = body.rows ?? [];
    const isLater = rows.some(({ errors }) => errors?.some(({ code }) => LATER.has(code)) === true);
    if (rows.length === lot.length && !isLater) return rows;
    await pause(deps.stage, PATIENCE_MS_MAX);
  }
}

const LATER: ReadonlySet<string> = new Set(['database_unavailable', 'internal', 'overloaded']);

interface RowVerdict {
  readonly paymentId?: string;
  readonly errors?: readonly { readonly code: string }[];
}

export interface Reply {
  readonly status: number;
  readonly body: {
    readonly id?: string;
    readonly code?: string;
    readonly evidenceDigest?: string;
    readonly items?: readonly { readonly id: string }[];
    readonly rows?: readonly RowVerdict[];
  };
}

function answerOf({ status, body }: Reply): Answered {
  return status < 300 ? { paymentId: body.id ?? '' } : { refusal: body.code ?? String(status) };
}

async function quoteFor(deps: ClientDeps, wish: Wish): Promise<string | null> {
  const { amount, fromCurrency, toCurrency, sender, receiver } = wish.intent;
  const asked = { amount, fromCurrency, toCurrency, fromCountry: sender.country, toCountry: receiver.country };
  const reply = await untilAnswered(deps, `quote ${wish.index}`, '/v1/quotes', asked, `quote-${wish.index}`);
  return reply.status === 201 ? (reply.body.id ?? null) : null;
}

/** Cancels, and where it is too late for that asks for the money back. */
async function changeMind(deps: ClientDeps, wish: Wish, paymentId: string): Promise<void> {
  await pause(deps.stage, wish.changesMindAfterMs ?? 0);
  const who = `second thought ${wish.index}`;
  const cancelled = await untilAnswered(deps, who, `/v1/payments/${paymentId}/cancel`, undefined, `cancel-${wish.index}`);
  if (cancelled.status >= 300) await untilAnswered(deps, who, `/v1/payments/${paymentId}/refund`, undefined, `refund-${wish.index}`);
}

function pause(stage: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => stage.after(ms, resolve));
}

/** Sends until there is an answer that is neither nothing nor "later"; always with the same key. */
async function untilAnswered(deps: ClientDeps, who: string, path: string, body: unknown, key: string): Promise<Reply> {
  const { stage, network } = deps;
  for (let waitMs = PATIENCE_MS; ; waitMs = Math.min(PATIENCE_MS_MAX, 2 * waitMs)) {
    const reply = await once(network, who, path, body, { key: deps.key, idempotencyKey: key });
    const isLater =
      reply === null ||
      reply.status >= 500 ||
      reply.status === 429 ||
      reply.body.code === 'idempotency_in_progress' ||
      reply.body.code === 'payment_busy';
    if (!isLater) return reply;
    await pause(stage, waitMs);
  }
}

/** Asks the API once; null when no answer comes back. */
export async function once(
  network: Network,
  who: string,
  path: string,
  body: unknown,
  by: { readonly key: string; readonly idempotencyKey?: string },
): Promise<Reply | null> {
  try {
    const response = await network.ask(who, `${API_URL}${path}`, {
      method: body === GET ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${by.key}`,
        ...(by.idempotencyKey === undefined ? {} : { 'idempotency-key': by.idempotencyKey }),
        ...(body === undefined || body === GET ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined || body === GET ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Reply['body'] };
  } catch {
    return null;
  }
}

/** In place of a body: only reads. */
export const GET = Symbol('GET');

export interface OfficerDeps extends ClientDeps {
  readonly name: string;
  /** How often the officer looks, milliseconds. */
  readonly everyMs: number;
}

const REASONS = { release: 'false_positive', reject: 'true_match' } as const satisfies {
  readonly [Verdict in 'release' | 'reject']: keyof (typeof CASE_REASONS)[Verdict];
};

/** An officer who takes what is open, and lets go on seven of ten. */
export function startOfficer(deps: OfficerDeps): void {
  const { stage, network, name, key } = deps;
  let visits = 0;
  async function work(): Promise<void> {
    const list = await once(network, name, '/v1/cases?status=open&kind=held', GET, { key });
    const open = list?.status === 200 ? (list.body.items ?? []) : [];
    for (const each of open) {
      const claimed = await once(network, name, `/v1/cases/${each.id}/claim`, undefined, { key });
      const read = claimed?.status === 200 ? await once(network, name, `/v1/cases/${each.id}`, GET, { key }) : null;
      if (read?.status !== 200) continue;
      const evidenceDigest = read.body.evidenceDigest ?? '';
      const verdict = stage.chance.draw('verdict', evidenceDigest) < 0.7 ? 'release' : 'reject';
      const decision = { verdict, reasonCode: REASONS[verdict], evidenceDigest };
      visits += 1;
      // A refusal is kept with its key: who looks anew decides anew.
      await once(network, name, `/v1/cases/${each.id}/decisions`, decision, { key, idempotencyKey: `${name}-${visits}` });
    }
    stage.after(deps.everyMs, () => void work());
  }
  stage.after(deps.everyMs, () => void work());
}
