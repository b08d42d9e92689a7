/** What agents decide: as a list, and live. */
import { followLive, type LiveOptions } from './live.ts';
import { type Page, type PageOptions, pages } from './pages.ts';
import type { Transport } from './transport.ts';
import type { Decision } from './types.ts';

export interface ActivityFilter {
  readonly agent?: string;
  readonly outcome?: string;
  readonly paymentId?: string;
}

export interface StreamOptions extends ActivityFilter, LiveOptions {}

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
  const { lastEventId: _from, signal: _signal, ...filter } = options;
  const source = { path: '/v1/activity/stream', query: filter, event: 'decision' };
  for await (const { eventId, data } of followLive<Decision>(transport, source, options)) yield { eventId, decision: data };
}
