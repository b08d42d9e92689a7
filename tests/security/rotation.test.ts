import { expect, test } from 'vitest';
import { rotateUnderLoad } from './rotation.ts';

test('keys change while payments run, and everybody can be read and found', { timeout: 240_000 }, async () => {
  const { figures, failures } = await rotateUnderLoad({ people: 200, meanwhile: 200 }, () => undefined);
  expect(failures).toEqual([]);
  const none = { unreadable: 0, different: 0, unfindable: 0, leftUnderOldKeys: 0, leftSealedByOldKey: 0, unfinished: 0, violations: 0 };
  expect(figures).toMatchObject({ people: 200, dataKeysRenewed: 200, logins: 1, webhooksSigned: 1, ...none });
  expect(figures['paid']).toBeGreaterThan(200);
  expect(figures['paymentsDuringRenewal']).toBeGreaterThanOrEqual(200);
});
