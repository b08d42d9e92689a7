/** A process that dies at one of its operations, for tests of what comes after it. */
import type { Pool, PoolClient } from 'pg';

/** What a dead process does: nothing. */
export class Died extends Error {}

export interface Mortal {
  /** Does one operation, or dies of it: before it is done, or after it with the answer lost. */
  act<T>(work: () => Promise<T>): Promise<T>;
  /**
   * A pool whose every statement is an operation, or each of those that `counts` takes by its text; what is open at the death is
   * rolled back by the server.
   */
  pool(real: Pool, counts?: (text: string) => boolean): Pool;
  /** Does what is no operation; a dead process does not. */
  pass<T>(work: () => Promise<T>): Promise<T>;
  /** Operations so far. */
  operations(): number;
  isDead(): boolean;
}

/** Makes a process that dies at its operation number `dieAt`, counted from 1; never for infinity. */
export function mortal(dieAt: number, when: 'before' | 'after'): Mortal {
  let count = 0;
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Died(`died ${when} operation ${dieAt}`);
  };
  async function act<T>(work: () => Promise<T>): Promise<T> {
    if (dead) throw new Died('dead');
    count += 1;
    const isLast = count === dieAt;
    if (isLast && when === 'before') die();
    const result = await work();
    return isLast ? die() : result;
  }
  async function pass<T>(work: () => Promise<T>): Promise<T> {
    if (dead) throw new Died('dead');
    return work();
  }
  const pool = (real: Pool, counts: (text: string) => boolean = () => true): Pool => {
    const does = (config: unknown) => (counts(textOf(config)) ? act : pass);
    return {
      query: (...given: Parameters<Pool['query']>) => does(given[0])(() => real.query(...given) as unknown as Promise<unknown>),
      connect: async () => {
        const client = await pass(() => real.connect());
        return {
          query: (...given: Parameters<PoolClient['query']>) => does(given[0])(() => client.query(...given) as unknown as Promise<unknown>),
          release: () => client.release(dead),
        };
      },
    } as unknown as Pool;
  };
  return { act, pass, pool, operations: () => count, isDead: () => dead };
}

function textOf(config: unknown): string {
  if (typeof config === 'string') return config;
  return (config as { readonly text?: string }).text ?? '';
}
