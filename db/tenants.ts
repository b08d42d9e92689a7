/**
 * Connections that see the rows of one client and no others: of a role that row-level security binds, with the client's id in a
 * setting of the connection. What a query forgets to ask for, the database does not show.
 *
 * The setting is written when a connection changes hands between clients, and not again while it serves the same one, so that most
 * queries cost no round trip more.
 */
import type { Pool, PoolClient } from 'pg';
import { connect, type ConnectOptions } from './connect.ts';

/** The role of these connections; made by the migrations, without a login of its own and unable to pass by row-level security. */
export const TENANT_ROLE = 'capp_tenant';

export interface Tenants {
  /** A pool whose queries and transactions see this client's rows only. Costs nothing to make. */
  of(clientId: string): Pool;
  end(): Promise<void>;
}

/** Opens them; no connection is made before the first query. The user of `url` must be a member of the role. */
export function openTenants(options: ConnectOptions): Tenants {
  const pool = connect({ ...options, role: TENANT_ROLE });
  const served = new WeakMap<PoolClient, string>();

  async function take(clientId: string): Promise<PoolClient> {
    const client = await pool.connect();
    if (served.get(client) === clientId) return client;
    try {
      // Unknown until it is done: a connection that failed here must not pass for anybody's.
      served.delete(client);
      await client.query({ name: 'serve_tenant', text: `select set_config('capp.client_id', $1, false)`, values: [clientId] });
      served.set(client, clientId);
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  return {
    of: (clientId) => {
      const query = async (...words: Parameters<PoolClient['query']>): Promise<unknown> => {
        const client = await take(clientId);
        try {
          return await (client.query(...words) as unknown as Promise<unknown>);
        } finally {
          client.release();
        }
      };
      return { connect: () => take(clientId), query } as unknown as Pool;
    },
    end: () => pool.end(),
  };
}
