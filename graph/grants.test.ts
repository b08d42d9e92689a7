import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { tamper as tamperWith } from '../db/testing.ts';
import { GRANT_LIFETIME_MS, type GrantTerms } from '../domain/grant.ts';
import { newId } from '../domain/ids.ts';
import { createGrantDesk, grantRefusal, issueGrant } from './grants.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

const TERMS: GrantTerms = {
  attemptId: newId(),
  clientId: newId(),
  paymentId: newId(),
  leg: 'payout',
  railId: 'mtn-ug',
  amountMinor: 1_000n,
  currency: 'UGX',
  payeeId: newId(),
  payeeIndex: 'ab'.repeat(16),
  quoteId: newId(),
  quotePolicy: '1',
  screenedBy: '',
  approvals: [],
};

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

async function dispatch(): Promise<number> {
  await platform.worker.work('dispatch');
  await platform.worker.idle();
  return platform.sent.length;
}

const attempts = async () =>
  (
    await platform.deps.pool.query<{ id: string; state: string; reason: string | null; grant: string | null }>(
      'select id, state, reason_code as reason, grant_id as grant from attempts order by id',
    )
  ).rows;
const refusals = async () =>
  (
    await platform.deps.pool.query<{ why: string }>(
      `select details->>'why' as why from audit_events where action = 'grant.refused' order by id`,
    )
  ).rows.map(({ why }) => why);

const tamper = (sql: string, values: readonly unknown[] = []) => tamperWith(platform.deps.pool, sql, values);

it('covers all attempts of one transaction by one grant, each leg by its own, and pays', async () => {
  for (let count = 0; count < 5; count += 1) await platform.submit();
  await platform.worker.work('authorize');
  const opened = await attempts();
  expect(opened).toHaveLength(5);
  expect(new Set(opened.map(({ grant }) => grant)).size).toBe(1);
  expect(opened[0]?.grant).not.toBeNull();
  await platform.settleDown();
  expect(platform.sent).toHaveLength(10);
  expect(await refusals()).toEqual([]);
  const { rows } = await platform.deps.pool.query<{ length: number }>(
    'select length(digests) as length from execution_grants order by issued_at',
  );
  expect(rows.map(({ length }) => length)).toEqual([5 * 32, 5 * 32]);
});

it.each([
  ['the amount', 'update attempts set amount = amount * 2'],
  ['the currency', `update attempts set currency = 'USD'`],
  ['the rail', `update attempts set rail_id = 'airtel-ke'`],
  ['the leg', `update attempts set leg = 'refund'`],
  ['the client', 'update attempts set client_id = gen_random_uuid()'],
  ['the quote', 'update payments set quote_id = gen_random_uuid()'],
  ['the policy of the quote', `update quotes set policy_version = 'another'`],
  ['the payee', 'update payments set sender_id = receiver_id'],
  ['the screening', `update compliance_records set list_version = 'another'`],
])('sends nothing once %s is another than what was granted', async (_what, sql) => {
  await platform.submit();
  await platform.worker.work('authorize');
  await tamper(sql);
  expect(await dispatch()).toBe(0);
  expect(await attempts()).toMatchObject([{ state: 'failed', reason: 'grant_refused' }]);
  expect(await refusals()).toEqual(['terms_differ']);
  // Nothing was sent, so nothing is said of the rail.
  expect((await platform.deps.pool.query('select 1 from rail_health')).rowCount).toBe(0);
});

it('fails for sure what it refused, and writes down why', async () => {
  await platform.submit();
  await platform.worker.work('authorize');
  await tamper('update attempts set amount = amount + 1');
  expect(await dispatch()).toBe(0);
  expect(await attempts()).toMatchObject([{ state: 'failed', reason: 'grant_refused' }]);
  expect(await refusals()).toEqual(['terms_differ']);
  expect(platform.problems).toMatchObject([{ why: 'terms_differ' }]);
});

it('sends to the granted number alone, whatever key and parties are put in its place', async () => {
  const [victim, other] = [await platform.submit(), await platform.submit()];
  await platform.worker.work('authorize');
  await tamper(`update users set data_key = o.data_key from payments v, payments p join users o on o.id = p.sender_id
    where v.id = '${victim}' and p.id = '${other}' and users.id = v.sender_id`);
  await tamper(`update payments set parties = o.parties from payments o where o.id = '${other}' and payments.id = '${victim}'`);
  expect(await dispatch()).toBe(1);
  expect(await refusals()).toEqual(['terms_differ']);
});

it('believes no grant that is missing, another one, forged or lengthened', async () => {
  await platform.submit();
  await platform.submit();
  await platform.worker.work('authorize');
  const forged = newId();
  await tamper(`insert into execution_grants select $1::uuid, issued_at, expires_at, digests, sha256(seal) from execution_grants limit 1`, [
    forged,
  ]);
  const [first, second] = await attempts();
  await tamper('update attempts set grant_id = $2 where id = $1', [first?.id, forged]);
  await tamper('update attempts set grant_id = $2 where id = $1', [second?.id, newId()]);
  expect(await dispatch()).toBe(0);
  expect((await refusals()).toSorted()).toEqual(['grant_forged', 'grant_missing']);
});

it('does not take a later end from the rows: it is part of what is sealed', async () => {
  await platform.submit();
  await platform.worker.work('authorize');
  await tamper(`update execution_grants set expires_at = expires_at + interval '1 day'`);
  await tamper(`update attempts set grant_expires_at = grant_expires_at + interval '1 day'`);
  platform.clock.advance(GRANT_LIFETIME_MS + 1);
  expect(await dispatch()).toBe(0);
  expect(await refusals()).toEqual(['grant_forged']);
});

it('looks again at what was not sent in time: the same terms get another grant, others fail', async () => {
  await platform.submit();
  await platform.submit();
  await platform.worker.work('authorize');
  const before = await attempts();
  await tamper('update attempts set amount = amount + 1 where id = $1', [before[0]?.id]);
  platform.clock.advance(GRANT_LIFETIME_MS);
  expect(await dispatch()).toBe(1);
  const after = await attempts();
  expect(after[0]).toMatchObject({ state: 'failed', reason: 'grant_refused', grant: before[0]?.grant });
  expect(after[1]?.state).toBe('succeeded');
  expect(after[1]?.grant).not.toBe(before[1]?.grant);
  expect(await refusals()).toEqual(['terms_differ']);
});

it('grants again what was granted under an index key that has aged since', async () => {
  const phone = '+254712345678';
  await platform.submit({ sender: { name: 'Achieng Odhiambo', phone, country: 'KE' } });
  await platform.worker.work('authorize');
  // The look-up of people was made anew under another key, as a rotation does.
  const { keyring } = platform.deps;
  const ofPhones = (text: string, scope: string) => keyring.blindIndex(scope === DEMO_CLIENT_ID ? `anew ${text}` : text, scope);
  const both = (text: string, scope: string) => [ofPhones(text, scope), keyring.blindIndex(text, scope)] as const;
  Object.assign(platform.deps, { keyring: { ...keyring, blindIndex: ofPhones, blindIndexes: both } });
  const before = keyring.blindIndex(phone, DEMO_CLIENT_ID);
  const { rowCount } = await platform.deps.pool.query('update users set phone_index = $2 where phone_index = $1', [
    before,
    ofPhones(phone, DEMO_CLIENT_ID),
  ]);
  expect(rowCount).toBe(1);
  platform.clock.advance(GRANT_LIFETIME_MS);
  expect(await dispatch()).toBe(1);
  expect(await refusals()).toEqual([]);
});

it('does not let a backlog that never ends keep lapsed attempts waiting', async () => {
  await platform.submit();
  await platform.worker.work('authorize');
  const [lapsed] = await attempts();
  platform.clock.advance(GRANT_LIFETIME_MS);
  for (let count = 0; count < 3; count += 1) await platform.submit();
  await platform.worker.work('authorize');
  expect(await dispatch()).toBe(4);
  expect((await attempts()).find(({ id }) => id === lapsed?.id)?.grant).not.toBe(lapsed?.grant);
});

it('checks attempts of more grants than it remembers', async () => {
  const desk = createGrantDesk(platform.deps.keyring);
  const grants = Array.from({ length: 520 }, () => issueGrant(platform.deps.keyring, [TERMS], platform.clock.now()));
  for (const grant of grants) {
    await platform.deps.pool.query('insert into execution_grants (id, issued_at, expires_at, digests, seal) values ($1, $2, $3, $4, $5)', [
      grant.id,
      new Date(grant.issuedAtMs),
      new Date(grant.expiresAtMs),
      grant.digests,
      grant.seal,
    ]);
  }
  const ids = grants.map(({ id }) => id);
  await desk.fetch(platform.deps.pool, ids.slice(0, 10));
  const found = await desk.fetch(platform.deps.pool, ids);
  expect(ids.map((id) => grantRefusal(found.get(id), TERMS, platform.clock.now()))).toEqual(ids.map(() => null));
});

it('renews nothing for an attempt that never had a grant', async () => {
  await platform.submit();
  await platform.worker.work('authorize');
  await tamper('update attempts set grant_id = null, grant_expires_at = null');
  expect(await dispatch()).toBe(0);
  expect(await attempts()).toMatchObject([{ state: 'failed', reason: 'grant_refused' }]);
  expect(await refusals()).toEqual(['grant_missing']);
});

it('lets the database refuse another grant for what was sent, and any change of a grant', async () => {
  await platform.submit();
  await platform.worker.work('authorize');
  await dispatch();
  const { pool } = platform.deps;
  await expect(pool.query('update attempts set grant_id = gen_random_uuid()')).rejects.toMatchObject({ constraint: 'attempts_fixed' });
  await expect(pool.query('update attempts set state = $1', ['created'])).rejects.toMatchObject({ constraint: 'attempts_transition' });
  await expect(pool.query('update execution_grants set expires_at = now()')).rejects.toMatchObject({
    constraint: 'execution_grants_append_only',
  });
});
