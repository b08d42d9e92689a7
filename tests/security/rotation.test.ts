import { expect, test } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { rotateUnderLoad } from './rotation.ts';

test('keys change while payments come in through two processes, and every payment can be read', { timeout: 120_000 }, async () => {
  const database = await testDatabase();
  try {
    const { figures, failures } = await rotateUnderLoad(database.pool, { people: 300, meanwhile: 400 });
    expect(failures).toEqual([]);
    expect(figures).toMatchObject({ people: 300, dataKeysRenewed: 300, unreadable: 0, different: 0, leftUnderOldKeys: 0 });
    expect(figures['paymentsDuringRenewal']).toBeGreaterThanOrEqual(400);
  } finally {
    await database.close();
  }
});
