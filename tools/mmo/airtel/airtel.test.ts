import { constants, createDecipheriv, createHmac, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../../domain/errors.ts';
import { parseObject } from '../reading.ts';
import { parseAirtelCallback } from './callbacks.ts';
import { encryptUnder, readPublicKey } from '../public-key.ts';
import { hasRightHash, signatureHeaders } from './crypto.ts';
import { statusOutcome, submitOutcome } from './outcomes.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
const pkcs1 = { padding: constants.RSA_PKCS1_PADDING };
const decrypt = (text: string, padding: object) => privateDecrypt({ key: privateKey, ...padding }, Buffer.from(text, 'base64')).toString();
const hashOf = (text: string) => createHmac('sha256', 'key').update(text).digest('base64');

describe('cryptography', () => {
  it('encrypts the PIN in the classic and in the newer way, differently each time', () => {
    expect(decrypt(encryptUnder(publicKey, '4711', 'pkcs1'), pkcs1)).toBe('4711');
    expect(decrypt(encryptUnder(publicKey, '4711', 'oaep_sha256'), oaep)).toBe('4711');
    expect(encryptUnder(publicKey, '4711', 'pkcs1')).not.toBe(encryptUnder(publicKey, '4711', 'pkcs1'));
  });

  it('reads keys as PEM and as base64 of DER', () => {
    const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(readPublicKey(der).equals(publicKey)).toBe(true);
    expect(readPublicKey(pem).equals(publicKey)).toBe(true);
  });

  it('signs a body so that the receiver finds its very bytes', () => {
    const body = '{"reference":"Épargne","amount":10}';
    const headers = signatureHeaders(body, publicKey);
    const [key = '', vector = ''] = decrypt(headers['x-key'], pkcs1).split(':');
    const decipher = createDecipheriv('aes-256-cbc', Buffer.from(key, 'base64'), Buffer.from(vector, 'base64'));
    expect(Buffer.concat([decipher.update(headers['x-signature'], 'base64'), decipher.final()]).toString()).toBe(body);
  });

  const transaction = '{ "id":"a-1", "message":"Paid \\"UGX\\" 5,000 {to} É", "status_code":"TS",\n "airtel_money_id":"MP1" }';

  it('finds the hash right under both readings, over the bytes as they came', () => {
    expect(hasRightHash(`{"transaction": ${transaction}, "hash": "x"}`, hashOf(transaction), 'key')).toBe(true);
    expect(hasRightHash(`{"transaction": ${transaction}, "hash": "x"}`, hashOf(`{"transaction": ${transaction}}`), 'key')).toBe(true);
    expect(hasRightHash(`{"hash":"x","transaction":${transaction}}`, hashOf(`{"transaction":${transaction}}`), 'key')).toBe(true);
  });

  it('finds it wrong for another key, another byte, and no hash', () => {
    const text = `{"transaction":${transaction},"hash":"x"}`;
    expect(hasRightHash(text, hashOf(transaction), 'other')).toBe(false);
    expect(hasRightHash(text.replace('5,000', '5,001'), hashOf(transaction), 'key')).toBe(false);
    expect(hasRightHash(text, '', 'key')).toBe(false);
  });

  it('never accepts a changed transaction, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
        const [text, changed] = [JSON.stringify(value), JSON.stringify(other)];
        const hash = hashOf(text);
        expect(hasRightHash(JSON.stringify({ transaction: value, hash }), hash, 'key')).toBe(true);
        if (text !== changed) expect(hasRightHash(JSON.stringify({ transaction: other, hash }), hash, 'key')).toBe(false);
      }),
    );
  });
});

const answer = (body: object, leg: 'collection' | 'payout' = 'payout', status = 200, codes = {}) =>
  submitOutcome(status, parseObject(JSON.stringify(body)), leg, codes);
const envelope = (transaction: object, code = '', success = true) => ({
  data: { transaction },
  status: { response_code: code, code: '200', success, result_code: 'ESB000010' },
});

describe('answers to money calls', () => {
  it('lets the status of the transaction decide, whatever `success` says', () => {
    expect(answer(envelope({ id: 'a', status: 'TS', airtel_money_id: 'M1' }, 'DP00900001001', false))).toMatchObject({ receipt: 'M1' });
    expect(answer(envelope({ id: 'a', status: 'TF' }, 'DP00900001007'))).toMatchObject({ state: 'failed', reasonCode: 'float_too_low' });
    expect(answer(envelope({ id: false, status: 'Success.' }, 'DP00800001006'), 'collection')).toMatchObject({ state: 'pending' });
    expect(answer(envelope({ id: 'a', status: 'TA' }, 'DP00900001001')).state).toBe('unknown');
    expect(answer(envelope({ id: 'a', status: 'TS' })).state).toBe('unknown');
    expect(answer(envelope({ id: 'a', status: 'XX' })).state).toBe('unknown');
    expect(answer(envelope({ id: 'a', status: 'TR' }))).toMatchObject({ state: 'unknown', reasonCode: 'reversed' });
  });

  it.each(['DP00900001011', 'DP00900001017', 'ESB000041', 'DP00900001000', 'DP00900001014', 'ROUTER117', 'DP00900001015', 'DP99', ''])(
    'takes no failure for one that carries the code "%s", and leaves it to the enquiry',
    (code) => {
      expect(answer(envelope({ id: 'a', status: 'TF' }, code))).toMatchObject({ state: 'unknown', handle: { accepted: 'yes' } });
      const body = parseObject(JSON.stringify(envelope({ id: 'a', status: 'TF' }, code)));
      expect(body && statusOutcome(body, {})).toMatchObject({ state: 'failed' });
    },
  );

  it('does not take the answer to a push for a payment', () => {
    expect(answer(envelope({ id: 'a', status: 'TS', airtel_money_id: 'M1' }), 'collection').state).toBe('pending');
  });

  it.each([
    [{ status_code: 'ROUTER115', status_message: 'x' }, 'pin_refused'],
    [{ status: { response_code: 'DP00900001012', code: '400' } }, 'wallet_not_found'],
    [{ status: { response_code: 'DP00800001005', code: '400', message: 'Msisdn Not Found' } }, 'wallet_not_found'],
    [{ status: { result_code: 'ESB000039' } }, 'rail_misconfigured'],
  ])('%j is a refusal: %s', (body, reason) => {
    expect(answer(body, 'payout', 400)).toMatchObject({ state: 'failed', reasonCode: reason });
  });

  it.each([
    [{ status: { result_code: 'ESB000041' } }, 'pending'],
    [{ status: { response_code: 'DP00900001017' } }, 'pending'],
    [{ status: { response_code: 'DP00900001014' } }, 'unknown'],
    [{ status: { response_code: 'DP00800001025' } }, 'unknown'],
    [{ status: { response_code: 'DP12345678901' } }, 'unknown'],
    [{ status_code: 'ROUTER117' }, 'unknown'],
    [{}, 'unknown'],
  ])('%j is %s', (body, state) => {
    expect(answer(body, 'payout', 400).state).toBe(state);
    expect(answer(body, 'payout', 504).state).toBe(state);
  });

  it('follows the table of the country before the common one', () => {
    const body = { status: { response_code: 'DP00900001005' } };
    expect(answer(body, 'payout', 400, { DP00900001005: 'enquire' }).state).toBe('unknown');
  });
});

describe('callbacks', () => {
  const body = '{"transaction":{"id":"a-1","message":"m","status_code":"TS","airtel_money_id":"MP1"}}';

  it('names our transaction and asks for an enquiry', () => {
    expect(parseAirtelCallback(body, undefined, {})).toMatchObject({
      ourReference: 'a-1',
      operatorReference: 'MP1',
      trust: 'confirm',
      outcome: { state: 'succeeded', receipt: 'MP1' },
    });
  });

  it('refuses one without its hash where hashes are agreed on', () => {
    expect(() => parseAirtelCallback(body, 'key', {})).toThrow(/callback_unverified/);
  });

  it('refuses every other body with a code, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseAirtelCallback(text, 'key', {});
        } catch (error) {
          expect(isFault(error)).toBe(true);
        }
      }),
    );
  });
});
