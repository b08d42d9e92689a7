/**
 * What a transaction costs. Parameters of base, storage reads and writes, dependencies and storage fees are those of the
 * gas schedule that Aptos publishes (`aptos-gas-schedule`, `transaction.rs`: IoPricing V4, DiskSpacePricing V2). The work of
 * instructions is an estimate of ours, per call with its checks: it is the small part.
 */
import type { Usage } from './vm.ts';

/** Internal gas in one unit of gas. */
const SCALING = 1_000_000;
const MIN_TRANSACTION = 2_760_000;
const LARGE_TRANSACTION_BYTES = 600;
const PER_LARGE_BYTE = 1_158;
const PER_SLOT_READ = 302_385;
/** Reads are charged by pages, however small. */
const PAGE_BYTES = 4096;
const PER_BYTE_READ = 151;
const PER_SLOT_WRITE = 89_568;
const PER_BYTE_WRITE = 89;
/** The contracts and what they use of the framework. */
const DEPENDENCY_MODULES = 12;
const DEPENDENCY_BYTES = 90_000;
const PER_MODULE = 74_460;
const PER_MODULE_BYTE = 42;
const PER_STEP = 40_000;
/** Octas for a new slot of state, and for a byte of it. */
const FEE_PER_SLOT = 40_000;
const FEE_PER_BYTE = 40;

/** The lowest price of a unit of gas, in octas; what storage fees are divided by is what the transaction offers. */
export const GAS_PRICE_MIN = 100n;

/** Units of gas. */
export function gasUsed(usage: Usage, transactionBytes: number, gasUnitPrice: bigint): bigint {
  const base = MIN_TRANSACTION + PER_LARGE_BYTE * Math.max(0, transactionBytes - LARGE_TRANSACTION_BYTES);
  const pages = usage.slotsRead + Math.floor(usage.bytesRead / PAGE_BYTES);
  const reads = usage.slotsRead * PER_SLOT_READ + pages * PAGE_BYTES * PER_BYTE_READ;
  const bytesWritten = usage.bytesWritten + usage.eventBytes + transactionBytes;
  const writes = usage.slotsWritten * PER_SLOT_WRITE + bytesWritten * PER_BYTE_WRITE;
  const code = DEPENDENCY_MODULES * PER_MODULE + DEPENDENCY_BYTES * PER_MODULE_BYTE + usage.steps * PER_STEP;
  const storageOctas = usage.slotsCreated * FEE_PER_SLOT + usage.bytesAdded * FEE_PER_BYTE;
  return BigInt(Math.ceil((base + reads + writes + code) / SCALING)) + (BigInt(Math.ceil(storageOctas)) + gasUnitPrice - 1n) / gasUnitPrice;
}
