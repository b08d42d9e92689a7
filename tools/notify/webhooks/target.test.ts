import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkTarget, isPublicAddress, parseTarget } from './target.ts';

const STRICT = { allowPrivate: false };
const LAX = { allowPrivate: true };
const octet = fc.integer({ min: 0, max: 255 });

describe('an address', () => {
  it.each(['8.8.8.8', '196.201.214.200', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2c0f:fb50::1'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'localhost',
    '',
    '127.1',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('that carries an IPv4 address inside is never public, whichever it is', () => {
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const hex = (high: number, low: number) => ((high << 8) | low).toString(16);
        for (const address of [`::ffff:${a}.${b}.${c}.${d}`, `64:ff9b::${hex(a, b)}:${hex(c, d)}`, `2002:${hex(a, b)}:${hex(c, d)}::1`]) {
          expect(isPublicAddress(address)).toBe(false);
        }
      }),
    );
  });
});

describe('the address of an endpoint', () => {
  it.each(['https://example.com/hooks?x=1', 'https://example.com:8443/', 'https://196.201.214.200/h'])('%s is taken', (text) => {
    expect(parseTarget(text, STRICT).href).toBe(text);
  });

  it.each([
    'http://example.com/',
    'ftp://example.com/',
    'https://user:word@example.com/',
    'https://user@example.com/',
    'https://example.com/#part',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'not an address',
    `https://example.com/${'x'.repeat(2_048)}`,
  ])('%s is refused', (text) => {
    expect(() => parseTarget(text, STRICT)).toThrow(expect.objectContaining({ code: 'webhook_target_refused', field: 'url' }));
  });

  it('may be private and plain where that is allowed, but carries no credentials even there', () => {
    expect(parseTarget('http://127.0.0.1:9999/h', LAX).port).toBe('9999');
    expect(() => parseTarget('http://a:b@127.0.0.1/', LAX)).toThrow('webhook_target_refused');
    expect(() => parseTarget('file:///etc/passwd', LAX)).toThrow('webhook_target_refused');
  });

  it('is refused when its name leads into a private network, and taken when it cannot be looked up now', async () => {
    await expect(checkTarget('https://localhost/', STRICT)).rejects.toMatchObject({ code: 'webhook_target_refused' });
    await expect(checkTarget('https://nowhere.invalid/', STRICT)).resolves.toBeUndefined();
    await expect(checkTarget('http://localhost/', LAX)).resolves.toBeUndefined();
  });
});
