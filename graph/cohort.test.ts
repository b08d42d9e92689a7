import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../db/connect.ts';
import { insertAttempt, newPerson } from '../db/fixtures.ts';
import { storePeople } from '../db/queries/intake.ts';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { newId } from '../domain/ids.ts';
import type { PaymentStatus } from '../domain/lifecycle.ts';
import { type Cohort, claimByOutcome, claimByStatus, releaseCohort } from './cohort.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

let platform: TestPlatform;

beforeAll(async () => {
  platform = await testPlatform();
});

afterAll(async () => {
  await platform.close();
});

const idsOf = (cohort: Cohort | null) => cohort?.travellers.map((traveller) => traveller.payment.id) ?? [];
const claim = (limit: number) => claimByStatus(platform.deps, ['accepted'], limit);

async function submitted(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push(await platform.submit());
  return ids;
}

describe('a cohort', () => {
  it('is claimed oldest first, held against others, and given back', async () => {
    const ids = await submitted(5);
    const first = await claim(2);
    const second = await claim(10);
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(idsOf(second)).toEqual(ids.slice(2));
    expect(await claim(10)).toBeNull();
    if (first === null || second === null) throw new Error('nothing was claimed');
    await releaseCohort(platform.deps.pool, first);
    expect(idsOf(await claim(10))).toEqual(ids.slice(0, 2));
    // Whoever comes late with a lease that another has by now gives nothing back.
    await releaseCohort(platform.deps.pool, first);
    await releaseCohort(platform.deps.pool, { ...second, leaseToken: newId() });
    expect(await claim(10)).toBeNull();
    platform.clock.advance(platform.deps.settings.leaseMs + 1);
    expect(idsOf(await claim(10))).toEqual(ids);
  });

  it('that is put off waits until then', async () => {
    platform.clock.advance(platform.deps.settings.leaseMs + 1);
    const cohort = await claim(10);
    if (cohort === null) throw new Error('nothing was claimed');
    await releaseCohort(platform.deps.pool, cohort, new Date(platform.clock.now() + 1_000));
    expect(await claim(10)).toBeNull();
    platform.clock.advance(1_000);
    expect(idsOf(await claim(10))).toEqual(idsOf(cohort));
  });

  it('shared out to many who claim at once has each payment once', async () => {
    platform.clock.advance(platform.deps.settings.leaseMs + 1);
    const claimed = await Promise.all(Array.from({ length: 5 }, () => claim(1)));
    const ids = claimed.flatMap(idsOf);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is found without a walk past the payments that are done, whatever the planner was last told about them', async () => {
    await platform.submit();
    await platform.database.pool.query(
      `insert into payments (id, client_id, reference_id, fingerprint, amount, from_currency, to_currency, from_country, to_country,
         sender_id, receiver_id, sender_wallet, receiver_wallet, parties)
       select uuidv7(), client_id, 'copy ' || number, fingerprint, amount, from_currency, to_currency, from_country, to_country,
         sender_id, receiver_id, sender_wallet, receiver_wallet, parties
       from (select * from payments limit 1) one, generate_series(1, 2000) number`,
    );
    await platform.database.pool.query('vacuum analyze payments');
    await platform.database.pool.query(`update payments set status = 'cancelled' where reference_id like 'copy %'`);
    for (const status of ['accepted', 'released', 'queued', 'authorized', 'collected', 'refunding'] as const) {
      const plan = await planOfClaim(status);
      expect(plan).toMatch(/LockRows[^>]*->  Index Scan using payments_by_status_pkey on payments_by_status waiting/);
      expect(plan).toMatch(/Index Scan using payments_pkey on payments /);
      expect(plan).not.toMatch(/Seq Scan on payments/);
    }
  });
});

describe('the disk', () => {
  let own: TestPlatform;

  beforeAll(async () => {
    own = await testPlatform();
  });

  afterAll(() => own.close());

  it('is not waited for by new people and leases, and is by all else in their session', async () => {
    const { pool } = own.database;
    await pool.query(`create table commits (of text, waits text);
      create function tell_commit() returns trigger language plpgsql as
        $$ begin insert into commits values (tg_table_name, current_setting('synchronous_commit')); return null; end $$;
      create constraint trigger tell_commit after update on payments_by_status deferrable initially deferred for each row execute function tell_commit();
      create constraint trigger tell_commit after insert on users deferrable initially deferred for each row execute function tell_commit()`);
    const session = connect({ url: own.database.url, applicationName: 'disk', max: 1 });
    await session.query('set synchronous_commit = on');
    const deps = { ...own.deps, pool: session };
    const waited = async (act: () => Promise<unknown>): Promise<unknown> => {
      await pool.query('truncate commits');
      await act();
      return (await pool.query('select distinct of, waits from commits')).rows;
    };
    try {
      const paymentId = await own.submit();
      const person = newPerson(own.deps.keyring, DEMO_CLIENT_ID, { name: 'Wanjiku Maina', phone: '+254733000111' });
      const meet = () => storePeople(session, [{ ...person, country: 'KE', walletId: 'airtel-ke' }], own.clock.now());
      expect(await waited(meet)).toEqual([{ of: 'users', waits: 'off' }]);
      let leased: Cohort | null = null;
      expect(await waited(async () => (leased = await claimByStatus(deps, ['accepted'], 10)))).toEqual([
        { of: 'payments_by_status', waits: 'off' },
      ]);
      expect(await waited(() => releaseCohort(session, leased as unknown as Cohort))).toEqual([{ of: 'payments_by_status', waits: 'off' }]);
      await insertAttempt(session, { clientId: DEMO_CLIENT_ID, paymentId, leg: 'collection', state: 'failed' });
      expect(await waited(() => claimByOutcome(deps, 10))).toEqual([{ of: 'payments_by_status', waits: 'off' }]);
      const put = 'update payments_by_status set not_before = null where payment_id = $1';
      expect(await waited(() => session.query(put, [paymentId]))).toEqual([{ of: 'payments_by_status', waits: 'on' }]);
    } finally {
      await session.end();
    }
  });
});

/** The plan of the statement that claims, taken down while it runs. */
async function planOfClaim(status: PaymentStatus): Promise<string> {
  const client = await platform.database.pool.connect();
  const said: string[] = [];
  const listen = (notice: { readonly message?: string | undefined }) => void said.push(notice.message ?? '');
  client.on('notice', listen);
  try {
    await client.query(
      `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set client_min_messages = log`,
    );
    const pool = { query: client.query.bind(client) } as unknown as TestPlatform['deps']['pool'];
    await claimByStatus({ ...platform.deps, pool }, [status], 1);
    return said.join('\n');
  } finally {
    client.removeListener('notice', listen);
    client.release(true);
  }
}
