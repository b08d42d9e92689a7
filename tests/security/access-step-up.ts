/**
 * Walks the routes that ask people for their second factor: who showed it too long ago is refused and changes nothing, who shows it
 * again is let in, and where only people decide no key is.
 */
import { ALL_ROLES, type Role } from '../../domain/roles.ts';
import { createApi } from '../../server/api/app.ts';
import { STEP_UP_MS } from '../../server/api/authenticate.ts';
import type { Permission } from '../../server/api/permissions.ts';
import { bodyOf } from '../../server/api/testing-app.ts';
import { BODIES, pathTo, THINGS, thingOf } from './access-things.ts';
import type { AccessWalk } from './access-walk.ts';
import { personWith } from './people.ts';
import { differenceOf, openStateGuard, type StateGuard } from './state.ts';

interface Tokens {
  readonly principal: string;
  readonly stale: string;
  readonly fresh: string;
}

/** For each route that asks for it, by `METHOD /path`: what the old and the new second factor came to, as `401>2xx`. */
export async function walkStepUp(walk: AccessWalk, permissions: readonly Permission[]): Promise<ReadonlyMap<string, string>> {
  const { api, clientId } = walk;
  const people = await Promise.all(
    ALL_ROLES.map(async (role) => [role, await personWith(api, clientId, `${role}:stepping`, [role])] as const),
  );
  const stale = new Map<Role, string>();
  for (const [role, person] of people) stale.set(role, await person.token());
  api.clock.advance(STEP_UP_MS + 1_000);
  const tokens = new Map<Role, Tokens>();
  for (const [role, person] of people) {
    const old = stale.get(role) ?? '';
    tokens.set(role, { principal: person.principal, stale: old, fresh: await person.stepUp(old) });
  }
  const guard = await openStateGuard(api.pool);
  // A second API over the same database, where no key and no program decides.
  const strict = createApi({ ...api.deps, programsDecide: false }, { checkAnswers: true });
  const found = new Map<string, string>();
  for (const permission of permissions.filter(({ stepUp }) => stepUp)) {
    const cells = new Set<string>();
    for (const role of permission.roles) cells.add(await cellOf({ walk, guard, strict }, permission, tokens.get(role) as Tokens));
    found.set(`${permission.method} ${permission.path}`, [...cells].toSorted().join(','));
  }
  await strict.close();
  return found;
}

interface Stepping {
  readonly walk: AccessWalk;
  readonly guard: StateGuard;
  readonly strict: ReturnType<typeof createApi>;
}

async function cellOf({ walk, guard, strict }: Stepping, permission: Permission, { principal, stale, fresh }: Tokens): Promise<string> {
  const { api, clientId, maker } = walk;
  const route = `${permission.method} ${permission.path}`;
  const kind = thingOf(permission.path);
  const id = kind === null ? '' : await THINGS[kind](api, { clientId, principal, key: maker });
  const path = pathTo(permission.path, id);
  const json = BODIES[route]?.();
  const call = (key: string) => api.call(permission.method, path, { key, ...(json === undefined ? {} : { json }) });
  const before = await guard.read();
  const refused = await call(stale);
  const { code } = await bodyOf(refused);
  if (refused.status !== 401 || code !== 'step_up_needed')
    walk.wrong.push(`${route} as ${principal} with an old second factor: ${refused.status} ${String(code)}`);
  const byKey = await strict.app.request(path, {
    method: permission.method,
    headers: { authorization: `Bearer ${maker}`, 'content-type': 'application/json' },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  if (byKey.status !== 403) walk.wrong.push(`${route} by a key where people decide: ${byKey.status}`);
  const changed = differenceOf(before, await guard.read());
  if (changed.length > 0) walk.wrong.push(`${route} as ${principal} was refused and changed ${changed.join(', ')}`);
  const admitted = await call(fresh);
  if (admitted.status === 401 || admitted.status === 403 || admitted.status >= 500)
    walk.wrong.push(`${route} as ${principal} with a new second factor: ${admitted.status}`);
  walk.checked += 3;
  return `${refused.status}>${admitted.status < 300 ? '2xx' : admitted.status === 404 ? '404' : '4xx'}`;
}
