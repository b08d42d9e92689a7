import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { fuzzRoutes } from './fuzz.ts';
import { openSecurityApi, type SecurityApi } from './security-api.ts';

let api: SecurityApi;
beforeAll(async () => {
  api = await openSecurityApi(await testDatabase());
});
afterAll(() => api.stop());

test('whatever is sent to any route, it is answered or refused in order, and what is refused changes nothing', {
  timeout: 600_000,
}, async () => {
  const { findings, routes, requests, byStatus, tables, overSocket, asPeople } = await fuzzRoutes(api, { seed: 20_261_126, perRoute: 6 });
  expect(findings).toEqual([]);
  expect(requests).toBe(routes * 6);
  expect(tables).toBeGreaterThan(60);
  expect(Math.min(overSocket, asPeople)).toBeGreaterThan(requests / 4);
  // It gets through to handlers, and is not turned away at the door alone.
  expect(Object.keys(byStatus)).toEqual(expect.arrayContaining(['200', '400', '401', '404', '422']));
});
