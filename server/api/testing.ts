/** The API over a database of its own, with two clients and keys for every kind of caller: for tests. */
import { testDatabase } from '../../db/testing.ts';
import { startApiOver, type TestOver } from './testing-app.ts';

export { bodyOf, type Call, intentOf, TEST_START_MS, testKeyring } from './testing-app.ts';

export type TestApi = Awaited<ReturnType<typeof startTestApi>>;

/** Starts it; `over` replaces what a test wants otherwise. */
export async function startTestApi(over: TestOver = {}) {
  return startApiOver(await testDatabase(), over);
}

/** What the metrics say of connections: how many are open, and how many were ended by us, by why; zeros left out. */
export async function connectionFigures({ api }: Pick<TestApi, 'api'>): Promise<Readonly<Record<string, number>>> {
  const text = await (await api.app.request('/metrics')).text();
  const lines = text.matchAll(/^capp_connections_(?:(open)|ended_total\{why="(\w+)"\}) ([1-9]\d*)$/gm);
  return Object.fromEntries([...lines].map(([, open, why, count]) => [open ?? why ?? '', Number(count)]));
}

export interface StreamedEvent {
  readonly id: string;
  readonly event: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any;
}

/** Listens to a live stream until `enough` events have come, then hangs up. `ready` is called when the stream is open. */
export async function listenTo(
  api: Pick<TestApi, 'call'>,
  path: string,
  enough: number,
  options: { readonly lastEventId?: string; readonly key?: string; readonly ready?: () => void } = {},
): Promise<StreamedEvent[]> {
  const response = await api.call('GET', path, {
    headers: options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId },
    ...(options.key === undefined ? {} : { key: options.key }),
  });
  if (response.headers.get('content-type') !== 'text/event-stream') throw new Error(`no stream but ${response.status}`);
  const seen: StreamedEvent[] = [];
  let text = '';
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  while (seen.length < enough) {
    const { done, value } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
    if (text.startsWith('retry:')) options.ready?.();
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const [, id, name, data] = /^id: (.+)\nevent: (.+)\ndata: (.+)$/.exec(event) ?? [];
      if (id !== undefined && name !== undefined && data !== undefined) seen.push({ id, event: name, data: JSON.parse(data) });
    }
  }
  await reader.cancel();
  return seen;
}
