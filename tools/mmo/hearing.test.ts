import { describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.ts';
import { hearing } from './hearing.ts';
import { createSend, type Fetch } from './http.ts';
import { askGrant } from './oauth.ts';
import type { EffectRequest, InquiryRequest, OperatorClient, Outcome } from './operator.ts';
import { failed, pending, unknown } from './reasons.ts';
import { ANSWER_HEAD_BYTES, keptBodyOf, type RefusedAnswer } from './refused-answers.ts';

const WSO2 = '{"fault":{"code":"900803","message":"Message throttled out"}}';

interface Heard {
  readonly outcome: Outcome;
  readonly kept: readonly RefusedAnswer[];
}

/** A payout whose client gets some answers, one after the other, and makes an outcome of them. */
async function payOut(answers: readonly (Response | Error)[], outcome: Outcome, asksToken = false): Promise<Heard> {
  const kept: RefusedAnswer[] = [];
  const left = [...answers];
  const fetch: Fetch = async () => {
    const next = left.shift();
    if (next instanceof Response) return next;
    throw next ?? new TypeError('asked once more');
  };
  const send = createSend({ fetch, baseUrl: 'http://operator.test', timeoutMs: 1_000 });
  const call = { method: 'POST', path: '/pay', headers: { authorization: 'Bearer our-own-token' }, body: '{}' } as const;
  const client = {
    railId: 'mtn-ug',
    disburse: async () => {
      for (const _ of answers) await (asksToken ? askGrant(send, call, systemClock) : send(call));
      return outcome;
    },
  } as unknown as OperatorClient;
  const heard = hearing(client, async (answer) => void kept.push(answer));
  return { outcome: await heard.disburse({ requestId: 'r1' } as EffectRequest), kept };
}

const json = (body: string, status = 200) => new Response(body, { status });

describe('answers that cannot be used', () => {
  it.each<[string, Response, Outcome, string | null]>([
    ['a page', json('<html>blocked</html>', 403), unknown('unreadable_answer'), 'unreadable_answer'],
    ['a page, whatever the outcome', json('<html>blocked</html>', 403), pending(), 'unreadable_answer'],
    ['half a text', json('{"status":"PEND'), unknown('unreadable_answer'), 'unreadable_answer'],
    ['an empty body', json('', 500), unknown('unreadable_answer'), 'unreadable_answer'],
    ['nothing to say', json('', 202), pending(), null],
    ['an object of another kind', json('{}'), unknown('unreadable_answer'), 'unreadable_answer'],
    ['an amount of its own', json('{"amount":"7"}'), unknown('amount_mismatch'), 'amount_mismatch'],
    ['a reference of its own', json('{"id":"7"}'), unknown('reference_mismatch'), 'reference_mismatch'],
    ['an unknown status', json('{"status":"ODD"}'), unknown('unmapped:ODD'), 'unmapped:ODD'],
    ['an unknown reason to fail', json('{"code":"ODD"}'), { state: 'failed', reasonCode: 'unmapped:ODD', retry: 'later' }, 'unmapped:ODD'],
    ['an error of its own', json('{"code":"ZZ"}', 500), unknown('operator_error'), 'operator_error'],
    ['a failed inquiry that says so', json('{"code":"ZZ"}', 500), unknown('inquiry_failed'), null],
    ['a good answer that was not understood', json('{"code":"ZZ"}'), unknown('inquiry_failed'), 'unreadable_answer'],
    ['a known refusal', json('{"code":"NOT_ENOUGH_FUNDS"}', 400), failed('float_too_low'), null],
    ['a bare word of JSON', json('true'), pending(), null],
    ['too long an answer', json(`{"a":"${'x'.repeat(5 * 1024 * 1024)}"}`), unknown('no_answer'), 'oversized_answer'],
  ])('%s', async (_what, answer, outcome, reasonCode) => {
    const { status } = answer;
    const { kept } = await payOut([answer], outcome);
    const common = { railId: 'mtn-ug', product: 'payout', requestId: 'r1', status };
    expect(kept).toEqual(reasonCode === null ? [] : [{ ...common, reasonCode, body: expect.any(String) }]);
  });

  it('are told apart from a silence after them', async () => {
    expect((await payOut([json('{}'), new TypeError('cut off')], unknown('no_answer'))).kept).toEqual([]);
  });

  it('are those of a token where one was asked for, without it', async () => {
    const answers = [
      json('{"access_token":"s3cr3t-s3cr3t","expires_in":"soon"}'),
      json('{"error":"invalid_client"}', 401),
      json('<html>s3cr3t-s3cr3t-s3cr3t</html>', 403),
      json('{"access_token":"good-good","expires_in":3600}'),
    ];
    const { kept, outcome } = await payOut(answers, failed('operator_unavailable'), true);
    expect(kept.map(({ product, reasonCode }) => [product, reasonCode])).toEqual([
      ['token', 'token_unreadable'],
      ['token', 'token_refused'],
      ['token', 'unreadable_answer'],
    ]);
    expect(JSON.stringify(kept)).not.toContain('s3cr3t');
    // Asking for a token asks nothing of the operator's business.
    expect(outcome).toEqual({ ...failed('operator_unavailable'), isUnsent: true });
  });
});

describe('what is kept of an answer', () => {
  const kept = (text: string | Buffer, mayHoldToken = false) =>
    keptBodyOf({
      status: 200,
      bytes: Buffer.from(text as string),
      isWhole: true,
      mayHoldToken,
      requestHeaders: { Authorization: 'Basic dXNlcjpwYXNz', 'x-auth-token': 'YXBpOnB3', apiKey: 'atsk-1', accept: 'application/json' },
    });

  it.each([
    ['{"access_token":"abc","amount":"7"}', '{"access_token":"[secret]","amount":"7"}'],
    ['{\\"access_token\\":\\"abc\\"}', '{\\"access_token\\":\\"[secret]\\"}'],
    ['{"data":{"pin":1234,"notif_token":"x1"}}', '{"data":{"pin":[secret],"notif_token":"[secret]"}}'],
    ['{"access_token":"cut off in the mid', '{"access_token":"[secret] off in the mid'],
    ['refresh_token=abc&scope=x', 'refresh_token=[secret]&scope=x'],
    ['you sent Basic dXNlcjpwYXNz and YXBpOnB3', 'you sent Basic [secret] and [secret]'],
    ['no atsk-1 takes application/json', 'no [secret] takes application/json'],
    ['{"SecurityCredential":"a+b/c==","Amount":"7"}', '{"SecurityCredential":"[secret]","Amount":"7"}'],
    ['{"encryptedPinCode":"a+b\\/c==","id":"7"}', '{"encryptedPinCode":"[secret]","id":"7"}'],
    ['{"merchant_key":"m1","pinCode":1234}', '{"merchant_key":"[secret]","pinCode":[secret]}'],
  ])('%s', (text, expected) => expect(kept(text)).toBe(expected));

  it('no more than its head', () => {
    expect(kept('x'.repeat(100_000))).toHaveLength(ANSWER_HEAD_BYTES);
  });

  it('its bytes, where they are no text; and nothing that could be a token of an answer that may hold one', () => {
    expect(kept(Buffer.of(0xff, 0xfe))).toBe('base64://4=');
    const cutInALetter = Buffer.concat([Buffer.from('{"access_token":"s3cr3t","name":"'), Buffer.of(0xc3)]);
    const shown = Buffer.from(kept(cutInALetter).slice('base64:'.length), 'base64').toString('latin1');
    expect(shown).toBe('{"access_token":"[secret]","name":"\u00c3');
    expect(kept('token: abcdefghijklmnopqrstuvwxyz012345', true)).toBe('token: [long]');
  });
});

it('says of a failure for which nothing was sent that it was not, and of no other', async () => {
  const unsent = { ...failed('phone_invalid'), isUnsent: true };
  expect((await payOut([], failed('phone_invalid'))).outcome).toEqual(unsent);
  expect((await payOut([json('{}')], failed('phone_invalid'))).outcome).toEqual(failed('phone_invalid'));
  expect((await payOut([new TypeError('cut off')], failed('phone_invalid'))).outcome).toEqual(failed('phone_invalid'));
  expect((await payOut([], pending())).outcome).toEqual(pending());
});

it('tells the doubt of an inquiry that was answered "too much" from any other, and of no inquiry beside it', async () => {
  const inquire = async ({ requestId }: InquiryRequest): Promise<Outcome> => {
    const fetch: Fetch = async () => json(requestId === 'calm' ? WSO2.replace('900803', '404') : WSO2);
    await createSend({ fetch, baseUrl: 'http://operator.test', timeoutMs: 1_000 })({ method: 'GET', path: '/', headers: {} });
    return requestId === 'known' ? pending() : unknown('inquiry_failed', { transactionId: requestId });
  };
  const client = hearing({ inquire } as unknown as OperatorClient, null);
  const ask = (requestId: string) => client.inquire({ requestId } as unknown as InquiryRequest);
  expect(await Promise.all(['busy', 'calm', 'known'].map(ask))).toEqual([
    unknown('busy', { transactionId: 'busy' }),
    unknown('inquiry_failed', { transactionId: 'calm' }),
    pending(),
  ]);
});
