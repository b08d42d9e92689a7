/** Lists that come page by page. */
import type { RequestOptions } from './transport.ts';
import type { Page } from './types.ts';

export type { Page } from './types.ts';

export interface PageOptions extends RequestOptions {
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

/** Yields what is on every page, asking for the next one only when it is needed. */
export async function* pages<T>(load: (place: { readonly cursor?: string }) => Promise<Page<T>>): AsyncGenerator<T> {
  let place: { readonly cursor?: string } = {};
  for (;;) {
    const page = await load(place);
    yield* page.items;
    if (page.nextCursor === null) return;
    place = { cursor: page.nextCursor };
  }
}
