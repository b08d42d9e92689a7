/**
 * Every entry and view function of the contracts, with the types of its parameters. A test holds the names and types
 * against what the Move compiler says of the sources.
 */
import { type Entry, type ParamType, signed, type View, view } from './declare.ts';
import { POOL_ENTRIES, POOL_VIEWS } from './functions-pool.ts';
import { REGISTRY_ENTRIES, REGISTRY_VIEWS } from './functions-registry.ts';
import { SETTLEMENT_ENTRIES, SETTLEMENT_VIEWS } from './functions-settlement.ts';
import { assertObjectOf, balanceOf, transfer } from './fungible.ts';
import type { Frame, Value } from './vm.ts';

export const ENTRIES: Readonly<Record<string, Readonly<Record<string, Entry>>>> = {
  compliance_registry: REGISTRY_ENTRIES,
  liquidity_pool: POOL_ENTRIES,
  settlement: SETTLEMENT_ENTRIES,
};

export const VIEWS: Readonly<Record<string, Readonly<Record<string, View>>>> = {
  compliance_registry: REGISTRY_VIEWS,
  liquidity_pool: POOL_VIEWS,
  settlement: SETTLEMENT_VIEWS,
};

/** The one function of the framework that accounts call: a transfer between primary stores. */
export const TRANSFER: Entry = signed(['object<Metadata>', 'address', 'u64'], (frame, from, asset, to, amount) =>
  transfer(frame, from, to, asset, amount),
);

/** `primary_fungible_store::balance`. */
export const BALANCE: View = view(['address', 'object<Metadata>'], ['u64'], (frame, owner, asset) => [balanceOf(frame, owner, asset)]);

/** What the virtual machine looks at while it reads arguments: an object must be of its kind. */
export function assertArguments(frame: Frame, params: readonly ParamType[], args: readonly Value[]): void {
  params.forEach((param, index) => {
    const kind = /^object<(\w+)>$/.exec(param)?.[1];
    if (kind !== undefined) assertObjectOf(frame, args[index] as string, kind);
  });
}
