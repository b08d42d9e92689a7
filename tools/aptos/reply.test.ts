import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { faultOfStatus } from './reply.ts';

const CATEGORIES: Readonly<Record<string, number>> = {
  invalid_argument: 1,
  out_of_range: 2,
  invalid_state: 3,
  permission_denied: 5,
  not_found: 6,
  already_exists: 8,
  resource_exhausted: 9,
};

/** Every abort of a contract as its source has it: name, and the code with its category. */
function abortsOf(module: string): { readonly name: string; readonly code: number }[] {
  const source = readFileSync(new URL(`../../move/sources/${module}.move`, import.meta.url), 'utf8');
  const reasons = new Map([...source.matchAll(/const (E_\w+): u64 = (\d+);/g)].map(([, name = '', reason]) => [name, Number(reason)]));
  return [...source.matchAll(/error::(\w+)\((E_\w+)\)/g)].map(([, category = '', name = '']) => ({
    name,
    code: (CATEGORIES[category] ?? Number.NaN) * 0x10000 + (reasons.get(name) ?? Number.NaN),
  }));
}

const statusOf = (module: string, code: number): string => `Move abort in 0xcafe::${module}: 0x${code.toString(16)}`;

/** What only an administrator's own tools can meet. */
const UNCODED = new Set(['E_NOT_PAUSED', 'E_NOT_ENDED']);

describe('aborts', () => {
  test('each of the settlement contract that a step of ours or of a person can meet has a code that says why', () => {
    const aborts = abortsOf('settlement');
    expect(aborts.length).toBeGreaterThan(45);
    expect(aborts.filter(({ code }) => Number.isNaN(code))).toEqual([]);
    const untold = aborts.filter(({ code }) => faultOfStatus(statusOf('settlement', code)).code === 'chain_refused');
    expect(new Set(untold.map(({ name }) => name))).toEqual(UNCODED);
  });

  test.each([
    ['E_NOT_APPROVER', 'settlement_approver_unknown'],
    ['E_ALREADY_APPROVED', 'settlement_approval_replayed'],
    ['E_APPROVER_IS_PARTY', 'settlement_approver_involved'],
    ['E_DIGEST_MISMATCH', 'settlement_batch_altered'],
    ['E_EXPIRED', 'settlement_batch_expired'],
    ['E_NOT_ARBITER', 'settlement_arbiter_unknown'],
    ['E_ARBITER_IS_PARTY', 'settlement_arbiter_involved'],
    ['E_NOT_DISPUTED', 'settlement_not_disputed'],
    ['E_DISPUTE_LAPSED', 'settlement_time_over'],
    ['E_REVERSAL_TOO_HIGH', 'settlement_reversal_too_high'],
    ['E_WINDOW_OVER', 'settlement_time_over'],
    ['E_NOT_SETTLER', 'chain_signer_refused'],
  ])('%s is %s', (name, code) => {
    const abort = abortsOf('settlement').find((each) => each.name === name);
    expect(faultOfStatus(statusOf('settlement', abort?.code ?? 0)).code).toBe(code);
    const worded = `Move abort in 0xcafe::settlement: ${name}(0x${(abort?.code ?? 0).toString(16)}): Words.`;
    expect(faultOfStatus(worded).code).toBe(code);
  });
});

test.each([
  ['TRANSACTION_EXPIRED', 'chain_transaction_expired'],
  ['NONCE_ALREADY_USED', 'chain_transaction_used'],
  ['SEQUENCE_NUMBER_TOO_OLD', 'chain_transaction_used'],
  ['BAD_CHAIN_ID', 'chain_mismatch'],
  ['OUT_OF_GAS', 'chain_refused'],
])('the status %s is %s', (status, code) => {
  expect(faultOfStatus(status).code).toBe(code);
});
