/** Operator tokens in PostgreSQL: one row for each name, the claim to fetch a new one beside it. */
import type { Pool } from 'pg';
import type { TokenStore } from './shared.ts';

/** Makes the store. All its times are the database's. */
export function postgresTokenStore(pool: Pool): TokenStore {
  return {
    async read(name) {
      const { rows } = await pool.query<{ token: Buffer; renew_in: string }>({
        name: 'read_operator_token',
        text: `select token, (extract(epoch from renew_at - clock_timestamp()) * 1000)::text as renew_in from operator_tokens
          where name = $1 and token is not null and renew_at > clock_timestamp()`,
        values: [name],
      });
      const row = rows[0];
      return row === undefined ? null : { sealed: row.token, renewInMs: Number(row.renew_in) };
    },
    async claim(name, holder, leaseMs) {
      const { rowCount } = await pool.query({
        name: 'claim_operator_token',
        text: `insert into operator_tokens (name, lease_token, lease_until)
          values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
          on conflict (name) do update set lease_token = excluded.lease_token, lease_until = excluded.lease_until
            where operator_tokens.lease_until is null or operator_tokens.lease_until <= clock_timestamp()`,
        values: [name, holder, leaseMs],
      });
      return rowCount === 1;
    },
    async keep(name, holder, { sealed, renewInMs }) {
      const { rowCount } = await pool.query({
        name: 'keep_operator_token',
        text: `update operator_tokens set token = $3, renew_at = clock_timestamp() + $4 * interval '1 millisecond',
            lease_token = null, lease_until = null, updated_at = clock_timestamp()
          where name = $1 and lease_token = $2`,
        values: [name, holder, sealed, renewInMs],
      });
      return rowCount === 1;
    },
    async release(name, holder) {
      await pool.query({
        name: 'release_operator_token',
        text: 'update operator_tokens set lease_token = null, lease_until = null where name = $1 and lease_token = $2',
        values: [name, holder],
      });
    },
  };
}
