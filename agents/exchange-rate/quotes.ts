/**
 * Quotes: terms that are signed, stored, used once, and never past their expiry.
 *
 * The signature is HMAC-SHA256 over the canonical JSON (RFC 8785) of all terms that the row holds, so that
 * a row that was changed, or copied to another client, is told from one that we made.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { bigintArray, bytesArray, intArray, momentArray, plainArray, textArray, uuidArray } from '../../db/arrays.ts';
import { hmacSha256 } from '../../db/keyring.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import type { Money } from '../../domain/money.ts';
import type { Country } from '../../domain/rail.ts';
import type { RateBoard } from '../../tools/fx/board.ts';
import type { QuoteTerms } from '../agent.ts';
import { decideExchangeRate, type UnsignedQuote } from './decide.ts';
import { priceFacts } from './facts.ts';

/** Whose a quote is and which way it goes: what a payment has to match. */
export interface QuoteScope {
  readonly clientId: string;
  readonly fromCurrency: Currency;
  readonly toCurrency: Currency;
  readonly fromCountry: Country;
  readonly toCountry: Country;
}

/** What the signature covers. */
export type SignedTerms = QuoteScope & Omit<UnsignedQuote, 'targetMinor'>;

/** A quote as the database holds it. */
export interface QuoteRow extends SignedTerms {
  readonly signature: Buffer;
  readonly paymentId: string | null;
}

/** HMAC-SHA256 of the terms under the platform's quote key. */
export function signQuote(terms: SignedTerms, key: Buffer): Buffer {
  const text = canonicalJson({
    amount: terms.amountMinor.toString(),
    clientId: terms.clientId,
    createdAtMs: terms.createdAtMs,
    exchanged: terms.exchangedMinor.toString(),
    expiresAtMs: terms.expiresAtMs,
    fee: terms.feeMinor.toString(),
    fromCountry: terms.fromCountry,
    fromCurrency: terms.fromCurrency,
    id: terms.id,
    midRate: terms.midRate.toString(),
    policyVersion: terms.policyVersion,
    rate: terms.rate.toString(),
    spreadBps: terms.spreadBps,
    toCountry: terms.toCountry,
    toCurrency: terms.toCurrency,
  });
  return hmacSha256(key)(text);
}

/** Says whether the row is as we signed it. */
export function verifyQuote(row: QuoteRow, key: Buffer): boolean {
  const expected = signQuote(row, key);
  return row.signature.length === expected.length && timingSafeEqual(row.signature, expected);
}

function signedTerms(quote: UnsignedQuote, scope: QuoteScope): SignedTerms {
  const { clientId, fromCurrency, toCurrency, fromCountry, toCountry } = scope;
  return { ...quote, clientId, fromCurrency, toCurrency, fromCountry, toCountry };
}

interface DatabaseRow {
  id: string;
  client_id: string;
  from_currency: Currency;
  to_currency: Currency;
  from_country: Country;
  to_country: Country;
  amount: bigint | string;
  fee_amount: bigint | string;
  target_amount: bigint | string;
  rate: bigint | string;
  mid_rate: bigint | string;
  spread_bps: number;
  policy_version: string;
  signature: Buffer;
  created_at: Date;
  expires_at: Date;
  payment_id: string | null;
}

const QUOTE_COLUMNS = `id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate,
  mid_rate, spread_bps, policy_version, signature, created_at, expires_at, payment_id`;

/** Quotes by id in one round trip; ids that do not exist are missing from the answer. */
export async function loadQuotes(pool: Pool, quoteIds: readonly string[]): Promise<Map<string, QuoteRow>> {
  if (quoteIds.length === 0) return new Map();
  const result = await pool.query<DatabaseRow>({
    name: 'load_quotes',
    text: `select ${QUOTE_COLUMNS} from quotes where id = any($1::uuid[])`,
    values: [quoteIds],
  });
  return new Map(result.rows.map((row) => [row.id, readRow(row)]));
}

function readRow(row: DatabaseRow): QuoteRow {
  return {
    id: row.id,
    clientId: row.client_id,
    fromCurrency: row.from_currency,
    toCurrency: row.to_currency,
    fromCountry: row.from_country,
    toCountry: row.to_country,
    amountMinor: BigInt(row.amount),
    feeMinor: BigInt(row.fee_amount),
    exchangedMinor: BigInt(row.target_amount),
    rate: BigInt(row.rate),
    midRate: BigInt(row.mid_rate),
    spreadBps: row.spread_bps,
    policyVersion: row.policy_version,
    signature: row.signature,
    createdAtMs: row.created_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    paymentId: row.payment_id,
  };
}

/** Stores new quotes in one statement. */
export async function insertQuotes(db: Pick<PoolClient, 'query'>, rows: readonly QuoteRow[]): Promise<void> {
  if (rows.length === 0) return;
  const column = <T>(pick: (row: QuoteRow) => T): T[] => rows.map(pick);
  await db.query({
    name: 'insert_quotes',
    text: `insert into quotes (${QUOTE_COLUMNS})
           select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
             $9::bigint[], $10::bigint[], $11::bigint[], $12::int[], $13::text[], $14::bytea[], $15::timestamptz[], $16::timestamptz[],
             $17::uuid[])`,
    values: [
      uuidArray(column((row) => row.id)),
      uuidArray(column((row) => row.clientId)),
      plainArray(column((row) => row.fromCurrency)),
      plainArray(column((row) => row.toCurrency)),
      plainArray(column((row) => row.fromCountry)),
      plainArray(column((row) => row.toCountry)),
      bigintArray(column((row) => row.amountMinor)),
      bigintArray(column((row) => row.feeMinor)),
      bigintArray(column((row) => row.exchangedMinor)),
      bigintArray(column((row) => row.rate)),
      bigintArray(column((row) => row.midRate)),
      intArray(column((row) => row.spreadBps)),
      textArray(column((row) => row.policyVersion)),
      bytesArray(column((row) => row.signature)),
      momentArray(column((row) => row.createdAtMs)),
      momentArray(column((row) => row.expiresAtMs)),
      uuidArray(column((row) => row.paymentId)),
    ],
  });
}

export interface QuoteUse {
  readonly quoteId: string;
  readonly clientId: string;
  readonly paymentId: string;
}

/**
 * Marks stored quotes as used by their payments, in one statement. Throws `quote_used` when one of them was
 * taken by another payment since it was read: the caller rolls back and gathers again.
 */
export async function markQuotesUsed(db: Pick<PoolClient, 'query'>, uses: readonly QuoteUse[]): Promise<void> {
  if (uses.length === 0) return;
  const result = await db.query({
    name: 'mark_quotes_used',
    text: `update quotes set payment_id = given.payment_id
           from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as given(quote_id, client_id, payment_id)
           where quotes.id = given.quote_id and quotes.client_id = given.client_id
             and (quotes.payment_id is null or quotes.payment_id = given.payment_id)`,
    values: [uses.map((use) => use.quoteId), uses.map((use) => use.clientId), uses.map((use) => use.paymentId)],
  });
  if (result.rowCount !== uses.length) throw fault('quote_used', { internal: `${uses.length - (result.rowCount ?? 0)} quotes were taken` });
}

export interface QuoteDeps {
  readonly pool: Pool;
  readonly board: Pick<RateBoard, 'current'>;
  readonly clock: Clock;
  /** CAPP_QUOTE_KEY: signs and verifies quotes, and goes nowhere else. */
  readonly quoteKey: Buffer;
}

export interface QuoteRequest {
  readonly clientId: string;
  readonly fromCountry: Country;
  readonly toCountry: Country;
  /** What the sender pays in all. */
  readonly amount: Money;
  readonly toCurrency: Currency;
  /** With the receiver's wallet the target is cut to what its rails move; without, to the currency's own places. */
  readonly receiverWallet?: string;
  readonly delivery?: 'wallet' | 'balance';
}

/**
 * Locks a price for a client ahead of its payment, by the same decision that prices payments. The quote is
 * stored and signed. Throws the fault of a refusal: `rate_unavailable`, `corridor_unavailable`,
 * `amount_below_minimum`, `amount_out_of_range`.
 */
export async function createQuote(deps: QuoteDeps, request: QuoteRequest): Promise<QuoteTerms & QuoteScope> {
  const { clientId, fromCountry, toCountry, toCurrency, amount } = request;
  const scope: QuoteScope = { clientId, fromCountry, toCountry, toCurrency, fromCurrency: amount.currency };
  const facts = priceFacts(
    { ...scope, amountMinor: amount.minor, delivery: request.delivery ?? 'wallet', receiverWallet: request.receiverWallet ?? null },
    { snapshot: deps.board.current(), nowMs: deps.clock.now(), newQuoteId: newId(), clientQuote: 'none' },
  );
  const verdict = decideExchangeRate(facts);
  const { quote, refusalCode } = verdict.data;
  if (quote === null) {
    const because = verdict.reasons.at(-1)?.text;
    throw fault(refusalCode ?? 'rate_unavailable', because === undefined ? {} : { detail: because });
  }
  const terms = signedTerms(quote, scope);
  const signature = signQuote(terms, deps.quoteKey);
  await insertQuotes(deps.pool, [{ ...terms, signature, paymentId: null }]);
  return { ...quote, ...scope, signature: signature.toString('hex') };
}

/** A row to store for a quote that a payment uses as it is made. */
export function usedQuoteRow(quote: UnsignedQuote, scope: QuoteScope, paymentId: string, key: Buffer): QuoteRow {
  const terms = signedTerms(quote, scope);
  return { ...terms, signature: signQuote(terms, key), paymentId };
}
