/** Reading quotes; they are made and used up by the exchange-rate agent. */
import type { Pool } from 'pg';

export interface QuoteRow {
  readonly id: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly amount: bigint;
  readonly feeAmount: bigint;
  readonly targetAmount: bigint;
  readonly rate: bigint;
  readonly midRate: bigint;
  readonly spreadBps: number;
  readonly policyVersion: string;
  readonly signature: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly paymentId: string | null;
}

/** A client's quotes by id; those that do not exist, or are another client's, are missing from the answer. */
export async function findQuotes(db: Pool, clientId: string, ids: readonly string[]): Promise<QuoteRow[]> {
  const result = await db.query<QuoteRow>({
    name: 'find_quotes',
    text: `select id, from_currency as "fromCurrency", to_currency as "toCurrency", from_country as "fromCountry", to_country as "toCountry",
      amount, fee_amount as "feeAmount", target_amount as "targetAmount", rate, mid_rate as "midRate", spread_bps as "spreadBps",
      policy_version as "policyVersion", signature, created_at as "createdAt", expires_at as "expiresAt", payment_id as "paymentId"
      from quotes where client_id = $1 and id = any($2::uuid[])`,
    values: [clientId, ids],
  });
  return result.rows;
}
