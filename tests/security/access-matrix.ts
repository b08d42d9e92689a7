/**
 * Walks every route as every role, of the tenant that owns what is asked for, of another tenant, and as nobody, and writes
 * down what came of it. The table is compared with the one that is checked in.
 */
import { readFile } from 'node:fs/promises';
import { newId } from '../../domain/ids.ts';
import { ALL_ROLES, type Role, scopesOf } from '../../domain/roles.ts';
import { ALL_SCOPES } from '../../domain/scopes.ts';
import { type Permission, permissionsOf } from '../../server/api/permissions.ts';
import { type SecurityApi, withSecurityApi } from './security-api.ts';
import { BODIES, type Owner, pathTo, PLATFORM_THINGS, THINGS, thingOf } from './access-things.ts';

export interface AccessRow {
  readonly route: string;
  readonly permission: string;
  /** For each role `own` or `own/other`, and at the end for nobody. */
  readonly cells: readonly string[];
}

export interface AccessFigures {
  readonly routes: number;
  readonly roles: number;
  /** Requests that were made as somebody, or as nobody. */
  readonly checked: number;
  /** Cells where a role got more or less than its permission, or another tenant saw anything. */
  readonly wrong: readonly string[];
  readonly rows: readonly AccessRow[];
}

/** Never asked for by who may: a stream stays open for as long as its reader does. */
const isStream = (path: string): boolean => path.endsWith('/stream');

/** The matrix walked anew over a database of its own, and whether it is the table that is checked in: for `npm run security`. */
export async function runAccessMatrix(): Promise<AccessFigures & { readonly sameAsTable: boolean }> {
  const figures = await withSecurityApi(walkAccess);
  const table = await readFile(new URL('access-matrix.txt', import.meta.url), 'utf8');
  return { ...figures, sameAsTable: table === textOf(figures.rows) };
}

interface Walk {
  readonly api: SecurityApi;
  readonly own: ReadonlyMap<Role, Owner>;
  readonly other: ReadonlyMap<Role, Owner>;
  /** May do everything for the tenant that owns. */
  readonly maker: string;
  readonly wrong: string[];
  /** Ids of what was made for the owner; no answer to anybody else may hold one. */
  readonly ids: Set<string>;
  checked: number;
}

/** Asks every route in every way. */
export async function walkAccess(api: SecurityApi): Promise<AccessFigures> {
  const { acme, zawadi } = api.clients;
  const keysOf = async (clientId: string): Promise<Map<Role, Owner>> => {
    const pairs = ALL_ROLES.map(async (role): Promise<[Role, Owner]> => {
      const principal = `${role}:access`;
      return [role, { clientId, principal, key: await api.makeKey(clientId, principal, scopesOf([role])) }];
    });
    return new Map(await Promise.all(pairs));
  };
  const maker = await api.makeKey(acme, 'maker:access', ALL_SCOPES);
  const walk: Walk = { api, own: await keysOf(acme), other: await keysOf(zawadi), maker, wrong: [], ids: new Set(), checked: 0 };
  const rows: AccessRow[] = [];
  for (const permission of permissionsOf(api.api.routes)) rows.push(await rowOf(walk, permission));
  return { routes: rows.length, roles: ALL_ROLES.length, checked: walk.checked, wrong: walk.wrong, rows };
}

async function rowOf(walk: Walk, permission: Permission): Promise<AccessRow> {
  const route = `${permission.method} ${permission.path}`;
  if (permission.scope === null) return { route, permission: 'public', cells: [...ALL_ROLES.map(() => '-'), '-'] };
  const cells: string[] = [];
  for (const role of ALL_ROLES) cells.push(await cellOf(walk, permission, role));
  const nobody = await ask(walk, permission, null, newId());
  if (nobody.status !== 401) walk.wrong.push(`${route} as nobody: ${nobody.status}`);
  return { route, permission: permission.scope, cells: [...cells, String(nobody.status)] };
}

async function cellOf(walk: Walk, permission: Permission, role: Role): Promise<string> {
  const [own, other] = [walk.own.get(role), walk.other.get(role)];
  if (own === undefined || other === undefined) throw new RangeError(`no key for ${role}`);
  const route = `${permission.method} ${permission.path}`;
  const may = permission.roles.includes(role);
  // A stream that lets its caller in never ends; who may not is answered at once.
  if (may && isStream(permission.path)) return '2xx';
  const kind = thingOf(permission.path);
  const id = kind === null ? '' : await THINGS[kind](walk.api, { ...own, key: walk.maker });
  const isTenants = kind !== null && !PLATFORM_THINGS.has(kind);
  if (isTenants) walk.ids.add(id);
  // What belongs to the platform is the same for all; asked twice, an act on it would be the second one.
  const ofOther = kind !== null && !isTenants ? null : await ask(walk, permission, other, id);
  if (ofOther !== null && [...walk.ids].some((each) => ofOther.text.includes(each)))
    walk.wrong.push(`${route} as ${role} of another tenant: sees what is not theirs`);
  const ofOwn = await ask(walk, permission, own, id);
  const allowed = ofOwn.status !== 403 && ofOwn.status !== 401;
  if (ofOwn.status >= 500) walk.wrong.push(`${route} as ${role}: ${ofOwn.status}`);
  if (allowed !== may) walk.wrong.push(`${route} as ${role}: ${ofOwn.status}`);
  if (!isTenants || ofOther === null) return classOf(ofOwn.status);
  await assertNotFound(walk, permission, { role, other }, ofOther, may);
  return `${classOf(ofOwn.status)}/${classOf(ofOther.status)}`;
}

/** Whatever belongs to others is answered as what does not exist, word for word. */
async function assertNotFound(
  walk: Walk,
  permission: Permission,
  who: { role: Role; other: Owner },
  got: Answered,
  may: boolean,
): Promise<void> {
  const route = `${permission.method} ${permission.path}`;
  if (!may) {
    if (got.status !== 403) walk.wrong.push(`${route} as ${who.role} of another tenant: ${got.status}`);
    return;
  }
  const missing = await ask(walk, permission, who.other, newId());
  const same = got.status === 404 && missing.status === 404 && wordsOf(got.text) === wordsOf(missing.text);
  if (!same) walk.wrong.push(`${route} as ${who.role} of another tenant: ${got.status}, and ${missing.status} for what does not exist`);
}

interface Answered {
  readonly status: number;
  readonly text: string;
}

async function ask(walk: Walk, { method, path }: Permission, who: Owner | null, id: string): Promise<Answered> {
  walk.checked += 1;
  const json = BODIES[`${method} ${path}`]?.();
  const response = await walk.api.call(method, pathTo(path, id), { key: who?.key ?? null, ...(json === undefined ? {} : { json }) });
  return { status: response.status, text: await response.text() };
}

/** A problem without what differs from request to request. */
function wordsOf(text: string): string {
  return text.replace(/"requestId":"[^"]*"/, '');
}

/** What a request came to: `2xx`, the refusals that matter by their number, and `4xx` for an act that was let in and refused for what it said. */
function classOf(status: number): string {
  if (status === 401 || status === 403 || status === 404) return String(status);
  return `${Math.floor(status / 100)}xx`;
}

const HEAD = [
  '# Who may do what: every route, every role, as the owner of what is asked for and (after the slash) as another tenant.',
  '# 2xx let in · 4xx let in, and refused for what was said · 403 not a permission of the role · 404 not there, or not theirs · 401 nobody',
  '# Written by `npx vitest run tests/security/access.test.ts -u`; a change of it is a change of who may do what.',
];

/** The table as it is checked in. */
export function textOf(rows: readonly AccessRow[]): string {
  const lines = [
    ['route', 'permission', ...ALL_ROLES, 'nobody'],
    ...rows.map(({ route, permission, cells }) => [route, permission, ...cells]),
  ];
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const padded = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${[...HEAD, ...padded].join('\n')}\n`;
}
