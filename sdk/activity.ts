/** What agents decide: as a list, and live. */
import { mayAskAgain, type Transport } from './transport.ts';
import { type Page, type PageOptions, pages } from './pages.ts';
import { readServerEvents } from './sse.ts';
import type { Decision } from './types.ts';

export interface ActivityFilter {
  readonly agent?: string;
  readonly outcome?: string;
  readonly paymentId?: string;
}

export interface StreamOptions extends ActivityFilter {
  /** Goes on after this event; without it the stream begins now. */
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
}

/** A decision with its place in the stream, to go on from later. */
export interface StreamedDecision {
  readonly eventId: string;
  readonly decision: Decision;
}

export function createActivity(transport: Transport) {
  const list = (filter: ActivityFilter = {}, options: PageOptions = {}): Promise<Page<Decision>> => {
    const { signal, ...place } = options;
    return transport.json<Page<Decision>>({
      method: 'GET',
      path: '/v1/activity',
      query: { ...filter, ...place },
      ...(signal ? { signal } : {}),
    });
  };
  return {
    /** One page, newest first. */
    list,
    each: (filter: ActivityFilter = {}, options: PageOptions = {}) => pages((cursor) => list(filter, { ...options, ...cursor })),
    /** Decisions as they are made. Reconnects by itself, without a gap, until the signal says stop. */
    stream: (options: StreamOptions = {}) => streamDecisions(transport, options),
  };
}

async function* streamDecisions(transport: Transport, options: StreamOptions): AsyncGenerator<StreamedDecision> {
  const place: Place = { lastEventId: options.lastEventId ?? '', pauseMs: 0, failures: 0 };
  while (!options.signal?.aborted) {
    try {
      yield* readOnce(transport, options, place);
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

interface Place {
  lastEventId: string;
  pauseMs: number;
  failures: number;
}

async function* readOnce(transport: Transport, options: StreamOptions, place: Place): AsyncGenerator<StreamedDecision> {
  const { lastEventId: _from, signal: _signal, ...filter } = options;
  const response = await transport.open({
    method: 'GET',
    path: '/v1/activity/stream',
    query: filter,
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
    if (event.type === 'decision') yield { eventId: event.id, decision: JSON.parse(event.data) as Decision };
  }
}

/** A body that ends in the middle: `fetch` throws a TypeError for it. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError;
}
