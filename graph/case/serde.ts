/**
 * How checkpoints are written: plain JSON with tagged bigints. The library's own codec loses bigints
 * and brings objects shaped like its classes back to life; ours does neither and refuses what it cannot keep.
 */
import type { SerializerProtocol } from '@langchain/langgraph-checkpoint';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const strictSerde: SerializerProtocol = {
  async dumpsTyped(value: unknown): Promise<[string, Uint8Array]> {
    return ['json', encoder.encode(value === undefined ? '{"$undefined":true}' : JSON.stringify(value, encode))];
  },
  async loadsTyped(_type: string, data: Uint8Array | string): Promise<unknown> {
    return JSON.parse(typeof data === 'string' ? data : decoder.decode(data), decode);
  },
};

function encode(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  if (value === undefined) return undefined;
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new TypeError('a function or a symbol cannot be kept in a checkpoint');
  return value;
}

function decode(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  const only = entries.length === 1 ? entries[0] : undefined;
  if (only?.[0] === '$bigint' && typeof only[1] === 'string') return BigInt(only[1]);
  if (only?.[0] === '$undefined') return undefined;
  return value;
}
