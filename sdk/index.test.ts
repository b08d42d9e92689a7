import { describe, expect, test } from 'vitest';
import { CappApiError, CappConnectionError, createCapp } from './index.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | null;
}

/** A client whose answers are scripted, and what it was asked. */
function scripted(answers: readonly (() => Response | Promise<Response>)[], options: { retriesMax?: number } = {}) {
  const asked: Asked[] = [];
  const waitedMs: number[] = [];
  const capp = createCapp({
    baseUrl: 'http://capp.test',
    apiKey: 'key-1',
    fetch: async (input, init) => {
      const answer = answers[asked.length];
      asked.push({
        method: init?.method ?? 'GET',
        url: String(input),
        headers: new Headers(init?.headers),
        body: typeof init?.body === 'string' ? init.body : null,
      });
      if (answer === undefined) throw new RangeError('asked more often than answers were given');
      return answer();
    },
    random: () => 0,
    wait: async (ms) => {
      waitedMs.push(ms);
    },
    ...options,
  });
  return { capp, asked, waitedMs };
}

const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ status, code, detail: 'No.', requestId: 'r-1', errors: [{ code, field: 'amount', detail: 'No.' }] }), {
    status,
    headers,
  });
const dead = () => Promise.reject(new TypeError('fetch failed'));

describe('requests', () => {
  test('carry the key, and one idempotency key across all their tries', async () => {
    const { capp, asked } = scripted([dead, () => problem(503, 'overloaded'), () => Response.json({ id: 'p-1' })]);
    await capp.payments.create({
      referenceId: 'a',
      amount: '1',
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      sender: { name: 'A', phone: '1', country: 'KE' },
      receiver: { name: 'B', phone: '2', country: 'UG' },
    });
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(3).fill('POST http://capp.test/v1/payments'));
    expect(asked[0]?.headers.get('authorization')).toBe('Bearer key-1');
    const keys = new Set(asked.map((each) => each.headers.get('idempotency-key')));
    expect(keys.size).toBe(1);
    expect([...keys][0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('an idempotency key of the caller is used', async () => {
    const { capp, asked } = scripted([() => Response.json({})]);
    await capp.payments.cancel('p 1', { idempotencyKey: 'mine' });
    expect(asked[0]?.headers.get('idempotency-key')).toBe('mine');
    expect(asked[0]?.url).toBe('http://capp.test/v1/payments/p%201/cancel');
  });

  test('wait longer from try to try, up to a cap, and never less than the answer asks for', async () => {
    const { capp, waitedMs } = scripted([
      dead,
      dead,
      () => problem(429, 'rate_limited', { 'Retry-After': '3' }),
      dead,
      () => Response.json({ items: [] }),
    ]);
    await capp.pools.list();
    expect(waitedMs).toEqual([100, 200, 3_000, 800]);
  });

  test('give up after the last try and say what came last', async () => {
    const { capp, asked } = scripted([dead, dead], { retriesMax: 1 });
    const failure = await capp.pools.list().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CappConnectionError);
    expect(failure).toMatchObject({ code: 'service_unreachable' });
    expect(asked).toHaveLength(2);
  });

  test('are not sent again when the answer is final', async () => {
    const { capp, asked } = scripted([() => problem(422, 'amount_too_precise')]);
    const failure = await capp.quotes.get('q').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CappApiError);
    expect(failure).toMatchObject({
      code: 'amount_too_precise',
      status: 422,
      requestId: 'r-1',
      detail: 'No.',
      errors: [{ field: 'amount' }],
    });
    expect(asked).toHaveLength(1);
  });

  test('an answer of somebody in between is an error too', async () => {
    const { capp } = scripted([() => new Response('<html>', { status: 404 })]);
    await expect(capp.payments.get('x')).rejects.toMatchObject({ code: 'http_404', status: 404 });
    const { capp: other } = scripted([() => new Response('<html>', { status: 200 })]);
    await expect(other.payments.get('x')).rejects.toMatchObject({ code: 'malformed_answer' });
  });

  test('end when the caller says so, with the reason of the caller', async () => {
    const abort = new AbortController();
    const { capp, asked } = scripted([
      () => {
        abort.abort(new RangeError('enough'));
        return dead();
      },
    ]);
    await expect(capp.pools.list({ signal: abort.signal })).rejects.toThrow('enough');
    expect(asked).toHaveLength(1);
  });
});

describe('lists', () => {
  test('come page by page, with the filter on every page', async () => {
    const { capp, asked } = scripted([
      () => Response.json({ items: [{ id: '1' }, { id: '2' }], nextCursor: 'c/1' }),
      () => Response.json({ items: [{ id: '3' }], nextCursor: null }),
    ]);
    const ids: string[] = [];
    for await (const payment of capp.payments.each({ status: 'paid' }, { limit: 2 })) ids.push(payment.id);
    expect(ids).toEqual(['1', '2', '3']);
    expect(asked.map(({ url }) => new URL(url).search)).toEqual(['?status=paid&limit=2', '?status=paid&limit=2&cursor=c%2F1']);
  });

  test('ask for no page that nobody reads', async () => {
    const { capp, asked } = scripted([() => Response.json({ items: [{ id: '1' }], nextCursor: 'more' })]);
    for await (const _payment of capp.payments.each()) break;
    expect(asked).toHaveLength(1);
  });
});

describe('the live stream', () => {
  const events = (text: string) => () => new Response(text, { headers: { 'Content-Type': 'text/event-stream' } });

  test('goes on after the last event it saw', async () => {
    const { capp, asked, waitedMs } = scripted([
      events('retry: 1500\n\nid: 7-1\nevent: decision\ndata: {"id":"d1"}\n\n: still here\n\n'),
      dead,
      events('id: 7-2\nevent: decision\ndata: {"id":"d2"}\n\n'),
    ]);
    const seen: string[] = [];
    for await (const { eventId, decision } of capp.activity.stream({ agent: 'compliance' })) {
      seen.push(`${eventId} ${decision.id}`);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(['7-1 d1', '7-2 d2']);
    expect(asked.map((each) => each.headers.get('last-event-id'))).toEqual([null, '7-1', '7-1']);
    expect(asked[0]?.url).toBe('http://capp.test/v1/activity/stream?agent=compliance');
    expect(waitedMs).toEqual([1_500, 1_500]);
  });

  test('ends for good when the API refuses it', async () => {
    const { capp } = scripted([() => problem(403, 'forbidden')]);
    await expect(capp.activity.stream().next()).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('ends when the caller says so', async () => {
    const abort = new AbortController();
    const { capp } = scripted([events('id: 1\nevent: decision\ndata: {"id":"d1"}\n\n')]);
    const stream = capp.activity.stream({ signal: abort.signal });
    expect((await stream.next()).value).toMatchObject({ eventId: '1' });
    abort.abort();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });
});
