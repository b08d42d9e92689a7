/** Claims within what operators take: what is paused is passed over, what is limited is claimed by the permit, each product by itself. */
import type { RateProduct } from '../../tools/rails/rates.ts';
import type { GraphDeps } from '../types.ts';

/** Which rows a claim may take. */
export interface Claimable {
  readonly limit: number;
  /** Rails whose rows stay where they are. */
  readonly saturated: readonly string[];
  /** Rails and products, by `productKey`, whose rows stay where they are. */
  readonly excluded: readonly string[];
  /** The one rail and product whose rows are claimed; null for all. */
  readonly only: string | null;
}

type Claim<Row> = (claimable: Claimable) => Promise<readonly Row[]>;

/** A rail and product in one text. The claims of `dispatch.ts` and `inquire.ts` write the same in SQL. */
export function productKey(railId: string, product: RateProduct): string {
  return `${railId} ${product}`;
}

/** The same claim, within the limits. What finds no permit waits for the next sweep, and keeps nothing else of its rail waiting. */
export function withinRates<Row>(
  deps: Pick<GraphDeps, 'rates'>,
  products: readonly RateProduct[],
  claim: Claim<Row>,
): (limit: number, saturated: readonly string[]) => Promise<readonly Row[]> {
  const { rates } = deps;
  if (rates === undefined) return (limit, saturated) => claim({ limit, saturated, excluded: [], only: null });
  return async (limit, saturated) => {
    const pausedBy = await Promise.all(products.map(async (product) => ({ product, rails: await rates.pausedRails(product) })));
    const paused = pausedBy.flatMap(({ product, rails }) => rails.map((railId) => productKey(railId, product)));
    const limited = products.flatMap((product) =>
      rates.limitedRails(product).map((railId) => ({ railId, product, key: productKey(railId, product) })),
    );
    const rows = [...(await claim({ limit, saturated, excluded: [...paused, ...limited.map(({ key }) => key)], only: null }))];
    for (const { railId, product, key } of limited) {
      if (paused.includes(key) || saturated.includes(railId)) continue;
      const room = limit - rows.length;
      if (room <= 0) break;
      const permits = await rates.take(railId, product, room);
      const claimed = permits === 0 ? [] : await claim({ limit: permits, saturated, excluded: [], only: key });
      rows.push(...claimed);
      await rates.giveBack(railId, product, permits - claimed.length);
    }
    return rows;
  };
}
