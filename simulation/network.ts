/**
 * The wires between the platform, its operators and its clients. What travels can be lost, late, doubled,
 * answered by a gateway's page, or be a lie; what a caller sees of that is what `fetch` shows of the real thing.
 */
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Actor } from './actor.ts';
import type { FaultKind, Faults } from './faults.ts';
import type { Stage } from './stage.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface NetworkDeps {
  readonly stage: Stage;
  readonly faults: Faults;
  /** Known once the sandbox stands. */
  readonly sandbox: () => Sandbox;
  /** How long a client of a rail waits for an answer, milliseconds. */
  readonly timeoutMsOf: (railId: string) => number;
  /** The API as it stands now, or null while there is none. */
  readonly api: () => { readonly actor: Actor; readonly request: Fetch } | null;
}

export interface Network {
  /** What a process of ours takes for `fetch`. */
  fetchOf(actor: Actor): Fetch;
  /** What operators take for `fetch` when they call back. */
  readonly callBack: Fetch;
  /** A request of somebody outside to the API. Rejects as `fetch` does when nothing comes back. */
  ask(who: string, url: string, init: RequestInit): Promise<Response>;
}

const TRANSIT_MS = { min: 1, max: 400 };
/** A request that takes its time still arrives before its sender gives up: what is later was never sent, by the clients' contract. */
const LATE_SHARE = { min: 0.2, max: 0.9 };
const CALLBACK_LATE_MS = { min: 5_000, max: 3_600_000 };
const OUTAGE_MS = { min: 5_000, max: 240_000 };
const CUT_MS = { min: 2_000, max: 90_000 };

const REQUEST_FAULTS: readonly FaultKind[] = ['request_lost', 'connection_refused', 'error_before', 'page_before'];
const ANSWER_FAULTS: readonly FaultKind[] = ['answer_lost', 'answer_late', 'error_after', 'page_after'];
const OPERATOR_FAULTS: readonly FaultKind[] = ['operator_silent', 'operator_refusing', 'tokens_expire'];

/** Lays the wires. */
export function createNetwork(deps: NetworkDeps): Network {
  return {
    fetchOf: (actor) => createFetch(deps, actor),
    callBack: createCallBack(deps),
    ask: (who, url, init) => ask(deps, who, url, init),
  };
}

function transitMs(stage: Stage, name: string): number {
  return TRANSIT_MS.min * (TRANSIT_MS.max / TRANSIT_MS.min) ** stage.chance.draw('transit', name, stage.steps());
}

/** The rail a request is for, and what it asks, without anybody's ids. */
function describe(url: string, init: RequestInit): { railId: string; what: string } {
  const [, railId = '', ...rest] = new URL(url).pathname.split('/');
  const path = rest.map((part) => (/\d{4}|^[A-Z0-9]{8,}$|-.*-/.test(part) ? '*' : part)).join('/');
  return { railId, what: `${init.method ?? 'GET'} ${railId}/${path}` };
}

function createFetch(deps: NetworkDeps, actor: Actor): Fetch {
  const { stage, faults } = deps;
  let cutUntilMs = 0;

  function isCut(point: string): boolean {
    if (faults.at(point, ['cut_from_operators']) !== null) cutUntilMs = stage.now() + faults.sizeMs(point, CUT_MS.min, CUT_MS.max);
    return stage.now() < cutUntilMs;
  }

  return async (url, init) => {
    const { railId, what } = describe(url, init);
    const timeoutMs = deps.timeoutMsOf(railId);
    const sentAtMs = stage.now();
    /** The rest of the caller's patience, then what it throws. */
    const timeOut = async (): Promise<never> => {
      await actor.step(`${what} times out`, Math.max(0, sentAtMs + timeoutMs - stage.now()), () => undefined);
      throw new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    };
    const arrived = await actor.step(what, transitMs(stage, what), async (point) => {
      strikeOperator(deps, railId, point);
      const fault = faults.at(point, REQUEST_FAULTS);
      if (fault === 'connection_refused' || isCut(point)) throw refused();
      // A process that was stopped meanwhile gives up before it writes: its timers come first.
      if (stage.now() - sentAtMs >= timeoutMs) return { answer: null, point };
      if (fault === 'request_lost') return { answer: null, point };
      if (fault === 'error_before' || fault === 'page_before') return { answer: troubled(fault), point };
      return { answer: await settled(deps.sandbox().fetch(url, init)), point };
    });
    const fault = faults.at(`${arrived.point} back`, ANSWER_FAULTS);
    if (arrived.answer === null || fault === 'answer_late') return timeOut();
    const late = LATE_SHARE.min + (LATE_SHARE.max - LATE_SHARE.min) * stage.chance.draw('late', arrived.point);
    const slow = stage.chance.draw('slow', arrived.point) < 0.02 ? late * timeoutMs : transitMs(stage, what);
    await actor.step(`${what} answered`, slow, () => undefined);
    if (fault === 'answer_lost' || 'error' in arrived.answer) throw cut();
    return fault === 'error_after' || fault === 'page_after' ? troubled(fault).response : arrived.answer.response;
  };
}

/** An operator has a bad time: silent, or its gateway gives no tokens, for a while; or it forgets its tokens. */
function strikeOperator(deps: NetworkDeps, railId: string, point: string): void {
  const { stage, faults } = deps;
  const fault = faults.at(`${point} at the operator`, OPERATOR_FAULTS);
  if (fault === null) return;
  const sandbox = deps.sandbox();
  if (fault === 'tokens_expire') return sandbox.change(railId, { expireTokens: true });
  sandbox.change(railId, { mode: fault === 'operator_silent' ? 'silent' : 'refusing' });
  stage.after(faults.sizeMs(point, OUTAGE_MS.min, OUTAGE_MS.max), () => sandbox.change(railId, { mode: 'up' }));
}

/** What came of a request, without throwing. */
export async function settled(answer: Promise<Response>): Promise<{ response: Response } | { error: unknown }> {
  return answer.then(
    (response) => ({ response }),
    (error: unknown) => ({ error }),
  );
}

/** What a gateway says in the operator's place. */
function troubled(fault: FaultKind): { response: Response } {
  if (fault.startsWith('page')) {
    const body = '<html><head><title>502</title></head><body><h1>The page cannot be displayed</h1></body></html>';
    return { response: new Response(body, { status: 502, headers: { 'content-type': 'text/html' } }) };
  }
  return { response: new Response('{"error":"internal"}', { status: 500, headers: { 'content-type': 'application/json' } }) };
}

/** What `fetch` throws when nobody listens: nothing was sent. */
export function refused(): TypeError {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
  return new TypeError('fetch failed', { cause });
}

/** What `fetch` throws when the connection ends without an answer. */
export function cut(): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }) });
}

/** Callbacks go out once and are on their own: lost, twice, late, or with another word in them. */
function createCallBack(deps: NetworkDeps): Fetch {
  const { stage, faults } = deps;
  const counts = new Map<string, number>();
  const deliver = (point: string, delayMs: number, url: string, init: RequestInit): void => {
    stage.after(delayMs, () => {
      const api = deps.api();
      stage.note(`${point} ${api === null ? 'finds nobody' : 'arrives'}`);
      api?.request(url, init).catch(() => undefined);
    });
  };
  return async (url, init) => {
    const railId = new URL(url).pathname.split('/')[3] ?? '';
    const count = counts.get(railId) ?? 0;
    counts.set(railId, count + 1);
    const point = `callback of ${railId} #${count}`;
    const fault = faults.at(point, ['callback_lost', 'callback_doubled', 'callback_late', 'callback_lies']);
    const quickMs = transitMs(stage, point);
    if (fault === 'callback_late') deliver(point, faults.sizeMs(point, CALLBACK_LATE_MS.min, CALLBACK_LATE_MS.max), url, init);
    else if (fault !== 'callback_lost') deliver(point, quickMs, url, init);
    if (fault === 'callback_doubled') deliver(`${point} again`, quickMs + transitMs(stage, `${point} again`), url, init);
    if (fault === 'callback_lies')
      deliver(`${point} lying`, quickMs / 2, url, { ...init, body: lieOf(typeof init.body === 'string' ? init.body : '') });
    return new Response(null, { status: 204 });
  };
}

/** The same message saying otherwise: success for failure, failure for success, and ten times the amount. */
function lieOf(body: string): string {
  const swapped: Readonly<Record<string, string>> = {
    SUCCESSFUL: 'FAILED',
    FAILED: 'SUCCESSFUL',
    SUCCESS: 'FAILED',
    completed: 'failed',
    failed: 'completed',
    TS: 'TF',
    TF: 'TS',
  };
  return body
    .replaceAll(/"(SUCCESSFUL|FAILED|SUCCESS|completed|failed|TS|TF)"/g, (_all, word: string) => `"${swapped[word]}"`)
    .replaceAll(/"ResultCode":\s*"?(\d+)"?/g, (_all, code: string) => `"ResultCode":${code === '0' ? 2001 : 0}`)
    .replaceAll(/"(amount|Amount)":\s*"?(\d+)/g, (all) => `${all}0`);
}

/** A request from outside: it arrives at the API that is up then, and its answer can be lost on the way back. */
async function ask(deps: NetworkDeps, who: string, url: string, init: RequestInit): Promise<Response> {
  const { stage, faults } = deps;
  const wait = (ms: number): Promise<void> => new Promise((resolve) => stage.after(ms, resolve));
  await wait(transitMs(stage, who));
  const api = deps.api();
  if (api === null) throw refused();
  const point = api.actor.pointOf(`asked by ${who}`);
  stage.note(point);
  const died = new Promise<never>((_resolve, reject) => api.actor.onEnd(() => reject(cut())));
  died.catch(() => undefined);
  const response = await Promise.race([api.request(url, init), died]);
  await wait(transitMs(stage, `${who} back`));
  if (faults.at(point, ['answer_to_client_lost']) !== null) throw cut();
  return response;
}
