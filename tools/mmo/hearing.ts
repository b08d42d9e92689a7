/**
 * What an exchange tells beside what its client reads of it, told for every client alike: whether the operator was asked too much, whether
 * anything was sent at all, and which answers could not be used.
 */
import { type Exchange, listen } from './exchange.ts';
import type { OperatorClient, Outcome } from './operator.ts';
import { unknown } from './reasons.ts';
import { type AnswerProduct, type KeepAnswer, keptBodyOf, refusalsOf, type Result } from './refused-answers.ts';

/** What an operation was about. */
type About = { readonly product: AnswerProduct; readonly requestId: string | null };

/**
 * The client, whose inquiries tell doubt because the operator was asked too much from any other, whose effects say of a failure that nothing
 * was sent, and whose answers that could not be used are kept.
 */
export function hearing(client: OperatorClient, keep: KeepAnswer | null): OperatorClient {
  const { railId, walletState } = client;

  async function hear<Told>(about: About, work: () => Promise<Told>, resultOf: (told: Told) => Result): Promise<[Told, Exchange]> {
    const { result: told, exchange } = await listen(work);
    if (keep !== null) {
      for (const { answer, reasonCode } of refusalsOf(exchange, resultOf(told))) {
        const product = answer.mayHoldToken ? 'token' : about.product;
        await keep({ railId, product, requestId: about.requestId, status: answer.status, reasonCode, body: keptBodyOf(answer) });
      }
    }
    return [told, exchange];
  }

  async function effect(about: About, work: () => Promise<Outcome>): Promise<Outcome> {
    const [outcome, exchange] = await hear(about, work, resultOfOutcome);
    return outcome.state === 'failed' && exchange.asked === 0 ? { ...outcome, isUnsent: true } : outcome;
  }

  return {
    ...client,
    collect: (request) => effect({ product: 'collection', requestId: request.requestId }, () => client.collect(request)),
    disburse: (request) => effect({ product: 'payout', requestId: request.requestId }, () => client.disburse(request)),
    refund: (request) => effect({ product: 'refund', requestId: request.requestId }, () => client.refund(request)),
    inquire: async (request) => {
      const about: About = { product: 'inquiry', requestId: request.requestId };
      const [outcome, exchange] = await hear(about, () => client.inquire(request), resultOfOutcome);
      return exchange.isThrottled && outcome.state === 'unknown' ? unknown('busy', outcome.handle) : outcome;
    },
    balance: async (terms) => {
      // One that comes by a message may be late, whatever the question was answered with.
      const resultOf = client.capabilities.balance === 'callback' ? (): Result => 'told' : isUntold(null);
      const [told] = await hear({ product: 'balance', requestId: null }, () => client.balance(terms), resultOf);
      return told;
    },
    ...(walletState === undefined
      ? {}
      : {
          walletState: async (phone: string) => {
            const [told] = await hear({ product: 'wallet', requestId: null }, () => walletState(phone), isUntold('unknown'));
            return told;
          },
        }),
  };
}

function resultOfOutcome(outcome: Outcome): Result {
  return 'reasonCode' in outcome ? { reasonCode: outcome.reasonCode } : 'told';
}

/** For questions whose answer is a value: an answer that tells none cannot have been read. */
function isUntold(untold: unknown): (told: unknown) => Result {
  return (told) => (told === untold ? { reasonCode: 'inquiry_failed' } : 'told');
}
