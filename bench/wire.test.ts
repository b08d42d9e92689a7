import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { openConnection, readAnswer } from './wire.ts';

const answer = (head: string, body: string): string => `HTTP/1.1 202 Accepted\r\n${head}\r\n\r\n${body}`;

test('an answer is read when it is whole, whichever way its length is told', () => {
  expect(readAnswer(answer('content-length: 5', 'hell'))).toBeNull();
  expect(readAnswer(answer('content-length: 5', 'hello'))).toEqual({ status: 202, body: 'hello' });
  expect(readAnswer(answer('transfer-encoding: chunked', '5\r\nhello\r\n'))).toBeNull();
  expect(readAnswer(answer('transfer-encoding: chunked', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'))).toEqual({
    status: 202,
    body: 'hello world',
  });
});

test('a request over a connection that the server has closed is refused, not waited for', async () => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = await openConnection(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await expect.poll(() => connection.isOpen()).toBe(false);
  await expect(connection.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).rejects.toThrow('connection closed');
  await new Promise((resolve) => server.close(resolve));
});
