/**
 * Connections that see the rows of one client and no others: of roles that row-level security binds, with the client's id in a
 * setting of the connection. What a query forgets to ask for, the database does not show, and what a statement forgets to leave alone it
 * does not change.
 *
 * The setting is written when a connection changes hands between clients, and not again while it serves the same one, so that most
 * queries cost no round trip more.
 */
import type { Pool, PoolClient } from 'pg';
import { connect, type ConnectOptions } from './connect.ts';

/** The roles of these connections; made by the migrations, without a login of their own and unable to pass by row-level security. */
export const TENANT_ROLE = 'capp_tenant';
/** Of those that write; its rights stand in `tenant-rights.ts`. */
export const TENANT_WRITER_ROLE = 'capp_tenant_writer';

export interface Tenants {
  /** A pool whose queries and transactions see this client's rows only, and change nothing. Costs nothing to make. */
  of(clientId: string): Pool;
  /** The same for whoever acts for the client: it changes rows of this client alone, and sees what acts need beside them. */
  writing(clientId: string): Pool;
  end(): Promise<void>;
}

/** Opens them, `max` for reading and `writersMax`, or as many, for acting; none before its first query. The user of `url` must be a member of both roles. */
export function openTenants(options: ConnectOptions & { readonly writersMax?: number }): Tenants {
  const readers = connect({ ...options, role: TENANT_ROLE });
  const { writersMax: max = options.max } = options;
  const writers = connect({ ...options, ...(max === undefined ? {} : { max }), role: TENANT_WRITER_ROLE });
  return {
    of: bound(readers),
    writing: bound(writers),
    end: async () => {
      await Promise.all([readers.end(), writers.end()]);
    },
  };
}

/** Serves a pool to clients in turn, each as if it were its own. */
function bound(pool: Pool): (clientId: string) => Pool {
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

  return (clientId) => {
    const query = async (...words: Parameters<PoolClient['query']>): Promise<unknown> => {
      const client = await take(clientId);
      try {
        return await (client.query(...words) as unknown as Promise<unknown>);
      } finally {
        client.release();
      }
    };
    return { connect: () => take(clientId), query } as unknown as Pool;
  };
}
