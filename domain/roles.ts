/**
 * Roles: what a person or program does for a living, as a table of scopes. Nobody may do what no role of theirs names; a key
 * may carry single scopes beside or instead of a role.
 */
import type { Scope } from './scopes.ts';

/** Every role with the scopes it holds. Makers and checkers are told apart by who they are, not by their role. */
export const ROLES = {
  client: [
    'session:own',
    'quotes:write',
    'payments:write',
    'payments:read',
    'mandates:read',
    'mandates:write',
    'activity:read',
    'treasury:read',
    'webhooks:read',
    'webhooks:write',
  ],
  operator: ['session:own', 'payments:read', 'callbacks:read', 'activity:read', 'treasury:read', 'settlement:read', 'webhooks:read'],
  compliance_officer: [
    'session:own',
    'cases:read',
    'cases:decide',
    'payments:read',
    'payments:halt',
    'activity:read',
    'rules:read',
    'rules:write',
    'reports:read',
    'reports:write',
  ],
  compliance_lead: [
    'session:own',
    'cases:read',
    'cases:decide',
    'cases:senior',
    'payments:read',
    'payments:halt',
    'activity:read',
    'rules:read',
    'rules:write',
    'rules:approve',
    'reports:read',
    'reports:write',
    'agents:switch',
  ],
  treasury: [
    'session:own',
    'treasury:read',
    'payments:read',
    'payments:halt',
    'reconciliation:read',
    'reconciliation:decide',
    'settlement:read',
    'settlement:approve',
    'settlement:dispute',
  ],
  arbiter: ['session:own', 'settlement:read', 'settlement:judge'],
  administrator: ['session:own', 'callbacks:read', 'activity:read', 'treasury:read', 'webhooks:read', 'agents:switch'],
  auditor: [
    'session:own',
    'payments:read',
    'mandates:read',
    'callbacks:read',
    'activity:read',
    'treasury:read',
    'cases:read',
    'reconciliation:read',
    'rules:read',
    'reports:read',
    'settlement:read',
    'webhooks:read',
  ],
} as const satisfies Readonly<Record<string, readonly Scope[]>>;

export type Role = keyof typeof ROLES;

export const ALL_ROLES = Object.keys(ROLES) as readonly Role[];

/** The roles that hold a scope, in the order of the table; none for a scope that only keys carry. */
export function rolesWith(scope: Scope): Role[] {
  return ALL_ROLES.filter((role) => (ROLES[role] as readonly Scope[]).includes(scope));
}

/** The scopes of some roles together, each once. */
export function scopesOf(roles: readonly Role[]): Scope[] {
  return [...new Set(roles.flatMap((role) => ROLES[role]))];
}
