/** What the platform reaches and at what price: corridors, rates, liquidity pools. */
import type { Page } from './pages.ts';
import type { RequestOptions, Transport } from './transport.ts';

export interface Corridor {
  readonly id: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
}

export interface Rate {
  readonly currency: string;
  readonly source: string;
  /** Units of the currency for one US dollar. */
  readonly rate: string;
  readonly asOf: string;
}

export interface LiquidityPool {
  /** The rail the float sits at: `mtn-ug`. */
  readonly id: string;
  readonly currency: string;
  readonly country: string;
  readonly balance: string;
  readonly reserved: string;
  readonly updatedAt: string;
}

export function createCorridors(transport: Transport) {
  return {
    list: (options: RequestOptions = {}) => transport.json<Page<Corridor>>({ method: 'GET', path: '/v1/corridors', ...options }),
  };
}

export function createRates(transport: Transport) {
  return {
    /** The newest of each source and currency. */
    list: (options: RequestOptions = {}) => transport.json<Page<Rate>>({ method: 'GET', path: '/v1/rates', ...options }),
  };
}

export function createPools(transport: Transport) {
  return {
    list: (options: RequestOptions = {}) => transport.json<Page<LiquidityPool>>({ method: 'GET', path: '/v1/pools', ...options }),
  };
}
