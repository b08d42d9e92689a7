/**
 * What each role may do with each table, as `roles.txt` has it: a right that comes or goes does so before the eyes of whoever changes
 * that file, which `npx vitest run db/roles.test.ts -u` writes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SERVICE_ROLE } from './service-role.ts';
import { TENANT_ROLE, TENANT_WRITER_ROLE } from './tenants.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

interface Right {
  readonly role: string;
  readonly name: string;
  readonly verb: string;
  /** On the table as a whole, present columns and those to come. */
  readonly whole: boolean;
  /** Columns it holds for, and those it does not hold for; none of either for a verb that knows no columns. */
  readonly granted: readonly string[];
  readonly withheld: readonly string[];
}

/** Every right on a table of ours, and of the libraries' schemas, of `public` as well, which everybody has. */
async function rightsOf(roles: readonly string[]): Promise<Right[]> {
  const { rows } = await database.pool.query<Right>(
    `select role, c.oid::regclass::text as name, verb, has_table_privilege(role, c.oid, verb) as whole,
       coalesce(array_agg(a.attname::text order by a.attnum) filter (where columned and has_column_privilege(role, c.oid, a.attnum, verb)), '{}') as granted,
       coalesce(array_agg(a.attname::text order by a.attnum) filter (where columned and not has_column_privilege(role, c.oid, a.attnum, verb)), '{}') as withheld
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     cross join unnest($1::text[]) as role
     cross join (values ('SELECT', 1, true), ('INSERT', 2, true), ('UPDATE', 3, true), ('DELETE', 4, false), ('TRUNCATE', 5, false),
       ('REFERENCES', 6, false), ('TRIGGER', 7, false)) as verbs(verb, place, columned)
     where c.relkind in ('r', 'p', 'v', 'm')
     group by role, c.oid, verb, place, columned order by role, name, place`,
    [roles],
  );
  return rows.filter(({ whole, granted }) => whole || granted.length > 0);
}

/** A verb with what it holds for, the shorter way round. */
function wordsOf({ verb, whole, granted, withheld }: Right): string {
  if (whole || withheld.length === 0) return verb.toLowerCase();
  return granted.length <= withheld.length
    ? `${verb.toLowerCase()} (${granted.join(', ')})`
    : `${verb.toLowerCase()} (all but ${withheld.join(', ')})`;
}

test('the rights of every role stand in the table', async () => {
  const rights = await rightsOf([SERVICE_ROLE, TENANT_ROLE, TENANT_WRITER_ROLE]);
  const lines = [...Map.groupBy(rights, ({ role, name }) => `${role} ${name}`)].map(
    ([on, those]) => `${on}: ${those.map(wordsOf).join(', ')}`,
  );
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('roles.txt');
});

test('what clients are served over can do nothing but read', async () => {
  const rights = await rightsOf([TENANT_ROLE]);
  expect(rights.length).toBeGreaterThan(20);
  expect(rights.filter(({ verb }) => verb !== 'SELECT')).toEqual([]);
});
