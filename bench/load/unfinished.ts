/**
 * Requests that are begun and never finished: a fourth without the end of its headers, the rest without the end of its body, each kept alive by
 * a byte now and then, from several addresses of this machine. Whether and how the server ends them is what is told.
 */
import type { Socket } from 'node:net';
import { connected, postHead } from './wire.ts';

/** A request that has begun. */
export interface Unfinished {
  /** How it ended: with a status, closed without a word, or left open until it was closed here. */
  readonly ended: Promise<string>;
  drip(): void;
  close(): void;
}

export interface UnfinishedReport {
  /** Open at once at most. */
  readonly openMost: number;
  /** How many ended in which way. */
  readonly endings: Readonly<Record<string, number>>;
}

const LEFT = 'left open';
const DRIP_MS = 5_000;
/** Linux alone has all of 127.0.0.0/8 as addresses of its own. */
const ADDRESSES = process.platform === 'linux' ? ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'] : [undefined];
const BODY_BYTES = 10_000;

/** Begins the request of that number: three of four have their headers and lack their body. */
export async function beginRequest(url: string, key: string, number: number): Promise<Unfinished> {
  const socket = await connected(url, ADDRESSES[number % ADDRESSES.length]);
  const isOfHeaders = Math.floor(number / ADDRESSES.length) % 4 === 0;
  socket.write(
    isOfHeaders
      ? `GET /health/live HTTP/1.1\r\nhost: ${new URL(url).host}\r\nx-unfinished: `
      : `${postHead({ url, path: '/v1/payments', key, type: 'application/json' })}content-length: ${BODY_BYTES}\r\n\r\n{`,
  );
  return followed(socket);
}

function followed(socket: Socket): Unfinished {
  let [received, isClosedHere] = ['', false];
  socket.on('data', (text: string) => (received += text));
  // Whoever is cut off hears it in either way.
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    socket.once('close', () => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1];
      resolve(status !== undefined ? `status ${status}` : isClosedHere ? LEFT : 'closed');
    });
  });
  return {
    ended,
    drip: () => void (socket.writable && socket.write(' ')),
    close: () => {
      isClosedHere = true;
      socket.destroy();
    },
  };
}

/** Holds such requests, however many, and counts how they end. */
export function createUnfinished() {
  const open = new Set<Unfinished>();
  const endings: Record<string, number> = {};
  let openMost = 0;
  const dripping = setInterval(() => {
    for (const each of open) each.drip();
  }, DRIP_MS);
  dripping.unref();
  return {
    hold(request: Unfinished): void {
      open.add(request);
      openMost = Math.max(openMost, open.size);
      void request.ended.then((how) => {
        open.delete(request);
        endings[how] = (endings[how] ?? 0) + 1;
      });
    },
    /** Closes what is still open. */
    async leave(): Promise<UnfinishedReport> {
      clearInterval(dripping);
      const ended = [...open].map((each) => {
        each.close();
        return each.ended;
      });
      await Promise.all(ended);
      return { openMost, endings };
    },
  };
}
