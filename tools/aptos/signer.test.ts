/** Accounts whose keys do not answer: nobody waits for them for ever. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { consentOf } from './settlement.ts';
import { ed25519Account, type KeySigner, localSigner, multiKeyAccount } from './signer.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

const [first, second] = [localSigner('a1'.repeat(32)), localSigner('b2'.repeat(32))];
const silent: KeySigner = { publicKey: first.publicKey, sign: () => new Promise(() => undefined) };
const terms = { publicKeys: [first.publicKey, second.publicKey], required: 2 };

it.each([
  ['of one key', ed25519Account(silent)],
  ['of several keys', multiKeyAccount(terms, [silent, second])],
])('an account %s gives up on a key that does not sign within 10 s, and consents to nothing by it', async (_what, account) => {
  const ends: unknown[] = [];
  const given = consentOf(account).sign('ab'.repeat(32));
  given.then(
    () => ends.push('signed'),
    (error: unknown) => ends.push(String(error)),
  );
  await vi.advanceTimersByTimeAsync(9_999);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends).toEqual(['Error: the key did not sign in time']);
});

it('leaves no timer behind when the key signs', async () => {
  await consentOf(multiKeyAccount(terms, [first, second])).sign('ab'.repeat(32));
  expect(vi.getTimerCount()).toBe(0);
});
