/** The tenants a new database begins with: one client to try CAPP with, and the people who run it. */
import type { Pool } from 'pg';
import { derivedId } from '../domain/ids.ts';
import type { Scope } from '../domain/scopes.ts';
import { withTransaction } from './connect.ts';
import { createApiKey } from './queries/api-keys.ts';

/** The id of the demo client is the same everywhere. */
export const DEMO_CLIENT_ID = derivedId('client', 'demo');

/** Who gets a key, and for what. */
export const DEMO_PRINCIPALS: Readonly<Record<string, readonly Scope[]>> = {
  'client:demo': ['quotes:write', 'payments:write', 'payments:read', 'activity:read', 'treasury:read', 'webhooks:read', 'webhooks:write'],
  'operator:demo': ['payments:read', 'callbacks:read', 'activity:read', 'treasury:read', 'settlement:read', 'webhooks:read'],
  'treasury:zawadi': [
    'treasury:read',
    'payments:read',
    'reconciliation:read',
    'reconciliation:decide',
    'settlement:read',
    'settlement:approve',
    'settlement:dispute',
  ],
  'treasury:tunde': [
    'treasury:read',
    'payments:read',
    'reconciliation:read',
    'reconciliation:decide',
    'settlement:read',
    'settlement:approve',
    'settlement:dispute',
  ],
  'arbiter:sena': ['settlement:read', 'settlement:judge'],
  'arbiter:baraka': ['settlement:read', 'settlement:judge'],
  'arbiter:imani': ['settlement:read', 'settlement:judge'],
  'officer:amina': [
    'cases:read',
    'cases:decide',
    'payments:read',
    'activity:read',
    'rules:read',
    'rules:write',
    'rules:approve',
    'reports:read',
    'reports:write',
    'agents:switch',
  ],
  'officer:kofi': [
    'cases:read',
    'cases:decide',
    'cases:senior',
    'payments:read',
    'activity:read',
    'rules:read',
    'rules:write',
    'rules:approve',
    'reports:read',
    'reports:write',
    'agents:switch',
  ],
};

export interface SeededClients {
  readonly clientId: string;
  /** Keys made now, by principal; those made at an earlier start cannot be shown again. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Makes the demo client and a key for each principal that has none. */
export async function seedClients(pool: Pool, pepper: Uint8Array): Promise<SeededClients> {
  return withTransaction(pool, async (tx) => {
    await tx.query('insert into clients (id, name) values ($1, $2) on conflict do nothing', [DEMO_CLIENT_ID, 'demo']);
    // The row lock lets one process at a time look and make.
    await tx.query('select id from clients where id = $1 for update', [DEMO_CLIENT_ID]);
    const { rows } = await tx.query<{ principal: string }>('select principal from api_keys where client_id = $1 and revoked_at is null', [
      DEMO_CLIENT_ID,
    ]);
    const keys: Record<string, string> = {};
    for (const [principal, scopes] of Object.entries(DEMO_PRINCIPALS)) {
      if (rows.some((row) => row.principal === principal)) continue;
      keys[principal] = (await createApiKey(tx, pepper, { clientId: DEMO_CLIENT_ID, principal, scopes })).key;
    }
    return { clientId: DEMO_CLIENT_ID, keys };
  });
}
