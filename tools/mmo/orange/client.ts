/**
 * Orange Money: one adapter, two halves. Each leg goes over the variant its settings name: the group's web
 * payment, Cameroon's omcoreapis, or Sonatel's eWallet. None of them takes a collection back, so refunds
 * are payouts.
 */
import type { Rail } from '../../../domain/rail.ts';
import type { Capabilities, OperatorClient } from '../operator.ts';
import { parseOrangeCallback } from './callbacks.ts';
import type { Half, HalfDeps, OrangeDeps } from './line.ts';
import { createOmcore } from './omcore.ts';
import type { OrangeProfile } from './profile.ts';
import { createSonatel } from './sonatel.ts';
import { createWebpay } from './webpay.ts';

/** Makes the client of one rail. */
export function createOrangeClient(deps: OrangeDeps, rail: Rail, profile: OrangeProfile): OperatorClient {
  const { timeoutMs, absentAfterMs } = profile;
  const common = { ...deps, rail, timeoutMs, absentAfterMs };
  const collection = createHalf({ ...common, leg: 'collection' }, profile.collection);
  const payout = createHalf({ ...common, leg: 'payout' }, profile.payout);
  return {
    railId: rail.id,
    capabilities: capabilitiesOf(profile),
    collect: (request) => collection.submit(request),
    disburse: (request) => payout.submit(request),
    refund: (request) => payout.submit(request),
    inquire: (request) => (request.leg === 'collection' ? collection.inquire(request) : payout.inquire(request)),
    balance: () => payout.balance(),
    parseCallback: (body) => parseOrangeCallback(body, rail),
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
  };
}

function createHalf(deps: HalfDeps, profile: OrangeProfile['collection']): Half {
  switch (profile.variant) {
    case 'webpay':
      return createWebpay(deps, profile);
    case 'omcoreapis':
      return createOmcore(deps, profile);
    case 'sonatel':
      return createSonatel(deps, profile);
  }
}

/** Orders, pay tokens and references are new for each try, so the same request sent again is another payment. */
function capabilitiesOf(profile: OrangeProfile): Capabilities {
  return {
    approval: profile.collection.variant === 'webpay' ? 'redirect' : 'prompt',
    repeatable: { collection: false, payout: false },
    refund: 'payout',
    refundsParts: true,
    refundByRequest: false,
    balance: profile.payout.variant === 'sonatel' ? 'answer' : 'none',
    walletCheck: 'none',
    callbackProof: profile.collection.variant === 'webpay' ? 'token' : 'none',
    callbackAddress: 'attempt',
  };
}
