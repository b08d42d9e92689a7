/**
 * What an exchange tells beside what its client reads of it, told for every client alike: whether the operator was asked too much, whether
 * anything was sent at all, and which answers could not be used.
 */
import type { AirtelClient } from './airtel/client.ts';
import { type Exchange, listen } from './exchange.ts';
import type { MpesaOperations } from './mpesa/operations.ts';
import type { MtnMomoOperations } from './mtn-momo/operations.ts';
import type { OperatorClient, Outcome, StatedPayments } from './operator.ts';
import { unknown } from './reasons.ts';
import { type AnswerProduct, type KeepAnswer, keptBodyOf, refusalsOf, type Result } from './refused-answers.ts';

/** What an operation was about. */
type About = { readonly product: AnswerProduct; readonly requestId: string | null };

/** Whose answers are heard, and what keeps them; nothing does where it is null. */
interface Line {
  readonly railId: string;
  readonly keep: KeepAnswer | null;
}

/** Does some work with an operator and keeps those of its answers that could not be used; `resultOf` says how it came out. */
export async function hear<Told>(
  { railId, keep }: Line,
  about: About,
  work: () => Promise<Told>,
  resultOf: (told: Told) => Result,
): Promise<[Told, Exchange]> {
  const { result: told, exchange } = await listen(work);
  if (keep !== null) {
    for (const { answer, reasonCode } of refusalsOf(exchange, resultOf(told))) {
      const product = answer.mayHoldToken ? 'token' : about.product;
      await keep({ railId, product, requestId: about.requestId, status: answer.status, reasonCode, body: keptBodyOf(answer) });
    }
  }
  return [told, exchange];
}

/**
 * The client, whose inquiries tell doubt because the operator was asked too much from any other, whose effects say of a failure that nothing
 * was sent, and whose answers that could not be used are kept.
 */
export function hearing(client: OperatorClient, keep: KeepAnswer | null): OperatorClient {
  const { railId, stated } = client;
  const line: Line = { railId, keep };

  async function effect(about: About, work: () => Promise<Outcome>): Promise<Outcome> {
    const [outcome, exchange] = await hear(line, about, work, resultOfOutcome);
    return outcome.state === 'failed' && exchange.asked === 0 ? { ...outcome, isUnsent: true } : outcome;
  }

  return {
    ...client,
    ...heardExtras(client, line),
    collect: (request) => effect({ product: 'collection', requestId: request.requestId }, () => client.collect(request)),
    disburse: (request) => effect({ product: 'payout', requestId: request.requestId }, () => client.disburse(request)),
    refund: (request) => effect({ product: 'refund', requestId: request.requestId }, () => client.refund(request)),
    inquire: async (request) => {
      const about: About = { product: 'inquiry', requestId: request.requestId };
      const [outcome, exchange] = await hear(line, about, () => client.inquire(request), resultOfOutcome);
      return exchange.isThrottled && outcome.state === 'unknown' ? unknown('busy', outcome.handle) : outcome;
    },
    balance: async (terms) => {
      // One that comes by a message may be late, whatever the question was answered with.
      const resultOf = client.capabilities.balance === 'callback' ? (): Result => 'told' : isUntold(null);
      const [told] = await hear(line, { product: 'balance', requestId: null }, () => client.balance(terms), resultOf);
      return told;
    },
    ...(stated === undefined ? {} : { stated: heardStatement(stated, line) }),
  };
}

/** A statement may be too long, or reach back no longer, and be read all the same: its reader notes what cannot be. */
function heardStatement(stated: StatedPayments, line: Line): StatedPayments {
  return {
    ...stated,
    paymentsFor: async (request) => {
      const about: About = { product: 'inquiry', requestId: request.requestId };
      return (
        await hear(
          line,
          about,
          () => stated.paymentsFor(request),
          () => 'told',
        )
      )[0];
    },
  };
}

function resultOfOutcome(outcome: Outcome): Result {
  return 'reasonCode' in outcome ? { reasonCode: outcome.reasonCode } : 'told';
}

/** For questions whose answer is a value: an answer that tells none cannot have been read. */
export function isUntold(untold: unknown): (told: unknown) => Result {
  return (told) => (told === untold ? { reasonCode: 'inquiry_failed' } : 'told');
}

/** What only some operators offer. */
type Extras = Required<Pick<OperatorClient, 'walletState'>> &
  MpesaOperations &
  MtnMomoOperations &
  Omit<AirtelClient, keyof OperatorClient>;

interface Extra {
  readonly product: AnswerProduct;
  readonly resultOf: (told: unknown) => Result;
  /** It is about the request that it names first. */
  readonly namesRequest?: true;
}

const EXTRAS: Readonly<Record<keyof Extras, Extra>> = {
  payBusiness: { product: 'payout', resultOf: (told) => resultOfOutcome(told as Outcome) },
  pushToTill: { product: 'collection', resultOf: (told) => resultOfOutcome(told as Outcome) },
  registerC2b: { product: 'registration', resultOf: isUntold('refused') },
  registerPull: { product: 'registration', resultOf: isUntold('refused') },
  walletState: { product: 'wallet', resultOf: isUntold('unknown') },
  isActive: { product: 'wallet', resultOf: isUntold(null) },
  holderOf: { product: 'wallet', resultOf: isUntold(null) },
  balanceOf: { product: 'balance', resultOf: isUntold(null) },
  requestPreApproval: { product: 'consent', resultOf: isUntold(false) },
  preApprovalState: { product: 'consent', resultOf: isUntold(null) },
  cancelPreApproval: { product: 'consent', resultOf: isUntold(false) },
  notifyPayer: { product: 'notification', resultOf: isUntold(false), namesRequest: true },
};

/** Those that a client has, heard like what every client does. */
function heardExtras(client: OperatorClient, line: Line): object {
  const own = client as unknown as Readonly<Record<string, ((...asked: readonly unknown[]) => Promise<unknown>) | undefined>>;
  return Object.fromEntries(
    Object.entries(EXTRAS).flatMap(([name, { product, resultOf, namesRequest }]) => {
      const ask = own[name];
      if (ask === undefined) return [];
      const heard = async (...asked: readonly unknown[]) => {
        const requestId = namesRequest === true ? String(asked[0]) : null;
        return (await hear(line, { product, requestId }, () => ask(...asked), resultOf))[0];
      };
      return [[name, heard]];
    }),
  );
}
