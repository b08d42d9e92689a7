import { describe, expect, it } from 'vitest';
import {
  ATTEMPT_STATES,
  ATTEMPT_TRANSITIONS,
  assertMayFollow,
  isTerminal,
  mayFollow,
  PAYMENT_STATUSES,
  type PaymentStatus,
  TERMINAL_STATUSES,
  TRANSITIONS,
} from './lifecycle.ts';

function reachableFrom<State extends string>(start: State, table: Readonly<Record<State, readonly State[]>>): Set<State> {
  const seen = new Set<State>([start]);
  for (const state of seen) for (const next of table[state]) seen.add(next);
  return seen;
}

const after = (status: PaymentStatus) => reachableFrom(status, TRANSITIONS);

describe('the life of a payment', () => {
  it('the table speaks of every status and of no other', () => {
    expect(Object.keys(TRANSITIONS).toSorted()).toEqual([...PAYMENT_STATUSES].toSorted());
    for (const nexts of Object.values(TRANSITIONS)) {
      for (const next of nexts) expect(PAYMENT_STATUSES).toContain(next);
      expect(new Set(nexts).size).toBe(nexts.length);
    }
  });

  it('every status can be reached from accepted', () => {
    expect([...after('accepted')].toSorted()).toEqual([...PAYMENT_STATUSES].toSorted());
  });

  it('every status can still reach an end', () => {
    for (const status of PAYMENT_STATUSES) expect([...after(status)].some(isTerminal)).toBe(true);
  });

  it('terminal is exactly what nothing follows', () => {
    for (const status of PAYMENT_STATUSES) {
      expect(TRANSITIONS[status].length === 0).toBe(isTerminal(status));
      expect(TERMINAL_STATUSES.includes(status)).toBe(isTerminal(status));
    }
  });

  it('nothing follows itself', () => {
    for (const status of PAYMENT_STATUSES) expect(mayFollow(status, status)).toBe(false);
  });

  it('money that was collected ends as paid or refunded, never as rejected, failed or cancelled', () => {
    for (const status of ['collected', 'disbursing', 'refunding'] as const) {
      const ends = [...after(status)].filter(isTerminal);
      expect(ends.every((end) => end === 'paid' || end === 'refunded')).toBe(true);
    }
  });

  it('a refund is never followed by a payout', () => {
    expect(after('refunding')).not.toContain('paid');
    expect(after('refunding')).not.toContain('disbursing');
  });

  it('what is held goes on only when people release it', () => {
    expect(TRANSITIONS.held.filter((next) => !isTerminal(next))).toEqual(['released']);
  });

  it('throws for a forbidden step and lets an allowed one pass', () => {
    expect(() => assertMayFollow('paid', 'refunding')).toThrow('illegal_transition');
    expect(() => assertMayFollow('held', 'paid')).toThrow('illegal_transition');
    expect(() => assertMayFollow('accepted', 'authorized')).not.toThrow();
  });
});

describe('the life of an attempt', () => {
  it('the table is closed and every state can be reached', () => {
    expect(Object.keys(ATTEMPT_TRANSITIONS).toSorted()).toEqual([...ATTEMPT_STATES].toSorted());
    expect([...reachableFrom('created', ATTEMPT_TRANSITIONS)].toSorted()).toEqual([...ATTEMPT_STATES].toSorted());
  });

  it('an outcome is final', () => {
    expect(ATTEMPT_TRANSITIONS.succeeded).toEqual([]);
    expect(ATTEMPT_TRANSITIONS.failed).toEqual([]);
  });

  it('nothing is sent twice, and what is unknown is never sent again', () => {
    for (const state of ['sent', 'pending', 'unknown'] as const) {
      const later = reachableFrom(state, ATTEMPT_TRANSITIONS);
      expect(later).not.toContain('created');
      expect(ATTEMPT_TRANSITIONS[state]).not.toContain('sent');
    }
  });

  it('nothing succeeds that was never sent', () => {
    expect(ATTEMPT_TRANSITIONS.created).not.toContain('succeeded');
  });
});
