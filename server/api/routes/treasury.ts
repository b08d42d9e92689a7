/** Corridors, exchange rates and liquidity pools: the same for every client. */
import { z } from '@hono/zod-openapi';
import { latestRates, listPools, rateHistory, type RateRow } from '../../../db/queries/treasury.ts';
import { type Corridor, listCorridors } from '../../../domain/corridor.ts';
import { CURRENCIES, isCurrency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { RAILS } from '../../../domain/network.ts';
import { readCorridorHealth } from '../../../tools/rails/corridors.ts';
import { breakerState, readRailHealth, successRate } from '../../../tools/rails/health.ts';
import { CURSOR_NUMBER, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import {
  amountOut,
  amountSchema,
  countrySchema,
  currencySchema,
  minorSchema,
  momentSchema,
  rateOut,
  rateSchema,
} from '../resources/common.ts';

const corridorSchema = z
  .object({
    id: z.string().openapi({ example: 'KE-UG' }),
    fromCountry: countrySchema,
    toCountry: countrySchema,
    fromCurrency: currencySchema,
    toCurrency: currencySchema,
    fee: z
      .object({ fixed: amountSchema, bps: z.int(), min: amountSchema, max: amountSchema })
      .openapi({ description: 'In `fromCurrency`.' }),
    validFrom: z.string().openapi({ example: '2025-01-01' }),
  })
  .openapi('Corridor');

function corridorOut({ id, fromCountry, toCountry, fromCurrency, toCurrency, fee, validFrom }: Corridor): z.infer<typeof corridorSchema> {
  const amount = (minor: bigint) => amountOut(minor, fromCurrency);
  return {
    id,
    fromCountry,
    toCountry,
    fromCurrency,
    toCurrency,
    fee: { fixed: amount(fee.fixedMinor), bps: Number(fee.feeBps), min: amount(fee.minMinor), max: amount(fee.maxMinor) },
    validFrom,
  };
}

const sourceRateSchema = z
  .object({
    currency: currencySchema,
    source: z.string(),
    rate: rateSchema.openapi({ description: 'Units of the currency for one USD.' }),
    asOf: momentSchema,
    receivedAt: momentSchema,
  })
  .openapi('SourceRate');

function rateRowOut(row: RateRow): z.infer<typeof sourceRateSchema> {
  return {
    currency: row.currency as z.infer<typeof sourceRateSchema>['currency'],
    source: row.source,
    rate: rateOut(row.rate),
    asOf: row.asOf.toISOString(),
    receivedAt: row.createdAt.toISOString(),
  };
}

const poolSchema = z
  .object({
    id: z.string().openapi({ example: 'mtn-ug' }),
    currency: currencySchema,
    country: countrySchema,
    balance: amountSchema,
    balanceMinor: minorSchema,
    reserved: amountSchema,
    reservedMinor: minorSchema,
    available: amountSchema,
    availableMinor: minorSchema,
    lowWater: amountSchema.openapi({ description: 'Below this a rebalance is proposed, up to `target`.' }),
    target: amountSchema,
    updatedAt: momentSchema,
  })
  .openapi('LiquidityPool');

/** Mounts the routes of corridors, rates and pools. */
export function mountTreasury(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/corridors',
      operationId: 'listCorridors',
      tag: 'Treasury',
      summary: 'List the corridors that are open today',
      scope: 'treasury:read',
      tagged: true,
      responses: { 200: answers('Every corridor.', z.object({ items: z.array(corridorSchema) })) },
    },
    () => ({ status: 200, body: { items: listCorridors().map(corridorOut) } }),
  );
  mountHealth(api);
  mountPools(api);
  mountRates(api);
}

const healthSchema = z
  .object({
    railId: z.string().openapi({ example: 'mtn-ug' }),
    leg: z.enum(['collection', 'payout']),
    breaker: z.enum(['closed', 'open', 'half_open']).openapi({ description: 'Open: no payment is sent there. Half open: one may try.' }),
    successRate: z
      .number()
      .openapi({ description: 'Of live outcomes, each counting half after half an hour, drawn towards 0.95 while there are few.' }),
    latencyMs: z.number(),
    downUntil: momentSchema.nullable(),
    updatedAt: momentSchema,
  })
  .openapi('RailHealth');

const corridorHealthSchema = z
  .object({
    corridor: z.string().openapi({ example: 'KE-UG' }),
    railId: z.string(),
    leg: z.enum(['collection', 'payout']),
    successRate: z.number(),
    seen: z.number().openapi({ description: 'How many outcomes it rests on, each counting less as it ages.' }),
    updatedAt: momentSchema,
  })
  .openapi('CorridorHealth');

/** How operators do: the rails with their breakers, and the rates by corridor, operator and leg. */
function mountHealth(api: Api): void {
  const { pool, clock } = api.deps;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/rails/health',
      operationId: 'listRailHealth',
      tag: 'Treasury',
      summary: 'List how rails do, over all and by corridor',
      scope: 'treasury:read',
      query: z.strictObject({ corridor: z.string().max(5).optional() }),
      responses: {
        200: answers('Rails and corridors.', z.object({ rails: z.array(healthSchema), corridors: z.array(corridorHealthSchema) })),
      },
    },
    async ({ query: { corridor } }) => {
      const nowMs = clock.now();
      const railIds = RAILS.map(({ id }) => id);
      const health = await (api.deps.railHealth?.read(railIds) ?? readRailHealth(pool, railIds));
      const rails = [...health.values()].map((row) => ({
        railId: row.railId,
        leg: row.leg,
        breaker: breakerState(row, nowMs),
        successRate: successRate(row, nowMs),
        latencyMs: Math.round(row.latencyMs),
        downUntil: row.downUntilMs === null ? null : new Date(row.downUntilMs).toISOString(),
        updatedAt: new Date(row.updatedAtMs).toISOString(),
      }));
      const byCorridor = await readCorridorHealth(pool, corridor ?? null, nowMs);
      const corridors = byCorridor.map(({ updatedAtMs, ...row }) => ({ ...row, updatedAt: new Date(updatedAtMs).toISOString() }));
      return { status: 200, body: { rails, corridors } };
    },
  );
}

function mountPools(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/pools',
      operationId: 'listPools',
      tag: 'Treasury',
      summary: 'List the liquidity pools',
      scope: 'treasury:read',
      tagged: true,
      responses: { 200: answers('Every pool.', z.object({ items: z.array(poolSchema) })) },
    },
    async () => {
      const items = (await listPools(api.deps.pool)).map((row) => ({
        id: row.id,
        currency: row.currency,
        country: row.country,
        balance: amountOut(row.balance, row.currency),
        balanceMinor: row.balance.toString(),
        reserved: amountOut(row.reserved, row.currency),
        reservedMinor: row.reserved.toString(),
        available: amountOut(row.balance - row.reserved, row.currency),
        availableMinor: (row.balance - row.reserved).toString(),
        lowWater: amountOut(row.lowWater, row.currency),
        target: amountOut(row.target, row.currency),
        updatedAt: row.updatedAt.toISOString(),
      }));
      return { status: 200, body: { items } };
    },
  );
}

function mountRates(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/rates',
      operationId: 'listRates',
      tag: 'Treasury',
      summary: 'List the newest rate of every source',
      scope: 'treasury:read',
      tagged: true,
      responses: { 200: answers('Rates by currency and source.', z.object({ items: z.array(sourceRateSchema) })) },
    },
    async () => ({ status: 200, body: { items: (await latestRates(deps.pool, CURRENCIES)).map(rateRowOut) } }),
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/rates/{currency}/history',
      operationId: 'listRateHistory',
      tag: 'Treasury',
      summary: 'List the rates of a currency as they came in, newest first',
      scope: 'treasury:read',
      params: z.object({ currency: currencySchema.openapi({ param: { name: 'currency', in: 'path' } }) }),
      query: z.strictObject(pageQuery),
      responses: { 200: answers('A page of rates.', pageOf(sourceRateSchema)) },
      refusals: ['not_found'],
    },
    async ({ c, query: { limit, cursor } }) => {
      const currency = c.req.param('currency') ?? '';
      if (!isCurrency(currency)) throw fault('not_found');
      const list = `rates ${currency}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [/^\d{4}-[\dT:.-]+Z$/, CURSOR_NUMBER]);
      const before = at === undefined || id === undefined ? null : { createdAt: new Date(at), id };
      const rows = await rateHistory(deps.pool, currency, { before, limit });
      const encode = (last: RateRow) => encodeCursor(list, [last.createdAt.toISOString(), last.id.toString()]);
      return { status: 200, body: { items: rows.map(rateRowOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}
