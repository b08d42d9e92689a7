/** Claims within what operators take: paused rails are passed over, limited ones are claimed by the permit. */
import { RAILS } from '../../domain/network.ts';
import type { RateProduct } from '../../tools/rails/rates.ts';
import type { GraphDeps } from '../types.ts';

type Claim<Row> = (limit: number, excluded: readonly string[]) => Promise<readonly Row[]>;

/** The same claim, within the limits. What finds no permit waits for the next sweep. */
export function withinRates<Row>(deps: Pick<GraphDeps, 'rates'>, products: readonly RateProduct[], claim: Claim<Row>): Claim<Row> {
  const { rates } = deps;
  if (rates === undefined) return claim;
  return async (limit, saturated) => {
    const paused = (await Promise.all(products.map((product) => rates.pausedRails(product)))).flat();
    const excluded = [...saturated, ...paused];
    const limited = [...new Set(products.flatMap((product) => rates.limitedRails(product)))];
    const rows = [...(await claim(limit, [...excluded, ...limited]))];
    for (const railId of limited.filter((each) => !excluded.includes(each))) {
      const room = limit - rows.length;
      if (room <= 0) break;
      // A claim does not tell collections from payouts: as many as every product lets through.
      const permits = await Promise.all(products.map((product) => rates.take(railId, product, room)));
      const allowed = Math.min(...permits);
      const others = RAILS.flatMap(({ id }) => (id === railId ? [] : [id]));
      const claimed = allowed === 0 ? [] : await claim(allowed, others);
      rows.push(...claimed);
      for (const [index, product] of products.entries()) await rates.giveBack(railId, product, (permits[index] ?? 0) - claimed.length);
    }
    return rows;
  };
}
