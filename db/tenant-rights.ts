/**
 * What whoever acts for a client may do, table by table: no more than the routes of clients and officers need. Which rows, row-level
 * security says; a table without it holds nothing of any client. A right to change rows means their free columns alone, those that no
 * trigger holds fast.
 */
export type Verb = 'select' | 'insert' | 'update' | 'delete';

const LOOK = ['select'] as const;
const ADD = ['select', 'insert'] as const;
const CHANGE = ['select', 'update'] as const;
const KEEP = ['select', 'insert', 'update'] as const;

/** Tables whose rows belong to clients. */
const OF_CLIENTS: Readonly<Record<string, readonly Verb[]>> = {
  accounts: CHANGE,
  agent_activity: LOOK,
  agent_switches: KEEP,
  attempts: LOOK,
  audit_events: ADD,
  autonomy_dials: KEEP,
  decision_commons: LOOK,
  decision_sets: LOOK,
  case_decisions: KEEP,
  case_information: KEEP,
  cases: CHANGE,
  compliance_records: LOOK,
  execution_halts: KEEP,
  intent_batches: KEEP,
  mandate_signatures: ADD,
  mandate_spends: LOOK,
  mandates: KEEP,
  outbox: ADD,
  payment_events: ADD,
  payments: CHANGE,
  // Rows come and go with the payment's, by a trigger.
  payments_by_status: ['select', 'insert', 'update', 'delete'],
  quotes: LOOK,
  reports: KEEP,
  request_keys: LOOK,
  screening_findings: CHANGE,
  settlement_strays: LOOK,
  transfers: ADD,
  users: CHANGE,
  webhook_deliveries: KEEP,
  webhook_endpoints: KEEP,
};

/**
 * Tables of the platform that acts of clients go by, or leave something in. None has rows of one client alone, by which a policy could tell
 * them apart: pools hold the float that all clients draw on, and batches, windows and items net the payments of all. What names a client
 * there stands in other tables.
 */
const OF_THE_PLATFORM: Readonly<Record<string, readonly Verb[]>> = {
  clients: LOOK,
  exchange_rates: LOOK,
  // A reservation of whoever is paid for or cancels moves the float of all.
  liquidity_pools: CHANGE,
  settlement_batches: LOOK,
  settlement_items: LOOK,
  settlement_windows: LOOK,
  // Wrapped keys by the id of a case, a report or a statement, written before the report is. What they open is a client's, and is bound;
  // and nobody who acts for a client may empty one, which would destroy what it opens.
  text_keys: ADD,
};

/** Tables of which only some columns are seen: the key that somebody signs with, and nothing that lets anybody in. */
export const TENANT_WRITER_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  api_keys: ['id', 'client_id', 'principal', 'request_key_id', 'expires_at', 'revoked_at'],
};

export const TENANT_WRITER_RIGHTS: Readonly<Record<string, readonly Verb[]>> = { ...OF_CLIENTS, ...OF_THE_PLATFORM };

/** Without row-level security, as the list above says. */
export const UNBOUND_TABLES: readonly string[] = Object.keys(OF_THE_PLATFORM);
