import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Counter, Histogram, type MetricObject, Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import { createFiguresExchange, type FiguresExchange, type FiguresMessage } from './figures.ts';

/** A process as the supervisor sees it, with a counter of its own; `answers` off, it never tells. */
function fakeProcess(exchange: FiguresExchange, counted: number, answers = true) {
  const registry = new Registry();
  new Counter({ name: 'capp_seen', help: 'Seen.', registers: [registry] }).inc(counted);
  new Histogram({ name: 'capp_took', help: 'Took.', buckets: [1], registers: [registry] }).observe(counted);
  const heard: { kind: string; id: number; figures?: MetricObject[][] | null }[] = [];
  const child = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: { kind: string; id: number }) => {
      heard.push(message);
      if (message.kind === 'ask' && answers)
        void registry.getMetricsAsJSON().then((figures) => {
          exchange.hear(child, { kind: 'told', id: message.id, figures } satisfies FiguresMessage);
        });
      return true;
    },
  }) as unknown as ChildProcess;
  exchange.join(child);
  return { child, heard };
}

test('a process is told what all of them counted', async () => {
  const exchange = createFiguresExchange();
  const first = fakeProcess(exchange, 3);
  fakeProcess(exchange, 4);
  exchange.hear(first.child, { kind: 'ask', id: 17 });
  await expect.poll(() => first.heard.find(({ kind }) => kind === 'all')).toBeTruthy();
  const answer = first.heard.find(({ kind }) => kind === 'all');
  expect(answer?.id).toBe(17);
  const values = answer?.figures?.map((each) => JSON.stringify(each.find(({ name }) => name === 'capp_seen')));
  expect(values?.map((text) => Number(/"value":(\d)/.exec(text ?? '')?.[1])).toSorted()).toEqual([3, 4]);
});

test('a process that dies is not waited for', async () => {
  const exchange = createFiguresExchange();
  const first = fakeProcess(exchange, 3);
  const silent = fakeProcess(exchange, 4, false);
  exchange.hear(first.child, { kind: 'ask', id: 1 });
  await expect.poll(() => silent.heard).toHaveLength(1);
  expect(first.heard.some(({ kind }) => kind === 'all')).toBe(false);
  silent.child.emit('exit');
  await expect.poll(() => first.heard.find(({ kind }) => kind === 'all')?.figures).toHaveLength(1);
});

test('one that does not answer leaves no sum rather than a wrong one', async () => {
  const exchange = createFiguresExchange();
  const first = fakeProcess(exchange, 3);
  fakeProcess(exchange, 4, false);
  exchange.hear(first.child, { kind: 'ask', id: 2 });
  await expect.poll(() => first.heard.find(({ kind }) => kind === 'all'), { timeout: 10_000 }).toMatchObject({ id: 2, figures: null });
});

test('one that hangs is waited for once, and what it told last counts at once from then on, until it answers again', async () => {
  const exchange = createFiguresExchange();
  const first = fakeProcess(exchange, 3);
  const hanging = fakeProcess(exchange, 4, false);
  const figures = [{ name: 'capp_seen', help: 'Seen.', type: 'counter', aggregator: 'sum', values: [] }] as unknown as MetricObject[];
  exchange.hear(hanging.child, { kind: 'told', id: 1, figures });
  const answers = () => first.heard.filter(({ kind }) => kind === 'all');
  exchange.hear(first.child, { kind: 'ask', id: 4 });
  await expect.poll(answers, { timeout: 10_000 }).toMatchObject([{ id: 4, silent: 1 }]);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    // No time passes for the one that hangs to be given up a second time.
    exchange.hear(first.child, { kind: 'ask', id: 5 });
    for (let turn = 0; turn < 20 && answers().length < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(answers()[1]).toMatchObject({ id: 5, silent: 1, figures: [expect.anything(), figures] });
    exchange.hear(hanging.child, { kind: 'told', id: 2, figures });
    exchange.hear(first.child, { kind: 'ask', id: 6 });
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(answers()).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test('of one that is too busy to answer counts what it told last', async () => {
  const exchange = createFiguresExchange();
  const first = fakeProcess(exchange, 3);
  const busy = fakeProcess(exchange, 4, false);
  const figures = [{ name: 'capp_seen', help: 'Seen.', type: 'counter', aggregator: 'sum', values: [] }] as unknown as MetricObject[];
  exchange.hear(busy.child, { kind: 'told', id: 1, figures });
  exchange.hear(first.child, { kind: 'ask', id: 3 });
  await expect.poll(() => first.heard.find(({ kind }) => kind === 'all'), { timeout: 10_000 }).toBeTruthy();
  const answer = first.heard.find(({ kind }) => kind === 'all');
  expect(answer?.figures).toHaveLength(2);
  expect(answer?.figures?.[1]).toEqual(figures);
});
