/**
 * Every message of the published samples, by the event it comes to. The folder lies beside the project on
 * machines that have it; a message that is missing from the table fails, and so does one that has gone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import { OPERATOR_NAMES, operatorNamed, readMessage } from './messages.ts';

const SAMPLES = join(import.meta.dirname, '../../../shared/reference/mmo/samples');

/** Kind, outcome, then reason, reference of the operator, amount, moment and warnings where there are any. */
const EXPECTED: Readonly<Record<string, string>> = {
  'mpesa/accountbalance.result.success.json': 'balance succeeded OA90000000 22803700KES 2020-01-09T09:57:10.000Z',
  'mpesa/b2b-express.callback.success.json': 'collection succeeded RDQ01NFT1Q 7100KES confirm_by_inquiry',
  'mpesa/b2c-v3.request.json': 'request unknown own_request',
  'mpesa/b2c-v3.response.json': 'acknowledgement pending AG_20240706_20106e9209f64bebd05b',
  'mpesa/b2c.result.failure-2001.json': 'payout failed rail_misconfigured confirm_by_inquiry',
  'mpesa/b2c.result.success.json': 'payout succeeded SG632NMUAB 1000KES 2024-07-06T19:48:52.000Z',
  'mpesa/c2b.confirmation-v2.json': 'collection succeeded RKL51ZDR4F 500KES 2023-11-21T09:13:25.000Z confirm_by_inquiry',
  'mpesa/c2b.registerurl.response.json': 'registration succeeded 6e86-45dd-91ac-fd5d4178ab523408729',
  'mpesa/c2b.validation.reply-reject.json': 'validation failed phone_invalid',
  'mpesa/error.400.002.02.json': 'error failed rail_misconfigured',
  'mpesa/error.404.001.03.json': 'error failed operator_unavailable',
  'mpesa/error.500.002.1001-duplicate-originator.json': 'error pending',
  'mpesa/oauth-token.response.json': 'token succeeded',
  'mpesa/reversal.result.success.json': 'refund succeeded SKE52PAWR9 100KES 2021-11-14T10:27:11.000Z confirm_by_inquiry',
  'mpesa/stkpush.callback.cancelled-1032.json': 'collection failed payer_declined confirm_by_inquiry',
  'mpesa/stkpush.callback.success-balance-no-value.json':
    'collection succeeded LGR7OWQX0R 100KES 2017-07-27T12:48:00.000Z confirm_by_inquiry',
  'mpesa/stkpush.callback.success.json': 'collection succeeded NLJ7RT61SV 100KES 2019-12-19T07:21:15.000Z confirm_by_inquiry',
  'mpesa/stkpush.callback.unreachable-1037.json': 'collection failed payer_no_answer confirm_by_inquiry',
  'mpesa/stkpush.request.json': 'request unknown own_request',
  'mpesa/stkpush.response.json': 'collection pending',
  'mpesa/stkquery.response.pending-500.json': 'error pending',
  'mpesa/stkquery.response.success.json': 'collection succeeded 22205-34066-1 no_receipt',
  'mpesa/stkquery.response.unknown-reference-500.json': 'error unknown operator_error',
  'mpesa/transactionstatus.result.success-2017.json': 'inquiry succeeded LGR919G2AV 1000KES 2017-07-27T07:14:15.000Z',
  'mtn-momo/accountholder-active.response.json': 'account succeeded',
  'mtn-momo/apikey.response.json': 'provisioning succeeded',
  'mtn-momo/apiuser.details.response.json': 'provisioning succeeded',
  'mtn-momo/apiuser.request.json': 'request unknown own_request',
  'mtn-momo/balance.response.json': 'balance succeeded 100000EUR',
  'mtn-momo/basicuserinfo.response.json': 'account succeeded',
  'mtn-momo/bc-authorize.response.json': 'consent pending',
  'mtn-momo/deliverynotification.request.json': 'request unknown own_request',
  'mtn-momo/error.401-subscription-key.json': 'error failed rail_misconfigured',
  'mtn-momo/error.404.json': 'error unknown not_found_yet',
  'mtn-momo/error.409-duplicate.json': 'error pending',
  'mtn-momo/error.500-target-environment.json': 'error failed rail_misconfigured',
  'mtn-momo/refund.request.json': 'request unknown own_request',
  'mtn-momo/requesttopay.callback.rejected.json': 'collection failed payer_declined confirm_by_inquiry',
  'mtn-momo/requesttopay.request.json': 'request unknown own_request',
  'mtn-momo/requesttopay.status.failed-internal.json': 'collection failed operator_error confirm_by_inquiry',
  'mtn-momo/requesttopay.status.pending.json': 'collection pending confirm_by_inquiry',
  'mtn-momo/requesttopay.status.successful.json': 'collection succeeded 600198217 10000EUR confirm_by_inquiry',
  'mtn-momo/token.response.json': 'token succeeded',
  'mtn-momo/transfer.request.json': 'request unknown own_request',
  'mtn-momo/transfer.status.successful.json': 'payout succeeded 23503452 100UGX confirm_by_inquiry',
  'airtel-money/balance.response.json': 'balance succeeded 230486UGX amount_truncated',
  'airtel-money/callback.ts.json': 'inquiry succeeded MP210603.1234.L06941 confirm_by_inquiry,no_hash',
  'airtel-money/callback.ts.with-hash.json': 'inquiry succeeded MP210603.1234.L06941 confirm_by_inquiry,hash_not_checked',
  'airtel-money/disbursement.request.json': 'request unknown own_request',
  'airtel-money/disbursement.response.ts.json': 'payout succeeded disburs-6EJL6CWF1D-ba1451ae-d96a-4393-b46c-b2a26cff71a3',
  'airtel-money/encryption-keys.response.json': 'key succeeded',
  'airtel-money/error.invalid-token.json': 'error failed operator_unavailable',
  'airtel-money/error.msisdn-not-found.json': 'error failed wallet_not_found',
  'airtel-money/kyc.response.json': 'account succeeded',
  'airtel-money/payment.request.json': 'request unknown own_request',
  'airtel-money/payment.response.accepted.json': 'collection pending accepted_only',
  'airtel-money/payment.status.tf.json': 'collection failed wrong_pin',
  'airtel-money/payment.status.tip.json': 'collection pending',
  'airtel-money/payment.status.ts.json': 'collection succeeded 133410367531',
  'airtel-money/refund.request.json': 'request unknown own_request',
  'airtel-money/refund.response.json': 'refund pending 133410367531 accepted_only',
  'airtel-money/token.error.invalid-client.json': 'error failed rail_misconfigured',
  'airtel-money/token.request.json': 'request unknown own_request',
  'airtel-money/token.response.json': 'token succeeded',
  'orange-money/cd.b2b.notification.success.json': 'payout succeeded OM-12345678 500000CDF confirm_by_inquiry',
  'orange-money/cd.b2b.omdcashin.request.json': 'request unknown own_request',
  'orange-money/cm.mp-init.response.json': 'acknowledgement pending accepted_only',
  'orange-money/cm.mp-pay.request.json': 'request unknown own_request',
  'orange-money/cm.mp-pay.response.pending.json': 'collection pending MP221207.2051.B56929 100XAF 2022-12-07T19:51:31.000Z',
  'orange-money/sn.cashin.request.json': 'request unknown own_request',
  'orange-money/sn.error.bad-request.json': 'error failed rail_misconfigured',
  'orange-money/sn.onestep.request.json': 'request unknown own_request',
  'orange-money/sn.onestep.response.success.json': 'inquiry succeeded MP000000.0000.000000 confirm_by_inquiry',
  'orange-money/token.response.json': 'token succeeded',
  'orange-money/transactionstatus.request.json': 'request unknown own_request',
  'orange-money/transactionstatus.response.initiated.json': 'collection pending',
  'orange-money/transactionstatus.response.success.json': 'collection succeeded MP150709.1341.A00073',
  'orange-money/webpayment.notification.success.json': 'collection succeeded MP150709.1341.A00073 confirm_by_inquiry',
  'orange-money/webpayment.request.json': 'request unknown own_request',
  'orange-money/webpayment.response.json': 'collection pending',
  'gsma/balance.response.json': 'balance succeeded 10000USD',
  'gsma/callback.transaction.failure.put.json': 'inquiry failed insufficient_funds 2021-01-01T00:00:00.000Z confirm_by_inquiry',
  'gsma/callback.transaction.success.put.json': 'payout succeeded b2a1e0c4-0b1f-4b3f-9a54-1d0d6a2f0000 5000USD confirm_by_inquiry',
  'gsma/error.404.identification.json': 'error unknown not_found_yet final_if_answer_to_a_payment',
  'gsma/heartbeat.json': 'health succeeded',
  'gsma/quotation.request.json': 'request unknown own_request',
  'gsma/quotation.response.completed.json': 'quotation succeeded dd82cc6a-159a-4ddf-bea7-23bae38e72c5 2026-07-21T17:32:28.000Z',
  'gsma/requeststate.completed.json': 'inquiry succeeded b2a1e0c4-0b1f-4b3f-9a54-1d0d6a2f0000 read_the_transaction',
  'gsma/requeststate.pending.json': 'inquiry pending be77f48f-2433-4bfa-8cdd-aaf058a400de',
  'gsma/responses.link.json': 'inquiry pending read_the_link',
  'gsma/reversal.request.json': 'request unknown own_request',
  'gsma/transaction.accepted-202.callback.json': 'inquiry pending be77f48f-2433-4bfa-8cdd-aaf058a400de',
  'gsma/transaction.inttransfer.request.json': 'request unknown own_request',
};

function gist(operator: (typeof OPERATOR_NAMES)[number], text: string): string {
  const event = readMessage(operator, text);
  const amount = event.amount === null ? null : `${event.amount.minor}${event.amount.currency}`;
  const parts = [event.kind, event.outcome, event.reasonCode, event.operatorReference, amount, event.occurredAt, event.warnings.join(',')];
  return parts.filter((part) => part !== null && part !== '').join(' ');
}

describe.skipIf(!existsSync(SAMPLES))('published messages', () => {
  const files = OPERATOR_NAMES.flatMap((name) =>
    existsSync(join(SAMPLES, name))
      ? readdirSync(join(SAMPLES, name)).flatMap((file) => (file.endsWith('.json') ? [[name, file] as const] : []))
      : [],
  );

  it('are all in the table, and nothing else is', () => {
    expect(files.map(([name, file]) => `${name}/${file}`).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  });

  it.each(files)('%s/%s', (name, file) => {
    expect(gist(name, readFileSync(join(SAMPLES, name, file), 'utf8'))).toBe(EXPECTED[`${name}/${file}`]);
  });
});

describe('reading messages', () => {
  it('gives the form that the command line prints', () => {
    const body = '{"transaction":{"id":"a-1","message":"m","status_code":"TF"}}';
    expect(readMessage('airtel-money', body)).toEqual({
      operator: 'airtel-money',
      kind: 'inquiry',
      outcome: 'failed',
      ourReference: 'a-1',
      operatorReference: null,
      amount: null,
      reasonCode: 'unmapped:no_code',
      retry: 'later',
      occurredAt: null,
      warnings: ['confirm_by_inquiry', 'no_hash'],
    });
  });

  it('knows operators by name, by protocol and by rail', () => {
    expect(operatorNamed('mtn-momo')).toEqual({ name: 'mtn-momo' });
    expect(operatorNamed('mtn_momo')).toEqual({ name: 'mtn-momo' });
    expect(operatorNamed('orange-cm')).toEqual({ name: 'orange-money', currency: 'XAF' });
    expect(operatorNamed('hub-ke')).toEqual({ name: 'gsma', currency: 'KES' });
    for (const word of ['', 'constructor', 'on_us', 'nobody']) expect(() => operatorNamed(word)).toThrow(/operator_unknown/);
  });

  it.each(OPERATOR_NAMES)('%s: reads anything, or refuses it with a code', (name) => {
    const keys = fc.constantFrom(
      'Result',
      'Body',
      'ResultCode',
      'status',
      'data',
      'transaction',
      'code',
      'errorCode',
      'errorCategory',
      'payToken',
      'TransID',
    );
    const message = fc.dictionary(keys, fc.oneof(fc.string(), fc.jsonValue(), fc.dictionary(keys, fc.jsonValue())));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          message.map((each) => JSON.stringify(each)),
        ),
        (text) => {
          try {
            expect(['succeeded', 'failed', 'pending', 'unknown']).toContain(readMessage(name, text).outcome);
          } catch (error) {
            expect(isFault(error, 'malformed_body')).toBe(true);
          }
        },
      ),
    );
  });
});
