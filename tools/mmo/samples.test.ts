/**
 * Walks recorded and published operator messages and checks what each one comes to. The folder lies
 * beside the project on machines that have it; the project's own fixtures cover the same ground.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorReason, transactionOutcome } from './gsma/outcomes.ts';
import { parseGsmaCallback } from './gsma/client.ts';
import { parseMpesaCallback } from './mpesa/callbacks.ts';
import { submitRefusal as mpesaRefusal, stkFailure } from './mpesa/outcomes.ts';
import { parseMtnMomoCallback } from './mtn-momo/client.ts';
import { submitRefusal as momoRefusal } from './mtn-momo/outcomes.ts';
import type { Outcome } from './operator.ts';
import { parseObject, textOf } from './reading.ts';

const SAMPLES = join(import.meta.dirname, '../../../shared/reference/mmo/samples');

/** What an outcome comes to, in one line: state, then receipt or reason. */
function gist(outcome: Outcome): string {
  if (outcome.state === 'succeeded') return `succeeded ${outcome.receipt} ${outcome.amount?.minor ?? '-'}`;
  if (outcome.state === 'failed') return `failed ${outcome.reasonCode} ${outcome.retry}`;
  return outcome.state === 'unknown' ? `unknown ${outcome.reasonCode}` : 'pending';
}

const mpesaCallback = (text: string) => gist(parseMpesaCallback(text, []).outcome);
const momoCallback = (text: string) => gist(parseMtnMomoCallback(text, { currency: 'EUR' }).outcome);
const gsmaCallback = (text: string) =>
  gist(parseGsmaCallback(text, { currency: 'USD' }, { collectionType: 'merchantpay', payoutType: 'disbursement' }).outcome);
const refusal = (status: number) => (text: string) => gist(mpesaRefusal(status, parseObject(text)));
const field = (name: string) => (text: string) => textOf(parseObject(text), name) ?? 'missing';

/** Per file: how it is read, and what must come out. Files that are our own requests are not in here. */
const EXPECTED: Readonly<Record<string, readonly [(text: string) => string, string]>> = {
  'mpesa/stkpush.callback.success.json': [mpesaCallback, 'succeeded NLJ7RT61SV 100'],
  'mpesa/stkpush.callback.success-balance-no-value.json': [mpesaCallback, 'succeeded LGR7OWQX0R 100'],
  'mpesa/stkpush.callback.cancelled-1032.json': [mpesaCallback, 'failed payer_declined after_customer'],
  'mpesa/stkpush.callback.unreachable-1037.json': [mpesaCallback, 'failed payer_no_answer after_customer'],
  'mpesa/b2c.result.success.json': [mpesaCallback, 'succeeded SG632NMUAB 1000'],
  'mpesa/b2c.result.failure-2001.json': [mpesaCallback, 'failed rail_misconfigured later'],
  'mpesa/transactionstatus.result.success-2017.json': [mpesaCallback, 'succeeded LGR919G2AV 1000'],
  'mpesa/stkquery.response.pending-500.json': [refusal(500), 'unknown operator_error'],
  'mpesa/stkquery.response.unknown-reference-500.json': [refusal(500), 'unknown operator_error'],
  'mpesa/stkquery.response.success.json': [field('ResultCode'), '0'],
  'mpesa/stkpush.response.json': [field('CheckoutRequestID'), 'ws_CO_1007202409152617172396192'],
  'mpesa/b2c-v3.response.json': [field('ConversationID'), 'AG_20240706_20106e9209f64bebd05b'],
  'mpesa/oauth-token.response.json': [field('expires_in'), '3599'],
  'mpesa/error.400.002.02.json': [refusal(400), 'failed rail_misconfigured later'],
  'mpesa/error.404.001.03.json': [refusal(404), 'failed operator_unavailable later'],
  'mpesa/error.500.002.1001-duplicate-originator.json': [refusal(500), 'pending'],
  'mtn-momo/requesttopay.callback.rejected.json': [momoCallback, 'failed payer_declined after_customer'],
  'mtn-momo/requesttopay.status.failed-internal.json': [momoCallback, 'failed operator_error later'],
  'mtn-momo/requesttopay.status.pending.json': [momoCallback, 'pending'],
  'mtn-momo/requesttopay.status.successful.json': [momoCallback, 'succeeded 600198217 10000'],
  'mtn-momo/transfer.status.successful.json': [momoCallback, 'succeeded 23503452 10000'],
  'mtn-momo/error.409-duplicate.json': [(text) => gist(momoRefusal(409, text, parseObject(text), 'collection')), 'pending'],
  'mtn-momo/error.500-target-environment.json': [
    (text) => gist(momoRefusal(500, text, parseObject(text), 'collection')),
    'failed rail_misconfigured later',
  ],
  'mtn-momo/error.404.json': [field('code'), 'RESOURCE_NOT_FOUND'],
  'mtn-momo/token.response.json': [field('expires_in'), '3600'],
  'mtn-momo/balance.response.json': [field('availableBalance'), '1000'],
  'gsma/callback.transaction.success.put.json': [gsmaCallback, 'succeeded b2a1e0c4-0b1f-4b3f-9a54-1d0d6a2f0000 5000'],
  'gsma/callback.transaction.failure.put.json': [gsmaCallback, 'failed insufficient_funds after_customer'],
  'gsma/error.404.identification.json': [(text) => errorReason(parseObject(text) ?? {}, 'payout') ?? 'none', 'wallet_not_found'],
  'gsma/requeststate.pending.json': [field('status'), 'pending'],
  'gsma/requeststate.completed.json': [field('objectReference'), 'b2a1e0c4-0b1f-4b3f-9a54-1d0d6a2f0000'],
  'gsma/transaction.accepted-202.callback.json': [field('serverCorrelationId'), 'be77f48f-2433-4bfa-8cdd-aaf058a400de'],
  'gsma/responses.link.json': [field('link'), '/transactions/be78f48f-2433-4bfa-8cdd-aaf058a400de'],
  'gsma/balance.response.json': [field('availableBalance'), '100.00'],
};

describe.skipIf(!existsSync(SAMPLES))('published operator messages', () => {
  it.each(Object.entries(EXPECTED))('%s', (file, [read, expected]) => {
    expect(read(readFileSync(join(SAMPLES, file), 'utf8'))).toBe(expected);
  });

  it('reads every file of the three protocols without an unexpected error', () => {
    const parsers = { mpesa: mpesaCallback, 'mtn-momo': momoCallback, gsma: gsmaCallback };
    for (const [folder, parse] of Object.entries(parsers)) {
      for (const file of readdirSync(join(SAMPLES, folder)).filter((name) => name.endsWith('.json'))) {
        try {
          parse(readFileSync(join(SAMPLES, folder, file), 'utf8'));
        } catch (error) {
          expect(error, `${folder}/${file}`).toMatchObject({ code: 'malformed_body' });
        }
      }
    }
  });
});

describe('codes and states beyond the samples', () => {
  it('takes no unknown code for a failure', () => {
    expect(gist(stkFailure('31337'))).toBe('unknown unmapped:31337');
    expect(gist(transactionOutcome({ transactionStatus: 'Mystery<script>' }))).toBe('unknown unmapped:mysteryscript');
  });
});
