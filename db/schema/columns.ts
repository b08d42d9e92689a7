/** Column shapes that every table shares, so that one kind of thing is stored in one way. */
import { sql } from 'drizzle-orm';
import { bigint, customType, timestamp } from 'drizzle-orm/pg-core';

/** Raw bytes: ciphertext, digests, blind indexes. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** The transaction that wrote the row; with it a reader can tell which rows can still appear behind its back. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/** Which transactions were over at a moment: what `pg_current_snapshot()` gave then. */
export const pgSnapshot = customType<{ data: string }>({ dataType: () => 'pg_snapshot' });

/** Minor units of a currency that another column names. */
export const minorUnits = (name: string) => bigint(name, { mode: 'bigint' });

/** Moment in time, with zone, millisecond precision as JavaScript has it. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** When the row was written. */
export const createdAt = () => moment('created_at').notNull().default(sql`now()`);

/** When the row last changed. */
export const updatedAt = () => moment('updated_at').notNull().default(sql`now()`);

/** The transaction id, filled by the database. */
export const writtenBy = () => xid8('tx_id').notNull().default(sql`pg_current_xact_id()`);
