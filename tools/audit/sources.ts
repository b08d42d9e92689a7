/**
 * What the audit log seals: the append-only tables, and of each the columns that are sealed. A leaf holds
 * every value as the text PostgreSQL gives, so that nothing is lost on the way through a number.
 *
 * The same leaf is made twice from this table: in SQL when it is sealed, which spares the worker the rows,
 * and in JavaScript when it is verified (`encoding.ts`). Leaves were RFC 8785 JSON up to edition 2; since then they are records as
 * PostgreSQL sends them, which it makes for a fifth of the work.
 */

/** The edition of the encoding that new blocks are sealed in. Another list of columns is another edition; old blocks keep theirs. */
export const FORM = 3;

const FORMS: readonly number[] = [1, 2, FORM];

/** The first edition whose leaves are records. */
export const RECORD_FORM = 3;

/** Says whether leaves of an edition can be made again. */
export function isForm(form: number): boolean {
  return FORMS.includes(form);
}

export const SOURCE_NAMES = [
  'agent_activity',
  'audit_events',
  'case_decisions',
  'compliance_records',
  'decision_commons',
  'decision_sets',
  'payment_events',
  'transfers',
] as const;

export type SourceName = (typeof SOURCE_NAMES)[number];

/** What a column holds: its own type where that is one of three, and any other as text. */
export type Kind = 'text' | 'uuid' | 'moment' | 'bytes';

export interface Source {
  readonly name: SourceName;
  /** The column that orders rows of one transaction and names a row. */
  readonly key: string;
  readonly keyType: 'bigint' | 'uuid';
  readonly columns: Readonly<Record<string, Kind>>;
  /** Those among them that a later edition than the first brought, with that edition. */
  readonly since?: Readonly<Record<string, number>>;
  /** Blocks from before there was this source say nothing of it. */
  readonly isLate?: true;
  /** Which rows belong to the payment `$1`, where the row itself does not name it. */
  readonly ofPayment?: string;
}

/** Names of columns that are all of one kind. */
function each(kind: Kind, names: string): Record<string, Kind> {
  return Object.fromEntries(names.split(' ').map((name) => [name, kind]));
}

export const SOURCES: Readonly<Record<SourceName, Source>> = {
  agent_activity: {
    name: 'agent_activity',
    key: 'position',
    keyType: 'bigint',
    columns: {
      ...each('uuid', 'id client_id payment_id cohort_id'),
      ...each('text', 'tx_id position agent policy_version facts_digest facts outcome reasons confidence duration_us model_id prompt_hash'),
      created_at: 'moment',
    },
  },
  audit_events: {
    name: 'audit_events',
    key: 'id',
    keyType: 'bigint',
    columns: { ...each('text', 'id tx_id actor action subject details'), ...each('uuid', 'client_id payment_id'), created_at: 'moment' },
  },
  case_decisions: {
    name: 'case_decisions',
    key: 'id',
    keyType: 'uuid',
    // `applied_at` is not sealed: the case graph notes there that it has taken the decision in.
    columns: {
      ...each('uuid', 'id case_id payment_id'),
      ...each('text', 'tx_id officer verdict reason_code evidence_digest round action_digest senior'),
      note: 'bytes',
      ...each('moment', 'created_at expires_at'),
    },
    since: { round: 2, action_digest: 2, senior: 2, expires_at: 2 },
  },
  compliance_records: {
    name: 'compliance_records',
    key: 'id',
    keyType: 'uuid',
    columns: {
      ...each('uuid', 'id client_id payment_id'),
      ...each('text', 'tx_id outcome list_version hits rules rule_set shadow'),
      created_at: 'moment',
    },
    since: { rule_set: 2, shadow: 2 },
  },
  decision_commons: {
    name: 'decision_commons',
    key: 'number',
    keyType: 'bigint',
    columns: {
      client_id: 'uuid',
      ...each('text', 'tx_id number agent policy_version outcome reasons confidence duration_us facts'),
      created_at: 'moment',
    },
    isLate: true,
    ofPayment: `(r.tx_id, r.number) in (select s.tx_id, s.commons_from + part.number
      from decision_sets s cross join unnest(s.commons) as part(number) where s.payment_id = $1::uuid)`,
  },
  decision_sets: {
    name: 'decision_sets',
    key: 'position',
    keyType: 'bigint',
    columns: {
      ...each('uuid', 'id client_id payment_id cohort_id'),
      ...each('text', 'tx_id position commons_from commons facts'),
      digests: 'bytes',
      created_at: 'moment',
    },
    isLate: true,
  },
  payment_events: {
    name: 'payment_events',
    key: 'id',
    keyType: 'bigint',
    columns: {
      ...each('uuid', 'client_id payment_id'),
      ...each('text', 'id tx_id from_status to_status reason_code cause'),
      created_at: 'moment',
    },
  },
  transfers: {
    name: 'transfers',
    key: 'id',
    keyType: 'uuid',
    columns: {
      ...each('uuid', 'id pending_id link_id payment_id attempt_id'),
      ...each('text', 'tx_id type debit_account_id credit_account_id amount currency reason'),
      ...each('moment', 'expires_at created_at'),
    },
  },
};

/** The places before the first and behind the last key there can be. */
export const KEY_BOUNDS = {
  bigint: { first: '0', last: (2n ** 63n - 1n).toString() },
  uuid: { first: '00000000-0000-0000-0000-000000000000', last: 'ffffffff-ffff-ffff-ffff-ffffffffffff' },
} as const;

const COLUMNS = new Map<string, readonly string[]>();

/** Columns of a source in an edition, in the order RFC 8785 puts them: by UTF-16 code units. */
export function columnsOf(source: Source, form = FORM): readonly string[] {
  const name = `${source.name} ${form}`;
  const known = COLUMNS.get(name);
  if (known !== undefined) return known;
  const columns = Object.keys(source.columns)
    .filter((column) => (source.since?.[column] ?? 1) <= form)
    .toSorted((a, b) => (a < b ? -1 : 1));
  if (isForm(form)) COLUMNS.set(name, columns);
  return columns;
}

const EXPRESSIONS: Readonly<Record<Kind, (column: string) => string>> = {
  text: (column) => `${column}::text`,
  uuid: (column) => `${column}::text`,
  moment: (column) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  bytes: (column) => `encode(${column}, 'hex')`,
};

/** The sealed columns as a select list of texts, of the row `r`. */
function valuesSql(source: Source, form: number): string {
  return columnsOf(source, form)
    .map((column) => `${EXPRESSIONS[source.columns[column] ?? 'text'](`r.${column}`)} as ${column}`)
    .join(', ');
}

/** What is hashed of the row `r`: `row_to_json` over texts in sorted order is what RFC 8785 asks for. */
function leafSql(source: Source, form: number): string {
  if (form >= RECORD_FORM) {
    const values = columnsOf(source, form).map((column) => (source.columns[column] === 'text' ? `r.${column}::text` : `r.${column}`));
    return `record_send(row('${form}'::text, '${source.name}'::text, ${values.join(', ')}))`;
  }
  return `'\\x00'::bytea || convert_to('{"form":${form},"row":' || (select row_to_json(v)::text from (select ${valuesSql(source, form)}) v)
    || ',"source":"${source.name}"}', 'UTF8')`;
}

/** Rows behind the place `$1`, `$2`, in the order of the log. The comparison of the transaction alone is what the index is asked for. */
const behind = (source: Source): string =>
  `from ${source.name} r where r.tx_id >= $1::xid8 and (r.tx_id, r.${source.key}) > ($1::xid8, $2::${source.keyType})`;

/**
 * Keys and leaf hashes of the first rows behind a place and before the transaction `$3`, each strung
 * together in their order. The bound stands in the text, for a planner that does not know it sorts the whole table.
 */
export function sealSql(source: Source, rowsMax: number, form = FORM): string {
  const send = source.keyType === 'uuid' ? 'uuid_send' : 'int8send';
  return `
    with leaf as (
      select r.tx_id, r.${source.key} as key, sha256(${leafSql(source, form)}) as hash
      ${behind(source)} and r.tx_id < $3::xid8
      order by r.tx_id, r.${source.key} limit ${rowsMax}
    )
    select count(*)::int as count, max(tx_id)::text as "lastTx", string_agg(${send}(key), ''::bytea order by tx_id, key) as keys,
      string_agg(hash, ''::bytea order by tx_id, key) as hashes
    from leaf`;
}

/** The columns that an edition seals of the rows behind a place, up to and including the place `$3`, `$4`. */
export function readSql(source: Source, form: number): string {
  return `select ${valuesSql(source, form)} ${behind(source)}
    and (r.tx_id, r.${source.key}) <= ($3::xid8, $4::${source.keyType}) order by r.tx_id, r.${source.key}`;
}

/** The sealed columns, in the newest edition, of every row that belongs to the payment `$1`. */
export function readOfPaymentSql(source: Source): string {
  return `select ${valuesSql(source, FORM)} from ${source.name} r where ${source.ofPayment ?? 'r.payment_id = $1::uuid'}
    order by r.tx_id, r.${source.key}`;
}

/** How many rows are behind a place, and whether one names a transaction that has not begun. */
export function countBehindSql(source: Source): string {
  return `select count(*)::int as count, count(*) filter (where r.tx_id >= pg_snapshot_xmax(pg_current_snapshot()))::int as future
    ${behind(source)}`;
}
