import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { ALL_ROLES, ROLES, scopesOf } from '../../domain/roles.ts';
import { SCOPES } from '../../domain/scopes.ts';
import { assertAllDeclared, assertPermission } from '../../server/api/permissions.ts';
import { textOf, walkAccess } from './access-matrix.ts';
import { openSecurityApi, type SecurityApi } from './security-api.ts';

let api: SecurityApi;
beforeAll(async () => {
  api = await openSecurityApi(await testDatabase());
});
afterAll(() => api.stop());

test('every route, every role, every tenant: as the checked-in table says', { timeout: 600_000 }, async () => {
  const { wrong, rows, routes, checked, references, events, stepUps } = await walkAccess(api);
  expect(wrong).toEqual([]);
  expect(routes).toBeGreaterThan(70);
  expect(checked).toBeGreaterThan(routes * ALL_ROLES.length);
  expect(references).toBeGreaterThan(15);
  expect(stepUps).toBeGreaterThan(10);
  // Each role that may listen hears of two events of its own, on each of two streams and for both tenants.
  expect(events).toBeGreaterThan(30);
  await expect(textOf(rows)).toMatchFileSnapshot('access-matrix.txt');
});

describe('default deny', () => {
  const route = { method: 'get', path: '/v1/new', scope: null, stepUp: false };
  test.each([
    ['one that says nothing', route],
    ['one with a scope that does not exist', { ...route, scope: 'everything' as never }],
    ['one that leaves it out', { ...route, scope: undefined as never }],
  ])('a route does not come up: %s', (_name, each) => {
    expect(() => assertPermission(each)).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  test('a path that is answered without having been mounted stops the start', () => {
    const mounted = [{ ...route, path: '/v1/things/{id}', scope: 'payments:read' as const }];
    const answered = [{ method: 'GET', path: '/v1/things/:id' }];
    expect(() => assertAllDeclared(answered, mounted)).not.toThrow();
    expect(() => assertAllDeclared([...answered, { method: 'POST', path: '/v1/things/:id' }], mounted)).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });
});

describe('roles', () => {
  test('hold scopes that exist, each once', () => {
    for (const role of ALL_ROLES) {
      expect(ROLES[role].every((scope) => Object.hasOwn(SCOPES, scope))).toBe(true);
      expect(new Set(ROLES[role]).size).toBe(ROLES[role].length);
    }
  });

  test('keep apart who pays, who decides and who looks', () => {
    expect(scopesOf(['auditor']).filter((scope) => !scope.endsWith(':read'))).toEqual(['session:own']);
    for (const role of ALL_ROLES.filter((each) => each !== 'client')) expect(scopesOf([role])).not.toContain('payments:write');
    for (const scope of [
      'cases:decide',
      'rules:approve',
      'settlement:approve',
      'settlement:dispute',
      'settlement:judge',
      'reconciliation:decide',
    ] as const)
      expect(scopesOf(['client', 'operator', 'administrator', 'auditor'])).not.toContain(scope);
  });
});
