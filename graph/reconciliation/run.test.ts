import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBreakDecisions, listBreaks } from '../../db/queries/breaks.ts';
import { isFault } from '../../domain/errors.ts';
import { formatAmount, money } from '../../domain/money.ts';
import { railById } from '../../domain/network.ts';
import { balances, checkBooks } from '../../tools/ledger/index.ts';
import { type StatementFile, wholeStatement } from '../../tools/reconciliation/file.ts';
import type { EffectRequest } from '../../tools/mmo/operator.ts';
import { verifyAudit } from '../../tools/audit/index.ts';
import { sealAudit } from '../../tools/audit/index.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { approveEntries, entriesDigest, proposeEntries, rejectEntries } from './breaks.ts';
import { noteContradictions } from '../effects/record.ts';
import { reconcileDay } from './run.ts';

const DAY = '2026-11-02';
const HEADER = 'Id,External id,Date,Status,Type,Amount,Currency,Fee';

let platform: TestPlatform;
/** What the operator of MTN Uganda was asked to pay out. */
let asked: EffectRequest[];

beforeEach(async () => {
  platform = await testPlatform();
  asked = [];
  platform.script = {
    disburse: (railId, request) => {
      if (railId === 'mtn-ug') asked.push(request);
      return { state: 'succeeded', receipt: `R-${request.requestId.slice(0, 8)}`, amount: request.amount };
    },
  };
});
afterEach(() => platform.close());

async function pay(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await platform.submit();
  await platform.settleDown();
}

interface Row {
  readonly reference?: string;
  readonly ours: string;
  readonly minor: bigint;
  readonly fee?: number;
}

/** A statement of MTN Uganda's, whose clocks are three hours ahead. */
function statement(rows: readonly Row[]): string {
  const lines = rows.map(({ reference, ours, minor, fee = 0 }) =>
    [
      reference ?? `R-${ours.slice(0, 8)}`,
      ours,
      `${DAY} 12:00:01`,
      'Successful',
      'Transfer',
      formatAmount(money(minor, 'UGX')),
      'UGX',
      fee,
    ].join(','),
  );
  return [HEADER, ...lines].join('\n');
}

const rowOf = (request: EffectRequest): Row => ({ ours: request.requestId, minor: request.amount.minor });
const reconcile = (given: StatementFile | string | null, by = 'system') => {
  const file = typeof given === 'string' ? wholeStatement(given) : given;
  return reconcileDay(platform.deps, { rail: railById('mtn-ug'), day: DAY, file, by });
};
const allBreaks = () => listBreaks(platform.deps.pool, {}, { after: null, limit: 50 });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
const floatOf = async () => (await balances(platform.deps.pool, ['float:mtn-ug']))[0]?.posted ?? 0n;

describe('a day', () => {
  it('that agrees has no break, and is written down with whoever asked', async () => {
    await pay(3);
    const report = await reconcile(statement(asked.map(rowOf)), 'treasury:zawadi');
    expect(report).toMatchObject({ basis: 'statement', lines: 3, matched: 3, newBreaks: 0, resolved: 0, breaks: [] });
    const { rows } = await platform.deps.pool.query('select rail_id, basis, started_by, summary from reconciliations');
    expect(rows).toMatchObject([{ rail_id: 'mtn-ug', basis: 'statement', started_by: 'treasury:zawadi', summary: { matched: 3 } }]);
  });

  it('reconciled twice finds each break once, and ends it by itself once both sides agree', async () => {
    await pay(2);
    const [first, second] = asked.map(rowOf) as [Row, Row];
    // What ended a moment ago need not stand in a statement yet.
    expect(await reconcile(statement([first]))).toMatchObject({ newBreaks: 0 });
    platform.clock.advance(600_000);
    expect(await reconcile(statement([first]))).toMatchObject({ newBreaks: 1 });
    expect(await reconcile(statement([first]))).toMatchObject({ newBreaks: 0, resolved: 0 });
    expect(await allBreaks()).toMatchObject([{ kind: 'missing_there', status: 'open', day: DAY }]);
    expect(await reconcile(statement([first, second]))).toMatchObject({ newBreaks: 0, resolved: 1 });
    expect(await allBreaks()).toMatchObject([{ status: 'resolved' }]);
  });

  it('ends doubts that the statement tells the end of, and the payment goes on', async () => {
    platform.script = {
      disburse: (_railId, request) => {
        asked.push(request);
        return { state: 'unknown', reasonCode: 'no_answer' };
      },
    };
    const id = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('disbursing');
    const report = await reconcile(statement(asked.map(rowOf)));
    expect(report).toMatchObject({ doubtsEnded: 1, matched: 1, newBreaks: 0 });
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
  });

  it('leaves a doubt alone when the statement tells another amount', async () => {
    platform.script = {
      disburse: (_railId, request) => {
        asked.push(request);
        return { state: 'unknown', reasonCode: 'no_answer' };
      },
    };
    const id = await platform.submit();
    await platform.settleDown();
    const [request] = asked as [EffectRequest];
    await reconcile(statement([{ ...rowOf(request), minor: request.amount.minor - 1n }]));
    expect(await allBreaks()).toMatchObject([{ kind: 'amount_differs', proposedEntries: [] }]);
    expect((await platform.status(id)).status).toBe('disbursing');
  });

  it('raises a case for a payout that was taken for failed, and proposes no entry twice', async () => {
    platform.script = {
      disburse: (railId, request) => {
        if (railId === 'mtn-ug') asked.push(request);
        return railId === 'mtn-ug'
          ? { state: 'failed', reasonCode: 'operator_error', retry: 'later' }
          : { state: 'succeeded', receipt: 'hub', amount: request.amount };
      },
    };
    await pay(1);
    const [request] = asked as [EffectRequest];
    const entries = [
      {
        debit: 'treasury:UGX',
        credit: 'float:mtn-ug',
        amountMinor: request.amount.minor.toString(),
        currency: 'UGX',
        reason: 'late_payout',
      },
    ];
    const report = await reconcile(statement([rowOf(request)]));
    expect(report).toMatchObject({ lateSuccesses: 1, newBreaks: 1 });
    const cases = await platform.deps.pool.query("select evidence from cases where kind = 'late_success'");
    expect(cases.rows).toMatchObject([{ evidence: { saidBy: 'statement', proposedEntries: entries } }]);
    expect(await allBreaks()).toMatchObject([
      { kind: 'missing_here', proposedEntries: entries, evidence: { line: { operatorReference: `R-${request.requestId.slice(0, 8)}` } } },
    ]);
    // A statement that was taken before lacks it; what the operator moved stays people's business.
    expect(await reconcile(HEADER)).toMatchObject({ newBreaks: 0, resolved: 0 });
    expect(await allBreaks()).toMatchObject([{ status: 'open' }]);
  });

  it('keeps the break of a late success that its operator told of, whatever a statement lacks', async () => {
    platform.script = {
      disburse: (railId, request) => {
        if (railId === 'mtn-ug') asked.push(request);
        return railId === 'mtn-ug'
          ? { state: 'failed', reasonCode: 'operator_error', retry: 'later' }
          : { state: 'succeeded', receipt: 'hub', amount: request.amount };
      },
    };
    await pay(1);
    const [request] = asked as [EffectRequest];
    const { rows } = await platform.deps.pool.query<{ id: string }>('select id from attempts where request_id = $1', [request.requestId]);
    const outcome = { state: 'succeeded' as const, receipt: 'R-late', amount: request.amount };
    await noteContradictions(platform.deps, [{ attemptId: rows[0]?.id ?? '', outcome }]);
    expect(await allBreaks()).toMatchObject([{ kind: 'missing_here', day: DAY, status: 'open' }]);
    platform.clock.advance(600_000);
    expect(await reconcile(HEADER)).toMatchObject({ newBreaks: 0, resolved: 0, breaks: [] });
    expect(await allBreaks()).toMatchObject([{ status: 'open' }]);
  });

  it('keeps the break of a success that its operator takes back, until a statement has the movement', async () => {
    await pay(1);
    const [request] = asked as [EffectRequest];
    const { rows } = await platform.deps.pool.query<{ id: string }>('select id from attempts where request_id = $1', [request.requestId]);
    const outcome = { state: 'failed' as const, reasonCode: 'reversed', retry: 'never' as const };
    await noteContradictions(platform.deps, [{ attemptId: rows[0]?.id ?? '', outcome }]);
    expect(await allBreaks()).toMatchObject([{ kind: 'missing_there', day: DAY, status: 'open' }]);
    // It ended a moment ago and need not stand in this statement yet, so that its absence proves nothing.
    expect(await reconcile(HEADER)).toMatchObject({ newBreaks: 0, resolved: 0 });
    expect(await allBreaks()).toMatchObject([{ status: 'open' }]);
    platform.clock.advance(600_000);
    expect(await reconcile(HEADER)).toMatchObject({ newBreaks: 0, resolved: 0, breaks: [{ kind: 'missing_there' }] });
    expect(await reconcile(statement([rowOf(request)]))).toMatchObject({ matched: 1, resolved: 1 });
    expect(await allBreaks()).toMatchObject([{ status: 'resolved' }]);
  });

  it('takes nothing back of a success that a statement has already: what its operator gives back later is a line of its own', async () => {
    await pay(1);
    const [request] = asked as [EffectRequest];
    await reconcile(statement([rowOf(request)]));
    const { rows } = await platform.deps.pool.query<{ id: string }>('select id from attempts where request_id = $1', [request.requestId]);
    const outcome = { state: 'failed' as const, reasonCode: 'reversed', retry: 'never' as const };
    await noteContradictions(platform.deps, [{ attemptId: rows[0]?.id ?? '', outcome }]);
    expect(await allBreaks()).toEqual([]);
    const cases = await platform.deps.pool.query('select kind, evidence from cases');
    expect(cases.rows).toMatchObject([{ kind: 'contradicted', evidence: { said: 'failed', isInStatement: true, proposedEntries: [] } }]);
  });

  it('keeps a statement that cannot be read, encrypted, with the reason, and changes nothing', async () => {
    await pay(1);
    expect(await codeOf(reconcile(`${HEADER}\n1,+256772123456,yesterday,Successful,Transfer,1,UGX,0`))).toBe('statement_malformed');
    expect(await codeOf(reconcile('not a statement'))).toBe('statement_malformed');
    const other = statement(asked.map(rowOf)).replaceAll(DAY, '2026-10-01');
    expect(await codeOf(reconcile(other))).toBe('statement_malformed');
    const { rows } = await platform.deps.pool.query<{ status: string; reason_code: string; body: Buffer }>(
      'select status, reason_code, body from statements',
    );
    expect(rows.map(({ status, reason_code }) => `${status} ${reason_code}`)).toEqual(Array(3).fill('refused statement_malformed'));
    expect(rows.some(({ body }) => body.toString('latin1').includes('256772123456'))).toBe(false);
    expect(await allBreaks()).toEqual([]);
  });

  it('reads a statement in the bytes of its portal, keeps them as they are, and of one that is too large its head', async () => {
    await pay(1);
    const bytes = Buffer.from(`Relevé de la période\n${statement(asked.map(rowOf))}`, 'latin1');
    expect((await reconcile({ bytes, sizeBytes: bytes.length })).breaks).toEqual([]);
    const head = Buffer.from('x'.repeat(100));
    expect(await codeOf(reconcile({ bytes: head, sizeBytes: 65 * 1024 * 1024 }))).toBe('statement_malformed');
    const { rows } = await platform.deps.pool.query<{ status: string; body_digest: Buffer }>(
      'select status, body_digest from statements order by created_at, id',
    );
    const digestOf = (text: string) => platform.deps.keyring.blindIndex(text, 'statements.body');
    expect(rows.map(({ status }) => status)).toEqual(['loaded', 'refused']);
    expect(rows.map(({ body_digest }) => body_digest)).toEqual([digestOf(`base64:${bytes.toString('base64')}`), digestOf(head.toString())]);
  });

  it('without a statement goes by the balance, and needs one of the two', async () => {
    await pay(1);
    expect(await codeOf(reconcile(null))).toBe('statement_missing');
    const ledgerMinor = await floatOf();
    const asNew: (number | undefined)[] = [];
    const telling = (minor: bigint) => ({
      ...platform.deps,
      operators: (railId: string) => ({
        ...platform.deps.operators(railId),
        balance: async (terms?: { readonly notBeforeMs: number }) => {
          asNew.push(terms?.notBeforeMs);
          return money(minor, 'UGX');
        },
      }),
    });
    const byBalance = (minor: bigint) => reconcileDay(telling(minor), { rail: railById('mtn-ug'), day: DAY, file: null, by: 'system' });
    expect(await byBalance(ledgerMinor)).toMatchObject({ basis: 'balance', breaks: [] });
    // One from before the look at the books would be held against other books.
    expect(asNew).toEqual([platform.clock.now()]);
    expect(await byBalance(ledgerMinor - 1n)).toMatchObject({ newBreaks: 1, breaks: [{ kind: 'balance_differs' }] });
    // A statement says nothing of the balance of this moment, and ends no break about it.
    await reconcile(statement(asked.map(rowOf)));
    expect(await allBreaks()).toMatchObject([{ kind: 'balance_differs', status: 'open' }]);
    expect(await byBalance(ledgerMinor)).toMatchObject({ resolved: 1 });
  });

  it('lets the balance differ by what is on its way, and by no more', async () => {
    platform.script = { disburse: (_railId, request) => (asked.push(request), { state: 'unknown', reasonCode: 'no_answer' }) };
    await platform.submit();
    await platform.settleDown();
    const leaving = asked[0]?.amount.minor ?? 0n;
    const ledgerMinor = await floatOf();
    const operators = (minor: bigint) => (railId: string) => ({
      ...platform.deps.operators(railId),
      balance: async () => money(minor, 'UGX'),
    });
    for (const [minor, breaks] of [
      [ledgerMinor, 0],
      [ledgerMinor - leaving, 0],
      [ledgerMinor - leaving - 1n, 1],
      [ledgerMinor + 1n, 1],
    ] as const) {
      const deps = { ...platform.deps, operators: operators(minor) };
      const report = await reconcileDay(deps, { rail: railById('mtn-ug'), day: DAY, file: null, by: 'system' });
      expect(report.breaks).toHaveLength(breaks);
    }
  });
});

describe('two people', () => {
  const stray: Row = { reference: 'STRAY1', ours: 'nobody', minor: 5_000n };

  async function oneBreak() {
    await reconcile(statement([stray]));
    const [found] = await allBreaks();
    if (found === undefined) throw new Error('there is no break');
    return found;
  }

  it('post what was proposed: linked, audited, and the float follows', async () => {
    const found = await oneBreak();
    const { pool } = platform.deps;
    const before = await floatOf();
    const act = (principal: string) => ({ breakId: found.id, principal, reasonCode: 'unidentified_payout' });
    await proposeEntries(platform.deps, act('treasury:zawadi'), null);
    const digest = entriesDigest(found.proposedEntries);
    expect(await codeOf(approveEntries(platform.deps, act('treasury:zawadi'), digest))).toBe('maker_is_checker');
    expect(await codeOf(approveEntries(platform.deps, act('treasury:tunde'), '0'.repeat(64)))).toBe('entries_stale');
    expect(await floatOf()).toBe(before);
    expect(await approveEntries(platform.deps, act('treasury:tunde'), digest)).toMatchObject({ status: 'posted' });
    expect(before - (await floatOf())).toBe(5_000n);
    const { rows } = await pool.query("select t.reason, t.link_id, t.payment_id from transfers t where t.reason like 'reconciliation%'");
    const decisions = await findBreakDecisions(pool, found.id);
    expect(rows).toEqual([{ reason: 'reconciliation_missing_here', link_id: decisions[1]?.linkId, payment_id: null }]);
    expect(decisions.map(({ principal, action }) => `${principal} ${action}`)).toEqual([
      'treasury:zawadi propose',
      'treasury:tunde approve',
    ]);
    const events = await pool.query("select actor, action, details from audit_events where action like 'break.%' order by id");
    expect(events.rows).toMatchObject([
      { actor: 'treasury:zawadi', action: 'break.proposed' },
      { actor: 'treasury:tunde', action: 'break.posted', details: { proposedBy: 'treasury:zawadi', linkId: decisions[1]?.linkId } },
    ]);
    expect(await checkBooks(pool)).toEqual([]);
    await sealAudit(platform.deps);
    expect((await verifyAudit(platform.deps)).findings).toEqual([]);
  });

  it('cannot post it again, and finding it again does not open it', async () => {
    const found = await oneBreak();
    const act = (principal: string) => ({ breakId: found.id, principal, reasonCode: 'x1' });
    await proposeEntries(platform.deps, act('one'), null);
    const digest = entriesDigest(found.proposedEntries);
    const both = await Promise.all([
      codeOf(approveEntries(platform.deps, act('two'), digest)),
      codeOf(approveEntries(platform.deps, act('three'), digest)),
    ]);
    expect(new Set(both)).toEqual(new Set(['break_not_open', null]));
    await reconcile(statement([stray]));
    expect(await allBreaks()).toMatchObject([{ status: 'posted' }]);
    expect(await codeOf(proposeEntries(platform.deps, act('one'), null))).toBe('break_not_open');
  });

  it('may send a proposal back, change it, or dismiss the break without an entry', async () => {
    const found = await oneBreak();
    const act = (principal: string) => ({ breakId: found.id, principal, reasonCode: 'x1' });
    await proposeEntries(platform.deps, act('one'), null);
    expect(await codeOf(rejectEntries(platform.deps, act('one')))).toBe('maker_is_checker');
    expect(await rejectEntries(platform.deps, act('two'))).toMatchObject({ status: 'open' });
    await proposeEntries(platform.deps, act('one'), []);
    const stale = entriesDigest(found.proposedEntries);
    expect(await codeOf(approveEntries(platform.deps, act('two'), stale))).toBe('entries_stale');
    const before = await floatOf();
    expect(await approveEntries(platform.deps, act('two'), entriesDigest([]))).toMatchObject({ status: 'dismissed' });
    expect(await floatOf()).toBe(before);
  });

  it('propose only what may correct the books', async () => {
    const found = await oneBreak();
    const act = { breakId: found.id, principal: 'one', reasonCode: 'x1' };
    const entry = { debit: 'suspense:UGX', credit: 'float:mtn-ug', amountMinor: 1n, currency: 'UGX' as const, reason: 'x' };
    for (const change of [
      { debit: 'clearing:UGX' },
      { credit: 'position:UGX' },
      { credit: 'float:nowhere' },
      { debit: 'float:mtn-ug' },
      { amountMinor: 0n },
      { amountMinor: -5n },
      { currency: 'KES' as const },
    ]) {
      expect(await codeOf(proposeEntries(platform.deps, act, [{ ...entry, ...change }]))).toBe('entries_invalid');
    }
    expect(await codeOf(proposeEntries(platform.deps, act, Array(21).fill(entry)))).toBe('entries_invalid');
    expect(await proposeEntries(platform.deps, act, [entry])).toMatchObject({ status: 'proposed' });
  });

  it('are asked for by the database as well', async () => {
    const found = await oneBreak();
    await proposeEntries(platform.deps, { breakId: found.id, principal: 'one', reasonCode: 'x1' }, null);
    const insert = (principal: string, digest: string) =>
      platform.deps.pool
        .query(
          `insert into break_decisions (id, break_id, principal, action, reason_code, entries, entries_digest)
           values (gen_random_uuid(), $1, $2, 'approve', 'x', '[]', $3)`,
          [found.id, principal, digest],
        )
        .then(
          () => 'done',
          (error: { constraint?: string }) => error.constraint,
        );
    const digest = entriesDigest(found.proposedEntries);
    expect(await insert('one', digest)).toBe('break_decisions_two_people');
    expect(await insert('two', 'other')).toBe('break_decisions_two_people');
    for (const table of ['statements', 'statement_lines', 'reconciliations', 'break_decisions']) {
      await expect(platform.deps.pool.query(`delete from ${table}`)).rejects.toThrow(/never changed/);
    }
  });
});
