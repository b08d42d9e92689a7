import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readServerEvents } from './sse.ts';

async function read(text: string, cuts: readonly number[] = []): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(text);
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const [index, place] of places.slice(0, -1).entries()) controller.enqueue(bytes.slice(place, places[index + 1]));
      controller.close();
    },
  });
  const events: unknown[] = [];
  for await (const event of readServerEvents(body)) events.push(event);
  return events;
}

test('an event has an id, a type and lines of data', async () => {
  expect(await read('id: 1\nevent: decision\ndata: a\ndata: b\n\n')).toEqual([{ id: '1', type: 'decision', data: 'a\nb' }]);
  expect(await read('data:x\n\n')).toEqual([{ id: '', type: 'message', data: 'x' }]);
});

test('an id counts until the next one; a block without data is no event; comments are nothing', async () => {
  expect(await read('id: 1\ndata: a\n\n: hello\n\nevent: odd\n\ndata: b\n\n')).toEqual([
    { id: '1', type: 'message', data: 'a' },
    { id: '1', type: 'message', data: 'b' },
  ]);
});

test('what was not ended by an empty line is not an event', async () => {
  expect(await read('data: a\n')).toEqual([]);
});

test('a pause is handed on only when it is a number', async () => {
  expect(await read('retry: 1500\nretry: soon\n\n')).toEqual([{ retryMs: 1500 }]);
});

test('all three ends of line are understood, wherever the stream is cut', async () => {
  const end = fc.constantFrom('\n', '\r\n', '\r');
  await fc.assert(
    fc.asyncProperty(end, fc.array(fc.nat(200), { maxLength: 12 }), async (lineEnd, cuts) => {
      const text = ['id: 1', 'data: Ésù 1', 'data: two', '', 'data: three', '', ''].join(lineEnd);
      // A CR at the very end may be half of a CR LF, so the last event waits for one more byte.
      expect(await read(`${text}:`, cuts)).toEqual([
        { id: '1', type: 'message', data: 'Ésù 1\ntwo' },
        { id: '1', type: 'message', data: 'three' },
      ]);
    }),
  );
});
