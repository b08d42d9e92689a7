import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyring, type IndexKey, inForce } from '../../db/keyring.ts';
import { manualClock } from '../../domain/clock.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { sealAudit, verifyAudit } from '../audit/index.ts';
import { admitIndexKeys, assertIndexKeys, indexKeyStates } from './index-keys.ts';
import { rotateKeys } from './rotate.ts';
import { type PrivacyWorld, privacyWorld, TEST_KEYS } from './testing.ts';

const START_MS = Date.UTC(2026, 10, 20, 9);
const [old, next, other] = [randomBytes(32), randomBytes(32), randomBytes(32)].map(inForce) as [IndexKey, IndexKey, IndexKey];
const retired = { ...old, retiredAtMs: START_MS + 1_000 };
const under = (...keys: IndexKey[]) => createKeyring(TEST_KEYS.slice(0, 1), keys);

let world: PrivacyWorld;
beforeEach(async () => {
  world = await privacyWorld(START_MS);
});
afterEach(() => world.close());

const admit = (...keys: IndexKey[]) => admitIndexKeys(world.pool, under(...keys), world.clock.now());
const MISMATCH = { code: 'index_key_mismatch' };

describe('a start', () => {
  test('names the keys the first time, takes the same ones again, and no others', async () => {
    await assertIndexKeys(world.pool, under(old));
    await admit(old);
    await admit(old);
    await assertIndexKeys(world.pool, under(old));
    for (const keys of [[next], [next, other]]) {
      await expect(admit(...keys)).rejects.toMatchObject(MISMATCH);
      await expect(assertIndexKeys(world.pool, under(...keys))).rejects.toMatchObject(MISMATCH);
    }
    expect((await world.pool.query('select from index_keys')).rowCount).toBe(1);
  });

  test('is refused once the field key that the index key came from is dropped', async () => {
    await admitIndexKeys(world.pool, createKeyring([...TEST_KEYS].reverse()), START_MS);
    await expect(admitIndexKeys(world.pool, createKeyring(TEST_KEYS.slice(1)), START_MS)).rejects.toMatchObject(MISMATCH);
    const spelt = createKeyring(TEST_KEYS.slice(1), [inForce(TEST_KEYS[0]?.master as Buffer)]);
    await admitIndexKeys(world.pool, spelt, START_MS);
  });

  test('with a key that others do not know yet in front is refused', async () => {
    await admit(old);
    await expect(admit(next, old)).rejects.toMatchObject({ ...MISMATCH, detail: expect.stringMatching(/behind the one in use/) });
    await admit(old, next);
    await admit(next, old);
  });

  test('drops a key once it is retired and a rotation since then is over, and not before', async () => {
    await world.addPerson('Amina Wanjiku', under(old));
    await admit(old, next);
    await expect(admit(next)).rejects.toMatchObject(MISMATCH);
    await rotateKeys({ ...world, keyring: under(next, old) }, 'index');
    world.clock.advance(2_000);
    await admit(next, retired);
    await expect(admit(next)).rejects.toMatchObject({ ...MISMATCH, detail: expect.stringMatching(/rotate-index/) });
    await rotateKeys({ ...world, keyring: under(next, retired) }, 'index');
    await admit(next);
  });

  test('does not bring a retired key back', async () => {
    await admit(old, next);
    world.clock.advance(2_000);
    await admit(next, retired);
    for (const again of [old, { ...old, retiredAtMs: START_MS + 9_000 }])
      await expect(admit(next, again)).rejects.toMatchObject({ ...MISMATCH, detail: expect.stringContaining('2026-11-20T09:00:01.000Z') });
    await admit(next, retired);
    await expect(world.pool.query('update index_keys set retired_at = null')).rejects.toMatchObject({
      constraint: 'index_keys_fixed',
    });
    await expect(world.pool.query('delete from index_keys')).rejects.toMatchObject({ constraint: expect.stringMatching(/^index_keys_/) });
  });

  test('retires no key at a moment that is still to come, for the database takes no other afterwards', async () => {
    await admit(old, next);
    await expect(admit(next, retired)).rejects.toMatchObject({ ...MISMATCH, detail: expect.stringMatching(/still to come/) });
    world.clock.advance(1_000);
    await admit(next, retired);
  });

  test('over a database that knows no key is held against the newest block of the audit log', async () => {
    await sealSomething(under(old));
    // Processes from before know nothing of a key that is new: it may stand behind the one they seal with, and not in front of it.
    for (const keys of [[next], [next, old]])
      await expect(admit(...keys)).rejects.toMatchObject({ ...MISMATCH, detail: expect.stringMatching(/newest block.*in front/s) });
    await admit(old, next);
    await admit(next, old);
  });
});

test('what stands of them is told by no more than a digest, and why nothing would start', async () => {
  await admit(old, next);
  const { keys, refusal } = await indexKeyStates(world.pool, under(next));
  expect(keys).toEqual([
    { name: expect.stringMatching(/^[0-9a-f]{8}$/), place: 1, namedAt: new Date(START_MS), retiredAt: null },
    { name: expect.stringMatching(/^[0-9a-f]{8}$/), place: null, namedAt: new Date(START_MS), retiredAt: null },
  ]);
  expect(refusal).toMatch(/is not named/);
  expect((await indexKeyStates(world.pool, under(old, next))).refusal).toBeNull();
});

async function sealSomething(keyring: ReturnType<typeof under>, nowMs = START_MS): Promise<void> {
  await recordAuditEvents(world.pool, [{ clientId: null, actor: 'system', action: 'keys.sealed', subject: 'key:1', details: {} }], nowMs);
  // Not before whatever else works on the server has ended what it began.
  while ((await sealAudit({ pool: world.pool, keyring, clock: manualClock(nowMs) })).blocks === 0);
}

describe('a retired key seals', () => {
  const faults = async (...keys: IndexKey[]) =>
    (await verifyAudit({ pool: world.pool, keyring: under(...keys) })).findings.map(({ fault, block }) => [fault, block]);

  test('no block that is younger than its retirement, nor one behind such a block', async () => {
    await sealSomething(under(old));
    await sealSomething(under(next), START_MS + 2_000);
    expect(await faults(next, retired)).toEqual([]);
    // Sealed with what leaked, and dated back.
    await sealSomething(under(old), START_MS);
    expect(await faults(next, old)).toEqual([]);
    expect(await faults(next, retired)).toEqual([['seal_wrong', '3']]);
    expect(await faults(next)).toEqual([
      ['seal_wrong', '1'],
      ['seal_wrong', '3'],
    ]);
  });
});
