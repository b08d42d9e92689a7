/** Between BCS, the values of the virtual machine, and the JSON of the node's API. */
import { Deserializer } from '@aptos-labs/ts-sdk';
import type { ParamType, ReturnType } from './declare.ts';
import type { Value } from './vm.ts';

/** Arguments as BCS. Throws when bytes are missing or left over. */
export function decodeArguments(params: readonly ParamType[], args: readonly Uint8Array[]): Value[] {
  if (args.length !== params.length) throw new RangeError('NUMBER_OF_ARGUMENTS_MISMATCH');
  return params.map((param, index) => {
    const reader = new Deserializer(args[index] ?? new Uint8Array());
    const value = decode(param, reader);
    if (reader.remaining() > 0) throw new RangeError('FAILED_TO_DESERIALIZE_ARGUMENT');
    return value;
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function decode(param: ParamType, reader: Deserializer): Value {
  const list = (read: () => Value): Value[] => Array.from({ length: reader.deserializeUleb128AsU32() }, read);
  const address = (): string => `0x${hex(reader.deserializeFixedBytes(32))}`;
  switch (param) {
    case 'bool':
      return reader.deserializeBool();
    case 'u8':
      return BigInt(reader.deserializeU8());
    case 'u64':
      return reader.deserializeU64();
    case 'u128':
      return reader.deserializeU128();
    case 'vector<u8>':
      return hex(reader.deserializeBytes());
    case 'vector<address>':
      return list(address);
    case 'vector<u64>':
      return list(() => reader.deserializeU64());
    case 'vector<vector<u8>>':
      return list(() => hex(reader.deserializeBytes()));
    default:
      return address();
  }
}

/** Fields of structs and events that are `u8`, which JSON shows as numbers; wider integers are strings. */
const SMALL_FIELDS = new Set(['scope', 'tier', 'tier_max', 'reason', 'state', 'kind']);

/** As the node shows addresses: short for 0x0 to 0xf, 64 digits for all others. */
export function showAddress(address: string): string {
  return /^0x0{63}[0-9a-f]$/.test(address) ? `0x${address.slice(-1)}` : address;
}

/** A value of a struct's field, or of a view, in the node's JSON. */
export function showValue(value: Value, isSmall = false): unknown {
  if (typeof value === 'bigint') return isSmall ? Number(value) : value.toString();
  if (typeof value === 'string') return value.startsWith('0x') ? showAddress(value) : `0x${value}`;
  if (Array.isArray(value)) return value.map((element: Value) => showValue(element));
  if (value === null || typeof value === 'boolean') return value;
  return showFields(value as { readonly [name: string]: Value });
}

export function showFields(fields: { readonly [name: string]: Value }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, showValue(field, SMALL_FIELDS.has(name))]));
}

/** What a view answers, in the node's JSON. */
export function showReturns(returns: readonly ReturnType[], values: readonly Value[]): unknown[] {
  return values.map((value, index) => showValue(value, returns[index] === 'u8'));
}
