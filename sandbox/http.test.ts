/** What the sandbox does with callers that do not wait. */
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { closeServer, listen } from './http.ts';
import { json } from './wire.ts';

const REQUEST = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 2\r\n\r\n{}`;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start() {
  const served: string[] = [];
  const { server, url } = await listen({ port: 0, host: '127.0.0.1' }, async ({ path }) => {
    served.push(path);
    return json(200, {});
  });
  closers.push(() => closeServer(server));
  return { served, url, port: Number(new URL(url).port) };
}

test('a request whose caller hung up before it was read is not acted on', async () => {
  const { served, url, port } = await start();
  await new Promise<void>((resolve) => {
    const caller = connect(port, '127.0.0.1', () => {
      // Both are in the socket before the server, in this very process, comes to read.
      caller.write(REQUEST('/gone'), () => caller.destroy());
      caller.on('close', () => resolve());
    });
  });
  await fetch(`${url}/there`, { method: 'POST', body: '{}' });
  expect(served).toEqual(['/there']);
});

test('a caller that waits is served, also over a connection that stays open', async () => {
  const { served, url } = await start();
  for (const path of ['/a', '/b']) expect((await fetch(url + path, { method: 'POST', body: '{}' })).status).toBe(200);
  expect(served).toEqual(['/a', '/b']);
});
