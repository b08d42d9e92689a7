/**
 * A certificate of one's own for development: X.509 version 3 (RFC 5280) in DER, signed by the key it is about, for this machine's
 * names. Programs that shall believe it are given the certificate itself; nobody else does.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

export interface OwnCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const DAY_MS = 86_400_000;

/** One value: its tag, the length of its content, its content. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, content]);
}

const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const isTrue = der(0x01, Buffer.of(0xff));
const octets = (content: Uint8Array): Buffer => der(0x04, content);
const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.of(0), content);

// ecdsa-with-SHA256, and of RFC 5280: common name, alternative names, basic constraints, extended key usage, for servers and clients.
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const OIDS = {
  commonName: '550403',
  altNames: '551d11',
  constraints: '551d13',
  usage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
};

function moment(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/[-:T]|\.\d{3}/g, '');
  // Up to 2049 two digits of the year.
  return text < '2050' ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number));
  const [head = '', tail] = host.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** Makes a key (P-256) and a certificate for it that is good from an hour ago for so many days, for these names and addresses. */
export function makeCertificate(hosts: readonly string[], nowMs: number, days = 397): OwnCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serial = randomBytes(16);
  // Positive, and of full length.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  // Of several that are believed under one name OpenSSL finds one: each has a name of its own.
  const commonName = `CAPP development ${serial.toString('hex')}`;
  const name = sequence(der(0x31, sequence(oid(OIDS.commonName), der(0x0c, Buffer.from(commonName)))));
  const altNames = hosts.map((host) => (isIP(host) === 0 ? der(0x82, Buffer.from(host)) : der(0x87, addressBytes(host))));
  const extensions = sequence(
    sequence(oid(OIDS.constraints), isTrue, octets(sequence(isTrue))),
    sequence(oid(OIDS.usage), octets(sequence(oid(OIDS.serverAuth), oid(OIDS.clientAuth)))),
    sequence(oid(OIDS.altNames), octets(sequence(...altNames))),
  );
  const about = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ECDSA_SHA256,
    name,
    sequence(moment(nowMs - 3_600_000), moment(nowMs + days * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const certificate = sequence(about, ECDSA_SHA256, bits(sign('sha256', about, privateKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
