/** `capp::merkle`: inclusion proofs after RFC 9162 section 2.1.3. By the rules of `move/sources/merkle.move`; hashes are hex. */
import { sha256 } from './vm.ts';

const HASH_DIGITS = 64;

export function isHash(hex: string): boolean {
  return hex.length === HASH_DIGITS;
}

export function leafHash(dataHex: string): string {
  return sha256(`00${dataHex}`);
}

export function emptyRoot(): string {
  return sha256('');
}

export function verifyPath(leaf: string, index: bigint, size: bigint, path: readonly string[], root: string): boolean {
  if (index >= size || !isHash(leaf)) return false;
  let hash = leaf;
  let used = 0;
  let at = index;
  for (let last = size - 1n; last > 0n; last /= 2n) {
    const isRight = at % 2n === 1n;
    // The last node of an odd level has no neighbour and is promoted.
    if (isRight || at < last) {
      const neighbour = path[used];
      if (neighbour === undefined || !isHash(neighbour)) return false;
      hash = sha256(isRight ? `01${neighbour}${hash}` : `01${hash}${neighbour}`);
      used += 1;
    }
    at /= 2n;
  }
  return used === path.length && hash === root;
}
