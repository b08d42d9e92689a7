import { expect, test } from 'vitest';
import { readAnswer } from './wire.ts';

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
