/** The server on a real socket, against clients that are slow, greedy, or unclear about where their requests end. */
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ServedApi, serveApi } from './serve.ts';
import { connectionFigures, intentOf, startTestApi, type TestApi } from './testing.ts';

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

const codeOf = (line: Line) => /"code":"(\w+)"/.exec(line.heard)?.[1];
const bodyHead = (path = '/v1/payments', type = 'application/json') =>
  `POST ${path} HTTP/1.1\r\nHost: capp\r\nAuthorization: Bearer ${api.keys.acme}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
const STREAM = () => `GET /v1/activity/stream HTTP/1.1\r\nHost: capp\r\nAuthorization: Bearer ${api.keys.acme}\r\n\r\n`;

/** Opens a stream of events, which goes on being served. */
async function listen(localAddress?: string): Promise<Line> {
  const line = await open(STREAM(), localAddress);
  await expect.poll(() => line.closed || statusOf(line) !== undefined).toBe(true);
  return line;
}

const figures = () => connectionFigures(api);
const statusOf = (line: Line) => /^HTTP\/1\.1 (\d+)/.exec(line.heard)?.[1];
const LIVE = 'GET /health/live HTTP/1.1\r\nHost: capp\r\n\r\n';

describe('slow clients', () => {
  test.each(['', 'GET /health/live HTTP/1.1\r\nHost: ca'])('whose headers do not come are told so and let go', async (words) => {
    const line = await open(words);
    await expect.poll(() => line.closed, { timeout: 5_000 }).toBe(true);
    expect([statusOf(line), codeOf(line)]).toEqual(['408', 'request_unfinished']);
    await expect.poll(figures).toEqual({ head_late: 1 });
  });

  test('whose body does not come, or drips, are told so and let go, and nothing of it is blamed on the database', async () => {
    const lines = [
      await open(`${bodyHead()}4\r\n{"a"\r\n`),
      await open(`${bodyHead().replace('Transfer-Encoding: chunked', 'Content-Length: 100')}{"a"`),
      await open(`${bodyHead('/v1/payments/batches', 'application/x-ndjson')}4\r\n{"a"\r\n`),
    ];
    const drip = setInterval(() => lines[0]?.socket.write('1\r\n \r\n'), 20);
    await expect.poll(() => lines.every((line) => line.closed), { timeout: 5_000 }).toBe(true);
    clearInterval(drip);
    expect(lines.map(statusOf)).toEqual(['408', '408', '408']);
    expect(lines.map(codeOf)).toEqual(Array.from({ length: 3 }, () => 'request_unfinished'));
    expect((await api.pool.query('select count(*)::int as count from payments')).rows[0].count).toBe(0);
    await expect.poll(figures).toEqual({ body_late: 3 });
    const told = () => api.logLines.map((line) => JSON.parse(line)).filter(({ method }) => method === 'POST');
    await expect.poll(() => told().map(({ status }) => status)).toEqual([408, 408, 408]);
    expect(api.logLines.join('')).not.toMatch(/request failed|database/);
  });

  test('who read no answer are let go', async () => {
    await served.close();
    served = await serveApi(api.api, { port: 0, host: '127.0.0.1', limits: { standstillMs: 300 } });
    const line = await open();
    line.socket.pause();
    const asked = 'GET /openapi.json HTTP/1.1\r\nHost: capp\r\n\r\n';
    line.socket.write(asked.repeat(500));
    await expect.poll(figures).toEqual({ open: 1 });
    await expect.poll(figures, { timeout: 5_000 }).toEqual({});
  });
});

describe('greedy clients', () => {
  test('get no more connections from one address than they may, and others still get theirs', async () => {
    const lines = await Promise.all(Array.from({ length: 5 }, () => listen()));
    expect(lines.map(statusOf)).toEqual(Array.from({ length: 5 }, () => '200'));
    const more = await Promise.all(Array.from({ length: 4 }, () => open(LIVE)));
    await expect.poll(() => more.every((line) => line.closed)).toBe(true);
    expect(more.map(codeOf)).toEqual(Array.from({ length: 4 }, () => 'rate_limited'));
    expect(more[0]?.heard).toMatch(/^HTTP\/1\.1 429 .*\r\nRetry-After: 1\r\n/s);
    const other = await open(LIVE, '127.0.0.2');
    await expect.poll(() => statusOf(other)).toBe('200');
    expect(await figures()).toMatchObject({ address_full: 4 });
    lines[0]?.socket.destroy();
    await expect
      .poll(async () => {
        const again = await open(LIVE);
        await expect.poll(() => again.closed || again.heard !== '').toBe(true);
        return statusOf(again);
      })
      .toBe('200');
  });

  test('get no more connections in all than there are, and what is turned away is not done', async () => {
    const lines: Line[] = [];
    for (let n = 0; n < 8; n++) lines.push(await listen(`127.0.0.${2 + (n % 4)}`));
    const intent = JSON.stringify(intentOf('turned-away'));
    const words = bodyHead().replace('Transfer-Encoding: chunked', `Content-Length: ${Buffer.byteLength(intent)}`) + intent;
    const more = await Promise.all(Array.from({ length: 4 }, () => open(words, '127.0.0.9')));
    await expect.poll(() => more.every((line) => line.closed)).toBe(true);
    expect(more.map((line) => [statusOf(line), codeOf(line)])).toEqual(Array.from({ length: 4 }, () => ['503', 'overloaded']));
    expect(lines.map(statusOf)).toEqual(Array.from({ length: 8 }, () => '200'));
    expect((await api.pool.query('select count(*)::int as count from payments')).rows[0].count).toBe(0);
    expect(await figures()).toEqual({ open: 8, full: 4 });
  });

  test('who never finish their requests keep nobody else out, from whichever address', async () => {
    const unfinished: Line[] = [];
    const finished: Line[] = [];
    for (let n = 0; n < 40; n++) {
      const words = n % 2 === 0 ? 'GET /health/live HTTP/1.1\r\nHo' : `${bodyHead()}4\r\n{"a"\r\n`;
      unfinished.push(await open(words, `127.0.0.${2 + (n % 3)}`));
      if (n % 8 !== 7) continue;
      for (const address of ['127.0.0.2', '127.0.0.9']) {
        const line = await open(LIVE, address);
        await expect.poll(() => statusOf(line)).toBe('200');
        finished.push(line);
      }
    }
    expect(finished).toHaveLength(10);
    await expect.poll(() => unfinished.every((line) => line.closed), { timeout: 5_000 }).toBe(true);
    expect(unfinished.every((line) => line.heard === '' || statusOf(line) === '408')).toBe(true);
    // Of fifty no more than eight were here at once.
    expect((await figures())['displaced']).toBeGreaterThanOrEqual(32);
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
