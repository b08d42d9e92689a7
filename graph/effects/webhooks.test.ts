import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring } from '../../db/keyring.ts';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { insertEndpoint, rotateSecret, updateEndpoint } from '../../db/queries/webhooks.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { SECRET_CONTEXT } from '../../tools/notify/webhooks/deliver.ts';
import { replayDelivery, replayFailed, replayRange, sendTest } from '../../tools/notify/webhooks/replay.ts';
import { RETRY_WAITS_MS } from '../../tools/notify/webhooks/schedule.ts';
import { newSecret } from '../../tools/notify/webhooks/signature.ts';
import { type Receiver, type Received, startReceiver, status } from '../../tools/notify/webhooks/testing.ts';
import { findWork } from '../sweep.ts';
import type { GraphDeps } from '../types.ts';
import { webhookDeps } from './webhooks-testing.ts';
import { webhookPump, workWebhooks } from './webhooks.ts';

const START_MS = Date.UTC(2026, 10, 2, 9);
const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 3) }]);

let database: TestDatabase;
let receiver: Receiver;
let clock: ReturnType<typeof manualClock>;
let deps: GraphDeps;
let clientId: string;
const warnings: string[] = [];

beforeEach(async () => {
  database = await testDatabase();
  receiver = await startReceiver();
  clock = manualClock(START_MS);
  warnings.length = 0;
  deps = webhookDeps(database.pool, clock, keyring, warnings);
  clientId = await insertClient(database.pool);
});
afterEach(async () => {
  await receiver.close();
  await database.close();
});

const actor = 'client:test';

async function endpoint(over: { url?: string; topics?: string[]; clientId?: string } = {}): Promise<{ id: string; secret: string }> {
  const secret = newSecret();
  const row = await insertEndpoint(
    database.pool,
    {
      id: newId(),
      clientId: over.clientId ?? clientId,
      url: over.url ?? receiver.url,
      secret: keyring.encrypt(secret, SECRET_CONTEXT),
      topics: over.topics ?? [],
      actor,
      nowMs: clock.now(),
    },
    20,
  );
  if (row === null) throw new Error('the endpoint was not stored');
  return { id: row.id, secret };
}

const enable = (endpointId: string) =>
  updateEndpoint(database.pool, { clientId, endpointId, url: receiver.url, topics: [], status: 'enabled', actor, nowMs: clock.now() });
const again = (deliveryId = '', of = clientId) => replayDelivery(database.pool, { clientId: of, deliveryId, actor }, clock.now());
const failedAgain = (endpointId: string) => replayFailed(database.pool, { clientId, endpointId, actor }, clock.now());

async function announce(paymentId: string, topic: string): Promise<void> {
  await database.pool.query(
    'insert into outbox (client_id, payment_id, topic, payload, created_at) select client_id, id, $2, $3, $4 from payments where id = $1',
    [paymentId, topic, { paymentId, status: topic.slice(8) }, new Date(clock.now())],
  );
  clock.advance(1);
}

const payment = () => insertPayment(database.pool, { clientId, status: 'paid' });

/** Works until nothing more is under way, with a pump of its own, as one worker of several would. */
async function work(): Promise<void> {
  const pump = webhookPump(deps);
  await workWebhooks(deps, pump);
  await pump.idle();
}

const told = (each: Received): [string, string] => {
  const { type, data } = JSON.parse(each.body) as { type: string; data: { paymentId: string } };
  return [data.paymentId, type];
};

async function deliveries() {
  const result = await database.pool.query(
    'select state, reason_code, tries, topic, endpoint_id, id from webhook_deliveries order by created_at, outbox_id',
  );
  return result.rows as { state: string; reason_code: string | null; tries: number; topic: string; endpoint_id: string; id: string }[];
}

async function published(): Promise<boolean[]> {
  const result = await database.pool.query<{ done: boolean }>('select published_at is not null as done from outbox order by id');
  return result.rows.map((row) => row.done);
}

const stateOf = async (id: string) =>
  (await database.pool.query('select status, disabled_reason, failures_in_row from webhook_endpoints where id = $1', [id])).rows[0];

/** Lets the clock run from try to try until every delivery has ended. */
async function exhaust(): Promise<void> {
  for (let tries = 0; tries <= RETRY_WAITS_MS.length; tries += 1) {
    await work();
    const next = await database.pool.query<{ at: Date | null }>(
      `select min(next_attempt_at) as at from webhook_deliveries where state = 'waiting'`,
    );
    const at = next.rows[0]?.at;
    if (at) clock.advance(Math.max(0, at.getTime() - clock.now()));
  }
}

describe('an event', () => {
  it('is done with at once when nobody wants to hear of it', async () => {
    const other = await insertClient(database.pool);
    await endpoint({ clientId: other });
    await endpoint({ topics: ['payment.held'] });
    await announce(await payment(), 'payment.paid');
    expect(await findWork(deps)).toEqual(['webhooks']);
    await work();
    expect(await published()).toEqual([true]);
    expect(receiver.received).toEqual([]);
    expect(await findWork(deps)).toEqual([]);
  });

  it('reaches every endpoint that wants it, signed, with one id, and is published when the last has it', async () => {
    const first = await endpoint();
    const second = await endpoint({ url: `${receiver.url}/2`, topics: ['payment.paid'] });
    const paymentId = await payment();
    await announce(paymentId, 'payment.paid');
    receiver.respond = (each, response) => status(each.path.endsWith('/2') ? 500 : 204)(each, response);
    await work();
    expect(await published()).toEqual([false]);
    clock.advance((RETRY_WAITS_MS[0] as number) * 1.1);
    receiver.respond = status(200);
    await work();
    expect(await published()).toEqual([true]);
    expect(receiver.received.map((each) => each.path).sort()).toEqual(['/hooks', '/hooks/2', '/hooks/2']);
    expect(new Set(receiver.received.map((each) => each.headers['webhook-id'])).size).toBe(1);
    for (const each of receiver.received) {
      const { secret } = each.path.endsWith('/2') ? second : first;
      const at = new Date(Number(each.headers['webhook-timestamp']) * 1_000);
      expect(each.headers['webhook-signature']).toBe(new Webhook(secret).sign(String(each.headers['webhook-id']), at, each.body));
      expect(JSON.parse(each.body)).toEqual({
        type: 'payment.paid',
        timestamp: new Date(START_MS).toISOString(),
        data: { paymentId, status: 'paid' },
      });
    }
  });

  it('is signed with both secrets while they overlap', async () => {
    const { id, secret } = await endpoint();
    const next = newSecret();
    const rotation = { clientId, endpointId: id, secret: keyring.encrypt(next, SECRET_CONTEXT), actor };
    await rotateSecret(database.pool, { ...rotation, overlapUntilMs: clock.now() + 1_000, nowMs: clock.now() });
    for (let count = 0; count < 2; count += 1) {
      await sendTest(database.pool, { clientId, endpointId: id, actor }, clock.now());
      await work();
      clock.advance(1_000);
    }
    const signed = receiver.received.map((each) => {
      const at = new Date(Number(each.headers['webhook-timestamp']) * 1_000);
      const by = (key: string) => new Webhook(key).sign(String(each.headers['webhook-id']), at, each.body);
      return String(each.headers['webhook-signature'])
        .split(' ')
        .map((one) => (one === by(next) ? 'new' : one === by(secret) ? 'old' : 'nobody'));
    });
    expect(signed).toEqual([['new', 'old'], ['new']]);
  });
});

describe('the events of a payment', () => {
  it('come in order, and one that fails holds back those after it, of its payment only', async () => {
    await endpoint();
    const [slow, quick] = [await payment(), await payment()];
    for (const topic of ['payment.held', 'payment.released', 'payment.paid']) {
      await announce(slow, topic);
      await announce(quick, topic);
    }
    receiver.respond = (each, response) => status(told(each)[0] === slow && told(each)[1] === 'payment.held' ? 503 : 204)(each, response);
    await work();
    expect(receiver.received.map(told).filter(([id]) => id === quick)).toEqual([
      [quick, 'payment.held'],
      [quick, 'payment.released'],
      [quick, 'payment.paid'],
    ]);
    expect(receiver.received.map(told).filter(([id]) => id === slow)).toEqual([[slow, 'payment.held']]);
    expect(await findWork(deps)).toEqual([]);
    await work();
    expect(receiver.received).toHaveLength(4);
    receiver.respond = status(204);
    clock.advance((RETRY_WAITS_MS[0] as number) * 1.1);
    await work();
    expect(receiver.received.map(told).filter(([id]) => id === slow)).toEqual([
      [slow, 'payment.held'],
      [slow, 'payment.held'],
      [slow, 'payment.released'],
      [slow, 'payment.paid'],
    ]);
    expect(await published()).toEqual(Array(6).fill(true));
  });

  it('that come while an earlier one waits, wait behind it', async () => {
    await endpoint();
    const id = await payment();
    await announce(id, 'payment.held');
    receiver.respond = status(500);
    await work();
    await announce(id, 'payment.released');
    receiver.respond = status(204);
    await work();
    expect(receiver.received.map(told)).toEqual([[id, 'payment.held']]);
    expect(await findWork(deps)).toEqual([]);
  });

  it('go on after one that was given up', async () => {
    const { id: endpointId } = await endpoint();
    const id = await payment();
    await announce(id, 'payment.held');
    await announce(id, 'payment.paid');
    receiver.respond = (each, response) => status(told(each)[1] === 'payment.held' ? 500 : 204)(each, response);
    // Others get through meanwhile, so the endpoint is not dead.
    await work();
    await announce(await payment(), 'payment.paid');
    await exhaust();
    expect((await deliveries()).map((each) => [each.topic, each.state, each.reason_code])).toEqual([
      ['payment.held', 'given_up', 'retries_spent'],
      ['payment.paid', 'delivered', null],
      ['payment.paid', 'delivered', null],
    ]);
    expect((await stateOf(endpointId)).status).toBe('enabled');
    expect(await published()).toEqual([true, true, true]);
  });
});

describe('retries', () => {
  it('follow the schedule for three days, are logged, and end with the endpoint disabled and its client told', async () => {
    const dead = await endpoint();
    const alive = await endpoint({ url: `${receiver.url}/alive`, topics: ['webhook_endpoint.disabled'] });
    await announce(await payment(), 'payment.paid');
    const triedAtMs: number[] = [];
    receiver.respond = (each, response) => {
      if (!each.path.endsWith('/alive')) triedAtMs.push(clock.now());
      status(each.path.endsWith('/alive') ? 204 : 500)(each, response);
    };
    await exhaust();
    await work();
    expect(triedAtMs).toHaveLength(RETRY_WAITS_MS.length + 1);
    expect((triedAtMs.at(-1) as number) - (triedAtMs[0] as number)).toBeGreaterThanOrEqual(3 * 24 * 3_600_000);
    expect(await stateOf(dead.id)).toMatchObject({ status: 'disabled', disabled_reason: 'failing' });
    expect(await stateOf(alive.id)).toMatchObject({ status: 'enabled' });
    expect(warnings).toEqual(['webhook given up', 'webhook endpoint disabled']);
    const notice = receiver.received.filter((each) => each.path.endsWith('/alive')).map((each) => JSON.parse(each.body));
    expect(notice).toMatchObject([{ type: 'webhook_endpoint.disabled', data: { endpointId: dead.id, reason: 'failing' } }]);
    const log = await database.pool.query(`select attempt_log from webhook_deliveries where endpoint_id = $1`, [dead.id]);
    expect(log.rows[0].attempt_log).toHaveLength(RETRY_WAITS_MS.length + 1);
    expect(log.rows[0].attempt_log[0]).toEqual({
      at: new Date(triedAtMs[0] as number).toISOString(),
      durationMs: 0,
      status: 500,
      code: 'http_500',
    });
    expect(await published()).toEqual([true]);
  });

  it('stop at once for an endpoint that is gone; what waits for it is given up', async () => {
    const { id } = await endpoint();
    for (let count = 0; count < 20; count += 1) await announce(await payment(), 'payment.paid');
    receiver.respond = status(410);
    await work();
    await work();
    expect(await stateOf(id)).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    expect(receiver.received.length).toBeLessThan(20);
    expect((await deliveries()).every((each) => each.state === 'given_up')).toBe(true);
    expect(await published()).toEqual(Array(20).fill(true));
    expect(await findWork(deps)).toEqual([]);
    expect(warnings.filter((text) => text === 'webhook endpoint disabled')).toHaveLength(1);
  });

  it('begin anew for an endpoint that is enabled again', async () => {
    const { id } = await endpoint();
    receiver.respond = status(500);
    await announce(await payment(), 'payment.paid');
    await exhaust();
    await enable(id);
    expect(await stateOf(id)).toEqual({ status: 'enabled', disabled_reason: null, failures_in_row: 0 });
  });
});

describe('a worker that dies', () => {
  it('leaves its deliveries to others once they cannot be under way any more', async () => {
    await endpoint();
    await announce(await payment(), 'payment.paid');
    await workWebhooks(deps, { kick: async () => undefined, idle: async () => undefined, drain: async () => undefined, underWay: 0 });
    // Claimed by somebody who never comes back.
    await database.pool.query(`update webhook_deliveries set lease_token = gen_random_uuid(), next_attempt_at = $1`, [
      new Date(clock.now() + 30_000),
    ]);
    await work();
    expect(receiver.received).toEqual([]);
    clock.advance(30_000);
    expect(await findWork(deps)).toEqual(['webhooks']);
    await work();
    expect(receiver.received).toHaveLength(1);
  });

  it('and comes back changes nothing any more', async () => {
    await endpoint();
    await announce(await payment(), 'payment.paid');
    receiver.respond = (each, response) => {
      // Taken over while the answer is on its way.
      void database.pool.query(`update webhook_deliveries set lease_token = gen_random_uuid()`).then(() => status(500)(each, response));
    };
    await work();
    expect(await deliveries()).toMatchObject([{ state: 'waiting', tries: 0 }]);
    expect((await database.pool.query('select failures_in_row from webhook_endpoints')).rows).toEqual([{ failures_in_row: 0 }]);
  });

  it('many workers at once try each delivery once, in order', async () => {
    await endpoint();
    const ids = await Promise.all(Array.from({ length: 12 }, payment));
    for (const topic of ['payment.held', 'payment.released', 'payment.paid']) for (const id of ids) await announce(id, topic);
    await Promise.all([work(), work(), work()]);
    await work();
    expect(receiver.received).toHaveLength(36);
    for (const id of ids) {
      expect(
        receiver.received
          .map(told)
          .filter((each) => each[0] === id)
          .map((each) => each[1]),
      ).toEqual(['payment.held', 'payment.released', 'payment.paid']);
    }
    expect(await published()).toEqual(Array(36).fill(true));
  });
});

describe('a replay', () => {
  it('sends one delivery again, with the id it had', async () => {
    await endpoint();
    await announce(await payment(), 'payment.paid');
    await work();
    const [delivery] = await deliveries();
    await again(delivery?.id);
    await expect(again(delivery?.id)).rejects.toMatchObject({ code: 'webhook_delivery_waiting' });
    await work();
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.headers['webhook-id']).toBe(receiver.received[1]?.headers['webhook-id']);
    await expect(again(delivery?.id, newId())).rejects.toMatchObject({ code: 'not_found' });
  });

  it('sends all that failed again, and only that', async () => {
    const { id } = await endpoint();
    const other = await payment();
    await announce(other, 'payment.paid');
    await work();
    receiver.respond = status(500);
    await announce(await payment(), 'payment.paid');
    await exhaust();
    receiver.respond = status(204);
    await expect(failedAgain(id)).rejects.toMatchObject({ code: 'webhook_endpoint_disabled' });
    await enable(id);
    receiver.received.length = 0;
    expect(await failedAgain(id)).toBe(1);
    await work();
    expect(receiver.received.map(told).map(([paymentId]) => paymentId)).not.toContain(other);
    expect((await deliveries()).map((each) => each.state)).toEqual(['delivered', 'delivered']);
  });

  it('of a range tells an endpoint what it was never told, in order', async () => {
    const id = await payment();
    await announce(id, 'payment.held');
    const from = new Date(clock.now());
    await announce(id, 'payment.released');
    await announce(id, 'payment.paid');
    const to = new Date(clock.now());
    await announce(await payment(), 'payment.failed');
    await work();
    const { id: endpointId } = await endpoint();
    expect(await replayRange(database.pool, { clientId, endpointId, actor }, { from, to }, clock.now())).toBe(2);
    await work();
    expect(receiver.received.map(told)).toEqual([
      [id, 'payment.released'],
      [id, 'payment.paid'],
    ]);
    expect(await replayRange(database.pool, { clientId, endpointId, actor }, { from, to }, clock.now())).toBe(2);
    await work();
    expect(receiver.received).toHaveLength(4);
    expect(await replayRange(database.pool, { clientId, endpointId, actor }, { from: new Date(0), to: from }, clock.now())).toBe(1);
  });
});
