import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { getBytes, openConnection, openStream, postOverAndOver, readAnswer } from './wire.ts';

const answer = (head: string, body: string): string => `HTTP/1.1 202 Accepted\r\n${head}\r\n\r\n${body}`;

test('an answer is read when it is whole, whichever way its length is told', () => {
  expect(readAnswer(answer('content-length: 5', 'hell'))).toBeNull();
  expect(readAnswer(answer('content-length: 5', 'hello'))).toEqual({ status: 202, body: 'hello', saysWhen: false });
  expect(readAnswer(answer('transfer-encoding: chunked', '5\r\nhello\r\n'))).toBeNull();
  expect(readAnswer(answer('transfer-encoding: chunked', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'))).toEqual({
    status: 202,
    body: 'hello world',
    saysWhen: false,
  });
  expect(readAnswer(answer('content-length: 0\r\nRetry-After: 3', ''))?.saysWhen).toBe(true);
});

test('a request over a connection that the server has closed is refused, not waited for', async () => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = await openConnection(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await expect.poll(() => connection.isOpen()).toBe(false);
  await expect(connection.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).rejects.toThrow('connection closed');
  await new Promise((resolve) => server.close(resolve));
});

test('load goes nowhere but to this machine', async () => {
  await expect(openConnection('http://192.0.2.7:80')).rejects.toThrow('load goes to this machine only, not to 192.0.2.7');
  await expect(openStream('http://127.0.0.1.example.com:80', Buffer.alloc(0))).rejects.toThrow('this machine only');
});

test('events of a stream are counted once, however they arrive, and its end says who ended it', async () => {
  const pieces = [
    'HTTP/1.1 200 OK\r\ntransfer-enc',
    'oding: chunked\r\n\r\n20\r\nevent: a\ndata: 1\n\nev',
    'ent: a\ndata: event: 2\n\n',
    'event: a\n',
  ];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      const isShort = String(request).startsWith('GET /short ');
      for (const [index, piece] of pieces.entries()) setTimeout(() => socket.write(piece), 5 * index);
      if (isShort) setTimeout(() => socket.end(), 40);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const long = await openStream(url, getBytes({ url, path: '/long', key: 'k' }));
  expect(long.status).toBe(200);
  await expect.poll(() => long.events()).toBe(3);
  long.close();
  expect(await long.ended).toBe(true);
  const short = await openStream(url, getBytes({ url, path: '/short', key: 'k' }));
  expect(await short.ended).toBe(false);
  await new Promise((resolve) => server.close(resolve));
});

test('a body that would go on and on is sent until there is an answer, and no longer', async () => {
  let received = 0;
  let isTold = false;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.byteLength;
      if (received < 1_000_000 || isTold) return;
      isTold = true;
      socket.write(answer('content-length: 4', 'stop'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const request = { url, path: '/', key: 'k', type: 'application/x-ndjson' } as const;
  expect(await postOverAndOver(request, Buffer.alloc(100_000, 'x'), 1_000_000)).toMatchObject({ status: 202, body: 'stop' });
  expect(received).toBeLessThan(100_000_000);
  await new Promise((resolve) => server.close(resolve));
});
