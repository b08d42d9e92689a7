/**
 * What a transaction runs in: one view of the state that is kept whole or dropped whole, events, the block's
 * time, and a count of what costs gas. Values are never changed in place, so that a dropped frame leaves nothing.
 *
 * `vector<u8>` is lower-case hex without a prefix, an address `0x` and 64 digits, every integer a bigint.
 */
import { createHash } from 'node:crypto';

export type Value = boolean | bigint | string | null | readonly Value[] | { readonly [name: string]: Value };

/** An address of the state and the type of what stands there. */
export interface Key<T> {
  readonly path: string;
  /** For the compiler only. */
  readonly holds?: T;
}

export interface ChainEvent {
  /** Full name of the Move struct. */
  readonly type: string;
  readonly data: { readonly [name: string]: Value };
}

/** What a frame did, as far as gas is charged for it. Sizes in bytes. */
export interface Usage {
  readonly slotsRead: number;
  readonly bytesRead: number;
  readonly slotsWritten: number;
  readonly slotsCreated: number;
  readonly bytesWritten: number;
  readonly bytesAdded: number;
  readonly eventBytes: number;
  /** Steps of work, each about a call with its checks. */
  readonly steps: number;
}

export interface Frame {
  /** Address of the contracts. */
  readonly contract: string;
  /** Time of the block, Unix seconds. */
  readonly nowSecs: bigint;
  read<T>(key: Key<T>): T | undefined;
  write<T>(key: Key<T>, value: T): void;
  emit(module: string, struct: string, data: ChainEvent['data']): void;
  /** Counts work that is neither read nor written. */
  work(steps: number): void;
  readonly events: readonly ChainEvent[];
  readonly changes: ReadonlyMap<string, unknown>;
  usage(): Usage;
}

export type State = Map<string, unknown>;

/** Move's `abort`, with the module it comes from. */
export class Abort extends Error {
  readonly location: string;
  readonly code: bigint;

  constructor(location: string, code: bigint) {
    super(`${location} aborts with 0x${code.toString(16).toUpperCase()}`);
    this.location = location;
    this.code = code;
  }
}

/** An execution error of the virtual machine, such as a number out of its type. */
export class ExecutionFailure extends Error {
  readonly location: string;
  readonly status: string;

  constructor(location: string, status: string) {
    super(`${status} in ${location}`);
    this.location = location;
    this.status = status;
  }
}

const CATEGORIES = {
  invalid_argument: 0x1n,
  out_of_range: 0x2n,
  invalid_state: 0x3n,
  permission_denied: 0x5n,
  not_found: 0x6n,
  already_exists: 0x8n,
  resource_exhausted: 0x9n,
  unavailable: 0xdn,
} as const;

export type Category = keyof typeof CATEGORIES;

/** The `assert!` of one module. */
export type Assert = (frame: Frame, holds: boolean, category: Category, reason: number) => asserts holds;

/** `assert!(holds, error::category(reason))` for a module of ours, or of the framework's when `address` is given. */
export function assertIn(module: string, address?: string): Assert {
  return (frame, holds, category, reason) => {
    if (!holds) throw new Abort(`${address ?? frame.contract}::${module}`, (CATEGORIES[category] << 16n) + BigInt(reason));
  };
}

/** The number, if it fits into so many bits; ARITHMETIC_ERROR otherwise, as Move's operators and casts do. */
export function fits(frame: Frame, module: string, bits: 64 | 128 | 256, value: bigint): bigint {
  if (value < 0n || value >> BigInt(bits) !== 0n) throw new ExecutionFailure(`${frame.contract}::${module}`, 'ARITHMETIC_ERROR');
  return value;
}

/** About how many bytes of BCS a value takes: 8 for an integer, the length of bytes, 1 for a flag. */
export function sizeOf(value: unknown): number {
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'bigint') return value >> 64n === 0n ? 8 : 32;
  if (typeof value === 'string') return value.startsWith('0x') ? 32 : 1 + value.length / 2;
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + sizeOf(element), 1);
  return Object.values(value as object).reduce((sum: number, element) => sum + sizeOf(element), 0);
}

/** A frame over the state, which stays as it is until `commit`. */
export function openFrame(state: ReadonlyMap<string, unknown>, contract: string, nowSecs: bigint): Frame {
  const changes = new Map<string, unknown>();
  const seen = new Map<string, number>();
  const events: ChainEvent[] = [];
  let steps = 0;
  return {
    contract,
    nowSecs,
    events,
    changes,
    read<T>({ path }: Key<T>): T | undefined {
      if (changes.has(path)) return changes.get(path) as T;
      const value = state.get(path) as T | undefined;
      if (!seen.has(path)) seen.set(path, value === undefined ? 0 : sizeOf(value));
      return value;
    },
    write({ path }, value) {
      changes.set(path, value);
    },
    emit(module, struct, data) {
      events.push({ type: `${contract}::${module}::${struct}`, data });
    },
    work(count) {
      steps += count;
    },
    usage() {
      let [bytesWritten, bytesAdded, slotsCreated] = [0, 0, 0];
      for (const [path, value] of changes) {
        const before = state.has(path) ? sizeOf(state.get(path)) : 0;
        const size = sizeOf(value);
        bytesWritten += size;
        bytesAdded += Math.max(0, size - before);
        if (!state.has(path)) slotsCreated += 1;
      }
      const bytesRead = [...seen.values()].reduce((sum, size) => sum + size, 0);
      const eventBytes = events.reduce((sum, event) => sum + sizeOf(event.data), 0);
      return { slotsRead: seen.size, bytesRead, slotsWritten: changes.size, slotsCreated, bytesWritten, bytesAdded, eventBytes, steps };
    },
  };
}

/** Makes what the frame wrote part of the state. */
export function commit(state: State, frame: Frame): void {
  for (const [path, value] of frame.changes) state.set(path, value);
}

/** `0x` and 64 digits. Throws RangeError for what is no address. */
export function addressOf(text: string): string {
  const digits = text.replace(/^0x/, '').toLowerCase();
  if (!/^[0-9a-f]{1,64}$/.test(digits)) throw new RangeError('not an address');
  return `0x${digits.padStart(64, '0')}`;
}

/** Little-endian bytes of an integer, hex: BCS of u64 with 8 bytes. */
export function littleEndian(value: bigint, bytes: number): string {
  return Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex')
    .reverse()
    .toString('hex');
}

/** BCS of a length. */
export function uleb(length: number): string {
  const bytes: number[] = [];
  let left = length;
  do {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  return Buffer.from(bytes).toString('hex');
}

export function sha256(hex: string): string {
  return createHash('sha256').update(hex, 'hex').digest('hex');
}

export function sha3(hex: string): string {
  return createHash('sha3-256').update(hex, 'hex').digest('hex');
}

const NAMED_SCHEME = 'fe';
const USER_DERIVED_SCHEME = 'fc';

/** `object::create_object_address`: of an object that its creator named. */
export function namedObjectAddress(creator: string, seedHex: string): string {
  return `0x${sha3(creator.slice(2) + seedHex + NAMED_SCHEME)}`;
}

/** `object::create_user_derived_object_address`: of a primary store, from owner and asset. */
export function derivedObjectAddress(owner: string, derivedFrom: string): string {
  return `0x${sha3(owner.slice(2) + derivedFrom.slice(2) + USER_DERIVED_SCHEME)}`;
}

export function textHex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}
