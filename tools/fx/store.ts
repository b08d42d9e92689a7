/**
 * Rates in the database: what every source said, what was accepted (source `consensus`), and which large
 * moves a person confirmed (source `person:<principal>`). Rows are only ever added.
 */
import type { Pool } from 'pg';
import { type Currency, isCurrency } from '../../domain/currency.ts';
import type { MoveConfirmation, Previous, RateSnapshot } from './consensus.ts';
import type { Observation } from './gates.ts';
import type { SourceRates } from './source.ts';

/** The source name of accepted rates. */
export const CONSENSUS = 'consensus';
const PERSON = 'person:';
const DAY_MS = 86_400_000;
/** How far back frozen values and volatility are looked for. */
const HISTORY_DAYS = 40;

/** One stored rate: units of the currency for one USD, scaled by 10^12. */
export interface StoredRate {
  readonly source: string;
  readonly currency: Currency;
  readonly perUsd: bigint;
  readonly asOfMs: number;
}

/** What a process needs to build a snapshot without asking any source itself. */
export interface StoredRates {
  /** The newest set of each source. */
  readonly latest: readonly SourceRates[];
  readonly previous: Previous;
  /** The newest row; unchanged means that nothing was added since. */
  readonly newestId: bigint;
}

/** Adds rates in one statement; those that are there already stay as they are. Returns how many were new. */
export async function storeRates(pool: Pool, rates: readonly StoredRate[], nowMs: number): Promise<number> {
  if (rates.length === 0) return 0;
  const result = await pool.query({
    name: 'store_rates',
    text: `insert into exchange_rates (source, currency, rate, as_of, created_at)
           select source, currency, rate, as_of, $5
           from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) as given(source, currency, rate, as_of)
           on conflict do nothing`,
    values: [
      rates.map((rate) => rate.source),
      rates.map((rate) => rate.currency),
      rates.map((rate) => rate.perUsd.toString()),
      rates.map((rate) => new Date(rate.asOfMs)),
      new Date(nowMs),
    ],
  });
  return result.rowCount ?? 0;
}

/** One source's rates as rows. */
export function rowsOf(rates: SourceRates): StoredRate[] {
  return [...rates.perUsd].map(([currency, perUsd]) => ({ source: rates.source, currency, perUsd, asOfMs: rates.asOfMs }));
}

/** The id of the newest row; 0 when there is none. */
export async function newestRateId(pool: Pool): Promise<bigint> {
  const result = await pool.query<{ id: bigint | string | null }>({
    name: 'newest_rate',
    text: 'select max(id) as id from exchange_rates',
  });
  return BigInt(result.rows[0]?.id ?? 0);
}

interface RateRow {
  id: bigint | string;
  source: string;
  currency: string;
  rate: bigint | string;
  as_of: Date;
}

// One row per source, currency and day is all that frozen values and volatility need.
const RECENT_SQL = `
select distinct on (source, currency, (as_of at time zone 'UTC')::date) id, source, currency, rate, as_of
from exchange_rates where created_at >= $1
order by source, currency, (as_of at time zone 'UTC')::date, as_of desc`;

// The last accepted rate counts however old it is.
const ACCEPTED_SQL = `
select last.id, last.source, last.currency, last.rate, last.as_of
from unnest($1::text[]) as wanted(currency)
cross join lateral (
  select id, source, currency, rate, as_of from exchange_rates
  where currency = wanted.currency and source = '${CONSENSUS}' order by as_of desc limit 1
) last`;

/** Reads what is needed to build a snapshot at `nowMs`. */
export async function loadRates(pool: Pool, currencies: readonly Currency[], nowMs: number): Promise<StoredRates> {
  const newestId = await newestRateId(pool);
  const since = new Date(nowMs - HISTORY_DAYS * DAY_MS);
  const [recent, accepted] = await Promise.all([
    pool.query<RateRow>({ name: 'recent_rates', text: RECENT_SQL, values: [since] }),
    pool.query<RateRow>({ name: 'accepted_rates', text: ACCEPTED_SQL, values: [currencies] }),
  ]);
  const rows = recent.rows.flatMap(readRow);
  const fromSources = rows.filter((row) => row.source !== CONSENSUS && !row.source.startsWith(PERSON));
  return {
    newestId,
    latest: [...Map.groupBy(fromSources, (row) => row.source)].map(([source, of]) => newestSet(source, of)),
    previous: {
      accepted: new Map(accepted.rows.flatMap(readRow).map((row) => [row.currency, row.perUsd])),
      acceptedHistory: historyOf(rows.filter((row) => row.source === CONSENSUS)),
      sourceHistory: new Map([...Map.groupBy(fromSources, (row) => row.source)].map(([source, of]) => [source, historyOf(of)])),
      confirmations: rows.filter((row) => row.source.startsWith(PERSON)).map(confirmationOf),
    },
  };
}

function readRow(row: RateRow): StoredRate[] {
  // A row of a currency that is no longer moved is history only.
  if (!isCurrency(row.currency)) return [];
  return [{ source: row.source, currency: row.currency, perUsd: BigInt(row.rate), asOfMs: row.as_of.getTime() }];
}

function newestSet(source: string, rows: readonly StoredRate[]): SourceRates {
  const asOfMs = rows.reduce((newest, row) => Math.max(newest, row.asOfMs), 0);
  return { source, asOfMs, perUsd: new Map(rows.filter((row) => row.asOfMs === asOfMs).map((row) => [row.currency, row.perUsd])) };
}

function historyOf(rows: readonly StoredRate[]): Map<Currency, readonly Observation[]> {
  const byAge = rows.toSorted((a, b) => a.asOfMs - b.asOfMs);
  return new Map(
    [...Map.groupBy(byAge, (row) => row.currency)].map(([currency, of]) => [
      currency,
      of.map((row) => ({ asOfMs: row.asOfMs, rate: row.perUsd })),
    ]),
  );
}

function confirmationOf(row: StoredRate): MoveConfirmation {
  return { currency: row.currency, perUsd: row.perUsd, atMs: row.asOfMs };
}

/** The accepted rates of a snapshot that are new: another figure, or the first one of a day (UTC). */
export function newlyAccepted(snapshot: RateSnapshot, previous: Previous): StoredRate[] {
  const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
  return [...snapshot.rates.values()].flatMap((rate) => {
    const last = previous.acceptedHistory.get(rate.currency)?.at(-1);
    const known = last !== undefined && last.rate === rate.perUsd && dayOf(last.asOfMs) === dayOf(snapshot.atMs);
    return rate.currency === 'USD' || known
      ? []
      : [{ source: CONSENSUS, currency: rate.currency, perUsd: rate.perUsd, asOfMs: snapshot.atMs }];
  });
}

export interface MoveConfirmationRequest {
  /** The euro confirms the CFA francs with it. */
  readonly currency: Currency;
  /** The level the person saw and takes for real, scaled by 10^12. */
  readonly perUsd: bigint;
  /** Who: the stable name of an officer, `officer:amina`. */
  readonly principal: string;
  readonly atMs: number;
}

/** Records a person's word that a move of more than ten percent is real; it holds for a day, near that level only. */
export async function confirmMove(pool: Pool, request: MoveConfirmationRequest): Promise<void> {
  const { currency, perUsd, principal, atMs } = request;
  await storeRates(pool, [{ source: `${PERSON}${principal}`, currency, perUsd, asOfMs: atMs }], atMs);
}
