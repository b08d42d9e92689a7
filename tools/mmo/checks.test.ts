import { expect, it } from 'vitest';
import { money } from '../../domain/money.ts';
import { succeededWith } from './checks.ts';
import { unknown } from './reasons.ts';

it('takes a success over our amount, in our currency, or over none that is told, and no other', () => {
  const ours = money(150_000n, 'UGX');
  for (const told of [ours, null]) expect(succeededWith('R1', told, ours)).toEqual({ state: 'succeeded', receipt: 'R1', amount: told });
  for (const other of [money(150_001n, 'UGX'), money(150_000n, 'RWF')])
    expect(succeededWith('R1', other, ours, { id: '7' })).toEqual(unknown('amount_mismatch', { id: '7' }));
});
