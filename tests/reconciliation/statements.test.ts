/**
 * Statements end to end: payments over each operator's own protocol, the operator's statement of them in its own form,
 * and the comparison with what we hold. Then one thing is wrong at a time.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { dayIn } from '../../domain/days.ts';
import { money } from '../../domain/money.ts';
import { limitsOf } from '../../domain/rail.ts';
import type { BookedAttempt, Break } from '../../tools/reconciliation/breaks.ts';
import { compareSides, type Sides } from '../../tools/reconciliation/match.ts';
import { keptTextOf, textOfStatement } from '../../tools/reconciliation/file.ts';
import { readStatement } from '../../tools/reconciliation/read.ts';
import type { StatementLine } from '../../tools/reconciliation/statement.ts';
import { createTestWorld, drive, railOf, requestOf, START_MS, type World } from '../operators/harness.ts';

const RAILS = ['mpesa-ke', 'mtn-ug', 'mtn-gh', 'airtel-ug', 'airtel-zm', 'orange-ci', 'orange-cm', 'orange-sn', 'hub-ke'];

/** Pays in three times and out twice; gives the attempts as our books have them. */
async function payments(world: World, railId: string): Promise<BookedAttempt[]> {
  const rail = railOf(railId);
  const attempts: BookedAttempt[] = [];
  for (const [index, leg] of (['collection', 'collection', 'collection', 'payout', 'payout'] as const).entries()) {
    const minMinor = limitsOf(rail, leg)?.minMinor ?? 0n;
    const amount = money(minMinor * 20n + 10_000n * BigInt(index + 1), rail.currency);
    const sentAtMs = world.scheduler.now();
    const { outcome, requestId } = await drive(world, { railId, leg, name: `${leg} ${index}`, amount });
    if (outcome.state !== 'succeeded') throw new Error(`${railId} ${leg} ended ${outcome.state}`);
    attempts.push({
      id: requestOf({ railId, leg, name: `${leg} ${index}` }).requestId,
      clientId: '00000000-0000-4000-8000-000000000001',
      paymentId: requestId,
      leg,
      requestId,
      state: 'succeeded',
      applied: true,
      amountMinor: amount.minor,
      currency: rail.currency,
      receipt: outcome.receipt,
      sentAtMs,
      resolvedAtMs: world.scheduler.now(),
      bookedMinor: amount.minor,
    });
  }
  return attempts;
}

describe.each(RAILS)('the statement of %s', (railId) => {
  let sides: Sides;
  let text: string;

  beforeAll(async () => {
    const world = await createTestWorld({ rails: [railOf(railId)] });
    const attempts = await payments(world, railId);
    const rail = railOf(railId);
    const day = dayIn(rail.country, START_MS);
    text = world.sandbox.statement(railId, day);
    const statement = readStatement(rail, text);
    sides = {
      rail,
      day,
      statement,
      neighbours: [],
      attempts,
      dueFromMs: START_MS - 3_600_000,
      dueUntilMs: START_MS + 3_600_000,
      chargesBookedMinor: 0n,
      openingExpectedMinor: statement.openingMinor,
    };
  });

  const gist = (found: readonly Break[]) =>
    found.map(({ kind, ourMinor, theirMinor }) => `${kind} ${ourMinor ?? '-'} ${theirMinor ?? '-'}`);
  const withLines = (change: (lines: readonly StatementLine[]) => readonly StatementLine[]): Sides => ({
    ...sides,
    statement: { ...sides.statement, lines: change(sides.statement.lines), openingMinor: null, closingMinor: null },
  });
  const first = () => sides.attempts[0] as BookedAttempt;
  const lineOf = (lines: readonly StatementLine[], attempt: BookedAttempt) =>
    lines.find(({ amountMinor, direction }) => amountMinor === attempt.amountMinor && direction === 'in');

  it('agrees with attempts and ledger, to the last movement', () => {
    const compared = compareSides(sides);
    expect(gist(compared.breaks)).toEqual([]);
    expect(compared.matched).toHaveLength(5);
    expect(sides.statement.lines.map(({ direction }) => direction).toSorted()).toEqual(['in', 'in', 'in', 'out', 'out']);
  });

  it('names nobody in what is kept of it', () => {
    const kept = JSON.stringify(sides.statement, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
    for (const { leg, railId: rail } of sides.attempts.map((each) => ({ leg: each.leg, railId }))) {
      expect(kept).not.toContain(requestOf({ railId: rail, leg: leg === 'collection' ? leg : 'payout' }).phone.slice(4));
    }
  });

  it('finds what the operator moved and we do not know', () => {
    const compared = compareSides({ ...sides, attempts: sides.attempts.slice(1) });
    expect(gist(compared.breaks)).toEqual([`missing_here - ${first().amountMinor}`]);
    const [entry] = compared.breaks[0]?.entries ?? [];
    expect([entry?.debit, entry?.credit, entry?.amountMinor]).toEqual([
      `float:${railId}`,
      `suspense:${sides.rail.currency}`,
      first().amountMinor,
    ]);
  });

  it('finds what we booked and the operator does not have', () => {
    const compared = compareSides(withLines((lines) => lines.filter((line) => line !== lineOf(lines, first()))));
    expect(gist(compared.breaks)).toEqual([`missing_there ${first().amountMinor} -`]);
    expect(compared.breaks[0]?.entries.map(({ debit, credit }) => `${debit} ${credit}`)).toEqual([
      `suspense:${sides.rail.currency} float:${railId}`,
    ]);
  });

  it('finds an amount that differs, and proposes the difference', () => {
    const compared = compareSides(
      withLines((lines) => lines.map((line) => (line === lineOf(lines, first()) ? { ...line, amountMinor: line.amountMinor + 5n } : line))),
    );
    expect(gist(compared.breaks)).toEqual([`amount_differs ${first().amountMinor} ${first().amountMinor + 5n}`]);
    expect(compared.breaks[0]?.entries.map(({ amountMinor }) => amountMinor)).toEqual([5n]);
  });

  it('finds a second movement for one attempt, and a line that says one twice', () => {
    const again = withLines((lines) => {
      const line = lineOf(lines, first()) as StatementLine;
      return [
        ...lines,
        { ...line, position: 90, operatorReference: 'OTHER1', ourReference: line.ourReference ?? first().requestId },
        { ...line, position: 91 },
      ];
    });
    const compared = compareSides(again);
    expect(compared.breaks.map(({ kind }) => kind)).toEqual(['duplicate', 'duplicate']);
    const moved = compared.breaks.find(({ entries }) => entries.length > 0);
    expect(moved?.entries.map(({ debit, credit }) => `${debit} ${credit}`)).toEqual([
      `float:${railId} client:${first().clientId}:${sides.rail.currency}`,
    ]);
  });

  it('takes the movement of the receipt for ours, in whatever order the statement names them', () => {
    const again = withLines((lines) => {
      const line = lineOf(lines, first()) as StatementLine;
      const earlier = {
        operatorReference: 'EARLIER1',
        ourReference: line.ourReference ?? first().requestId,
        occurredAtMs: line.occurredAtMs - 1,
      };
      return [{ ...line, ...earlier, position: 90 }, ...lines];
    });
    const [found, ...others] = compareSides(again).breaks;
    expect([found?.kind, found?.subject, others]).toEqual(['duplicate', 'line:in:EARLIER1', []]);
  });

  it('finds charges that are not booked, and which are off the tariff', () => {
    const charged = withLines((lines) => lines.map((line, index) => (index === 0 ? { ...line, feeMinor: 7n } : line)));
    const compared = compareSides(charged);
    expect(gist(compared.breaks)).toEqual(['fee_differs 0 7']);
    expect(compared.breaks[0]?.evidence).toMatchObject({ offTariffCount: 1 });
    expect(compareSides({ ...charged, chargesBookedMinor: 7n }).breaks).toEqual([]);
  });

  it('ends doubts, and tells of successes that were taken for failures', () => {
    const [one, two, ...rest] = sides.attempts as [BookedAttempt, BookedAttempt, ...BookedAttempt[]];
    const open = { ...one, state: 'unknown' as const, applied: false, bookedMinor: null, resolvedAtMs: null };
    const failed = { ...two, state: 'failed' as const, bookedMinor: null };
    const compared = compareSides({ ...sides, attempts: [open, failed, ...rest] });
    expect(compared.resolutions).toMatchObject([{ attemptId: one.id, amountMinor: one.amountMinor }]);
    expect(compared.lateSuccesses).toEqual([two.id]);
    expect(gist(compared.breaks)).toEqual([`missing_here - ${two.amountMinor}`]);
    // What came in for a collection that failed here is the client's, who owes it to the payer.
    const { amountMinor, currency, clientId } = two;
    expect(compared.breaks[0]?.entries).toEqual([
      { debit: `float:${railId}`, credit: `client:${clientId}:${currency}`, amountMinor, currency, reason: 'late_collection' },
    ]);
  });

  it('finds an end that the ledger does not have', () => {
    const unbooked = { ...first(), bookedMinor: null };
    const compared = compareSides({ ...sides, attempts: [unbooked, ...sides.attempts.slice(1)] });
    expect(gist(compared.breaks)).toEqual([`not_booked - ${unbooked.amountMinor}`]);
  });

  it('tells balances that lead from its beginning to its end, where it tells any', () => {
    const { openingMinor, closingMinor } = sides.statement;
    if (openingMinor === null || closingMinor === null) return expect(['airtel', 'gsma']).toContain(sides.rail.protocol);
    expect(gist(compareSides({ ...sides, openingExpectedMinor: openingMinor + 1n }).breaks)).toEqual([
      `balance_differs ${openingMinor + 1n} ${openingMinor}`,
    ]);
    const bent = { ...sides, statement: { ...sides.statement, closingMinor: closingMinor + 2n } };
    expect(gist(compareSides(bent).breaks)).toEqual([`balance_differs ${closingMinor} ${closingMinor + 2n}`]);
  });

  it('is refused whole when it is cut, of another operator, or has a word nobody knows', () => {
    const rail = railOf(railId);
    const foreign = railOf(railId === 'mtn-ug' ? 'orange-cm' : 'mtn-ug');
    expect(() => readStatement(foreign, text)).toThrow(/statement_malformed/);
    const strange = text.replace(/Completed|Successful|Transaction Success|Succès|completed/, 'Perhaps');
    expect(() => readStatement(rail, strange)).toThrow(/statement_malformed/);
    for (const body of ['', '{}', '[1]', 'a;b\n1;2', text.slice(0, 20)])
      expect(() => readStatement(rail, body)).toThrow(/statement_malformed/);
  });

  it('is the same in each encoding in which portals write', () => {
    const files = [Buffer.from(text), Buffer.from(`\uFEFF${text}`), Buffer.from(text, 'latin1'), Buffer.from(`\uFEFF${text}`, 'utf16le')];
    for (const bytes of files) {
      const read = readStatement(railOf(railId), textOfStatement({ bytes, sizeBytes: bytes.length }));
      expect(read).toEqual(readStatement(railOf(railId), text));
      const kept = keptTextOf({ bytes, sizeBytes: bytes.length });
      const again = kept.startsWith('base64:') ? Buffer.from(kept.slice('base64:'.length), 'base64') : Buffer.from(kept);
      expect(again.equals(bytes)).toBe(true);
    }
  });

  it('is read with lines that end in both ways, and with empty ones', () => {
    const isJson = ['airtel', 'gsma'].includes(railOf(railId).protocol);
    const lines = (isJson ? JSON.stringify(JSON.parse(text), null, 2) : text.trimEnd()).split(/\r?\n/);
    const edited = lines.map((line, index) => line + (index % 2 === 0 ? '\r\n' : '\n\n')).join('');
    expect(edited).not.toBe(text);
    expect(readStatement(railOf(railId), edited)).toEqual(readStatement(railOf(railId), text));
  });
});

it('names the line of the file that it cannot read, however many are empty before it', () => {
  const head = 'Id,External id,Date,Status,Type,Amount,Currency\n\r\n\n';
  const line = '1,a,2026-11-26 20:46:53,Successful,Debit,55500,UGX\r\n\n';
  const strange = '2,b,2026-11-26 20:46:53,Perhaps,Debit,55500,UGX\n';
  expect(() => readStatement(railOf('mtn-ug'), head + line + strange)).toThrow(
    expect.objectContaining({ code: 'statement_malformed', detail: 'Line 6: its status is not known.' }),
  );
});
