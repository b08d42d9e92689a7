/** No effect reaches an operator after it may have been called absent, whatever held it up. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { RAILS, railById } from '../../domain/network.ts';
import { money } from '../../domain/money.ts';
import { createSandbox } from '../../sandbox/sandbox.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { createSend } from './http.ts';
import type { EffectRequest, OperatorClient } from './operator.ts';
import { absenceIsSure, createDeadlines, reachesWithinMs, SEND_WITHIN_MS } from './patience.ts';
import { createOperators } from './registry.ts';

const START_MS = Date.UTC(2026, 9, 5, 8);
const COUNTRY_PHONES: Readonly<Record<string, string>> = { KE: '+254700554321', UG: '+256772554321' };

/** One rail of each protocol. */
const EACH_PROTOCOL = [...new Map(RAILS.filter(({ country }) => country in COUNTRY_PHONES).map((rail) => [rail.protocol, rail])).values()];

async function worldWith(heldUp: (path: string, scheduler: ReturnType<typeof manualScheduler>) => Promise<void>) {
  const scheduler = manualScheduler(START_MS);
  const sandbox = await createSandbox({ scheduler, send: async () => new Response('') });
  const paths: string[] = [];
  const operators = createOperators({
    rails: RAILS,
    profiles: sandbox.profiles(),
    clock: scheduler,
    fetch: async (url, init) => {
      const { pathname } = new URL(url);
      paths.push(pathname);
      const answer = await sandbox.fetch(url, init);
      await heldUp(pathname, scheduler);
      return answer;
    },
  });
  return { sandbox, scheduler, operators, paths };
}

function requestFor(rail: (typeof RAILS)[number]): EffectRequest {
  return {
    requestId: '7d444840-9dc0-41d1-b245-5ffdce74fad2',
    amount: money(50_000n, rail.currency),
    phone: COUNTRY_PHONES[rail.country] ?? '',
    callbackUrl: 'https://hooks.test/callback',
    sentAtMs: START_MS,
    note: 'CAPP transfer',
    remember: async () => undefined,
  };
}

it.each(EACH_PROTOCOL)('$protocol: nothing is sent once a slow token has used up the time', async (rail) => {
  for (const leg of ['collect', 'disburse'] as const) {
    const world = await worldWith(async (_path, scheduler) => scheduler.advance(SEND_WITHIN_MS + 1));
    const outcome = await world.operators(rail.id)[leg](requestFor(rail));
    expect(outcome).toEqual({ state: 'failed', reasonCode: 'never_received', retry: 'later', isUnsent: true });
    expect(world.sandbox.books(rail.id).transactions).toEqual([]);
    await world.scheduler.advance(reachesWithinMs({ timeoutMs: 5_000 }));
    expect(world.sandbox.books(rail.id).transactions).toEqual([]);
  }
});

it.each(EACH_PROTOCOL)('$protocol: nothing at all is sent after a pause of the process, and in time it is', async (rail) => {
  const world = await worldWith(async () => undefined);
  await world.scheduler.advance(60_000);
  expect((await world.operators(rail.id).disburse(requestFor(rail))).state).toBe('failed');
  expect(world.paths).toEqual([]);
  const request = { ...requestFor(rail), sentAtMs: world.scheduler.now() };
  expect((await world.operators(rail.id).disburse(request)).state).toBe('pending');
  expect(world.sandbox.books(rail.id).transactions).toHaveLength(1);
});

it('inquiries have no such end', async () => {
  const world = await worldWith(async (_path, scheduler) => scheduler.advance(SEND_WITHIN_MS + 1));
  const { requestId, amount, callbackUrl } = requestFor(railById('hub-ke'));
  const inquiry = { requestId, leg: 'payout' as const, amount, handle: {}, sentAtMs: START_MS, nowMs: START_MS, callbackUrl };
  await world.operators('hub-ke').inquire(inquiry);
  expect(world.paths.length).toBeGreaterThan(1);
});

it('settings that would call something absent while it may still arrive are refused', () => {
  expect(absenceIsSure({ timeoutMs: 1_000, absentAfterMs: SEND_WITHIN_MS + 999 })).toBe(false);
  expect(absenceIsSure({ timeoutMs: 1_000, absentAfterMs: SEND_WITHIN_MS + 1_000 })).toBe(true);
});

describe('a pause between the look at the deadline and the first byte', () => {
  /** A real server and a real connection; the process pauses once the request is made, before it is written. */
  async function sendWith(pauseMs: number, warm: boolean) {
    const received: string[] = [];
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk.toString()));
      received.push(`${request.method} ${request.url}`);
      request.on('end', () => response.end('{}'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const clock = manualClock(START_MS);
    const deadlines = createDeadlines({ fetch, clock });
    const send = createSend({ fetch: deadlines.fetch, baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 5_000 });
    let answer: Awaited<ReturnType<typeof send>> | undefined;
    const collect = async () => {
      answer = await send({ method: 'POST', path: '/pay', headers: {}, body: 'amount=1' });
      return { state: 'pending' as const };
    };
    const client = deadlines.guard({ collect } as unknown as OperatorClient);
    const request = { sentAtMs: START_MS } as EffectRequest;
    if (warm) await client.collect(request);
    received.length = 0;
    const pause = () => clock.advance(pauseMs);
    subscribe('undici:request:create', pause);
    await client.collect(request);
    unsubscribe('undici:request:create', pause);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return { answer, received };
  }

  it.each([
    ['a new connection', false],
    ['one that is open', true],
  ])('sends nothing over %s, and says so', async (_what, warm) => {
    const late = await sendWith(SEND_WITHIN_MS + 1, warm);
    expect(late.answer).toEqual({ kind: 'not_sent', reason: 'too_late' });
    expect(late.received).toEqual([]);
    const inTime = await sendWith(SEND_WITHIN_MS, warm);
    expect(inTime.answer).toMatchObject({ kind: 'answered', status: 200 });
    expect(inTime.received).toEqual(['POST /pay', 'amount=1']);
  });
});
