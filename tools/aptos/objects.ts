/** Addresses of the contracts' objects, which follow from what they are named by (`object::create_object_address`). */
import { createHash } from 'node:crypto';

const NAMED_SCHEME = Buffer.of(0xfe);

function named(creator: string, seed: Uint8Array): string {
  const hash = createHash('sha3-256').update(creator.slice(2), 'hex').update(seed).update(NAMED_SCHEME);
  return `0x${hash.digest('hex')}`;
}

/** The object of a batch; its id as 16 bytes, hex. */
export function batchAddress(contract: string, batchId: string): string {
  return named(named(contract, Buffer.from('capp::settlement')), Buffer.from(batchId, 'hex'));
}

/** The object of an asset's pool. */
export function poolAddress(contract: string, asset: string): string {
  return named(named(contract, Buffer.from('capp::liquidity_pool')), Buffer.from(asset.slice(2), 'hex'));
}
