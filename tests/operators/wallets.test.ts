/** Looking a wallet up before money goes to it, where the rail's terms want that. */
import { expect, it } from 'vitest';
import { createTestWorld, drive, requestOf, START_MS } from './harness.ts';

/** A world whose rail looks before it pays. */
const worldOf = (railId: string, change: (profile: Record<string, unknown>) => void = () => undefined) =>
  createTestWorld({}, START_MS, (profiles) => {
    const profile = profiles[railId] as Record<string, unknown>;
    profile['checksWallets'] = true;
    change(profile);
  });

it.each(['mtn-ug', 'mtn-rw', 'airtel-ug'])('%s pays wallets that are active, and sends nothing to others', async (railId) => {
  const world = await worldOf(railId);
  const sent = () => world.calls.filter((call) => /^POST .*(transfer|disbursements\/)$/.test(call)).length;
  const payout = (ending: string) => drive(world, { railId, leg: 'payout', ending });
  expect((await payout('0000')).outcome).toMatchObject({ state: 'failed', reasonCode: 'wallet_not_found', retry: 'never' });
  expect((await payout('0003')).outcome).toMatchObject({ state: 'failed', reasonCode: 'wallet_cannot_receive', retry: 'never' });
  expect(sent()).toBe(0);
  expect((await payout('4321')).outcome.state).toBe('succeeded');
  expect(sent()).toBe(1);
});

it('lets the payout decide when the operator cannot tell', async () => {
  const world = await worldOf('mtn-ug');
  // MTN's own sandbox answers the look-up of this number with an error, and takes a payout to it.
  const request = { ...requestOf({ railId: 'mtn-ug', leg: 'payout' }), phone: '+46733123454' };
  expect((await world.client('mtn-ug').disburse(request)).state).toBe('pending');
  expect(world.calls.map((call) => call.split('/').at(-1))).toEqual(['', 'active', 'transfer']);
});

it('is no setting of an operator that tells nothing of wallets, and is not done unless set', async () => {
  await expect(worldOf('mpesa-ke')).rejects.toMatchObject({ code: 'config_invalid', field: 'operators.mpesa-ke.checksWallets' });
  const world = await createTestWorld();
  await drive(world, { railId: 'mtn-ug', leg: 'payout' });
  expect(world.calls.some((call) => call.includes('accountholder'))).toBe(false);
});
