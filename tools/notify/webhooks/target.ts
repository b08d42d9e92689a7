/**
 * Where webhooks may go. Clients choose the addresses, so without a rule they could have us call our
 * own network: an address is checked as it is written, as it resolves, and as it was connected to.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { fault } from '../../../domain/errors.ts';

export interface TargetPolicy {
  /** Takes plain `http` and addresses of private networks as well: for development. */
  readonly allowPrivate: boolean;
}

export const URL_CHARACTERS_MAX = 2_048;

// IPv4 by the IANA special-purpose registry (RFC 6890 and its updates): everything that is not globally reachable.
const NOT_PUBLIC_V4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]);

// Of IPv6 only global unicast is public, less what in it is special or carries an IPv4 address inside.
const GLOBAL_V6 = blockList('ipv6', [['2000::', 3]]);
const NOT_PUBLIC_V6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of subnets) list.addSubnet(network, bits, family);
  return list;
}

/** Says whether an IP address is one of the public internet. What is no address is not. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !NOT_PUBLIC_V4.check(address, 'ipv4');
  if (isIP(address) !== 6) return false;
  return GLOBAL_V6.check(address, 'ipv6') && !NOT_PUBLIC_V6.check(address, 'ipv6');
}

/**
 * Reads the address of an endpoint. Throws `webhook_target_refused` for one that is no `https` address,
 * carries credentials or a fragment, is too long, or names a private network outright.
 */
export function parseTarget(text: string, policy: TargetPolicy): URL {
  const url = text.length <= URL_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw refused('The address is not a URL of at most 2048 characters.');
  if (url.protocol !== 'https:' && !(policy.allowPrivate && url.protocol === 'http:')) throw refused('The address must begin with https.');
  if (url.username !== '' || url.password !== '') throw refused('The address must not carry a user name or password.');
  if (url.hash !== '') throw refused('The address must not carry a fragment.');
  const host = hostOf(url);
  if (isIP(host) !== 0) assertAllowed([host], policy);
  return url;
}

/** The host of a URL as name or bare IP address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** Throws `webhook_target_refused` when one of the addresses is not public and that is not allowed. */
export function assertAllowed(addresses: readonly string[], policy: TargetPolicy): void {
  if (!policy.allowPrivate && !addresses.every(isPublicAddress)) throw refused('The address leads into a private network.');
}

/**
 * Looks a new endpoint's host up, so that one that leads into a private network is refused when it is
 * made. A host that cannot be looked up now passes: it is looked up again before every delivery.
 */
export async function checkTarget(text: string, policy: TargetPolicy): Promise<void> {
  const host = hostOf(parseTarget(text, policy));
  const found = await lookup(host, { all: true }).catch(() => []);
  assertAllowed(
    found.map(({ address }) => address),
    policy,
  );
}

function refused(detail: string) {
  return fault('webhook_target_refused', { field: 'url', detail });
}
