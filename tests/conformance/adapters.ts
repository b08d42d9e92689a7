/**
 * The adapters the suite is run against: a rail of each protocol and variant, and the few facts of its wire
 * that no behaviour can guess. A new operator adds one entry.
 */
import { createHmac } from 'node:crypto';
import { nationalNumber } from '../../domain/phone.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Rail } from '../../domain/rail.ts';
import type { RailDeps, SandboxRail } from '../../sandbox/rail.ts';
import type { Answer, SandboxRequest } from '../../sandbox/wire.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import type { OperatorClient } from '../../tools/mmo/operator.ts';
import type { TokenVault } from '../../tools/mmo/tokens.ts';
import type { OperatorName } from '../../tools/mmo/messages.ts';

/** What makes an operator of a rail: its sandbox and its client. */
export interface Face {
  readonly operator: (deps: RailDeps) => SandboxRail;
  readonly serve: (rail: SandboxRail, request: SandboxRequest) => Promise<Answer>;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly client: (deps: { fetch: Fetch; clock: Clock; tokens: TokenVault }, rail: Rail, profile: unknown) => OperatorClient;
}

export interface Adapter {
  readonly operator: OperatorName;
  /** A rail the sandbox plays over this protocol and variant. */
  readonly railId: string;
  /** Calls that can move money. */
  readonly moneyCall: RegExp;
  /** Calls that ask what became of one. */
  readonly inquiryCall: RegExp;
  /** The customer's number as the wire carries it; null where the wire carries none. */
  readonly wirePhone: (e164: string) => string | null;
  /** A message that says when something happened, and the moment it says; null where none does. */
  readonly clock: { readonly message: string; readonly occurredAt: string } | null;
  /** A face of its own, for an operator the sandbox does not play. */
  readonly face?: Face;
  /** Proves a body anew after the suite changed it, as only the operator could. */
  readonly sign?: (body: string, profile: Readonly<Record<string, unknown>>) => string;
}

const withoutPlus = (e164: string) => e164.slice(1);

/** Airtel's hash over the transaction, as its text stands in the body. */
function signAirtel(body: string, profile: Readonly<Record<string, unknown>>): string {
  const { transaction } = JSON.parse(body) as { transaction?: unknown };
  // Answers carry no hash.
  if (transaction === undefined) return body;
  const { callbackKey } = profile;
  if (typeof callbackKey !== 'string') return JSON.stringify({ transaction });
  const hash = createHmac('sha256', callbackKey).update(JSON.stringify(transaction)).digest('base64');
  return JSON.stringify({ transaction, hash });
}

const mtn = (railId: string, payoutProduct: string): Adapter => ({
  operator: 'mtn-momo',
  railId,
  moneyCall: new RegExp(`^POST .*/(collection/v1_0/requesttopay|${payoutProduct}/v1_0/transfer)$`),
  inquiryCall: new RegExp(`^GET .*/(collection/v1_0/requesttopay|${payoutProduct}/v1_0/transfer)/`),
  wirePhone: withoutPlus,
  clock: null,
});

const airtel = (railId: string): Adapter => ({
  operator: 'airtel-money',
  railId,
  moneyCall: /^POST .*\/(payments|disbursements)\/$/,
  inquiryCall: /^GET .*\/(payments|disbursements)\//,
  wirePhone: nationalNumber,
  clock: null,
  sign: signAirtel,
});

const orange = (railId: string, collectionCall: string, payoutCall: string, rest: Partial<Adapter>): Adapter => ({
  operator: 'orange-money',
  railId,
  moneyCall: new RegExp(`^POST .*(${collectionCall}|${payoutCall})$`),
  inquiryCall: /(transactionstatus|paymentstatus|\/transactions)/,
  wirePhone: nationalNumber,
  clock: null,
  ...rest,
});

export const ADAPTERS: readonly Adapter[] = [
  {
    operator: 'mpesa',
    railId: 'mpesa-ke',
    moneyCall: /^POST .*\/(processrequest|b2c\/v3\/paymentrequest)$/,
    inquiryCall: /(stkpushquery|transactionstatus|pulltransactions)/,
    wirePhone: withoutPlus,
    // Daraja writes the time in Nairobi.
    clock: {
      message: JSON.stringify({
        Body: {
          stkCallback: {
            MerchantRequestID: 'm',
            CheckoutRequestID: 'c',
            ResultCode: 0,
            CallbackMetadata: {
              Item: [
                { Name: 'Amount', Value: 1 },
                { Name: 'MpesaReceiptNumber', Value: 'NLJ7RT61SV' },
                { Name: 'TransactionDate', Value: 20260101013000 },
              ],
            },
          },
        },
      }),
      occurredAt: '2025-12-31T22:30:00.000Z',
    },
  },
  mtn('mtn-ug', 'disbursement'),
  mtn('mtn-rw', 'remittance'),
  airtel('airtel-ug'),
  airtel('airtel-zm'),
  airtel('airtel-ng'),
  orange('orange-ci', 'webpayment', 'cashins', {}),
  orange('orange-cm', 'mp/pay', 'cashin/pay', {
    // Cameroon writes seconds since 1970.
    clock: {
      message: JSON.stringify({ message: 'x', data: { payToken: 'T', status: 'PENDING', createtime: '1767220200', amount: 100 } }),
      occurredAt: '2025-12-31T22:30:00.000Z',
    },
  }),
  orange('orange-sn', 'eWallet/v1/payments', 'cashins', {}),
  {
    operator: 'gsma',
    railId: 'hub-ke',
    moneyCall: /^POST .*\/transactions\/type\//,
    inquiryCall: /^GET .*\/(requeststates|transactions|responses)\//,
    wirePhone: (e164) => e164,
    // RFC 3339, whatever the zone.
    clock: {
      message: JSON.stringify({ transactionStatus: 'completed', transactionReference: 'r', modificationDate: '2026-01-01T01:30:00+03:00' }),
      occurredAt: '2025-12-31T22:30:00.000Z',
    },
  },
];

/** The adapters of an operator, by its name or by a rail; all of them without one. */
export function adaptersNamed(word: string | undefined): readonly Adapter[] {
  if (word === undefined) return ADAPTERS;
  return ADAPTERS.filter(({ operator, railId }) => operator === word || railId === word || operator.startsWith(`${word}-`));
}
