/**
 * Connections that see the rows of one client and no others: of roles that row-level security binds, with the client's id in a
 * setting of the connection. What a query forgets to ask for, the database does not show, and what a statement forgets to leave alone it
 * does not change.
 *
 * The setting is written when a connection changes hands between clients, and not again while it serves the same one, so that most
 * queries cost no round trip more.
 */
import pg, { type Pool, type PoolClient } from 'pg';
import { connect, type ConnectOptions } from './connect.ts';
import { type Replica, watchReplica } from './replica.ts';

/** The roles of these connections; made by the migrations, without a login of their own and unable to pass by row-level security. */
export const TENANT_ROLE = 'capp_tenant';
/** Of those that write; its rights stand in `tenant-rights.ts`. */
export const TENANT_WRITER_ROLE = 'capp_tenant_writer';

export interface Tenants {
  /** A pool whose queries and transactions see this client's rows only, and change nothing. Costs nothing to make. */
  of(clientId: string): Pool;
  /** The same for whoever acts for the client: it changes rows of this client alone, and sees what acts need beside them. */
  writing(clientId: string): Pool;
  /** As `of`, for lists: what it shows may be older by what a replica may be behind, where there is one. */
  listing(clientId: string): Pool;
  /** How the replica does; null where there is none. */
  readonly replica: ReplicaFigures | null;
  end(): Promise<void>;
}

/** A standby of the database, for lists. */
export interface ReplicaAddress {
  readonly url: string;
  /** What is older is not shown, milliseconds. */
  readonly lagMsMax: number;
}

/** The same, and who hears that it fails: once until it is looked at again, and of each list that it failed. */
export interface ReplicaOptions extends ReplicaAddress {
  readonly onError: (error: unknown) => void;
}

export interface ReplicaFigures extends Pick<Replica, 'lagMs' | 'isCurrent'> {
  /** Lists that were read from it, and those that the server that writes was asked for in its place. */
  answered(): { readonly replica: number; readonly primary: number };
}

/** A replica that does not answer within these is left alone; the server that writes answers in its place. Milliseconds. */
const [REPLICA_CONNECT_MS, REPLICA_ANSWER_MS] = [1_000, 3_000];

export interface TenantsOptions extends ConnectOptions {
  readonly writersMax?: number;
  readonly replica?: ReplicaOptions | undefined;
}

/**
 * Opens them, `max` for reading and `writersMax`, or as many, for acting; none before its first query, but for those that look how far a
 * replica is. The user of `url` must be a member of both roles.
 */
export function openTenants(options: TenantsOptions): Tenants {
  const readers = connect({ ...options, role: TENANT_ROLE });
  const { writersMax: max = options.max } = options;
  const writers = connect({ ...options, ...(max === undefined ? {} : { max }), role: TENANT_WRITER_ROLE });
  const of = bound(readers);
  const lists = options.replica === undefined ? null : openLists(options, options.replica, readers, of);
  return {
    of,
    writing: bound(writers),
    listing: lists?.listing ?? of,
    replica: lists?.figures ?? null,
    end: async () => {
      await lists?.end();
      await Promise.all([readers.end(), writers.end()]);
    },
  };
}

interface Lists {
  readonly listing: Tenants['listing'];
  readonly figures: ReplicaFigures;
  end(): Promise<void>;
}

/** Lists from a replica as long as it is current; whatever goes wrong there, the server that writes is asked, and what it says counts. */
function openLists(options: ConnectOptions, { url, lagMsMax, onError }: ReplicaOptions, primary: Pool, of: Tenants['of']): Lists {
  const patience = { connectMs: REPLICA_CONNECT_MS, answerMs: REPLICA_ANSWER_MS };
  const standby = connect({ ...options, ...patience, url, role: TENANT_ROLE });
  const replica = watchReplica({ primary, standby, lagMsMax, onError });
  const onStandby = bound(standby);
  const answered = { replica: 0, primary: 0 };

  function listing(clientId: string): Pool {
    const query = async (...words: Parameters<PoolClient['query']>): Promise<unknown> => {
      if (replica.isCurrent()) {
        try {
          const result = await (onStandby(clientId).query(...words) as unknown as Promise<unknown>);
          answered.replica += 1;
          return result;
        } catch (error) {
          replica.suspend();
          onError(error);
        }
      }
      answered.primary += 1;
      return of(clientId).query(...words);
    };
    return { connect: () => of(clientId).connect(), query } as unknown as Pool;
  }

  return {
    listing,
    figures: { lagMs: replica.lagMs, isCurrent: replica.isCurrent, answered: () => ({ ...answered }) },
    end: async () => {
      await replica.close();
      await standby.end();
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
      // Unless the database itself refused, something may still come over the connection: it would be the next query's answer.
      let isSpent = false;
      try {
        return await (client.query(...words) as unknown as Promise<unknown>);
      } catch (error) {
        isSpent = !(error instanceof pg.DatabaseError);
        throw error;
      } finally {
        client.release(isSpent);
      }
    };
    return { connect: () => take(clientId), query } as unknown as Pool;
  };
}
