/** Which lists a replica may answer, and what machines are told of it. */
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplicaFigures } from '../../db/tenants.ts';
import { createApi } from './app.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let running: TestApi;
beforeAll(async () => {
  running = await startTestApi();
});
afterAll(() => running.stop());

/** The API with pools for lists that count what they were asked, and with a replica that is as behind as a test wants. */
function over(figures: ReplicaFigures | null) {
  const { tenants } = running.deps;
  const asked: string[] = [];
  const listing = (clientId: string): Pool => {
    const pool = tenants.of(clientId);
    const query = (...words: Parameters<Pool['query']>) => {
      asked.push(clientId);
      return pool.query(...words);
    };
    return { connect: () => pool.connect(), query } as unknown as Pool;
  };
  const { app } = createApi({ ...running.deps, tenants: { ...tenants, listing, replica: figures } }, { checkAnswers: true });
  const get = (path: string) => app.request(path, { headers: { authorization: `Bearer ${running.keys.acme}` } });
  return { asked, get };
}

const behind = (ms: number | null, isCurrent: boolean): ReplicaFigures => ({
  lagMs: () => ms,
  isCurrent: () => isCurrent,
  answered: () => ({ replica: 3, primary: 2 }),
});

test('lists that grow with payments come from it, for the client that asks; what is asked for by its id does not', async () => {
  const { asked, get } = over(null);
  const posted = await bodyOf(await running.call('POST', '/v1/payments', { json: intentOf('replica-1') }));
  const endpoint = await running.call('POST', '/v1/webhook-endpoints', { json: { url: 'https://acme.example/hooks' } });
  const { id: endpointId } = await bodyOf(endpoint);
  const lists = [
    '/v1/payments',
    '/v1/activity',
    '/v1/callbacks',
    '/v1/operator-answers',
    '/v1/sms-messages',
    `/v1/webhook-endpoints/${endpointId}/deliveries`,
  ];
  for (const path of lists) {
    asked.length = 0;
    expect((await get(path)).status, path).toBe(200);
    expect(asked, path).toEqual([running.clients.acme]);
  }
  asked.length = 0;
  for (const path of [`/v1/payments/${posted.id}`, `/v1/payments/${posted.id}/explanation`, '/v1/cases', '/v1/webhook-endpoints'])
    expect((await get(path)).status, path).toBe(200);
  expect(asked).toEqual([]);
});

describe('what machines are told', () => {
  const stateOf = async (figures: ReplicaFigures | null) => (await bodyOf(await over(figures).get('/health/ready'))).dependencies.replica;

  test('without a replica there is nothing to tell', async () => {
    expect(await stateOf(null)).toBeUndefined();
    expect(await (await over(null).get('/metrics')).text()).not.toContain('capp_replica');
  });

  test('one that is current is up; one that is behind or cannot be asked only degrades', async () => {
    expect(await stateOf(behind(310, true))).toEqual({ state: 'up', required: false, detail: 'What it shows is at most 310 ms old.' });
    expect(await stateOf(behind(9_000, false))).toMatchObject({ state: 'degraded', required: false });
    expect(await stateOf(behind(null, false))).toMatchObject({ state: 'degraded', required: false });
  });

  test('figures say how far behind it is, and who answered', async () => {
    const text = await (await over(behind(1_250, true)).get('/metrics')).text();
    expect(text).toContain('capp_replica_lag_seconds 1.25');
    expect(text).toContain('capp_list_reads_total{server="replica"} 3');
    expect(text).toContain('capp_list_reads_total{server="primary"} 2');
    expect(await (await over(behind(null, false)).get('/metrics')).text()).toContain('capp_replica_lag_seconds Nan');
  });
});
