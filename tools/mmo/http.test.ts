import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createSend, type Fetch } from './http.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serve(handler: Parameters<typeof createServer>[1]): Promise<string> {
  server = createServer(handler as never);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const call = { method: 'POST', path: '/pay', headers: {}, body: '{}' } as const;
const sendTo = (baseUrl: string, timeoutMs = 5_000) => createSend({ fetch, baseUrl, timeoutMs })(call);
const sendWith = (error: unknown) =>
  createSend({ fetch: (() => Promise.reject(error)) as Fetch, baseUrl: 'http://operator.test', timeoutMs: 1_000 })(call);

describe('sending', () => {
  it('answers with status and body', async () => {
    const url = await serve((_request, response) => response.writeHead(418).end('short and stout'));
    expect(await sendTo(url)).toMatchObject({ kind: 'answered', status: 418, body: 'short and stout' });
  });

  it('knows that nothing left when the connection is refused', async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    expect(await sendTo(url)).toEqual({ kind: 'not_sent', reason: 'unreachable' });
  });

  it('does not know when the connection is cut after the request', async () => {
    const url = await serve((request) => request.socket.destroy());
    expect(await sendTo(url)).toEqual({ kind: 'no_answer', reason: 'connection' });
  });

  it('does not know when the answer is cut in its middle', async () => {
    const url = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"ResponseCode":', () => request.socket.destroy());
    });
    expect(await sendTo(url)).toEqual({ kind: 'no_answer', reason: 'connection' });
  });

  it('does not know when no answer comes in time', async () => {
    const url = await serve(() => undefined);
    expect(await sendTo(url, 30)).toEqual({ kind: 'no_answer', reason: 'timeout' });
  });

  it('does not read on for ever', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(5 * 1024 * 1024)));
    expect(await sendTo(url)).toEqual({ kind: 'no_answer', reason: 'oversized' });
  });

  it('follows no redirect', async () => {
    const url = await serve((_request, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end());
    expect(await sendTo(url)).toMatchObject({ kind: 'answered', status: 307 });
  });

  it('takes a name that is not known for not sent, and a reset of an open connection for no answer', async () => {
    const failure = (cause: object) => new TypeError('fetch failed', { cause: Object.assign(new Error('x'), cause) });
    expect(await sendWith(failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }))).toMatchObject({ kind: 'not_sent' });
    expect(await sendWith(failure({ code: 'ECONNRESET', syscall: 'read' }))).toMatchObject({ kind: 'no_answer' });
    expect(await sendWith(failure({ code: 'EHOSTUNREACH', syscall: 'read' }))).toMatchObject({ kind: 'no_answer' });
  });

  it('counts a connection tried over two addresses as not sent only when both were refused', async () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED', syscall: 'connect' });
    const reset = Object.assign(new Error('x'), { code: 'ECONNRESET', syscall: 'read' });
    expect(await sendWith(new TypeError('fetch failed', { cause: new AggregateError([refused, refused]) }))).toMatchObject({
      kind: 'not_sent',
    });
    expect(await sendWith(new TypeError('fetch failed', { cause: new AggregateError([refused, reset]) }))).toMatchObject({
      kind: 'no_answer',
    });
  });
});
