import { describe, expect, test } from 'vitest';
import { addressToCount } from './address.ts';
import { classOfRoute, readLimits } from './policy.ts';

describe('limits from the settings', () => {
  test('are far above what a demo or a bench asks unless told', () => {
    const { write, read, failed_auth } = readLimits('');
    expect(Math.min(write.requestsMax / write.windowS, read.requestsMax / read.windowS)).toBeGreaterThanOrEqual(20_000);
    expect(failed_auth).toMatchObject({ requestsMax: 100, windowS: 60, countedBy: 'address' });
  });

  test('replace those they name', () => {
    const policies = readLimits(' write=600/60, callback=50/1');
    expect(policies.write).toEqual({ name: 'write', countedBy: 'key', requestsMax: 600, windowS: 60 });
    expect(policies.callback).toMatchObject({ requestsMax: 50, windowS: 1, countedBy: 'address' });
    expect(policies.read).toEqual(readLimits('').read);
  });

  test('give a client more than any of its keys', () => {
    const { client_write: derived } = readLimits('write=600/60');
    expect(derived).toEqual({ name: 'client_write', countedBy: 'client', requestsMax: 2400, windowS: 60 });
    expect(readLimits('client_write=601/60,write=600/60').client_write.requestsMax).toBe(601);
    for (const text of ['write=600/60,client_write=600/60', 'write=600/60,client_write=2400/61', 'client_batch=100/1'])
      expect(() => readLimits(text)).toThrow(/config_invalid: CAPP_RATE_LIMITS lets one key use up/);
  });

  test.each(['write', 'write=10', 'write=0/1', 'write=1/0', 'write=-1/1', 'wirte=1/1', 'constructor=1/1', 'write=1e3/1'])(
    '%s is refused by name',
    (text) => {
      expect(() => readLimits(text)).toThrow(/config_invalid: CAPP_RATE_LIMITS/);
    },
  );
});

test.each([
  ['get', '/v1/payments', true, 'read'],
  ['post', '/v1/payments', true, 'write'],
  ['post', '/v1/payments/batches', true, 'batch'],
  ['get', '/v1/payments/batches/{id}', true, 'read'],
  ['delete', '/v1/webhooks/{id}', true, 'write'],
  ['get', '/health/live', false, 'public'],
  ['post', '/v1/callbacks/{railId}/{token}', false, 'callback'],
] as const)('%s %s counts as %s', (method, path, keyed, expected) => {
  expect(classOfRoute({ method, path, keyed })).toBe(expected);
});

describe('the address that counts', () => {
  test.each([
    ['the socket, whatever the caller writes', '192.0.2.7', '198.51.100.1', 0, '192.0.2.7'],
    ['what our proxy saw', '10.0.0.1', '203.0.113.9, 198.51.100.1', 1, '198.51.100.1'],
    ['what the outer of two proxies saw', '10.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.9', 2, '198.51.100.1'],
    ['the socket when the proxy says nothing', '10.0.0.1', undefined, 1, '10.0.0.1'],
    ['IPv4 in IPv6 as IPv4', '::ffff:192.0.2.7', undefined, 0, '192.0.2.7'],
    ['the network of an IPv6 address', '2001:db8:0:1:aaaa:bbbb:cccc:dddd', undefined, 0, '2001:db8:0:1::/64'],
    ['the same network written shorter', '2001:db8:0:1::5', undefined, 0, '2001:db8:0:1::/64'],
    ['zeros at the front', '::1', undefined, 0, '0:0:0:0::/64'],
    ['without its zone', 'fe80::1%eth0', undefined, 0, 'fe80:0:0:0::/64'],
  ])('is %s', (_what, socket, forwarded, proxies, expected) => {
    expect(addressToCount(socket, forwarded, proxies)).toBe(expected);
  });

  test('is never longer than an address', () => {
    expect(addressToCount('10.0.0.1', 'x'.repeat(5_000), 1).length).toBeLessThanOrEqual(64);
    expect(addressToCount('10.0.0.1', ':'.repeat(5_000), 1).length).toBeLessThanOrEqual(64);
  });
});
