/** A client whose operator is nothing but the answers of a test: tokens come from the sandbox, all else is answered as told. */
import { derivedId } from '../../domain/ids.ts';
import { type Money, money } from '../../domain/money.ts';
import { RAILS } from '../../domain/network.ts';
import { createSandbox } from '../../sandbox/sandbox.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import type { InquiryRequest, OperatorClient } from '../../tools/mmo/operator.ts';
import { createOperators } from '../../tools/mmo/registry.ts';
import type { RefusedAnswer } from '../../tools/mmo/refused-answers.ts';
import { railOf, START_MS } from './harness.ts';

export interface Answered<Client extends OperatorClient> {
  readonly client: Client;
  /** Paths that were called, those for tokens left out. */
  readonly paths: string[];
  readonly kept: RefusedAnswer[];
}

/** What the sandbox shortens, and what it alone can do: without it, what holds in production counts. */
const SANDBOXED = [
  'absentAfterMs',
  'absentCodes',
  'findsByReference',
  'pageLifetimeMs',
  'promptLifetimeMs',
  'settleMarginMs',
  'timeoutMs',
  'unpaidAfterMs',
];

/** Makes such a client; settings of the rail may be changed before. */
export async function answeredClient<Client extends OperatorClient = OperatorClient>(
  railId: string,
  answer: (path: string) => Response,
  adjust: (profile: Record<string, Record<string, unknown>>) => void = () => undefined,
): Promise<Answered<Client>> {
  const clock = manualScheduler(START_MS);
  const sandbox = await createSandbox({ scheduler: clock, send: async () => new Response('') });
  const profiles = sandbox.profiles() as Record<string, Record<string, Record<string, unknown>>>;
  const profile = profiles[railId] ?? {};
  for (const settings of [profile, profile['collection'], profile['payout']]) for (const name of SANDBOXED) delete settings?.[name];
  adjust(profile);
  const [paths, kept]: [string[], RefusedAnswer[]] = [[], []];
  const operators = createOperators({
    rails: RAILS.filter(({ id }) => id === railId),
    profiles,
    clock,
    fetch: async (url, init) => {
      if (/oauth|token/.test(url)) return sandbox.fetch(url, init);
      paths.push(new URL(url).pathname);
      return answer(new URL(url).pathname);
    },
    keepAnswer: async (refused) => void kept.push(refused),
  });
  return { client: operators(railId) as Client, paths, kept };
}

export const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

export const REQUEST_ID = derivedId('answered');

/** A thousand of the rail's currency. */
export function thousandOf(railId: string): Money {
  const { currency } = railOf(railId);
  return ['UGX', 'RWF', 'XOF', 'XAF'].includes(currency) ? money(1_000n, currency) : money(100_000n, currency);
}

/** An inquiry about a request that was sent so long ago, milliseconds. */
export function inquiryOf(railId: string, ageMs: number, rest: Partial<InquiryRequest> = {}): InquiryRequest {
  return {
    requestId: REQUEST_ID,
    leg: 'collection',
    amount: thousandOf(railId),
    handle: {},
    sentAtMs: START_MS - ageMs,
    nowMs: START_MS,
    callbackUrl: 'https://hooks.test/x',
    ...rest,
  };
}
