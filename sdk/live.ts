/** Following a live stream: it reconnects by itself, without a gap, until the signal says stop. */
import { readServerEvents } from './sse.ts';
import { mayAskAgain, type Transport } from './transport.ts';

export interface LiveOptions {
  /** Goes on after this event; without it the stream begins now. */
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
}

export interface LiveSource {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** The name of the events that are wanted. */
  readonly event: string;
}

/** What came, with its place in the stream, to go on from later. */
export interface LiveEvent<Data> {
  readonly eventId: string;
  readonly data: Data;
}

interface Place {
  lastEventId: string;
  pauseMs: number;
  failures: number;
}

/** Yields events as they happen. */
export async function* followLive<Data>(transport: Transport, source: LiveSource, options: LiveOptions): AsyncGenerator<LiveEvent<Data>> {
  const place: Place = { lastEventId: options.lastEventId ?? '', pauseMs: 0, failures: 0 };
  while (!options.signal?.aborted) {
    try {
      yield* readOnce<Data>(transport, source, options, place);
      // A server that closes politely is asked again after the pause it named.
      await transport.wait(Math.max(place.pauseMs, transport.backoffMs(1)), options.signal);
    } catch (error) {
      if (options.signal?.aborted) return;
      if (!mayAskAgain(error) && !isBroken(error)) throw error;
      place.failures += 1;
      await transport.wait(transport.backoffMs(place.failures, place.pauseMs), options.signal);
    }
  }
}

async function* readOnce<Data>(
  transport: Transport,
  source: LiveSource,
  options: LiveOptions,
  place: Place,
): AsyncGenerator<LiveEvent<Data>> {
  const response = await transport.open({
    method: 'GET',
    path: source.path,
    query: source.query,
    headers: { Accept: 'text/event-stream', ...(place.lastEventId === '' ? {} : { 'Last-Event-ID': place.lastEventId }) },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (response.body === null) return;
  for await (const event of readServerEvents(response.body)) {
    place.failures = 0;
    if ('retryMs' in event) {
      place.pauseMs = event.retryMs;
      continue;
    }
    if (event.id !== '') place.lastEventId = event.id;
    if (event.type === source.event) yield { eventId: event.id, data: JSON.parse(event.data) as Data };
  }
}

/** A body that ends in the middle: `fetch` throws a TypeError for it. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError;
}
