/** The platform's client and the sandbox chain call and answer nothing that the compiled contracts do not. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ENTRIES, VIEWS } from '../sandbox/aptos/functions.ts';
import { ENTRY_FUNCTIONS, EVENTS, VIEW_FUNCTIONS } from '../tools/aptos/functions.ts';
import { type MoveFunctionAbi, type MoveModuleAbi, moveAbi } from './harness.ts';

const MODULES = ['compliance_registry', 'liquidity_pool', 'settlement'] as const;

let abi: Record<string, MoveModuleAbi>;

beforeAll(async () => {
  abi = await moveAbi();
}, 120_000);

/** A type as client and sandbox write it: of objects and structs the last name only. */
function short(type: string): string {
  return type
    .replace(/^0x1::object::Object<0x[0-9a-f]+::\w+::(\w+)>$/, 'object<$1>')
    .replace(/^0x1::option::Option<(\w+)>$/, 'option<$1>')
    .replace(/^0x[0-9a-f]+::settlement::Terms$/, 'Terms');
}

const functionsOf = (module: string, isWanted: (fn: MoveFunctionAbi) => boolean): MoveFunctionAbi[] =>
  (abi[module]?.exposed_functions ?? []).filter(isWanted);

function named(name: string): MoveFunctionAbi | undefined {
  const [module = '', fn = ''] = name.split('::');
  return abi[module]?.exposed_functions.find((each) => each.name === fn);
}

const withoutSigner = ({ params }: MoveFunctionAbi): string[] => params.filter((param) => param !== '&signer').map(short);

describe.each(MODULES)('the sandbox plays %s', (module) => {
  it('with every entry function, and none besides', () => {
    const compiled = functionsOf(module, ({ is_entry: isEntry }) => isEntry);
    expect(compiled.length).toBeGreaterThan(10);
    const played = Object.entries(ENTRIES[module] ?? {}).map(([name, { signs, params }]) => ({ name, signs, params: [...params] }));
    const expected = compiled.map((fn) => ({ name: fn.name, signs: fn.params[0] === '&signer', params: withoutSigner(fn) }));
    expect(played.toSorted(byName)).toEqual(expected.toSorted(byName));
  });

  it('with every view, and none besides', () => {
    const compiled = functionsOf(module, ({ is_view: isView }) => isView);
    expect(compiled.length).toBeGreaterThan(10);
    const played = Object.entries(VIEWS[module] ?? {}).map(([name, { params, returns }]) => ({
      name,
      params: [...params],
      // An object is answered as its struct.
      returns: returns.map((type) => short(type)),
    }));
    const expected = compiled.map((fn) => ({ name: fn.name, params: fn.params.map(short), returns: fn.return.map(short) }));
    expect(played.toSorted(byName)).toEqual(expected.toSorted(byName));
  });
});

const byName = (left: { name: string }, right: { name: string }): number => (left.name < right.name ? -1 : 1);

describe('the client', () => {
  it.each(Object.entries(ENTRY_FUNCTIONS))('calls the entry function %s with its parameters', (name, params) => {
    const fn = named(name);
    expect(fn?.is_entry).toBe(true);
    expect(fn === undefined ? null : withoutSigner(fn)).toEqual([...params]);
  });

  it.each(Object.entries(VIEW_FUNCTIONS))('asks the view %s and reads its answer', (name, { params, returns }) => {
    const fn = named(name);
    expect(fn?.is_view).toBe(true);
    expect(fn?.params.map(short)).toEqual([...params]);
    expect(fn?.return.map(short)).toEqual([...returns]);
  });

  it.each(Object.entries(EVENTS))('reads the fields of the event %s', (name, fields) => {
    const [module = '', struct = ''] = name.split('::');
    const found = abi[module]?.structs.find((each) => each.name === struct);
    expect(found?.fields.map((field) => field.name)).toEqual([...fields]);
  });
});
