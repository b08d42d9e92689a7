import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listBreaks } from '../../db/queries/breaks.ts';
import { raiseMissing } from '../case/doubts.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import type { Outcome } from '../../tools/mmo/operator.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import type { GraphDeps, Hint } from '../types.ts';
import { type Answer, createRecorder, inquiryDelayMs, isEnd, openHandle, recordAnswers } from './record.ts';

let platform: TestPlatform;
let deps: GraphDeps;
let hints: Hint[];
let attemptIds: string[];

beforeEach(async () => {
  platform = await testPlatform();
  hints = [];
  deps = { ...platform.deps, notify: (hint) => void hints.push(hint) };
  for (let count = 0; count < 3; count += 1) await platform.submit();
  await platform.worker.work('authorize');
  const sent = await platform.database.pool.query<{ id: string }>(`update attempts set state = 'sent', sent_at = $1 returning id`, [
    new Date(platform.clock.now()),
  ]);
  attemptIds = sent.rows.map((row) => row.id);
});

afterEach(async () => {
  await platform.close();
});

async function attempt(index: number) {
  const result = await platform.database.pool.query<{
    state: string;
    receipt: string | null;
    reason_code: string | null;
    retry: string | null;
    operator_handle: Buffer | null;
    next_inquiry_at: Date | null;
    resolved_at: Date | null;
  }>('select state, receipt, reason_code, retry, operator_handle, next_inquiry_at, resolved_at from attempts where id = $1', [
    attemptIds[index],
  ]);
  return result.rows[0];
}

function answerOf(index: number, outcome: Outcome, handle: Answer['handle'] = {}): Answer {
  return { attemptId: attemptIds[index] ?? '', outcome, handle, stored: null, nextInquiryAtMs: platform.clock.now() + 5_000 };
}

async function contradicted(): Promise<string[]> {
  const result = await platform.database.pool.query<{ id: string }>('select id from attempts where contradicted_at is not null');
  return result.rows.map((row) => row.id);
}

const SUCCEEDED: Outcome = { state: 'succeeded', receipt: 'QK1', amount: null };
const FAILED: Outcome = { state: 'failed', reasonCode: '1032', retry: 'after_customer' };

describe('an answer', () => {
  it('that is an end is kept with what it says, and is never asked about again', async () => {
    expect(await recordAnswers(deps, [answerOf(0, SUCCEEDED), answerOf(1, FAILED)])).toEqual(['recorded', 'recorded']);
    const now = new Date(platform.clock.now());
    expect(await attempt(0)).toMatchObject({ state: 'succeeded', receipt: 'QK1', retry: null, next_inquiry_at: null, resolved_at: now });
    expect(await attempt(1)).toMatchObject({
      state: 'failed',
      reason_code: '1032',
      retry: 'after_customer',
      next_inquiry_at: null,
      resolved_at: now,
    });
    expect(hints).toEqual(['outcomes']);
  });

  it('that is none says when to ask again, and hints at nothing', async () => {
    await recordAnswers(deps, [answerOf(0, { state: 'pending' }), answerOf(1, { state: 'unknown', reasonCode: 'no_answer' })]);
    const next_inquiry_at = new Date(platform.clock.now() + 5_000);
    expect(await attempt(0)).toMatchObject({ state: 'pending', next_inquiry_at, resolved_at: null });
    expect(await attempt(1)).toMatchObject({ state: 'unknown', reason_code: 'no_answer', next_inquiry_at, resolved_at: null });
    expect(hints).toEqual([]);
  });

  it('that tells of another amount stands until the end, whatever is told meanwhile', async () => {
    await recordAnswers(deps, [answerOf(0, { state: 'unknown', reasonCode: 'amount_mismatch' })]);
    for (const outcome of [{ state: 'pending' }, { state: 'unknown', reasonCode: 'no_answer' }] as const) {
      await recordAnswers(deps, [answerOf(0, outcome)]);
      expect(await attempt(0)).toMatchObject({ state: outcome.state, reason_code: 'amount_mismatch' });
    }
    await recordAnswers(deps, [answerOf(0, SUCCEEDED)]);
    expect(await attempt(0)).toMatchObject({ state: 'succeeded', reason_code: null });
  });

  it('never changes an attempt that has ended', async () => {
    await recordAnswers(deps, [answerOf(0, SUCCEEDED)]);
    const before = await attempt(0);
    for (const outcome of [{ state: 'unknown', reasonCode: 'x' }, { state: 'pending' }, { ...SUCCEEDED, receipt: 'QK2' }] as Outcome[]) {
      expect(await recordAnswers(deps, [answerOf(0, outcome)])).toEqual(['ended_before']);
    }
    expect(await contradicted()).toEqual([]);
    expect(await recordAnswers(deps, [answerOf(0, FAILED)])).toEqual(['contradicts']);
    expect(await attempt(0)).toEqual(before);
    expect(hints).toEqual(['outcomes']);
  });

  it('never touches an attempt that was not sent', async () => {
    await platform.submit();
    await platform.worker.work('authorize');
    const fresh = await platform.database.pool.query<{ id: string }>(`select id from attempts where state = 'created'`);
    expect(await recordAnswers(deps, [{ ...answerOf(0, SUCCEEDED), attemptId: fresh.rows[0]?.id ?? '' }])).toEqual(['ended_before']);
  });

  it('keeps the ids of the operator encrypted, and an answer without ids leaves them', async () => {
    await recordAnswers(deps, [answerOf(0, { state: 'pending' }, { msisdn: '254712345678' })]);
    await recordAnswers(deps, [answerOf(0, { state: 'unknown', reasonCode: 'no_answer' })]);
    const row = await attempt(0);
    expect(row?.operator_handle?.toString('latin1')).not.toContain('254712345678');
    expect(openHandle(deps, row?.operator_handle ?? null)).toEqual({ msisdn: '254712345678' });
  });
});

describe('an answer that cannot be true beside the end that is recorded', () => {
  const cases = async () =>
    (await platform.database.pool.query<{ kind: string; attempt_id: string }>('select kind, attempt_id from cases')).rows;

  it('is seen: a late success marks the attempt and is a case, and moves nothing', async () => {
    await recordAnswers(deps, [answerOf(0, FAILED)]);
    expect(await recordAnswers(deps, [answerOf(0, SUCCEEDED), answerOf(1, SUCCEEDED)])).toEqual(['contradicts', 'recorded']);
    expect((await attempt(0))?.state).toBe('failed');
    expect(await contradicted()).toEqual([attemptIds[0]]);
    expect(await cases()).toEqual([{ kind: 'late_success', attempt_id: attemptIds[0] }]);
    await recordAnswers(deps, [answerOf(0, SUCCEEDED)]);
    expect(await cases()).toHaveLength(1);
  });

  it('is a case when a success is said to have failed, with a break that takes the movement of the float back', async () => {
    await recordAnswers(deps, [answerOf(0, SUCCEEDED)]);
    const takenBack = answerOf(0, { state: 'failed', reasonCode: 'reversed', retry: 'never' });
    expect(await recordAnswers(deps, [takenBack])).toEqual(['contradicts']);
    await recordAnswers(deps, [takenBack]);
    const { rows } = await platform.database.pool.query('select kind, attempt_id, evidence from cases');
    const entry = { debit: 'suspense:KES', credit: 'float:mpesa-ke', amountMinor: '150000', currency: 'KES' };
    expect(rows).toMatchObject([
      {
        kind: 'contradicted',
        attempt_id: attemptIds[0],
        evidence: { state: 'succeeded', said: 'failed', saidReason: 'reversed', proposedEntries: [entry] },
      },
    ]);
    expect(await listBreaks(deps.pool, {}, { after: null, limit: 10 })).toMatchObject([
      { kind: 'missing_there', status: 'open', attemptId: attemptIds[0], proposedEntries: [entry] },
    ]);
    expect((await attempt(0))?.state).toBe('succeeded');
    expect(await checkBooks(deps.pool)).toEqual([]);
  });

  it('is seen when the operator took a request after all that it never had', async () => {
    const absent: Outcome = { state: 'failed', reasonCode: 'never_received', retry: 'later' };
    await recordAnswers(deps, [answerOf(0, absent), answerOf(1, FAILED)]);
    expect(await recordAnswers(deps, [answerOf(0, { state: 'pending' }), answerOf(1, { state: 'pending' })])).toEqual([
      'contradicts',
      'ended_before',
    ]);
    expect(await contradicted()).toEqual([attemptIds[0]]);
    // Whether it will move money nobody knows: people hear of it, and no entry is proposed.
    expect(await cases()).toEqual([{ kind: 'contradicted', attempt_id: attemptIds[0] }]);
    expect(await listBreaks(deps.pool, {}, { after: null, limit: 10 })).toEqual([]);
  });

  it.each<[string, Outcome, Outcome, readonly object[], number]>([
    ['a late success', FAILED, SUCCEEDED, [{ kind: 'late_success' }], 1],
    [
      'a success that is taken back',
      SUCCEEDED,
      { state: 'failed', reasonCode: 'reversed', retry: 'never' },
      [{ kind: 'contradicted', said: 'failed', saidReason: 'reversed' }],
      1,
    ],
    [
      'a request that was taken after all',
      { state: 'failed', reasonCode: 'never_received', retry: 'later' },
      { state: 'pending' },
      [{ kind: 'contradicted', said: 'pending' }],
      0,
    ],
  ])('gets its case though whoever noted it is killed before: %s', async (_what, ended, said, expected, breaks) => {
    await recordAnswers(deps, [answerOf(0, ended)]);
    // Nothing reaches the database from the process any more once the contradiction stands there.
    let isDead = false;
    const dying = new Proxy(deps.pool, {
      get: (pool, key) =>
        key === 'query' || key === 'connect'
          ? async (...words: [{ name?: string }]) => {
              if (isDead) throw new Error('killed');
              isDead = words[0]?.name === 'note_contradictions';
              return (pool[key] as (...words: unknown[]) => Promise<unknown>).apply(pool, words);
            }
          : Reflect.get(pool, key),
    });
    await expect(recordAnswers({ ...deps, pool: dying }, [answerOf(0, said)])).rejects.toThrow('killed');
    expect([await contradicted(), await cases()]).toEqual([[attemptIds[0]], []]);
    await platform.worker.work('settle');
    const { rows } = await platform.database.pool.query(
      `select kind, evidence ->> 'said' as said, evidence ->> 'saidReason' as "saidReason" from cases`,
    );
    expect(rows).toMatchObject(expected);
    expect(await listBreaks(deps.pool, {}, { after: null, limit: 10 })).toHaveLength(breaks);
    await platform.worker.work('settle');
    expect(await cases()).toHaveLength(1);
  });

  it('gets the case that it can have been where what was said was not kept yet', async () => {
    await recordAnswers(deps, [answerOf(0, FAILED), answerOf(1, SUCCEEDED)]);
    await platform.database.pool.query('update attempts set contradicted_at = now()');
    expect(await raiseMissing(deps)).toBe(2);
    expect((await cases()).toSorted((a, b) => (a.kind < b.kind ? -1 : 1))).toEqual([
      { kind: 'contradicted', attempt_id: attemptIds[1] },
      { kind: 'late_success', attempt_id: attemptIds[0] },
    ]);
    expect(await raiseMissing(deps)).toBe(0);
  });

  it('is kept as that money moved, whatever is said after that', async () => {
    await recordAnswers(deps, [answerOf(0, { state: 'failed', reasonCode: 'never_received', retry: 'later' })]);
    const said = async (outcome: Outcome) => {
      expect(await recordAnswers(deps, [answerOf(0, outcome)])).toEqual(['contradicts']);
      const { rows } = await platform.database.pool.query('select contradicted_by from attempts where id = $1', [attemptIds[0]]);
      return rows[0]?.contradicted_by;
    };
    expect(await said({ state: 'pending' })).toBe('pending');
    expect(await said(SUCCEEDED)).toBe('succeeded');
    expect(await said({ state: 'pending' })).toBe('succeeded');
  });

  it('gets no second case where what was said was not kept yet, and its case was another than could be guessed', async () => {
    await recordAnswers(deps, [answerOf(0, { state: 'failed', reasonCode: 'never_received', retry: 'later' })]);
    await recordAnswers(deps, [answerOf(0, SUCCEEDED)]);
    await platform.database.pool.query('update attempts set contradicted_by = null, contradicted_reason = null');
    expect(await raiseMissing(deps)).toBe(0);
    expect(await cases()).toMatchObject([{ kind: 'late_success' }]);
  });
});

describe('a late acknowledgement', () => {
  it('fits beside a request that nobody paid in time: the operator had it all along', async () => {
    const unpaid: Outcome = { state: 'failed', reasonCode: 'no_payment_found', retry: 'later' };
    await recordAnswers(deps, [answerOf(0, unpaid)]);
    expect(await recordAnswers(deps, [answerOf(0, { state: 'pending' })])).toEqual(['ended_before']);
    expect(await contradicted()).toEqual([]);
    expect(await recordAnswers(deps, [answerOf(0, SUCCEEDED)])).toEqual(['contradicts']);
  });
});

describe('what an operator writes', () => {
  it('cannot keep the answers beside it from being written', async () => {
    const odd: Outcome = { ...SUCCEEDED, receipt: `Q\u0000K1\ud800${'x'.repeat(1_000)}` };
    expect(await recordAnswers(deps, [answerOf(0, odd), answerOf(1, FAILED)])).toEqual(['recorded', 'recorded']);
    expect((await attempt(0))?.receipt).toMatch(/^QK1x{125}$/);
  });

  it('is kept beside ids that somebody else stored while it was under way', async () => {
    const late = answerOf(0, { state: 'pending' }, { conversationId: 'c-1' });
    await recordAnswers(deps, [answerOf(0, { state: 'pending' }, { accepted: 'yes' })]);
    expect(await recordAnswers(deps, [late])).toEqual(['recorded']);
    const row = await attempt(0);
    expect(openHandle(deps, row?.operator_handle ?? null)).toEqual({ accepted: 'yes', conversationId: 'c-1' });
  });
});

describe('the recorder', () => {
  it('answers each in its own words when many come at once', async () => {
    const recorder = createRecorder(deps);
    await recordAnswers(deps, [answerOf(1, FAILED)]);
    const answers = [answerOf(0, SUCCEEDED), answerOf(1, SUCCEEDED), answerOf(2, { state: 'pending' })];
    expect(await Promise.all(answers.map((answer) => recorder.submit(answer)))).toEqual(['recorded', 'contradicts', 'recorded']);
  });

  it('takes two answers to one attempt in their order: the first end stands', async () => {
    const recorder = createRecorder(deps);
    const told = await Promise.all(
      [answerOf(0, { state: 'pending' }), answerOf(0, FAILED), answerOf(0, SUCCEEDED)].map((each) => recorder.submit(each)),
    );
    expect(told).toEqual(['recorded', 'recorded', 'contradicts']);
    expect((await attempt(0))?.state).toBe('failed');
  });
});

describe('the wait before the next inquiry', () => {
  it('never shrinks, doubles from the first, and has a maximum', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 600_000 }),
        fc.nat({ max: 500 }),
        (first, more, inquiries) => {
          const settings = {
            inquiryDelayMs: first,
            inquiryDelayMsMax: first + more,
            inquiryDelaysMs: { 'mtn-ug': { first: 7, longest: 20 } },
          };
          const now = inquiryDelayMs(settings, 'mpesa-ke', inquiries);
          const next = inquiryDelayMs(settings, 'mpesa-ke', inquiries + 1);
          expect(inquiryDelayMs(settings, 'mpesa-ke', 0)).toBe(first);
          expect([0, 1, 2, 3].map((made) => inquiryDelayMs(settings, 'mtn-ug', made))).toEqual([7, 14, 20, 20]);
          expect(next).toBeGreaterThanOrEqual(now);
          expect(next).toBeLessThanOrEqual(settings.inquiryDelayMsMax);
          if (next < settings.inquiryDelayMsMax) expect(next).toBe(now * 2);
        },
      ),
    );
  });
});

describe('an end', () => {
  it('is a success or a failure, nothing else', () => {
    expect([SUCCEEDED, FAILED, { state: 'pending' } as Outcome, { state: 'unknown', reasonCode: 'x' } as Outcome].map(isEnd)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
