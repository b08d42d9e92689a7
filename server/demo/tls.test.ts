/** What two runs are compared over, and when nothing of the second went in clear. */
import { expect, test } from 'vitest';
import type { DemoReport } from './report.ts';
import { assertComparable, type Encryption, isEncrypted, tlsCost } from './tls.ts';

const ENCRYPTED: Encryption = {
  api: 'TLSv1.3',
  operators: 'TLSv1.3',
  chain: 'TLSv1.3',
  database: { protocols: ['TLSv1.3'], sessions: 20, inClear: 0 },
  redis: 'unused',
  callbacks: { certified: 900, refused: 0 },
};
const SOUND = {
  unexpected: 0,
  other: 0,
  invariants: 'hold',
  settlement: { unsettled: 0, onChain: 1, ledgerIsChain: 'equal', meanMsToSettled: 1_000 },
} as DemoReport;

test('the cost is the loss of throughput in percent, and both runs are judged', () => {
  const run = (perSecond: number, report: Partial<DemoReport> = {}) => ({
    report: { ...SOUND, perSecond, ...report },
    encryption: ENCRYPTED,
  });
  const sound = { sound: true, soundWithout: true, encrypted: true };
  expect(tlsCost(run(50), run(40))).toMatchObject({ perSecond: 40, perSecondWithout: 50, lossPercent: 20, ...sound });
  expect(tlsCost(run(50), run(50)).lossPercent).toBe(0);
  expect(tlsCost(run(50, { unexpected: 1 }), run(40))).toMatchObject({ ...sound, soundWithout: false });
  expect(tlsCost(run(50), run(40, { other: 1 }))).toMatchObject({ ...sound, sound: false });
});

test.each<[string, Partial<Encryption>]>([
  ['an API in clear', { api: null }],
  ['operators in clear', { operators: null }],
  ['a chain in clear', { chain: null }],
  ['a Redis in clear', { redis: null }],
  ['one session of the database in clear', { database: { ...ENCRYPTED.database, inClear: 1 } }],
  ['a callback without a certificate', { callbacks: { certified: 900, refused: 1 } }],
  ['no callback at all', { callbacks: { certified: 0, refused: 0 } }],
])('%s is not everything over TLS', (_name, change) => {
  expect(isEncrypted(ENCRYPTED)).toBe(true);
  expect(isEncrypted({ ...ENCRYPTED, ...change })).toBe(false);
});

test.each([
  ['DATABASE_URL', { databaseUrl: 'postgres://there/capp' }],
  ['CAPP_OPERATORS_PATH', { operatorsPath: 'operators.json' }],
  ['REDIS_URL', { redisUrl: 'redis://127.0.0.1:6379' }],
])('%s cannot be compared over', (field, change) => {
  const own = { databaseUrl: null, operatorsPath: null, redisUrl: 'rediss://redis.internal' };
  expect(() => assertComparable({ ...own, ...change })).toThrow(expect.objectContaining({ code: 'config_invalid', field }));
  assertComparable(own);
});
