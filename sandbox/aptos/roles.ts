/** `capp::roles`: roles that change hands in two steps. By the rules of `move/sources/roles.move`. */
import { type Assert, assertIn, type Frame } from './vm.ts';

export type Roles = { readonly scope: bigint; readonly list: readonly Role[] };
type Role = { readonly holder: string; readonly nominee: string | null };

const E_NO_SUCH_ROLE = 1;
const E_NOT_HOLDER_OR_ADMIN = 2;
const E_ALREADY_HOLDER = 3;
const E_NO_OFFER = 4;
const E_NOT_NOMINEE = 5;

const ADMIN = 0n;
const assertRole: Assert = assertIn('roles');

/** `count` roles in one hand. */
export function newRoles(scope: bigint, holder: string, count: number): Roles {
  return { scope, list: Array.from({ length: count }, () => ({ holder, nominee: null })) };
}

export function holds(roles: Roles, role: bigint, account: string): boolean {
  return roles.list[Number(role)]?.holder === account;
}

function roleOf(frame: Frame, roles: Roles, role: bigint): Role {
  const entry = role < BigInt(roles.list.length) ? roles.list[Number(role)] : undefined;
  assertRole(frame, entry !== undefined, 'invalid_argument', E_NO_SUCH_ROLE);
  return entry;
}

export function holderOf(frame: Frame, roles: Roles, role: bigint): string {
  return roleOf(frame, roles, role).holder;
}

export function nomineeOf(frame: Frame, roles: Roles, role: bigint): string | null {
  return roleOf(frame, roles, role).nominee;
}

function offerable(frame: Frame, roles: Roles, by: string, role: bigint): Role {
  const entry = roleOf(frame, roles, role);
  assertRole(frame, holds(roles, role, by) || holds(roles, ADMIN, by), 'permission_denied', E_NOT_HOLDER_OR_ADMIN);
  return entry;
}

function changed(roles: Roles, role: bigint, entry: Role): Roles {
  return { ...roles, list: roles.list.with(Number(role), entry) };
}

export function offerRole(frame: Frame, roles: Roles, by: string, role: bigint, nominee: string): Roles {
  const entry = offerable(frame, roles, by, role);
  assertRole(frame, entry.holder !== nominee, 'invalid_argument', E_ALREADY_HOLDER);
  frame.emit('roles', 'RoleOffered', { scope: roles.scope, role, holder: entry.holder, nominee });
  return changed(roles, role, { ...entry, nominee });
}

export function withdrawRoleOffer(frame: Frame, roles: Roles, by: string, role: bigint): Roles {
  const entry = offerable(frame, roles, by, role);
  assertRole(frame, entry.nominee !== null, 'invalid_state', E_NO_OFFER);
  frame.emit('roles', 'RoleOfferWithdrawn', { scope: roles.scope, role, holder: entry.holder, nominee: entry.nominee });
  return changed(roles, role, { ...entry, nominee: null });
}

export function acceptRole(frame: Frame, roles: Roles, by: string, role: bigint): Roles {
  const entry = roleOf(frame, roles, role);
  assertRole(frame, entry.nominee !== null, 'invalid_state', E_NO_OFFER);
  assertRole(frame, entry.nominee === by, 'permission_denied', E_NOT_NOMINEE);
  frame.emit('roles', 'RoleAccepted', { scope: roles.scope, role, former: entry.holder, holder: by });
  return changed(roles, role, { holder: by, nominee: null });
}
