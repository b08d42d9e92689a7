/**
 * Default deny: a route says at its definition what its caller must be allowed to do. What is open to everybody stands here as
 * well, so that a route is not opened by leaving something out.
 */
import { fault } from '../../domain/errors.ts';
import { type Role, rolesWith } from '../../domain/roles.ts';
import { SCOPES, type Scope } from '../../domain/scopes.ts';
import type { MountedRoute } from './mount.ts';

/** Routes that ask for no key: what they are protected by instead. */
export const PUBLIC_ROUTES: Readonly<Record<string, string>> = {
  'get /health/live': 'says nothing but that the process lives',
  'get /health/ready': 'says what is up, without addresses',
  'get /metrics': 'figures without names; to be kept from the outside by the proxy',
  'get /openapi.json': 'the description of this API',
  'get /.well-known/jwks.json': 'public keys',
  'post /oauth/token': 'what it takes is a key or a refresh token; wrong ones count against the address',
  'post /oauth/revoke': 'what it takes is the token',
  'post /v1/session': 'a password and a second factor; wrong ones lock the login, and count against the address',
  'post /v1/session/challenge': 'gives out random numbers, and writes nothing down',
  'post /v1/session/passkey': 'a signature of a passkey; wrong ones count against the address',
  'post /v1/balances/{token}': "a token that is a keyed hash of a question of ours, and the operator's addresses",
  'post /v1/c2b/{token}/confirmation': "a secret path that was registered at the operator, and the operator's addresses",
  'post /v1/c2b/{token}/validation': "a secret path that was registered at the operator, and the operator's addresses",
  'post /v1/callbacks/{railId}/{token}': 'a token that is a keyed hash of the attempt, or of the rail',
  'put /v1/callbacks/{railId}/{token}': 'a token that is a keyed hash of the attempt, or of the rail',
  'post /v1/gateways/{gateway}/{token}/{kind}': "the gateway's token",
};

/** Pages that are served beside the routes. */
const PAGES = /^\/$|^\/docs(\/|$)/;

/** Throws `internal` unless the route declares a known scope, or is one of `PUBLIC_ROUTES`. */
export function assertPermission(route: MountedRoute): void {
  const name = `${route.method} ${route.path}`;
  const isOpen = route.scope === null && Object.hasOwn(PUBLIC_ROUTES, name);
  if (isOpen || (typeof route.scope === 'string' && Object.hasOwn(SCOPES, route.scope))) return;
  throw fault('internal', { internal: `the route ${name} does not say who may use it` });
}

/** Throws `internal` when the app answers on a path that was not mounted with a permission. */
export function assertAllDeclared(
  answered: readonly { readonly method: string; readonly path: string }[],
  mounted: readonly MountedRoute[],
): void {
  const declared = new Set(mounted.map(({ method, path }) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`));
  const undeclared = answered.find(
    ({ method, path }) =>
      !declared.has(`${method} ${path}`) && !(method === 'ALL' && path === '/*') && !(method === 'GET' && PAGES.test(path)),
  );
  if (undeclared === undefined) return;
  throw fault('internal', { internal: `the route ${undeclared.method} ${undeclared.path} does not say who may use it` });
}

/** Who may use a route, for people to read. */
export interface Permission {
  readonly method: string;
  readonly path: string;
  /** null: open to everybody. */
  readonly scope: Scope | null;
  readonly roles: readonly Role[];
  readonly stepUp: boolean;
}

/** The table of who may do what, by path and method. */
export function permissionsOf(mounted: readonly MountedRoute[]): Permission[] {
  return mounted
    .map(({ method, path, scope, stepUp }) => ({
      method: method.toUpperCase(),
      path,
      scope,
      roles: scope === null ? [] : rolesWith(scope),
      stepUp,
    }))
    .toSorted((left, right) => (left.path === right.path ? left.method.localeCompare(right.method) : left.path < right.path ? -1 : 1));
}
