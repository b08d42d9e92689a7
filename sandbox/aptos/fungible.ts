/**
 * The part of `0x1::fungible_asset` and `0x1::primary_fungible_store` that the contracts stand on: stores of an owner
 * and asset, frozen or not, with the abort codes of Aptos.
 */
import { type Assert, assertIn, derivedObjectAddress, ExecutionFailure, type Frame, type Key } from './vm.ts';

const FRAMEWORK = `0x${'1'.padStart(64, '0')}`;
const assertAsset: Assert = assertIn('fungible_asset', FRAMEWORK);
const assertObject: Assert = assertIn('object', FRAMEWORK);

/** `fungible_asset::ESTORE_IS_FROZEN` and `EINSUFFICIENT_BALANCE`; `object::EOBJECT_DOES_NOT_EXIST`, `ERESOURCE_DOES_NOT_EXIST`. */
const E_STORE_IS_FROZEN = 3;
const E_INSUFFICIENT_BALANCE = 4;
const E_OBJECT_DOES_NOT_EXIST = 2;
const E_RESOURCE_DOES_NOT_EXIST = 7;

const U64_END = 1n << 64n;

export interface Asset {
  readonly name: string;
  readonly symbol: string;
  readonly decimals: bigint;
}

interface Store {
  readonly balance: bigint;
  readonly frozen: boolean;
  /** What is lost of every deposit, as with an asset whose deposits its issuer taxes; nothing unless given. */
  readonly tax?: bigint;
}

/** What kinds of resource stand at an object's address. */
const objectKey = (address: string): Key<readonly string[]> => ({ path: `object/${address}` });
export const assetKey = (asset: string): Key<Asset> => ({ path: `asset/${asset}` });
const storeKey = (owner: string, asset: string): Key<Store> => ({ path: `store/${asset}/${owner}` });

/** Makes an object that holds a resource of the kind. */
export function createObject(frame: Frame, address: string, kind: string): void {
  frame.write(objectKey(address), [kind]);
}

/** What stands for `object::address_to_object<Kind>` when an argument of a call is read. */
export function assertObjectOf(frame: Frame, address: string, kind: string): void {
  const kinds = frame.read(objectKey(address));
  assertObject(frame, kinds !== undefined, 'not_found', E_OBJECT_DOES_NOT_EXIST);
  assertObject(frame, kinds.includes(kind), 'not_found', E_RESOURCE_DOES_NOT_EXIST);
}

export function createAsset(frame: Frame, address: string, asset: Asset): void {
  createObject(frame, address, 'Metadata');
  frame.write(assetKey(address), asset);
}

export function balanceOf(frame: Frame, owner: string, asset: string): bigint {
  return frame.read(storeKey(owner, asset))?.balance ?? 0n;
}

export function mint(frame: Frame, owner: string, asset: string, amount: bigint): void {
  deposit(frame, owner, asset, amount);
}

/** The issuer of the asset freezes or thaws somebody's store. */
export function setFrozen(frame: Frame, owner: string, asset: string, frozen: boolean): void {
  frame.write(storeKey(owner, asset), { ...storeOf(frame, owner, asset), frozen });
}

/** The issuer of the asset takes so much of whatever is put into somebody's store. */
export function setTax(frame: Frame, owner: string, asset: string, tax: bigint): void {
  frame.write(storeKey(owner, asset), { ...storeOf(frame, owner, asset), tax });
}

function storeOf(frame: Frame, owner: string, asset: string): Store {
  return frame.read(storeKey(owner, asset)) ?? { balance: 0n, frozen: false };
}

export function transfer(frame: Frame, from: string, to: string, asset: string, amount: bigint): void {
  withdraw(frame, from, asset, amount);
  deposit(frame, to, asset, amount);
}

function withdraw(frame: Frame, owner: string, asset: string, amount: bigint): void {
  frame.work(3);
  const store = storeOf(frame, owner, asset);
  assertAsset(frame, !store.frozen, 'permission_denied', E_STORE_IS_FROZEN);
  assertAsset(frame, store.balance >= amount, 'invalid_argument', E_INSUFFICIENT_BALANCE);
  frame.write(storeKey(owner, asset), { ...store, balance: store.balance - amount });
}

function deposit(frame: Frame, owner: string, asset: string, amount: bigint): void {
  frame.work(3);
  const store = storeOf(frame, owner, asset);
  assertAsset(frame, !store.frozen, 'permission_denied', E_STORE_IS_FROZEN);
  if (store.balance + amount >= U64_END) throw new ExecutionFailure(`${FRAMEWORK}::fungible_asset`, 'ARITHMETIC_ERROR');
  const { tax = 0n } = store;
  frame.write(storeKey(owner, asset), { ...store, balance: store.balance + amount - (amount < tax ? amount : tax) });
}

/** Address of somebody's primary store, as clients see it. */
export function primaryStoreAddress(owner: string, asset: string): string {
  return derivedObjectAddress(owner, asset);
}
