/** Looks over the quotes that payments used: each must still carry our signature over its terms. */
import type { Pool } from 'pg';
import { loadQuotes, verifyQuote } from './quotes.ts';

const PAGE = 5_000;

/** Ids of used quotes whose terms do not fit their signature. */
export async function findTamperedQuotes(pool: Pool, quoteKey: Buffer): Promise<string[]> {
  const tampered: string[] = [];
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await pool.query<{ id: string }>('select id from quotes where id > $1 and payment_id is not null order by id limit $2', [
      after,
      PAGE,
    ]);
    const last = page.rows.at(-1);
    if (last === undefined) return tampered;
    const quotes = await loadQuotes(
      pool,
      page.rows.map((row) => row.id),
    );
    for (const [id, row] of quotes) if (!verifyQuote(row, quoteKey)) tampered.push(id);
    after = last.id;
  }
}
