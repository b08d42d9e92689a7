/**
 * A world for tests: sandbox operators in virtual time, clients made by the registry, and a driver that
 * treats an attempt as the platform does, by callbacks and inquiries until it ends.
 */
import { RAILS } from '../../domain/network.ts';
import { derivedId } from '../../domain/ids.ts';
import { type Money, money } from '../../domain/money.ts';
import type { Rail } from '../../domain/rail.ts';
import { createSandbox, type Sandbox, type SandboxOptions } from '../../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import type { CallbackEvent, OperatorClient, OperatorHandle, Outcome } from '../../tools/mmo/operator.ts';
import { createOperators } from '../../tools/mmo/registry.ts';

export const START_MS = Date.UTC(2026, 9, 5, 8, 0, 0);

export interface World {
  readonly sandbox: Sandbox;
  readonly scheduler: ManualScheduler;
  readonly client: (railId: string) => OperatorClient;
  /** Bodies of callbacks that arrived, per address. */
  readonly inbox: Map<string, string[]>;
  /** Every call a client made: method and path. */
  readonly calls: string[];
}

/** Where operators call back that know one address for all attempts. */
export const APPLICATION_URL = 'https://hooks.test/application';

/** The attempt that a callback to the application is about, by the request id it repeats. */
function attemptUrlOf(body: string): string {
  const { transaction } = JSON.parse(body) as { transaction: { id: string } };
  return `https://hooks.test/callbacks/${transaction.id}`;
}

/** Builds a world in virtual time; settings per rail may be changed before the clients are made. */
export async function createTestWorld(
  options: SandboxOptions = {},
  startMs: number = START_MS,
  adjust: (profiles: Record<string, unknown>) => void = () => undefined,
): Promise<World> {
  const scheduler = manualScheduler(startMs);
  const inbox = new Map<string, string[]>();
  const calls: string[] = [];
  const send = async (address: string, init: RequestInit) => {
    const url = address === APPLICATION_URL ? attemptUrlOf(init.body as string) : address;
    inbox.set(url, [...(inbox.get(url) ?? []), init.body as string]);
    return new Response('', { status: 200 });
  };
  const sandbox = await createSandbox({ scheduler, send, applicationUrl: () => APPLICATION_URL, ...options });
  const profiles = sandbox.profiles();
  adjust(profiles);
  const operators = createOperators({
    rails: RAILS.filter((rail) => profiles[rail.id] !== undefined),
    profiles,
    clock: scheduler,
    fetch: (url, init) => {
      calls.push(`${init.method} ${new URL(url).pathname}`);
      return sandbox.fetch(url, init);
    },
  });
  const client = (railId: string) => sentNow(operators(railId), scheduler);
  return { sandbox, scheduler, client, inbox, calls };
}

/** The same client, whose requests are marked as sent at the moment they are made. */
function sentNow(client: OperatorClient, scheduler: ManualScheduler): OperatorClient {
  return {
    ...client,
    collect: (request) => client.collect({ ...request, sentAtMs: scheduler.now() }),
    disburse: (request) => client.disburse({ ...request, sentAtMs: scheduler.now() }),
    refund: (request) => client.refund({ ...request, sentAtMs: scheduler.now() }),
  };
}

export function railOf(railId: string): Rail {
  const rail = RAILS.find(({ id }) => id === railId);
  if (rail === undefined) throw new RangeError(`no rail ${railId}`);
  return rail;
}

const PHONE_STEMS: Readonly<Record<string, string>> = {
  KE: '+25470055',
  UG: '+25677255',
  GH: '+23324455',
  RW: '+25078855',
  CI: '+225075555',
  TZ: '+25568555',
  NG: '+234802555',
  SN: '+22177555',
  CM: '+23769955',
  ZM: '+26097555',
};

/** A number of the rail's country with the given last four digits. */
export function phoneOf(railId: string, ending: string): string {
  return `${PHONE_STEMS[railOf(railId).country] ?? '+25470055'}${ending}`;
}

export interface Attempt {
  readonly railId: string;
  readonly leg: 'collection' | 'payout';
  readonly ending?: string;
  /** Tells attempts on the same rail apart. */
  readonly name?: string;
  readonly amount?: Money;
}

export interface Ended {
  readonly outcome: Outcome;
  /** What the first answer came to. */
  readonly first: Outcome;
  readonly callbacks: number;
  readonly requestId: string;
  readonly tookMs: number;
}

const STEP_MS = 100;
const INQUIRY_EVERY_STEPS = 10;
const STEPS_MAX = 600;

export function requestOf(attempt: Attempt) {
  const rail = railOf(attempt.railId);
  const requestId = derivedId('test', attempt.railId, attempt.leg, attempt.name ?? attempt.ending ?? 'plain');
  return {
    requestId,
    amount: attempt.amount ?? money((rail.collection?.minMinor ?? 0n) * 20n + 100_000n, rail.currency),
    phone: phoneOf(attempt.railId, attempt.ending ?? '4321'),
    callbackUrl: `https://hooks.test/callbacks/${requestId}`,
    note: "Ama's gift & more",
    remember: async () => undefined,
    sentAtMs: START_MS,
  };
}

/** Sends an attempt and follows it to its end, or to the last step. */
export async function drive(world: World, attempt: Attempt): Promise<Ended> {
  const client = world.client(attempt.railId);
  const request = requestOf(attempt);
  const sentAtMs = world.scheduler.now();
  const first = await (attempt.leg === 'collection' ? client.collect(request) : client.disburse(request));
  let outcome = first;
  let handle: OperatorHandle = outcome.handle ?? {};
  let read = 0;
  for (let step = 1; step <= STEPS_MAX && !hasEnded(outcome); step += 1) {
    await world.scheduler.advance(STEP_MS);
    let mustInquire = step % INQUIRY_EVERY_STEPS === 0;
    for (const body of (world.inbox.get(request.callbackUrl) ?? []).slice(read)) {
      read += 1;
      const event = client.parseCallback(body);
      handle = { ...handle, ...event.outcome.handle };
      if (isProof(event, request)) outcome = hasEnded(outcome) ? outcome : event.outcome;
      else mustInquire = true;
    }
    if (hasEnded(outcome) || !mustInquire) continue;
    outcome = await client.inquire({ ...request, leg: attempt.leg, handle, sentAtMs, nowMs: world.scheduler.now() });
    handle = { ...handle, ...outcome.handle };
  }
  const tookMs = world.scheduler.now() - sentAtMs;
  return { outcome, first, callbacks: world.inbox.get(request.callbackUrl)?.length ?? 0, requestId: request.requestId, tookMs };
}

export function hasEnded(outcome: Outcome): boolean {
  return outcome.state === 'succeeded' || outcome.state === 'failed';
}

function isProof(event: CallbackEvent, request: { requestId: string; amount: Money }): boolean {
  if (event.trust !== 'sufficient' || event.ourReference !== request.requestId) return false;
  return event.outcome.state !== 'succeeded' || event.outcome.amount?.minor === request.amount.minor;
}

/** Transactions in the operator's books, as `kind state` each. */
export function bookLines(world: World, railId: string): string[] {
  return world.sandbox.books(railId).transactions.map(({ kind, state }) => `${kind} ${state}`);
}
