import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { beginRequest, createUnfinished } from './unfinished.ts';

const heard = new Map<Socket, string>();
const server = createServer((socket) => {
  heard.set(socket, '');
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => heard.set(socket, (heard.get(socket) ?? '') + text));
  socket.on('error', () => undefined);
});
let url: string;
beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const socket of heard.keys()) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  heard.clear();
});

test('a fourth of the requests lacks the end of its headers, the rest that of its body, from several addresses, and each goes on dripping', async () => {
  const begun = await Promise.all(Array.from({ length: 16 }, (_, number) => beginRequest(url, 'key', number)));
  await expect.poll(() => [...heard.values()].filter((text) => text !== '')).toHaveLength(16);
  const ended = [...heard.values()].map((text) => text.includes('\r\n\r\n'));
  expect(ended.filter((has) => has)).toHaveLength(12);
  for (const text of heard.values())
    if (text.includes('\r\n\r\n')) expect(text).toMatch(/^POST .*\r\nauthorization: Bearer key\r\n.*content-length: 10000\r\n\r\n\{$/s);
    else expect(text).toMatch(/^GET .*\r\nx-unfinished: $/s);
  if (process.platform === 'linux') expect(new Set([...heard.keys()].map(({ remoteAddress }) => remoteAddress)).size).toBe(4);
  for (const each of begun) each.drip();
  await expect.poll(() => [...heard.values()].every((text) => text.endsWith(' '))).toBe(true);
  for (const each of begun) each.close();
});

test('how they end is counted, and what the server leaves open is told', async () => {
  const crowd = createUnfinished();
  for (let number = 0; number < 4; number++) crowd.hold(await beginRequest(url, 'key', number));
  await expect.poll(() => heard.size).toBe(4);
  const [first, second, third] = heard.keys();
  first?.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  second?.destroy();
  third?.end('HTTP/1.1 408 Request Timeout\r\n\r\n');
  await expect.poll(() => [first, second, third].every((socket) => socket?.destroyed)).toBe(true);
  expect(await crowd.leave()).toEqual({ openMost: 4, endings: { 'status 408': 2, closed: 1, 'left open': 1 } });
});

test('requests are begun nowhere but on this machine', async () => {
  await expect(beginRequest('http://192.0.2.7:80', 'key', 0)).rejects.toThrow('this machine only');
});
