import { expect, test } from 'vitest';
import { createTestWorld, drive, railOf, requestOf } from './harness.ts';

const RAIL = 'mtn-ug';

async function control(world: Awaited<ReturnType<typeof createTestWorld>>, method: string, path: string, body?: unknown) {
  const response = await world.sandbox.fetch(`${world.sandbox.url}/_sandbox${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

const world = () => createTestWorld({ rails: [railOf(RAIL), railOf('mpesa-ke')] });

test('a fate by number: it fails as written, so many times, and then as its number says', async () => {
  const here = await world();
  const { phone } = requestOf({ railId: RAIL, leg: 'collection', ending: '4321' });
  const made = await control(here, 'POST', '/fates', { match: { phone, kind: 'collection' }, fate: { failure: 'no_funds' }, times: 1 });
  expect(made).toMatchObject({ status: 201, body: { id: 1 } });
  expect((await drive(here, { railId: RAIL, leg: 'collection', name: 'one' })).outcome).toMatchObject({ reasonCode: 'insufficient_funds' });
  expect((await drive(here, { railId: RAIL, leg: 'collection', name: 'two' })).outcome.state).toBe('succeeded');
  expect((await control(here, 'GET', '/fates')).body).toEqual([]);
});

test('a fate by amount, by rail, by reference; the newest that fits counts', async () => {
  const here = await world();
  const { amount, requestId } = requestOf({ railId: RAIL, leg: 'payout', name: 'by reference' });
  here.sandbox.script({ match: { railId: RAIL }, fate: { failure: 'cannot_receive' } });
  here.sandbox.script({ match: { reference: requestId }, fate: { failure: null } });
  here.sandbox.script({ match: { amountMinor: amount.minor.toString(), railId: 'mpesa-ke' }, fate: { failure: 'unavailable' } });
  expect((await drive(here, { railId: RAIL, leg: 'payout', name: 'by reference' })).outcome.state).toBe('succeeded');
  expect((await drive(here, { railId: RAIL, leg: 'payout', name: 'by rail' })).outcome).toMatchObject({ state: 'failed' });
  expect((await drive(here, { railId: 'mpesa-ke', leg: 'collection', name: 'untouched' })).outcome.state).toBe('succeeded');
});

test('lost answers, doubled callbacks, and payments that never end', async () => {
  const here = await world();
  here.sandbox.script({ match: { railId: 'mpesa-ke', kind: 'disbursement' }, fate: { answerLost: true, callback: 'twice' } });
  const lost = await drive(here, { railId: 'mpesa-ke', leg: 'payout', name: 'lost' });
  expect([lost.first.state, lost.outcome.state]).toEqual(['unknown', 'succeeded']);
  await here.scheduler.advance(5_000);
  expect(here.inbox.get(requestOf({ railId: 'mpesa-ke', leg: 'payout', name: 'lost' }).callbackUrl)).toHaveLength(2);
  here.sandbox.script({ match: { railId: RAIL }, fate: { slowness: 'never' } });
  expect((await drive(here, { railId: RAIL, leg: 'collection', name: 'never' })).outcome.state).toBe('pending');
});

test('what is no fate is refused with what is wrong, and all can be forgotten', async () => {
  const here = await world();
  for (const body of [
    {},
    { match: {}, fate: {} },
    { match: { phone: 'x' }, fate: {} },
    { match: { kind: 'refund' }, fate: {} },
    { match: { railId: RAIL }, fate: { failure: 'bored' } },
  ]) {
    expect((await control(here, 'POST', '/fates', body)).status).toBe(400);
  }
  expect((await control(here, 'POST', '/fates', { match: { railId: 'nowhere' }, fate: {} })).status).toBe(404);
  await control(here, 'POST', '/fates', { match: { railId: RAIL }, fate: { failure: 'declined' } });
  expect((await control(here, 'DELETE', '/fates')).body).toEqual([]);
  expect((await drive(here, { railId: RAIL, leg: 'collection', name: 'forgotten' })).outcome.state).toBe('succeeded');
});

test('the control plane tells modes of all rails and statements of a day', async () => {
  const here = await world();
  await drive(here, { railId: RAIL, leg: 'collection', name: 'told' });
  expect((await control(here, 'GET', '/rails')).body).toMatchObject([{ mode: 'up' }, { mode: 'up' }]);
  const statement = await here.sandbox.fetch(`${here.sandbox.url}/_sandbox/statements/${RAIL}?day=2026-10-05`, { method: 'GET' });
  expect(statement.headers.get('content-type')).toContain('text/csv');
  expect(await statement.text()).toContain('Successful');
  expect((await control(here, 'GET', `/statements/${RAIL}?day=today`)).status).toBe(400);
});
