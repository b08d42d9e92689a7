/** Clients, the tenants of the platform, and the keys they hold. */
import { newId } from '../../domain/ids.ts';
import type { Queryable } from '../connect.ts';

/** The id of the client with this name; it is made, in the name of `actor`, when there is none. */
export async function ensureClient(db: Queryable, name: string, actor = 'system'): Promise<string> {
  await db.query({
    name: 'ensure_client',
    text: `with made as (insert into clients (id, name) values ($1, $2) on conflict (name) do nothing returning id, name)
      insert into audit_events (client_id, actor, action, subject, details)
      select id, $3, 'client.created', 'client:' || id, jsonb_build_object('name', name) from made`,
    values: [newId(), name, actor],
  });
  const { rows } = await db.query<{ id: string }>({
    name: 'client_by_name',
    text: 'select id from clients where name = $1',
    values: [name],
  });
  const found = rows[0];
  if (found === undefined) throw new RangeError('a client that was just made is missing');
  return found.id;
}

/** A key as it may be shown: without its secret part, which nobody has. */
export interface ListedKey {
  readonly id: string;
  readonly client: string;
  readonly principal: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To some minutes; null when it never was. */
  readonly lastUsedAt: Date | null;
}

/** Every key that was ever made, oldest first. */
export async function listApiKeys(db: Queryable): Promise<ListedKey[]> {
  const { rows } = await db.query<ListedKey>({
    name: 'list_api_keys',
    text: `select api_keys.id, clients.name as client, principal, prefix, scopes, api_keys.created_at as "createdAt",
        expires_at as "expiresAt", revoked_at as "revokedAt",
        last_used_at as "lastUsedAt"
      from api_keys join clients on clients.id = api_keys.client_id left join api_key_uses on key_id = api_keys.id order by api_keys.id`,
  });
  return rows;
}

/** The ids of clients by their names; names that nobody has are missing. */
export async function findClientIds(db: Queryable, names: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ id: string; name: string }>({
    name: 'find_client_ids',
    text: 'select id, name from clients where name = any($1::text[])',
    values: [names],
  });
  return new Map(rows.map(({ id, name }) => [name, id]));
}
