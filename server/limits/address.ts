/** Whose address a request counts for. */

/** What stands in for an address where there is no socket. */
export const IN_PROCESS = 'in-process';

/**
 * The address to count by: of the socket, or behind so many proxies of ours, the one the outermost of them
 * saw. What callers write into `X-Forwarded-For` themselves stands further left and is not believed. IPv6
 * addresses count by their /64, for one subscriber has all of it.
 */
export function addressToCount(socketAddress: string, forwardedFor: string | undefined, trustedProxies: number): string {
  return networkOf(callerAddress(socketAddress, forwardedFor, trustedProxies));
}

/** The same address, whole. */
export function callerAddress(socketAddress: string, forwardedFor: string | undefined, trustedProxies: number): string {
  if (trustedProxies === 0 || forwardedFor === undefined) return socketAddress;
  const hops = forwardedFor.split(',').map((hop) => hop.trim());
  return (hops[Math.max(0, hops.length - trustedProxies)] ?? socketAddress).slice(0, 64);
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address.slice(0, 64);
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  const groups = [...front, ...zeros, ...back].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`.slice(0, 64);
}
