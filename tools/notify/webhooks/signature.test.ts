import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newSecret, signedHeaders } from './signature.ts';

const MESSAGE = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: 1_614_265_330_999, body: '{"test": 2432232314}' };

/** The scheme as the specification words it, computed without the library. */
function byHand(secret: string, id: string, seconds: number, body: string): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

describe('signed headers', () => {
  it('are those of the specification', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'; // not-a-secret: the example of the specification
    expect(signedHeaders([secret], MESSAGE)).toEqual({
      'webhook-id': MESSAGE.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': byHand(secret, MESSAGE.id, 1_614_265_330, MESSAGE.body),
    });
  });

  it('carry one signature for each secret while two overlap', () => {
    const secrets = [newSecret(), newSecret()];
    const signatures = signedHeaders(secrets, MESSAGE)['webhook-signature'].split(' ');
    expect(signatures).toEqual(secrets.map((secret) => byHand(secret, MESSAGE.id, 1_614_265_330, MESSAGE.body)));
  });
});

describe('a new secret', () => {
  it('has 32 random bytes in the form of the specification', () => {
    expect(newSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(newSecret()).not.toBe(newSecret());
  });
});
