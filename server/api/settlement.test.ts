import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seedPayments, someItem } from '../../agents/testing.ts';
import { settle, SETTLEMENT_POLICY, type SettlementPolicy } from '../../agents/settlement/index.ts';
import { findDecisions } from '../../db/queries/activity.ts';
import { WAY_BATCHES_MAX } from '../../db/queries/settlement-proofs.ts';
import { newId } from '../../domain/ids.ts';
import { driveSettlement } from '../../graph/settlement/driver.ts';
import { insertBatch, memoryChain, memoryReader, withTerms } from '../../graph/settlement/testing.ts';
import { type Approver, DEFAULT_DRIVER_SETTINGS } from '../../graph/settlement/types.ts';
import { checkOnChain, checkSettlementProof, readSettlementProof, verdictOf, wayOf } from '../../tools/aptos/settlement-proof.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

const SIGNERS: Readonly<Record<string, string>> = { 'treasurer:nia': '0xnia', 'treasurer:sam': '0xsam' };

let api: TestApi;
let nia: string;
let sam: string;
beforeAll(async () => {
  api = await startTestApi({ settlementKeys: { approver: (principal) => SIGNERS[principal] ?? null, arbiter: () => null } });
  nia = await api.makeKey(api.clients.acme, 'treasurer:nia', ['settlement:read', 'settlement:approve']);
  sam = await api.makeKey(api.clients.zawadi, 'treasurer:sam', ['settlement:read', 'settlement:approve']);
});
afterAll(() => api?.stop());

let chain: ReturnType<typeof memoryChain>;
beforeEach(() => {
  chain = memoryChain(api.clock);
});

const APPROVERS: readonly Approver[] = ['policy:one', 'policy:two', 'treasurer:nia', 'treasurer:sam'].map((approver) => {
  const signer = SIGNERS[approver] ?? `0x${approver}`;
  return { approver, keyName: signer, signer, sign: async (digest) => `${signer} signs ${digest}` };
});
const drive = () =>
  driveSettlement({
    pool: api.pool,
    clock: api.clock,
    log: api.deps.log,
    chain,
    approvers: APPROVERS,
    arbiters: [],
    settings: DEFAULT_DRIVER_SETTINGS,
  });

const approve = (batchId: string, key: string, proposalDigest: string) =>
  api.call('POST', `/v1/settlement/batches/${batchId}/approvals`, { key, json: { proposalDigest } });

describe('approval by people', () => {
  const proposed = async () => {
    const id = await insertBatch(api.pool, { dueMinor: -900_000_000n, approvalBy: 'people' });
    await drive();
    const { proposalDigest } = await bodyOf(await api.call('GET', `/v1/settlement/batches/${id}`, { key: nia }));
    return { id, digest: proposalDigest as string };
  };

  it('takes two different people, each once, and then the batch is settled', async () => {
    const { id, digest } = await proposed();
    const first = await approve(id, nia, digest);
    expect(first.status).toBe(202);
    expect(api.hints).toContain('settle');
    expect(await bodyOf(first)).toMatchObject({ status: 'proposed', approvals: [{ approver: 'treasurer:nia', keyName: '0xnia' }] });
    expect(await bodyOf(await approve(id, nia, digest))).toMatchObject({ code: 'settlement_already_approved' });
    await drive();
    expect(await bodyOf(await api.call('GET', `/v1/settlement/batches/${id}`, { key: nia }))).toMatchObject({ status: 'proposed' });
    expect((await approve(id, sam, digest)).status).toBe(202);
    await drive();
    const settled = await bodyOf(await api.call('GET', `/v1/settlement/batches/${id}`, { key: sam }));
    expect(settled).toMatchObject({ status: 'settled', transactionHash: expect.stringMatching(/^0x/) });
    expect(settled.steps.map((step: { kind: string }) => step.kind)).toEqual(['propose', 'approve', 'approve', 'execute']);
    expect(await bodyOf(await approve(id, nia, digest))).toMatchObject({ code: 'settlement_not_open' });
  });

  it('is refused for another proposal, without a key on the chain, without the scope, past the deadline, or for no batch', async () => {
    const { id, digest } = await proposed();
    const refusals = async (response: Response) => [response.status, (await bodyOf(response)).code];
    expect(await refusals(await approve(id, nia, '0'.repeat(64)))).toEqual([409, 'settlement_proposal_stale']);
    const stranger = await api.makeKey(api.clients.acme, 'treasurer:new', ['settlement:approve']);
    expect(await refusals(await approve(id, stranger, digest))).toEqual([403, 'settlement_no_key']);
    const reader = await api.makeKey(api.clients.acme, 'treasurer:reader', ['settlement:read']);
    expect(await refusals(await approve(id, reader, digest))).toEqual([403, 'forbidden']);
    expect(await refusals(await approve(newId(), nia, digest))).toEqual([404, 'not_found']);
    expect(await refusals(await approve(id, nia, 'nonsense'))).toEqual([422, 'validation_failed']);
    api.clock.advance(DEFAULT_DRIVER_SETTINGS.proposalLifeMs);
    expect(await refusals(await approve(id, nia, digest))).toEqual([409, 'settlement_proposal_expired']);
  });
});

describe('cases', () => {
  it('are listed, and closing one has its batch checked against the chain once more', async () => {
    const id = await insertBatch(api.pool, {});
    const honest = chain.status;
    chain.status = async (batchId) => withTerms(await honest(batchId), { merkleRoot: '0'.repeat(64) });
    await drive();
    const { items } = await bodyOf(await api.call('GET', '/v1/settlement/cases?status=open', { key: nia }));
    const mine = items.find((each: { batchId: string }) => each.batchId === id);
    expect(mine).toMatchObject({
      kind: 'mismatched',
      evidence: { reason: 'terms_differ', differs: ['root'], chainTerms: { merkleRoot: '0'.repeat(64) } },
    });
    const close = (evidenceDigest: string) =>
      api.call('POST', `/v1/settlement/cases/${mine.id}/resolution`, { key: nia, json: { reasonCode: 'node_was_wrong', evidenceDigest } });
    expect((await bodyOf(await close('0'.repeat(64)))).code).toBe('evidence_stale');
    chain.status = honest;
    expect(await bodyOf(await close(mine.evidenceDigest))).toMatchObject({ status: 'resolved', closedBy: 'treasurer:nia' });
    expect((await bodyOf(await close(mine.evidenceDigest))).code).toBe('case_not_open');
    await drive();
    expect(await bodyOf(await api.call('GET', `/v1/settlement/batches/${id}`, { key: nia }))).toMatchObject({ status: 'settled' });
  });
});

describe('batches', () => {
  it('are listed newest first, by status, method and partner, page by page', async () => {
    const first = await insertBatch(api.pool, { partner: 'orange-ci' });
    const second = await insertBatch(api.pool, { partner: 'orange-ci' });
    const page = async (query: string) => bodyOf(await api.call('GET', `/v1/settlement/batches?partner=orange-ci&${query}`, { key: nia }));
    const { items, nextCursor } = await page('limit=1&method=chain&status=closed');
    expect(items.map((each: { id: string }) => each.id)).toEqual([second]);
    const rest = await page(`limit=1&method=chain&status=closed&cursor=${nextCursor}`);
    expect(rest.items.map((each: { id: string }) => each.id)).toEqual([first]);
    expect((await page('status=settled')).items).toEqual([]);
  });
});

/** Payments of a client of its own or of Acme, paid from M-Pesa in Kenya to MTN in Uganda. */
async function paidPayments(count: number, { collected, paidOut }: { readonly collected: bigint; readonly paidOut: bigint }) {
  const items = Array.from({ length: count }, () =>
    someItem(api.clock.now(), { payment: { status: 'paid', amountMinor: collected }, targetMinor: paidOut }),
  );
  await seedPayments(api.pool, items, { completedAtMs: api.clock.now() });
  for (const { payment } of items) {
    for (const [leg, rail, amount, currency] of [
      ['collection', 'mpesa-ke', collected, 'KES'],
      ['payout', 'mtn-ug', paidOut, 'UGX'],
    ] as const) {
      await api.pool.query(
        `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash, sent_at)
         values ($1, $2, $3, $4, 1, $5, $6, $7, $8, 'succeeded', $9, now())`,
        [newId(), payment.clientId, payment.id, leg, rail, newId(), amount, currency, Buffer.from(newId())],
      );
    }
  }
  return items;
}

const proofOf = async (item: Awaited<ReturnType<typeof paidPayments>>[number] | undefined) => {
  if (item === undefined) throw new RangeError('no payment');
  const { id, clientId } = item.payment;
  const key = await api.makeKey(clientId, `client:${newId().slice(0, 8)}`);
  return readSettlementProof(await bodyOf(await api.call('GET', `/v1/payments/${id}/proof`, { key })));
};

/** A batch over the chain costs 1.20 USD, so small nets stay on the books. */
const DEAR_GAS: SettlementPolicy = {
  ...SETTLEMENT_POLICY,
  ageMsMax: 0,
  apt: { ...SETTLEMENT_POLICY.apt, usdMicros: 200_000_000n },
};

/** Changes batches as no program may: their guards are off meanwhile. */
async function unguarded(sql: string, values: readonly unknown[] = []): Promise<void> {
  await api.pool.query('alter table settlement_batches disable trigger user');
  await api.pool.query(sql, [...values]);
  await api.pool.query('alter table settlement_batches enable trigger user');
}

/** Does something while nothing is kept of where batches stand, as in a database from before. */
async function forgetting(change: string, run: () => Promise<void>): Promise<void> {
  await api.pool.query('create table kept_places as select id, carried_index, carried_path from settlement_batches');
  await unguarded(`update settlement_batches set ${change}`);
  await run();
  await unguarded(
    'update settlement_batches b set carried_index = k.carried_index, carried_path = k.carried_path from kept_places k where k.id = b.id',
  );
  await api.pool.query('drop table kept_places');
}

/** Ids of batches by partner, in the order in which each took over the one before. */
type Ways = Readonly<Record<'mtn-ug' | 'mpesa-ke', readonly string[]>>;

/** Has what both partners left in the newest window carried from window to window so many times. */
async function carryOn(steps: number): Promise<Ways> {
  const ids = () => Array.from({ length: steps }, () => newId());
  const [windows, ways] = [ids(), { 'mtn-ug': ids(), 'mpesa-ke': ids() }];
  await api.pool.query(
    `insert into settlement_windows select made.* from settlement_windows w cross join unnest($1::uuid[]) with ordinality as next(id, step)
     cross join lateral jsonb_populate_record(w, jsonb_build_object('id', next.id, 'number', w.number + step)) as made
     where w.number = (select max(number) from settlement_windows)`,
    [windows],
  );
  for (const [partner, batches] of Object.entries(ways)) {
    await unguarded(
      `with taken as (
         update settlement_batches b set carried_to = $1, carried_index = 0, carried_path = '' from settlement_windows w
         where b.partner = $2 and w.id = b.window_id and w.number = (select max(number) - cardinality($3::uuid[]) from settlement_windows)
         returning b as batch
       )
       insert into settlement_batches select made.* from taken cross join unnest($3::uuid[], $4::uuid[], $5::uuid[]) with ordinality
           as next(id, window_id, carried_to, step)
         cross join lateral jsonb_populate_record(batch, jsonb_build_object('id', next.id, 'window_id', next.window_id, 'carried_count', 1,
           'carried_to', next.carried_to, 'created_at', (batch).created_at + step * interval '1 minute')) as made`,
      [batches[0], partner, batches, windows, [...batches.slice(1), null]],
    );
  }
  await api.pool.query('analyze settlement_batches');
  return ways;
}

describe('the proof of a payment', () => {
  it('is not there before its window closes; then it holds offline and on chain, and no change passes', async () => {
    const clientId = api.clients.acme;
    const items = await paidPayments(3, { collected: 50_000_000n, paidOut: 14_000_000n });
    const [{ payment }] = items as [(typeof items)[number]];
    const key = await api.makeKey(payment.clientId, 'client:tests');
    const ask = (who = key) => api.call('GET', `/v1/payments/${payment.id}/proof`, { key: who });
    expect([(await ask()).status, (await bodyOf(await ask())).code]).toEqual([409, 'proof_not_ready']);
    expect((await ask(await api.makeKey(clientId, 'client:other'))).status).toBe(404);

    await settle({ pool: api.pool, clock: api.clock, policy: { ...SETTLEMENT_POLICY, ageMsMax: 0 }, isOnChain: () => true });
    await drive();
    const proof = readSettlementProof(await bodyOf(await ask()));
    expect(proof.legs.map((leg) => [leg.leg, leg.amountMinor, leg.currency])).toEqual([
      ['collection', '50000000', 'KES'],
      ['payout', '14000000', 'UGX'],
    ]);
    expect(checkSettlementProof(proof)).toEqual([]);
    expect(await checkOnChain(memoryReader(chain), proof)).toEqual([]);
    expect(proof.batches.every((batch) => batch.transactionHash !== null && batch.ledgerVersion !== null)).toBe(true);

    const [leg] = proof.legs as [(typeof proof.legs)[number]];
    const altered = (change: Partial<typeof leg>) => checkSettlementProof({ ...proof, legs: [{ ...leg, ...change }] });
    expect(altered({ amountMinor: '50000001' })).not.toEqual([]);
    expect(altered({ leg: 'payout' })).not.toEqual([]);
    expect(altered({ proof: { ...leg.proof, index: (leg.proof.index + 1) % 3 } })).not.toEqual([]);
    expect(checkSettlementProof({ ...proof, paymentId: newId() })).not.toEqual([]);
    expect(await checkOnChain(memoryReader(memoryChain(api.clock)), proof)).toHaveLength(2);

    // What arbiters gave back, as the file has it, is a verdict of its own, before the rest is paid as well.
    for (const [part, verdict, told] of [
      [1n, 'reversed', /^arbiters gave 1500000\.00 KES of 1500000\.00 KES .* back to its payer$/],
      [3n, 'partly_reversed', /^arbiters gave 500000\.00 KES of 1500000\.00 KES .*, and 1000000\.00 KES was paid$/],
    ] as const) {
      const back = (due: bigint) => (due < 0n ? -due : due) / part;
      const reader = memoryReader(chain);
      const judged = {
        ...reader,
        status: async (id: string) => {
          const { dueMinor = '0' } = proof.batches.find((batch) => batch.id === id) ?? {};
          return { ...(await reader.status(id)), reversedMinor: back(BigInt(dueMinor)) };
        },
      };
      const reversed = {
        ...proof,
        batches: proof.batches.map((batch) => ({ ...batch, reversedMinor: back(BigInt(batch.dueMinor)).toString() })),
      };
      const faults = await checkOnChain(judged, reversed);
      expect([verdictOf(faults), verdictOf(await checkOnChain(judged, proof))]).toEqual([verdict, 'wrong']);
      expect(faults.map(({ detail }) => detail)).toContainEqual(expect.stringMatching(told));
    }

    // And the payment's story has the decision that netted it, whichever of the client's payments it stands under.
    expect(await findDecisions(api.pool, payment.id)).toMatchObject([
      { agent: 'settlement', paymentId: payment.id, outcome: 'netted', facts: { payments: 3 } },
    ]);
  });

  it('whose batch stays on the books, twice, leads through both to the one that the chain pays, and says so before', async () => {
    const policy = DEAR_GAS;
    const close = () => settle({ pool: api.pool, clock: api.clock, policy, isOnChain: () => true });
    const [first] = await paidPayments(1, { collected: 900_000n, paidOut: 250_000n });
    await close();
    const early = await proofOf(first);
    expect(early.carried).toEqual([]);
    expect(checkSettlementProof(early)).toEqual([]);
    expect(verdictOf(await checkOnChain(memoryReader(chain), early))).toBe('not_on_chain');

    const [second] = await paidPayments(1, { collected: 800_000n, paidOut: 240_000n });
    await close();
    await paidPayments(1, { collected: 90_000_000n, paidOut: 25_000_000n });
    await close();
    await drive();
    for (const [item, links] of [
      [first, 4],
      [second, 2],
    ] as const) {
      const proof = await proofOf(item);
      expect(proof.carried).toHaveLength(links);
      // Its places were kept when the batches were taken over; from whole trees they come out the same.
      await forgetting(`carried_index = null, carried_path = null`, async () => expect(await proofOf(item)).toEqual(proof));
      expect([checkSettlementProof(proof), await checkOnChain(memoryReader(chain), proof)]).toEqual([[], []]);
      for (const leg of proof.legs) expect(wayOf(proof, leg).at(-1)).toMatchObject({ method: 'chain', status: 'settled' });
      // Without what binds it the payment is paid by nobody.
      const cut = { ...proof, carried: proof.carried.slice(1) };
      expect(verdictOf(checkSettlementProof(cut))).toBe('wrong');
    }
  });

  it('ends in front of a batch from before what was taken over became part of trees', async () => {
    const policy = DEAR_GAS;
    const close = () => settle({ pool: api.pool, clock: api.clock, policy, isOnChain: () => true });
    const [first] = await paidPayments(1, { collected: 900_000n, paidOut: 250_000n });
    await close();
    await paidPayments(1, { collected: 90_000_000n, paidOut: 25_000_000n });
    const { batches } = await close();
    await unguarded('update settlement_batches set carried_count = null where id = any($1::uuid[])', [batches.map(({ id }) => id)]);
    const proof = await proofOf(first);
    expect([proof.carried, proof.batches.map(({ method }) => method)]).toEqual([[], ['books', 'books']]);
    expect(verdictOf(await checkOnChain(memoryReader(chain), proof))).toBe('not_on_chain');
  });

  it('is its own batch alone while no chain pays that, however often it was carried, and is refused where its way is too long', async () => {
    // Behind the batches of the other tests, some of which were made at the database's own time.
    api.clock.advance(Date.now() + 3_600_000 - api.clock.now());
    const [item] = await paidPayments(1, { collected: 900_000n, paidOut: 250_000n });
    await settle({ pool: api.pool, clock: api.clock, policy: DEAR_GAS, isOnChain: () => false });
    const { id, clientId } = (item as NonNullable<typeof item>).payment;
    const key = await api.makeKey(clientId, `client:${newId().slice(0, 8)}`);
    const refusal = async () => (await bodyOf(await api.call('GET', `/v1/payments/${id}/proof`, { key }))).code;
    const ways = await carryOn(WAY_BATCHES_MAX + 500);
    const proof = await proofOf(item);
    expect([proof.carried, proof.batches.length, checkSettlementProof(proof)]).toEqual([[], 2, []]);
    expect(verdictOf(await checkOnChain(memoryReader(chain), proof))).toBe('not_on_chain');

    const paidBy = (step: number) =>
      unguarded(`update settlement_batches set method = 'chain', carried_to = null where id = any($1::uuid[])`, [
        Object.values(ways).map((ids) => ids[step - 1]),
      ]);
    await paidBy(WAY_BATCHES_MAX + 500);
    expect(await refusal()).toBe('proof_too_long');
    await paidBy(WAY_BATCHES_MAX);
    expect(await refusal()).toBe('proof_too_long');
    await paidBy(WAY_BATCHES_MAX - 1);
    const longest = await proofOf(item);
    expect([longest.carried.length, longest.batches.length]).toEqual([2 * (WAY_BATCHES_MAX - 1), 2 * WAY_BATCHES_MAX]);
    for (const leg of longest.legs) expect(wayOf(longest, leg).at(-1)?.method).toBe('chain');
    // Places that were never kept take whole trees, and there are too many of these.
    await forgetting('carried_path = null', async () => expect(await refusal()).toBe('proof_too_long'));
  });
});
