/** The API with messaging gateways in front of it, and phones that dial it: for tests. */
import { createQuote } from '../../agents/exchange-rate/index.ts';
import { manualClock } from '../../domain/clock.ts';
import type { Currency } from '../../domain/currency.ts';
import { parseRate } from '../../domain/rate.ts';
import { createHandset, type Handset } from '../../sandbox/messaging/handset.ts';
import type { SandboxGateway } from '../../sandbox/messaging/messaging.ts';
import { createChance } from '../../sandbox/random.ts';
import { consensus, NOTHING_BEFORE } from '../../tools/fx/consensus.ts';
import { makeMessaging, type MessagingFile } from '../../server/messaging.ts';
import { createIntake } from '../../server/intake.ts';
import { createApi } from '../../server/api/app.ts';
import type { ApiDeps } from '../../server/api/deps.ts';
import { startTestApi, TEST_START_MS, testKeyring } from '../../server/api/testing.ts';

export const GATEWAY_TOKENS = { africastalking: 'at-token-0123456789abcdef', mtn: 'mtn-token-0123456789abcdef' } as const;
export const SERVICE_CODE = '*384*2277#';

/** Settings of both gateways. Texts go to `smsUrl`, where there is one. */
export function messagingFile(over: Partial<MessagingFile> = {}, smsUrl = 'http://sms.invalid'): MessagingFile {
  const shared = { addresses: [], serviceCodes: [SERVICE_CODE] };
  const { africastalking, mtn } = GATEWAY_TOKENS;
  return {
    gateways: {
      africastalking: {
        ...shared,
        token: africastalking,
        sms: { baseUrl: `${smsUrl}/africastalking`, username: 'sandbox', apiKey: 'atsk_sandbox_0123456789abcdef', senderId: 'CAPP' },
      },
      mtn: {
        ...shared,
        token: mtn,
        sms: { baseUrl: `${smsUrl}/mtn-messaging`, clientId: 'sandbox-client', clientSecret: 'sandbox-client-secret', serviceCode: '131' },
      },
    },
    ussd: { client: 'Acme', sessionMs: 180_000 },
    sms: { clients: ['Acme'], default: 'africastalking', byCountry: { UG: 'mtn' } },
    ...over,
  };
}

/** A board on which every source agrees and is young. */
function boardOf(nowMs: () => number) {
  const levels: Partial<Record<Currency, string>> = { KES: '129.67', UGX: '3914.67', TZS: '2600', EUR: '0.88023' };
  return {
    current: () => {
      const perUsd = new Map(Object.entries(levels).map(([code, text]) => [code as Currency, parseRate(text)]));
      const sources = ['open-er-api', 'currency-api'].map((source) => ({ source, asOfMs: nowMs() - 3_600_000, perUsd }));
      return consensus(sources, NOTHING_BEFORE, nowMs());
    },
  };
}

export type GatewayApi = Awaited<ReturnType<typeof startGatewayApi>>;

/** Starts the API; `over` replaces what a test wants otherwise, before messaging is made. */
export async function startGatewayApi(file: MessagingFile = messagingFile(), over: Partial<ApiDeps> = {}) {
  const clock = manualClock(TEST_START_MS);
  const api = await startTestApi({ clock, ...over });
  const messaging = await makeMessaging(file, { pool: api.pool, clock, fetch }).catch(async (error: unknown) => {
    await api.stop();
    throw error;
  });
  const quoteKey = Buffer.alloc(32, 5);
  const board = boardOf(() => clock.now());
  const makeDeps = (): ApiDeps => ({
    ...api.deps,
    clock,
    intake: createIntake({ pool: api.pool, keyring: testKeyring, clock, notify: () => undefined }),
    createQuote: (request) => createQuote({ pool: api.pool, board, clock, quoteKey }, request),
    messaging,
    ...over,
  });
  let current = createApi(makeDeps(), { checkAnswers: true });
  let phones = 0;

  const post = (path: string, init: RequestInit): Promise<Response> =>
    Promise.resolve(current.app.request(path, { method: 'POST', ...init }));

  return {
    ...api,
    clock,
    messaging,
    post,
    /** Ends this process's memory: what is asked from here on is answered by another one over the same database. */
    restart() {
      current = createApi(makeDeps(), { checkAnswers: true });
    },
    /** A phone in a session of its own. */
    phone(gateway: SandboxGateway, number = '+254712345678', more: { doubled?: number } = {}): Handset {
      phones += 1;
      return createHandset({
        gateway,
        url: `/v1/gateways/${gateway}/${GATEWAY_TOKENS[gateway]}/ussd`,
        phone: number,
        serviceCode: SERVICE_CODE,
        send: post,
        chance: createChance(`phone ${phones}`),
        ...more,
      });
    },
  };
}

/** Types one input after the other, as a person who reads each screen; gives the last one. */
export async function typeAll(clock: { advance(ms: number): void }, handset: Handset, inputs: readonly string[]) {
  let screen = await handset.dial();
  for (const input of inputs) {
    clock.advance(5_000);
    screen = await handset.type(input);
  }
  return screen;
}

/** What leads a person who was never here to the confirmation of 1,250 shillings to Uganda. */
export const TO_CONFIRM = ['1', '1', '256772345678', 'Okello Moses', 'Wanjiru Kamau', '1250'] as const;
