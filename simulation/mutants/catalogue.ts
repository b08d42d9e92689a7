/**
 * Broken variants of the platform, each with one mistake somebody could make. The simulator must catch every
 * one of them. A variant replaces text in a file as it is loaded; nothing on disk changes. The text must stand
 * in the file exactly once, so that a variant cannot outlive the code it breaks.
 */

export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** The mistake, in a sentence. */
  readonly mistake: string;
  readonly changes: readonly Change[];
  /** Rules of the database that stand in the way of the mistake, taken out: the code behind them must be seen to fail. */
  readonly sql?: readonly string[];
  /** Seen only where batches are settled over the chain. */
  readonly chain?: true;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'unknown-is-failed',
    mistake: 'An answer that never came is taken for a request that never left.',
    changes: [
      {
        file: 'tools/mmo/http.ts',
        find: "    return { kind: 'no_answer', reason: 'timeout' };",
        replace: "    return { kind: 'not_sent', reason: 'unreachable' };",
      },
      {
        file: 'tools/mmo/http.ts',
        find: "  return { kind: 'no_answer', reason: 'connection' };",
        replace: "  return { kind: 'not_sent', reason: 'unreachable' };",
      },
    ],
  },
  {
    name: 'unknown-is-retried',
    mistake: 'An attempt whose outcome is unknown is tried again over another rail.',
    changes: [
      {
        file: 'graph/effects/record.ts',
        find: 'answers.map((answer) => answer.outcome.state),',
        replace: "answers.map((answer) => (answer.outcome.state === 'unknown' ? 'failed' : answer.outcome.state)),",
      },
    ],
  },
  {
    name: 'refund-while-unknown',
    mistake: 'The money goes back while nobody knows whether it was paid out.',
    changes: [
      {
        file: 'graph/cohort.ts',
        find: "where a.state in ('succeeded', 'failed') and not a.applied",
        replace: "where a.state in ('succeeded', 'failed', 'unknown') and not a.applied",
      },
    ],
    sql: ['drop trigger attempts_out_or_back on attempts', 'drop index attempts_one_alive', 'drop trigger attempts_transition on attempts'],
  },
  {
    name: 'sent-twice',
    mistake: 'Two workers claim the same attempt, for neither marks it before it sends.',
    changes: [
      {
        file: 'graph/effects/dispatch.ts',
        find: "update attempts a set state = 'sent', sent_at = $2,",
        replace: 'update attempts a set sent_at = $2,',
      },
      {
        file: 'graph/effects/record.ts',
        find: "where a.id = answer.id and a.state in ('sent', 'pending', 'unknown')",
        replace: 'where a.id = answer.id and not a.applied',
      },
    ],
    sql: ['drop trigger attempts_transition on attempts'],
  },
  {
    name: 'callback-believed',
    mistake: 'A callback is believed without asking the operator.',
    changes: [
      {
        file: 'graph/effects/callbacks.ts',
        find: "const believed = event.trust === 'sufficient' ? checkedAmount(event.outcome, attempt) : await inquire(deps, { ...attempt, handle });",
        replace: 'const believed = checkedAmount(event.outcome, attempt);',
      },
    ],
  },
  {
    name: 'reservation-kept',
    mistake: 'Float that is not needed any more stays reserved.',
    changes: [
      {
        file: 'graph/postings.ts',
        find: "if (payment.delivery === 'wallet' && reservationId !== null) movements.push(endPending(traveller, 'void', reservationId, 'release'));",
        replace: 'void reservationId;',
      },
    ],
  },
  {
    name: 'wrong-float',
    mistake: 'Money that came in over the second rail is booked on the first.',
    changes: [
      {
        file: 'graph/nodes/outcomes.ts',
        find: 'movements: collectionMovements(traveller, attempt.railId)',
        replace: 'movements: collectionMovements(traveller, traveller.payment.collectionSpent[0] ?? attempt.railId)',
      },
    ],
  },
  {
    name: 'reversal-unbooked',
    mistake: 'What arbiters gave back to the payer of a batch is missing in the books.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/finish.ts',
        find: 'await post(tx, [settlementMovement(batch), ...(reversedMinor > 0n ? [reversalMovement(batch, reversedMinor)] : [])]);',
        replace: 'await post(tx, [settlementMovement(batch)]);',
      },
    ],
  },
  {
    name: 'settled-before-paid',
    mistake: 'A batch counts as settled once it is executed, though it can be disputed still.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/finish.ts',
        find: "return isBound(batch) ? rest(deps, tx, batch, status) : moveOn(deps, tx, batch, status, 'executed');",
        replace: "return isBound(batch) ? settleBatch(deps, tx, batch, status) : moveOn(deps, tx, batch, status, 'executed');",
      },
    ],
  },
  {
    name: 'never-executed',
    mistake: 'Batches are proposed, funded and approved, and never executed: all of them expire.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/driver.ts',
        find: 'return isLate ? lookAgain(deps, batch) : execute(deps, batch);',
        replace: 'return lookAgain(deps, batch);',
      },
    ],
  },
  {
    name: 'vote-presumed',
    mistake: 'The vote of an arbiter counts as taken in because the batch is in dispute, though the chain has not seen it.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/driver.ts',
        find: '(own !== undefined || !BY_ANYBODY.has(kind));',
        replace: 'BY_ANYBODY.size > 0;',
      },
    ],
  },
  {
    name: 'late-dispute-untold',
    mistake: 'Nobody hears of a dispute that came to the chain too late.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/finish.ts',
        find: 'if (batch.disputeAsked !== null && evidenceHash === null)',
        replace: 'if (batch.disputeAsked !== null && evidenceHash !== null)',
      },
    ],
  },
  {
    name: 'keys-for-people',
    mistake: 'Keys of the policy consent to what is above their limits.',
    chain: true,
    changes: [
      {
        file: 'graph/settlement/approvals.ts',
        find: "if (batch.approvalBy === 'policy') {",
        replace: 'if (batch.approvalBy !== null) {',
      },
      {
        file: 'graph/settlement/approvals.ts',
        find: "written.filter(({ approver }) => batch.approvalBy !== 'people' || !POLICY.test(approver));",
        replace: 'written;',
      },
    ],
  },
];
