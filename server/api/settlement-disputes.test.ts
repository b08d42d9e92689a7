import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { insertBatch, memoryApprover, memoryArbiter, memoryChain } from '../../graph/settlement/testing.ts';
import { DEFAULT_DRIVER_SETTINGS } from '../../graph/settlement/types.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

const EVIDENCE = 'cd'.repeat(32);
const WINDOW_MS = 3_600_000;
const PEOPLE = ['arbiter:sena', 'arbiter:imani', 'treasurer:nia'];
const keyOf = (principal: string): string | null => (PEOPLE.includes(principal) ? `key of ${principal}` : null);

let api: TestApi;
let nia: string;
let sena: string;
let imani: string;
beforeAll(async () => {
  api = await startTestApi({ settlementKeys: { approver: keyOf, arbiter: keyOf } });
  nia = await api.makeKey(api.clients.acme, 'treasurer:nia', [
    'settlement:read',
    'settlement:approve',
    'settlement:dispute',
    'settlement:judge',
  ]);
  sena = await api.makeKey(api.clients.zawadi, 'arbiter:sena', ['settlement:read', 'settlement:judge']);
  imani = await api.makeKey(api.clients.acme, 'arbiter:imani', ['settlement:judge']);
});
afterAll(() => api?.stop());

let chain: ReturnType<typeof memoryChain>;
beforeEach(() => {
  chain = memoryChain(api.clock);
  chain.disputeWindowMs = WINDOW_MS;
});

const drive = () => {
  const people = { approvers: ['policy:one', 'policy:two'].map(memoryApprover), arbiters: PEOPLE.map(memoryArbiter) };
  return driveSettlement({ pool: api.pool, clock: api.clock, log: api.deps.log, chain, ...people, settings: DEFAULT_DRIVER_SETTINGS });
};
const executed = async (): Promise<string> => {
  const id = await insertBatch(api.pool, {});
  await drive();
  return id;
};
const dispute = (id: string, key = nia, evidenceHash = EVIDENCE) =>
  api.call('POST', `/v1/settlement/batches/${id}/dispute`, { key, json: { reasonCode: 'amount_differs', evidenceHash } });
const vote = (id: string, key: string, reversedMinor: string, evidenceHash = EVIDENCE) =>
  api.call('POST', `/v1/settlement/batches/${id}/votes`, { key, json: { reasonCode: 'amount_differs', evidenceHash, reversedMinor } });
const read = async (id: string) => bodyOf(await api.call('GET', `/v1/settlement/batches/${id}`, { key: nia }));
const refusal = async (response: Response) => [response.status, (await bodyOf(response)).code];

describe('a dispute', () => {
  it('freezes an executed batch, two arbiters reverse a part of it, and the audit log tells who did what', async () => {
    const id = await executed();
    expect(await read(id)).toMatchObject({
      status: 'executed',
      payableAt: new Date(api.clock.now() + WINDOW_MS).toISOString(),
      dispute: null,
    });
    const asked = await dispute(id);
    expect(asked.status).toBe(202);
    expect(api.hints).toContain('settle');
    expect(await bodyOf(asked)).toMatchObject({
      dispute: { openedBy: 'treasurer:nia', reasonCode: 'amount_differs', evidenceHash: EVIDENCE },
    });
    await drive();
    expect(await read(id)).toMatchObject({ status: 'disputed', evidenceHash: EVIDENCE });
    expect((await vote(id, sena, '250000')).status).toBe(202);
    expect(await refusal(await vote(id, sena, '250000'))).toEqual([409, 'settlement_already_voted']);
    api.clock.advance(1);
    expect((await vote(id, sena, '300000')).status).toBe(202);
    api.clock.advance(1);
    const voted = await bodyOf(await vote(id, imani, '300000'));
    expect(
      voted.votes.map((each: { arbiter: string; number: number; reversedMinor: string }) => [
        each.arbiter,
        each.number,
        each.reversedMinor,
      ]),
    ).toEqual([
      ['arbiter:sena', 1, '250000'],
      ['arbiter:sena', 2, '300000'],
      ['arbiter:imani', 1, '300000'],
    ]);
    await drive();
    const settled = await read(id);
    expect(settled).toMatchObject({ status: 'settled', reversedMinor: '300000' });
    expect(settled.steps.slice(-4).map((step: { kind: string }) => step.kind)).toEqual(['dispute', 'vote', 'vote', 'pay']);
    const acts = await api.pool.query(
      `select actor || ' ' || action as act from audit_events where subject = $1 and action like 'settlement.%_asked' or subject = $1 and action = 'settlement.vote_given' order by id`,
      [`settlement_batch:${id}`],
    );
    expect(acts.rows.map(({ act }) => act)).toEqual([
      'treasurer:nia settlement.dispute_asked',
      'arbiter:sena settlement.vote_given',
      'arbiter:sena settlement.vote_given',
      'arbiter:imani settlement.vote_given',
    ]);
  });

  it('is refused without the scope, for no batch, for nonsense, before execution, a second time, and when the window is over', async () => {
    const early = await insertBatch(api.pool, {});
    expect(await refusal(await dispute(early))).toEqual([409, 'settlement_not_disputable']);
    await drive();
    const id = await executed();
    expect(await refusal(await dispute(id, sena))).toEqual([403, 'forbidden']);
    expect(await refusal(await dispute(newId()))).toEqual([404, 'not_found']);
    expect(await refusal(await dispute(id, nia, 'nonsense'))).toEqual([422, 'validation_failed']);
    expect((await dispute(id)).status).toBe(202);
    expect(await refusal(await dispute(id))).toEqual([409, 'settlement_already_disputed']);
    const late = await executed();
    api.clock.advance(WINDOW_MS);
    expect(await refusal(await dispute(late))).toEqual([409, 'settlement_time_over']);
    await drive();
    expect(await refusal(await dispute(late))).toEqual([409, 'settlement_not_disputable']);
  });

  it('of a batch without a window cannot be had: it is paid with its execution', async () => {
    chain.disputeWindowMs = 0;
    expect(await refusal(await dispute(await executed()))).toEqual([409, 'settlement_not_disputable']);
  });
});

describe('a vote', () => {
  it('is refused before a dispute, on other evidence, above the batch, without a key, by whom it concerns, and out of time', async () => {
    const id = await executed();
    expect(await refusal(await vote(id, sena, '1'))).toEqual([409, 'settlement_not_disputed']);
    await dispute(id);
    await drive();
    expect(await refusal(await vote(id, sena, '1', 'ef'.repeat(32)))).toEqual([409, 'evidence_stale']);
    expect(await refusal(await vote(id, sena, '1000001'))).toEqual([422, 'validation_failed']);
    expect(await refusal(await vote(id, sena, '-1'))).toEqual([422, 'validation_failed']);
    expect(await refusal(await vote(newId(), sena, '1'))).toEqual([404, 'not_found']);
    const stranger = await api.makeKey(api.clients.acme, 'arbiter:new', ['settlement:judge']);
    expect(await refusal(await vote(id, stranger, '1'))).toEqual([403, 'settlement_no_key']);
    expect(await refusal(await vote(id, nia, '1'))).toEqual([403, 'settlement_arbiter_involved']);
    const reader = await api.makeKey(api.clients.acme, 'reader:two', ['settlement:read', 'settlement:dispute']);
    expect(await refusal(await vote(id, reader, '1'))).toEqual([403, 'forbidden']);
    api.clock.advance(chain.disputeLimitMs);
    expect(await refusal(await vote(id, sena, '1'))).toEqual([409, 'settlement_time_over']);
    await drive();
    expect(await read(id)).toMatchObject({ status: 'settled', reversedMinor: '0', votes: [] });
  });

  it('is not for somebody who approved the batch', async () => {
    const id = await executed();
    await api.pool.query(
      `insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest) values ($1, $2, 'arbiter:sena', 'key-9', $3)`,
      [newId(), id, EVIDENCE],
    );
    await dispute(id);
    await drive();
    expect(await refusal(await vote(id, sena, '1'))).toEqual([403, 'settlement_arbiter_involved']);
  });
});
