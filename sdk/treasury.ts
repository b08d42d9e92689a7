/** What the platform reaches and at what price: corridors, rates, liquidity pools. */
import { type Page, type PageOptions, pages } from './pages.ts';
import type { RequestOptions, Transport } from './transport.ts';

export interface Corridor {
  /** `KE-UG`. */
  readonly id: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  /** Amounts in `fromCurrency`, major units. */
  readonly fee: { readonly fixed: string; readonly bps: number; readonly min: string; readonly max: string };
  readonly validFrom: string;
}

export interface SourceRate {
  readonly currency: string;
  readonly source: string;
  /** Units of the currency for one US dollar. */
  readonly rate: string;
  readonly asOf: string;
  readonly receivedAt: string;
}

export interface LiquidityPool {
  /** The rail the float sits at: `mtn-ug`. */
  readonly id: string;
  readonly currency: string;
  readonly country: string;
  readonly balance: string;
  readonly balanceMinor: string;
  readonly reserved: string;
  readonly reservedMinor: string;
  readonly available: string;
  readonly availableMinor: string;
  /** Below this a rebalance is proposed, up to `target`. */
  readonly lowWater: string;
  readonly target: string;
  readonly updatedAt: string;
}

interface Listed<T> {
  readonly items: readonly T[];
}

export function createCorridors(transport: Transport) {
  return {
    /** Those that are open today. */
    list: async (options: RequestOptions = {}) =>
      (await transport.json<Listed<Corridor>>({ method: 'GET', path: '/v1/corridors', ...options })).items,
  };
}

export function createRates(transport: Transport) {
  const history = (currency: string, options: PageOptions = {}): Promise<Page<SourceRate>> => {
    const { signal, ...place } = options;
    return transport.json<Page<SourceRate>>({
      method: 'GET',
      path: `/v1/rates/${encodeURIComponent(currency)}/history`,
      query: place,
      ...(signal ? { signal } : {}),
    });
  };
  return {
    /** The newest of every source and currency. */
    list: async (options: RequestOptions = {}) =>
      (await transport.json<Listed<SourceRate>>({ method: 'GET', path: '/v1/rates', ...options })).items,
    /** One page of a currency's rates as they came in, newest first. */
    history,
    eachOf: (currency: string, options: PageOptions = {}) => pages((cursor) => history(currency, { ...options, ...cursor })),
  };
}

export function createPools(transport: Transport) {
  return {
    list: async (options: RequestOptions = {}) =>
      (await transport.json<Listed<LiquidityPool>>({ method: 'GET', path: '/v1/pools', ...options })).items,
  };
}
