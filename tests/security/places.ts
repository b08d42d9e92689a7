/** Where personal data could have got to: every table of every schema, the files of the database itself, logs, metrics. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from '../../db/connect.ts';
import type { Found, Needles } from './needles.ts';

export interface Place {
  readonly name: string;
  readonly bytes: number;
  readonly found: readonly Found[];
}

const PAGE = 5_000;
const FOUND_MAX = 20;

/** Searches the text of every row of every table, whatever schema it is in. */
export async function searchTables(pool: Pool, needles: Needles): Promise<Place[]> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const places: Place[] = [];
  for (const { name } of tables) places.push(await searchTable(pool, name, needles));
  return places;
}

async function searchTable(pool: Pool, name: string, needles: Needles): Promise<Place> {
  let bytes = 0;
  const found: Found[] = [];
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`declare everything no scroll cursor for select t::text as line from ${name} t`);
    for (;;) {
      const { rows } = await client.query<{ line: string }>(`fetch ${PAGE} from everything`);
      if (rows.length === 0) break;
      const text = Buffer.from(rows.map(({ line }) => line).join('\n'));
      bytes += text.length;
      if (found.length < FOUND_MAX) found.push(...needles.search(text, FOUND_MAX - found.length));
    }
    await client.query('commit');
  } finally {
    client.release();
  }
  return { name: `table ${name}`, bytes, found };
}

/** Searches every file at or below a path. Files that go away meanwhile hold nothing. */
export async function searchFiles(label: string, path: string, needles: Needles): Promise<Place> {
  let bytes = 0;
  const found: Found[] = [];
  const visit = async (at: string): Promise<void> => {
    const info = await stat(at).catch(() => null);
    if (info === null) return;
    if (info.isDirectory()) {
      for (const entry of await readdir(at)) await visit(join(at, entry));
    } else if (info.isFile()) {
      const content = await readFile(at);
      bytes += content.length;
      if (found.length < FOUND_MAX) found.push(...needles.search(content, FOUND_MAX - found.length));
    }
  };
  await visit(path);
  return { name: label, bytes, found };
}

/** Searches a text. */
export function searchText(name: string, text: string, needles: Needles): Place {
  const bytes = Buffer.from(text);
  return { name, bytes: bytes.length, found: needles.search(bytes, FOUND_MAX) };
}

/** What was found, in sentences that say where and in which form, and never what. */
export function leaksOf(places: readonly Place[]): string[] {
  return places.flatMap(({ name, found }) => {
    const forms = [...new Set(found.map(({ encoding }) => encoding))].join(', ');
    return found.length === 0
      ? []
      : [`${name} holds ${found.length === FOUND_MAX ? 'at least ' : ''}${found.length} of the values (${forms})`];
  });
}
