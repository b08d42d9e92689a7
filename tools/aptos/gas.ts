/** The price of gas as those ask for it who only reckon with it: it is a little old, and a silent node is waited for once in 15 s. */
import type { Clock } from '../../domain/clock.ts';
import { isFault } from '../../domain/errors.ts';
import type { AptosNode } from './node.ts';

/** How old the answer may be, milliseconds; also after no answer. */
const KEPT_MS = 15_000;

/** Octas for a unit of gas; null when the node cannot be asked. Asks once in 15 s. */
export function gasPriceReader(node: Pick<AptosNode, 'gasPrice'>, clock: Clock): () => Promise<bigint | null> {
  let kept: { readonly price: bigint | null; readonly untilMs: number } | null = null;
  return async () => {
    if (kept !== null && clock.now() < kept.untilMs) return kept.price;
    const price = await node.gasPrice().catch((error: unknown) => {
      if (isFault(error)) return null;
      throw error;
    });
    kept = { price, untilMs: clock.now() + KEPT_MS };
    return price;
  };
}
