/** What became of what several signers may give to a batch, each on their own: approvals and votes. */
import type { Queryable } from '../../db/connect.ts';
import { FINAL_CODES } from '../../domain/errors.ts';

export interface Tries {
  readonly failures: number;
  /** Those after which the same will fail again. */
  readonly refusals: number;
  readonly isDone: boolean;
}

/** By the signer that steps name. */
export async function findTries(db: Queryable, batchId: string, kind: 'approve' | 'vote'): Promise<ReadonlyMap<string, Tries>> {
  const { rows } = await db.query<Tries & { readonly signer: string }>({
    name: 'find_settlement_tries',
    text: `select signer, count(*) filter (where state = 'failed')::int as failures,
        count(*) filter (where state = 'failed' and reason_code = any($2::text[]))::int as refusals, bool_or(state = 'succeeded') as "isDone"
      from settlement_steps where batch_id = $1 and kind = $3 group by signer`,
    values: [batchId, FINAL_CODES, kind],
  });
  return new Map(rows.map(({ signer, ...tries }) => [signer, tries]));
}
