/**
 * Walks every route as every role, of the tenant that owns what is asked for, of another tenant, and as nobody, and writes
 * down what came of it. The table is compared with the one that is checked in.
 */
import { readFile } from 'node:fs/promises';
import { newId } from '../../domain/ids.ts';
import { ALL_ROLES, type Role, scopesOf } from '../../domain/roles.ts';
import { ALL_SCOPES } from '../../domain/scopes.ts';
import { type Permission, permissionsOf } from '../../server/api/permissions.ts';
import { walkReferences } from './access-references.ts';
import { walkStepUp } from './access-step-up.ts';
import { firstOf, isStream, walkStreams } from './access-streams.ts';
import { BODIES, type Owner, pathTo, PLATFORM_THINGS, THINGS, thingOf } from './access-things.ts';
import { type AccessWalk, wordsOf } from './access-walk.ts';
import { type SecurityApi, withSecurityApi } from './security-api.ts';

export interface AccessRow {
  readonly route: string;
  readonly permission: string;
  /** For each role `own` or `own/other`, and at the end for nobody. */
  readonly cells: readonly string[];
  /** What an old second factor comes to and what a new one does, where a route asks people for it; else `-`. */
  readonly stepUp: string;
}

export interface AccessFigures {
  readonly routes: number;
  readonly roles: number;
  /** Requests that were made as somebody, or as nobody. */
  readonly checked: number;
  /** Places in bodies and queries in which another tenant's ids were put. */
  readonly references: number;
  /** Events that streams told of. */
  readonly events: number;
  /** Routes that ask people for their second factor. */
  readonly stepUps: number;
  /** Cells where a role got more or less than its permission, or another tenant saw anything. */
  readonly wrong: readonly string[];
  readonly rows: readonly AccessRow[];
}

/** The matrix walked anew over a database of its own, and whether it is the table that is checked in: for `npm run security`. */
export async function runAccessMatrix(): Promise<AccessFigures & { readonly sameAsTable: boolean }> {
  const figures = await withSecurityApi(walkAccess);
  const table = await readFile(new URL('access-matrix.txt', import.meta.url), 'utf8');
  return { ...figures, sameAsTable: table === textOf(figures.rows) };
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
  const people = { own: await keysOf(acme), other: await keysOf(zawadi) };
  const walk: AccessWalk = { api, clientId: acme, ...people, maker, wrong: [], ids: new Set(), checked: 0 };
  const permissions = permissionsOf(api.api.routes);
  const cells = new Map<Permission, readonly string[]>();
  for (const permission of permissions) cells.set(permission, await cellsOf(walk, permission));
  const references = await walkReferences(walk, permissions);
  const events = await walkStreams(walk, permissions);
  const steps = await walkStepUp(walk, permissions);
  const rows = permissions.map((permission) => {
    const route = routeOf(permission);
    return { route, permission: permission.scope ?? 'public', cells: cells.get(permission) ?? [], stepUp: steps.get(route) ?? '-' };
  });
  const { checked, wrong } = walk;
  return { routes: rows.length, roles: ALL_ROLES.length, checked, references, events, stepUps: steps.size, wrong, rows };
}

const routeOf = ({ method, path }: Permission): string => `${method} ${path}`;

async function cellsOf(walk: AccessWalk, permission: Permission): Promise<readonly string[]> {
  if (permission.scope === null) return [...ALL_ROLES.map(() => '-'), '-'];
  const cells: string[] = [];
  for (const role of ALL_ROLES) cells.push(await cellOf(walk, permission, role));
  const nobody = await ask(walk, permission, null, newId());
  if (nobody.status !== 401) walk.wrong.push(`${routeOf(permission)} as nobody: ${nobody.status}`);
  return [...cells, String(nobody.status)];
}

async function cellOf(walk: AccessWalk, permission: Permission, role: Role): Promise<string> {
  const [own, other] = [walk.own.get(role), walk.other.get(role)];
  if (own === undefined || other === undefined) throw new RangeError(`no key for ${role}`);
  const route = routeOf(permission);
  const may = permission.roles.includes(role);
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
  walk: AccessWalk,
  permission: Permission,
  who: { role: Role; other: Owner },
  got: Answered,
  may: boolean,
): Promise<void> {
  const route = routeOf(permission);
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

async function ask(walk: AccessWalk, { method, path }: Permission, who: Owner | null, id: string): Promise<Answered> {
  walk.checked += 1;
  const json = BODIES[`${method} ${path}`]?.();
  const response = await walk.api.call(method, pathTo(path, id), { key: who?.key ?? null, ...(json === undefined ? {} : { json }) });
  return { status: response.status, text: isStream(response) ? await firstOf(response) : await response.text() };
}

/** What a request came to: `2xx`, the refusals that matter by their number, and `4xx` for an act that was let in and refused for what it said. */
function classOf(status: number): string {
  if (status === 401 || status === 403 || status === 404) return String(status);
  return `${Math.floor(status / 100)}xx`;
}

const HEAD = [
  '# Who may do what: every route, every role, as the owner of what is asked for and (after the slash) as another tenant.',
  '# 2xx let in · 4xx let in, and refused for what was said · 403 not a permission of the role · 404 not there, or not theirs · 401 nobody',
  '# second factor: people who showed theirs too long ago > and people who show it again.',
  '# Written by `npx vitest run tests/security/access.test.ts -u`; a change of it is a change of who may do what.',
];

/** The table as it is checked in. */
export function textOf(rows: readonly AccessRow[]): string {
  const lines = [
    ['route', 'permission', ...ALL_ROLES, 'nobody', 'second factor'],
    ...rows.map(({ route, permission, cells, stepUp }) => [route, permission, ...cells, stepUp]),
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
