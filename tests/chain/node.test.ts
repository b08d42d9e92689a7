/** What one node says, against what it said before. */
import { expect, it } from 'vitest';
import { createAptosNode } from '../../tools/aptos/node.ts';
import { createChainWorld } from './world.ts';

it('an answer is behind what was seen when it was asked for, not behind what overtook it', async () => {
  const { profile, scheduler } = await createChainWorld();
  const waiting: ((version: number) => void)[] = [];
  const node = createAptosNode({
    profile,
    clock: scheduler,
    fetch: () =>
      new Promise((resolve) =>
        waiting.push((version) => {
          const headers = {
            'x-aptos-chain-id': String(profile.chainId),
            'x-aptos-ledger-version': String(version),
            'x-aptos-ledger-timestampusec': String(scheduler.now() * 1_000),
          };
          resolve(Response.json({ sequence_number: String(version), authentication_key: '0x1' }, { headers }));
        }),
      ),
  });
  const ask = async () => {
    const answer = node.account('0x7').then(({ sequenceNumber }) => sequenceNumber);
    answer.catch(() => undefined);
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    const reply = waiting.shift() as (version: number) => void;
    return { answer, reply };
  };
  const [first, second] = [await ask(), await ask()];
  second.reply(11);
  expect(await second.answer).toBe(11n);
  first.reply(10);
  expect(await first.answer).toBe(10n);
  const third = await ask();
  third.reply(10);
  await expect(third.answer).rejects.toMatchObject({ code: 'chain_behind' });
});
