/** The server on a real socket, against clients that are slow, greedy, or unclear about where their requests end. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ServedApi, serveApi } from './serve.ts';
import { startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let served: ServedApi;
const sockets: Socket[] = [];

beforeEach(async () => {
  api = await startTestApi();
  const limits = { headersMs: 200, requestMs: 400, checkMs: 50, connectionsMax: 8, connectionsPerAddressMax: 5, headerBytesMax: 4_096 };
  served = await serveApi(api.api, { port: 0, host: '127.0.0.1', limits });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await served.close();
  await api.stop();
});

interface Line {
  readonly socket: Socket;
  heard: string;
  closed: boolean;
}

/** Opens a connection and says something on it. */
async function open(words = '', localAddress = '127.0.0.1'): Promise<Line> {
  const socket = connect({ port: Number(new URL(served.url).port), host: '127.0.0.1', localAddress });
  sockets.push(socket);
  const line: Line = { socket, heard: '', closed: false };
  socket.on('data', (data) => (line.heard += data.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (line.closed = true));
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
  if (words !== '') socket.write(words);
  return line;
}

const statusOf = (line: Line) => /^HTTP\/1\.1 (\d+)/.exec(line.heard)?.[1];
const LIVE = 'GET /health/live HTTP/1.1\r\nHost: capp\r\n\r\n';

describe('slow clients', () => {
  test('whose headers do not come are let go', async () => {
    const line = await open('GET /health/live HTTP/1.1\r\nHost: ca');
    await expect.poll(() => line.closed, { timeout: 5_000 }).toBe(true);
    expect(statusOf(line)).toBe('408');
  });

  test('whose body does not come are let go', async () => {
    const line = await open(
      `POST /v1/payments HTTP/1.1\r\nHost: capp\r\nAuthorization: Bearer ${api.keys.acme}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a"`,
    );
    await expect.poll(() => line.closed, { timeout: 5_000 }).toBe(true);
    expect((await api.pool.query('select count(*)::int as count from payments')).rows[0].count).toBe(0);
  });
});

describe('greedy clients', () => {
  test('get no more connections from one address than they may, and others still get theirs', async () => {
    const lines = await Promise.all(Array.from({ length: 9 }, () => open(LIVE)));
    await expect.poll(() => lines.filter((line) => statusOf(line) === '200').length).toBe(5);
    await expect.poll(() => lines.filter((line) => line.closed && line.heard === '').length).toBe(4);
    const other = await open(LIVE, '127.0.0.2');
    await expect.poll(() => statusOf(other)).toBe('200');
    lines.find((line) => !line.closed)?.socket.destroy();
    await expect
      .poll(async () => {
        const again = await open(LIVE);
        await expect.poll(() => again.closed || again.heard !== '').toBe(true);
        return statusOf(again);
      })
      .toBe('200');
  });

  test('get no more connections in all than there are', async () => {
    const lines: Line[] = [];
    for (let n = 0; n < 12; n++) lines.push(await open(LIVE, `127.0.0.${2 + (n % 4)}`));
    await expect.poll(() => lines.filter((line) => statusOf(line) === '200').length).toBe(8);
    await expect.poll(() => lines.filter((line) => line.closed).length).toBe(4);
  });

  test('whose headers are too large are told so', async () => {
    const line = await open(`GET /health/live HTTP/1.1\r\nHost: capp\r\nX-Large: ${'x'.repeat(8_000)}\r\n\r\n`);
    await expect.poll(() => statusOf(line)).toBe('431');
  });
});

test.each([
  ['a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde'],
  ['a length that is no number', 'Content-Length: +4\r\n\r\nabcd'],
  ['chunks that are not the last encoding', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'Content-Length : 4\r\n\r\nabcd'],
  ['a chunk size that is none', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n'],
  ['a folded header', 'X-One: a\r\n b\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\nabcd'],
])('a request with %s is refused, and nothing behind it is read as another', async (_what, rest) => {
  const line = await open(`POST /nowhere HTTP/1.1\r\nHost: capp\r\n${rest}${LIVE}`);
  await expect.poll(() => line.closed, { timeout: 5_000 }).toBe(true);
  expect(line.heard).not.toContain('"live"');
  expect(line.heard).toContain('400');
});

test('a request without a host is refused', async () => {
  const line = await open('GET /health/live HTTP/1.1\r\n\r\n');
  await expect.poll(() => statusOf(line)).toBe('400');
});
