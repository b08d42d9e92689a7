import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANSWER_BYTES_MAX, type SenderOptions, sendWebhook } from './send.ts';
import { type Receiver, startReceiver, status } from './testing.ts';

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const LAX: SenderOptions = { allowPrivate: true, timeoutMs: 5_000 };
const STRICT: SenderOptions = { allowPrivate: false, timeoutMs: 5_000 };
const send = (options: SenderOptions = LAX, url = receiver.url) =>
  sendWebhook(options, { url, body: '{"a":"ü"}', headers: { 'webhook-id': 'e-1' } });

describe('a request', () => {
  it('carries the body as it is, with its headers, to the path and query', async () => {
    expect(await send(LAX, `${receiver.url}?key=1`)).toEqual({ kind: 'answered', status: 204, retryAfterMs: null });
    expect(receiver.received).toMatchObject([
      {
        path: '/hooks?key=1',
        body: '{"a":"ü"}',
        headers: { 'content-type': 'application/json', 'webhook-id': 'e-1', host: `127.0.0.1:${receiver.port}` },
      },
    ]);
  });

  it('finds a host by its name', async () => {
    expect(await send(LAX, `http://localhost:${receiver.port}/`)).toMatchObject({ kind: 'answered', status: 204 });
  });

  it('follows no redirect', async () => {
    receiver.respond = status(307, { location: receiver.url });
    expect(await send()).toMatchObject({ kind: 'answered', status: 307 });
    expect(receiver.received).toHaveLength(1);
  });

  it('hears how long to wait', async () => {
    receiver.respond = status(503, { 'retry-after': '120' });
    expect(await send()).toEqual({ kind: 'answered', status: 503, retryAfterMs: 120_000 });
    receiver.respond = status(503, { 'retry-after': 'soon' });
    expect(await send()).toMatchObject({ retryAfterMs: null });
  });
});

describe('an answer', () => {
  it('that never ends is read up to a bound', async () => {
    let writtenBytes = 0;
    const ended = new Promise<void>((resolve) => {
      receiver.respond = (_received, response) => {
        response.writeHead(200);
        const chunk = Buffer.alloc(ANSWER_BYTES_MAX);
        const more = (): void => {
          writtenBytes += chunk.length;
          if (response.write(chunk)) setImmediate(more);
          else response.once('drain', more);
        };
        response.once('close', resolve);
        more();
      };
    });
    expect(await send()).toMatchObject({ kind: 'answered', status: 200 });
    await ended;
    expect(writtenBytes).toBeGreaterThan(ANSWER_BYTES_MAX);
  });

  it('that breaks off after its status counts by its status', async () => {
    receiver.respond = (_received, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x', () => response.destroy());
    };
    expect(await send()).toMatchObject({ kind: 'answered', status: 200 });
  });

  it('that does not come is waited for until the deadline', async () => {
    receiver.respond = () => undefined;
    expect(await send({ ...LAX, timeoutMs: 50 })).toEqual({ kind: 'failed', code: 'timeout' });
  });

  it('that is not HTTP, or a closed connection, is a failure', async () => {
    receiver.respond = (_received, response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n');
    expect(await send()).toEqual({ kind: 'failed', code: 'malformed_answer' });
    receiver.respond = (_received, response) => void response.socket?.destroy();
    expect(await send()).toEqual({ kind: 'failed', code: 'connection_failed' });
  });
});

describe('what cannot be reached', () => {
  it('is told apart by where it failed', async () => {
    expect(await send(LAX, `https://127.0.0.1:${receiver.port}/`)).toEqual({ kind: 'failed', code: 'tls_failed' });
    expect(await send({ ...LAX, resolve: async () => [] }, 'http://nowhere.invalid/')).toEqual({ kind: 'failed', code: 'name_not_found' });
    const { port } = receiver;
    await receiver.close();
    expect(await send(LAX, `http://127.0.0.1:${port}/`)).toEqual({ kind: 'failed', code: 'connection_failed' });
  });

  it('a look-up that hangs ends at the deadline', async () => {
    const resolve = () => new Promise<never>(() => undefined);
    expect(await send({ ...LAX, timeoutMs: 50, resolve }, 'http://slow.example/')).toEqual({ kind: 'failed', code: 'timeout' });
  });
});

describe('a private network', () => {
  const url = () => `https://hooks.example:${receiver.port}/`;

  it('is refused as an address, and as what a name resolves to, without a connection', async () => {
    expect(await send(STRICT, `https://127.0.0.1:${receiver.port}/`)).toEqual({ kind: 'failed', code: 'target_refused' });
    expect(await send(STRICT, receiver.url)).toEqual({ kind: 'failed', code: 'target_refused' });
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '10.0.0.1'], ['::1']]) {
      expect(await send({ ...STRICT, resolve: async () => addresses }, url())).toEqual({ kind: 'failed', code: 'target_refused' });
    }
    expect(receiver.connections()).toBe(0);
  });

  it('is refused as what was connected to, whatever the name said, before a byte is sent', async () => {
    let sentBytes = -1;
    const dial: SenderOptions['dial'] = () => {
      const socket = connect({ host: '127.0.0.1', port: receiver.port });
      socket.once('close', () => {
        sentBytes = socket.bytesWritten;
      });
      return socket;
    };
    expect(await send({ ...STRICT, resolve: async () => ['8.8.8.8'], dial }, url())).toEqual({ kind: 'failed', code: 'target_refused' });
    await expect.poll(() => sentBytes).toBe(0);
    expect(receiver.received).toEqual([]);
  });

  it('gets the addresses that were checked, not those of a second look-up', async () => {
    const asked: string[] = [];
    const dial: SenderOptions['dial'] = ({ host, port, lookup }) =>
      connect({
        host,
        port,
        lookup: (name, options, callback) => {
          asked.push(name);
          lookup(name, options, callback);
        },
      });
    await send({ ...LAX, resolve: async () => ['127.0.0.1'], dial }, `http://rebound.example:${receiver.port}/`);
    expect(asked).toEqual(['rebound.example']);
    expect(receiver.received).toHaveLength(1);
  });
});
