import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeCallbacks } from '../../db/queries/callbacks.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import type { CallbackEvent, Outcome } from '../../tools/mmo/operator.ts';
import { findWork } from '../sweep.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import type { GraphDeps } from '../types.ts';
import { callbackPump } from './callbacks.ts';
import { createRecorder, openHandle } from './record.ts';

const AMOUNT = money(150_000n, 'KES');
const SUCCEEDED: Outcome = { state: 'succeeded', receipt: 'QK1', amount: AMOUNT };

let platform: TestPlatform;
let deps: GraphDeps;
let events: Map<string, CallbackEvent>;
let attemptId: string;
let asked: number;

beforeEach(async () => {
  platform = await testPlatform();
  events = new Map();
  asked = 0;
  deps = {
    ...platform.deps,
    operators: (railId) => ({
      ...platform.deps.operators(railId),
      inquire: async (request) => {
        asked += 1;
        return platform.script.inquire?.(railId, request) ?? { state: 'pending' };
      },
      parseCallback: (body) => {
        const event = events.get(body);
        if (event === undefined) throw fault('malformed_body');
        return event;
      },
    }),
  };
  platform.script = { collect: () => ({ state: 'pending', handle: { operatorId: 'op-1' } }) };
  await platform.submit({ amount: '1500' });
  await platform.worker.work('authorize');
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  attemptId = (await attempt()).id;
});

afterEach(async () => {
  await platform.close();
});

async function attempt() {
  const result = await platform.database.pool.query<{
    id: string;
    rail_id: string;
    state: string;
    receipt: string | null;
    reason_code: string | null;
    operator_handle: Buffer | null;
  }>(`select id, rail_id, state, receipt, reason_code, operator_handle from attempts`);
  const row = result.rows[0];
  if (row === undefined) throw new Error('there is no attempt');
  return row;
}

function eventOf(outcome: Outcome, change: Partial<CallbackEvent> = {}): CallbackEvent {
  return { kind: 'collection', outcome, ourReference: attemptId, operatorReference: null, trust: 'sufficient', ...change };
}

/** Stores a callback as the API does; a body without an event is one that the operator cannot have sent. */
async function arrives(
  event: CallbackEvent | null,
  to: { readonly railId?: string; readonly attemptId?: string; readonly shared?: true } = {},
): Promise<boolean | undefined> {
  const body = newId();
  if (event !== null) events.set(body, event);
  const [known] = await storeCallbacks(
    platform.database.pool,
    [
      {
        railId: to.railId ?? 'mpesa-ke',
        tokenHash: to.shared ? null : deps.callbacks.tokenHash(to.attemptId ?? attemptId),
        body: deps.keyring.encrypt(body, 'operator_callbacks.body'),
        bodyDigest: Buffer.alloc(32, 1),
        sourceAddress: '127.0.0.1',
      },
    ],
    platform.clock.now(),
  );
  return known;
}

/** Reads what has arrived and says what became of each callback, in order. */
async function read(): Promise<string[]> {
  const recorder = createRecorder(deps);
  const pump = callbackPump(deps, recorder);
  await pump.kick();
  await pump.idle();
  await recorder.drain();
  const result = await platform.database.pool.query<{ verdict: string | null; reason_code: string | null }>(
    'select verdict, reason_code from operator_callbacks order by id',
  );
  return result.rows.map((row) => [row.verdict, row.reason_code].filter((part) => part !== null).join(' '));
}

describe('a callback at an address that all attempts share', () => {
  const toAll = { shared: true } as const;

  it('finds its attempt by the reference in it, and ends it once the operator says the same', async () => {
    platform.script.inquire = () => SUCCEEDED;
    expect(await arrives(eventOf(SUCCEEDED), toAll)).toBe(true);
    expect(await read()).toEqual(['matched']);
    expect(asked).toBe(1);
    expect((await attempt()).state).toBe('succeeded');
    const { rows } = await platform.database.pool.query('select attempt_id from operator_callbacks');
    expect(rows).toEqual([{ attempt_id: attemptId }]);
  });

  it('is never believed by itself, and teaches us nothing, though its operator’s message would suffice elsewhere', async () => {
    const told = { ...SUCCEEDED, handle: { operatorId: 'op-1', refundOf: 'somebody-else' } } as Outcome;
    await arrives(eventOf(told), toAll);
    expect(await read()).toEqual(['matched']);
    expect((await attempt()).state).toBe('pending');
    expect(openHandle(deps, (await attempt()).operator_handle)).toEqual({ operatorId: 'op-1' });
  });

  it('is set aside when it names nobody, another rail’s attempt, or nothing at all', async () => {
    await arrives(eventOf(SUCCEEDED, { ourReference: newId() }), toAll);
    await arrives(eventOf(SUCCEEDED, { ourReference: 'order-7' }), toAll);
    await arrives(eventOf(SUCCEEDED, { ourReference: null }), toAll);
    await arrives(eventOf(SUCCEEDED), { ...toAll, railId: 'airtel-ke' });
    await arrives(null, toAll);
    const aside = 'quarantined callback_unknown';
    expect(await read()).toEqual([aside, aside, aside, 'quarantined rail_differs', 'quarantined malformed_body']);
    expect(asked).toBe(0);
    expect((await attempt()).state).toBe('pending');
  });

  it('raises no case by its word alone after the end', async () => {
    await deps.pool.query("update attempts set state = 'failed', reason_code = 'payer_declined' where id = $1", [attemptId]);
    await arrives(eventOf(SUCCEEDED), toAll);
    expect(await read()).toEqual(['quarantined contradicts_outcome']);
    expect((await deps.pool.query('select 1 from cases')).rowCount).toBe(0);
    platform.script.inquire = () => SUCCEEDED;
    await arrives(eventOf(SUCCEEDED), toAll);
    await read();
    expect((await deps.pool.query("select 1 from cases where kind = 'late_success'")).rowCount).toBe(1);
  });
});

describe('a callback that is believed', () => {
  it('ends its attempt', async () => {
    expect(await arrives(eventOf(SUCCEEDED))).toBe(true);
    expect(await read()).toEqual(['matched']);
    expect(await attempt()).toMatchObject({ state: 'succeeded', receipt: 'QK1' });
    expect(await findWork(deps)).toEqual(['outcomes']);
    expect(asked).toBe(0);
  });

  it('that tells of another amount leaves the attempt unknown', async () => {
    await arrives(eventOf({ ...SUCCEEDED, amount: money(150_001n, 'KES') }));
    await arrives(eventOf({ ...SUCCEEDED, amount: money(150_000n, 'UGX') }));
    expect(await read()).toEqual(['quarantined amount_differs', 'quarantined amount_differs']);
    expect(await attempt()).toMatchObject({ state: 'unknown', reason_code: 'amount_mismatch', receipt: null });
    expect(await findWork(deps)).toEqual([]);
  });

  it('that says nothing final keeps the attempt open, and its ids are learnt', async () => {
    await arrives(eventOf({ state: 'pending', handle: { conversationId: 'c-9' } }));
    expect(await read()).toEqual(['matched']);
    const row = await attempt();
    expect(row.state).toBe('pending');
    expect(openHandle(deps, row.operator_handle)).toEqual({ operatorId: 'op-1', conversationId: 'c-9' });
  });
});

describe('a callback that is a rumour', () => {
  it('has the operator asked, whose word counts', async () => {
    platform.script = { inquire: () => ({ state: 'failed', reasonCode: '1032', retry: 'after_customer' }) };
    await arrives(eventOf(SUCCEEDED, { trust: 'confirm' }));
    expect(await read()).toEqual(['matched']);
    expect(await attempt()).toMatchObject({ state: 'failed', reason_code: '1032' });
    expect(asked).toBe(1);
  });

  it('ends nothing while the operator cannot tell', async () => {
    await arrives(eventOf(SUCCEEDED, { trust: 'confirm' }));
    await read();
    expect((await attempt()).state).toBe('pending');
  });

  it('gives the receipt that the answer to the inquiry lacks', async () => {
    platform.script = { inquire: () => ({ state: 'succeeded', receipt: '', amount: null }) };
    await arrives(eventOf(SUCCEEDED, { trust: 'confirm' }));
    await read();
    expect(await attempt()).toMatchObject({ state: 'succeeded', receipt: 'QK1' });
  });

  it('is set aside when it tells of another amount, and the operator’s word counts all the same', async () => {
    platform.script = { inquire: () => SUCCEEDED };
    await arrives(eventOf({ ...SUCCEEDED, amount: money(1n, 'KES') }, { trust: 'confirm' }));
    expect(await read()).toEqual(['quarantined amount_differs']);
    expect(await attempt()).toMatchObject({ state: 'succeeded', receipt: 'QK1' });
  });

  it('teaches no ids when it tells of another amount, nor the receipt that the inquiry lacks', async () => {
    const told: Outcome = { ...SUCCEEDED, receipt: 'FORGED', amount: money(1n, 'KES'), handle: { conversationId: 'c-9' } };
    await arrives(eventOf(told, { trust: 'confirm' }));
    expect(await read()).toEqual(['quarantined amount_differs']);
    expect(openHandle(deps, (await attempt()).operator_handle)).toEqual({ operatorId: 'op-1' });
    platform.script = { inquire: () => ({ state: 'succeeded', receipt: '', amount: null }) };
    await arrives(eventOf(told, { trust: 'confirm' }));
    await read();
    expect(await attempt()).toMatchObject({ state: 'succeeded', receipt: null });
  });

  it('cannot be outdone by an operator that tells of another amount', async () => {
    platform.script = { inquire: () => ({ ...SUCCEEDED, amount: money(1n, 'KES') }) };
    await arrives(eventOf(SUCCEEDED, { trust: 'confirm' }));
    await read();
    expect(await attempt()).toMatchObject({ state: 'unknown', reason_code: 'amount_mismatch' });
  });
});

describe('a callback after the end', () => {
  it('that says the same is a duplicate', async () => {
    await arrives(eventOf(SUCCEEDED));
    await read();
    const before = await attempt();
    await arrives(eventOf(SUCCEEDED));
    await arrives(eventOf({ state: 'pending' }));
    await arrives(eventOf({ ...SUCCEEDED, amount: money(150_001n, 'KES') }));
    expect(await read()).toEqual(['matched', 'duplicate', 'duplicate', 'quarantined amount_differs']);
    expect(await attempt()).toEqual(before);
  });

  it('that contradicts it is quarantined, and changes nothing', async () => {
    await arrives(eventOf(SUCCEEDED));
    await read();
    const before = await attempt();
    await arrives(eventOf({ state: 'failed', reasonCode: '1', retry: 'never' }));
    expect(await read()).toEqual(['matched', 'quarantined contradicts_outcome']);
    expect(await attempt()).toEqual(before);
  });

  it('read beside its twin is recorded once', async () => {
    await arrives(eventOf(SUCCEEDED));
    await arrives(eventOf({ state: 'failed', reasonCode: '1', retry: 'never' }));
    expect(await read()).toEqual(['matched', 'quarantined contradicts_outcome']);
    expect(await attempt()).toMatchObject({ state: 'succeeded', reason_code: null });
  });
});

describe('a callback that fits nothing', () => {
  let before: Awaited<ReturnType<typeof attempt>>;

  beforeEach(async () => {
    before = await attempt();
  });

  it('is quarantined when no attempt has its address', async () => {
    expect(await arrives(eventOf(SUCCEEDED), { attemptId: newId() })).toBe(false);
    expect(await read()).toEqual(['quarantined callback_unknown']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when it comes over another rail', async () => {
    expect(await arrives(eventOf(SUCCEEDED), { railId: 'hub-ke' })).toBe(false);
    expect(await read()).toEqual(['quarantined callback_unknown']);
    await platform.database.pool.query(
      `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address) values ('hub-ke', $1, '\\x00', '\\x00', '127.0.0.1')`,
      [attemptId],
    );
    expect((await read()).at(-1)).toBe('quarantined rail_differs');
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when nothing was sent that it could answer', async () => {
    await platform.submit();
    await platform.worker.work('authorize');
    const fresh = await platform.database.pool.query<{ id: string }>(`select id from attempts where state = 'created'`);
    const id = fresh.rows[0]?.id ?? '';
    await arrives(eventOf(SUCCEEDED, { ourReference: id }), { attemptId: id });
    expect(await read()).toEqual(['quarantined not_sent']);
    expect(asked).toBe(0);
  });

  it('is quarantined when its attempt is gone', async () => {
    await platform.database.pool.query(
      `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address) values ('mpesa-ke', $1, '\\x00', '\\x00', '127.0.0.1')`,
      [newId()],
    );
    expect(await read()).toEqual(['quarantined callback_unknown']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when the operator cannot have sent it', async () => {
    await arrives(null);
    expect(await read()).toEqual(['quarantined malformed_body']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined under its own code when its proof is wrong', async () => {
    const { operators } = deps;
    const unproven = () => {
      throw fault('callback_unverified');
    };
    deps = { ...deps, operators: (railId) => ({ ...operators(railId), parseCallback: unproven }) };
    await arrives(null);
    await arrives(null, { shared: true });
    expect(await read()).toEqual(Array(2).fill('quarantined callback_unverified'));
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when the shortened reference in it is of another request', async () => {
    await arrives(eventOf(SUCCEEDED, { ourReference: null, trust: 'confirm', isAbout: (requestId) => requestId === newId() }));
    expect(await read()).toEqual(['quarantined reference_differs']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when it repeats a request id that is not ours', async () => {
    await arrives(eventOf(SUCCEEDED, { ourReference: newId() }));
    expect(await read()).toEqual(['quarantined reference_differs']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when it asks to be believed without naming our request', async () => {
    await arrives(eventOf(SUCCEEDED, { ourReference: null }));
    expect(await read()).toEqual(['quarantined reference_differs']);
    expect(await attempt()).toEqual(before);
  });

  it('is quarantined when it names another id of the operator', async () => {
    await arrives(eventOf({ ...SUCCEEDED, handle: { operatorId: 'op-2' } }));
    expect(await read()).toEqual(['quarantined reference_differs']);
    expect(await attempt()).toEqual(before);
  });
});

describe('a callback whose reader died', () => {
  it('is read again once its lease has ended, not before', async () => {
    await arrives(eventOf(SUCCEEDED));
    await platform.database.pool.query('update operator_callbacks set lease_until = $1', [new Date(platform.clock.now() + 1_000)]);
    expect(await read()).toEqual(['']);
    platform.clock.advance(1_001);
    expect(await findWork(deps)).toContain('callbacks');
    expect(await read()).toEqual(['matched']);
  });
});
