/** How a function of the contracts is declared: its parameters by their Move types, and what it does. */
import type { Frame, Value } from './vm.ts';

/** `object<T>` stands for `0x1::object::Object<T>`. */
export type ParamType =
  | 'bool'
  | 'u8'
  | 'u64'
  | 'u128'
  | 'address'
  | 'vector<u8>'
  | 'vector<address>'
  | 'vector<u64>'
  | 'vector<vector<u8>>'
  | 'object<Batch>'
  | 'object<Pool>'
  | 'object<Metadata>';

/** What views answer, besides. `Terms` is the struct of `capp::settlement`. */
export type ReturnType = ParamType | 'option<address>' | 'vector<bool>' | 'Terms';

export interface Entry {
  /** Whether the first parameter is the sender. */
  readonly signs: boolean;
  readonly params: readonly ParamType[];
  readonly run: (frame: Frame, signer: string, args: readonly never[]) => void;
}

export interface View {
  readonly params: readonly ParamType[];
  readonly returns: readonly ReturnType[];
  readonly read: (frame: Frame, args: readonly never[]) => readonly Value[];
}

type ValueOf<T> = T extends 'bool'
  ? boolean
  : T extends 'u8' | 'u64' | 'u128'
    ? bigint
    : T extends 'vector<address>' | 'vector<vector<u8>>'
      ? readonly string[]
      : T extends 'vector<u64>'
        ? readonly bigint[]
        : string;
export type ValuesOf<P extends readonly ParamType[]> = { readonly [I in keyof P]: ValueOf<P[I]> };

/** An entry function whose first parameter is the sender. */
export function signed<const P extends readonly ParamType[]>(
  params: P,
  run: (frame: Frame, signer: string, ...args: ValuesOf<P>) => void,
): Entry {
  return { signs: true, params, run: (frame, signer, args) => run(frame, signer, ...(args as unknown as ValuesOf<P>)) };
}

/** An entry function that anybody may call. */
export function open<const P extends readonly ParamType[]>(params: P, run: (frame: Frame, ...args: ValuesOf<P>) => void): Entry {
  return { signs: false, params, run: (frame, _signer, args) => run(frame, ...(args as unknown as ValuesOf<P>)) };
}

export function view<const P extends readonly ParamType[]>(
  params: P,
  returns: readonly ReturnType[],
  read: (frame: Frame, ...args: ValuesOf<P>) => readonly Value[],
): View {
  return { params, returns, read: (frame, args) => read(frame, ...(args as unknown as ValuesOf<P>)) };
}

/** An `Option` of Move: a vector of at most one. */
export function optional(value: string | null): { readonly vec: readonly string[] } {
  return { vec: value === null ? [] : [value] };
}
