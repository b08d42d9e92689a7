import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { createKeyring } from '../../db/keyring.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import type { Asked } from '../../tools/sanctions/asked.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import type { WorkItem } from '../agent.ts';
import { type ComplianceDeps, createComplianceAgent } from './index.ts';
import { createPayments, FOUR_EYES, listOf } from './testing.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 10, 20, 12);

const agent = createComplianceAgent();
const keyring = createKeyring([{ id: 1, master: randomBytes(32) }]);
let database: TestDatabase;
let deps: ComplianceDeps;
let clientId: string;

beforeAll(async () => {
  database = await testDatabase();
  deps = { db: database.pool, keyring, sanctions: createSanctionsList([sampleList()], { sample: true }), fourEyes: FOUR_EYES };
});

afterAll(() => database.close());

beforeEach(async () => {
  clientId = newId();
  await database.pool.query('insert into clients (id, name) values ($1, $2)', [clientId, clientId]);
});

const { addPerson, addPayment } = createPayments({ keyring, nowMs: NOW_MS, pool: () => database.pool, clientId: () => clientId });

async function decideAll(items: readonly WorkItem[]) {
  return (await agent.gather(deps, items)).map((facts) => agent.decide(facts));
}

async function outcomesOf(items: readonly WorkItem[]): Promise<string[]> {
  return (await decideAll(items)).map((verdict) => `${verdict.outcome} ${verdict.reasons[0]?.code}`);
}

describe('names', () => {
  test('are screened for both parties and leave no trace in the facts', async () => {
    const items = [
      await addPayment(),
      await addPayment({ receiverName: 'Mamadou Keta Sanounou' }),
      await addPayment({ senderName: 'WAKHUNGU Jelani Obote' }),
      await addPayment({ senderName: '🙂' }),
      await addPayment({ senderName: 'Am\u202eina Wanjiku' }),
      await addPayment({ senderName: '(formerly)' }),
      await addPayment({ receiverName: 'a b c d e f g h i j k l m n o p Amina Wanjiku' }),
      await addPayment({ receiverName: `Amina ${'W'.repeat(41)}` }),
    ];
    expect(await outcomesOf(items)).toEqual([
      'clear nothing_found',
      'block sanctions_match',
      'flag sanctions_possible_match',
      'block compliance_refused',
      'flag name_obscured',
      'flag name_obscured',
      'flag name_obscured',
      'flag name_obscured',
    ]);
    const text = JSON.stringify(await agent.gather(deps, items));
    expect(text).not.toMatch(/amina|wanjiku|okello|sanounou|wakhungu|2547|2567/i);
  });

  test('are told apart from listed ones by what else a client says, of which facts have classes alone', async () => {
    const name = 'Jefferson Otieno Wakulima';
    const sanctions = createSanctionsList([
      listOf({ datesOfBirth: ['1961-03-04'], countries: ['Kenya'], ids: ['A-123456'], names: [name] }),
    ]);
    const told = (receiverName: string, receiverDetails: unknown) => addPayment({ receiverName, receiverDetails });
    const items = [
      await told(name, undefined),
      await told(name, { dateOfBirth: '1961-03-04', nationality: 'KE' }),
      await told(name, { dateOfBirth: '1988-07-09', nationality: 'UG' }),
      await told('Jeferson Otieno Wakulma', undefined),
      await told('Jeferson Otieno Wakulma', { dateOfBirth: '1988-07-09' }),
      await told('Beatrice Mutoni', { document: { type: 'passport', number: 'A 123456' } }),
      await told('Amina Wanjiku', { dateOfBirth: '1988-07-09', address: { town: 'Kisumu', country: 'KE' } }),
      await told('Amina Wanjiku', { dateOfBirth: 1988 }),
    ];
    const facts = await agent.gather({ ...deps, sanctions }, items);
    expect(facts.map((each) => agent.decide(each)).map(({ outcome, reasons }) => `${outcome} ${reasons[0]?.code}`)).toEqual([
      'block sanctions_match',
      'block sanctions_match',
      'flag sanctions_possible_match',
      'flag sanctions_possible_match',
      'clear nothing_found',
      'flag sanctions_possible_match',
      'clear nothing_found',
      'block compliance_refused',
    ]);
    expect(facts.map((each) => each.hits[0]?.agreement)).toEqual([
      undefined,
      { birth: 'same_day', country: 'same' },
      { birth: 'far_apart', country: 'other' },
      undefined,
      { birth: 'far_apart' },
      { document: 'same' },
      undefined,
      undefined,
    ]);
    const ofParties = facts.map(({ sender, receiver, hits, signals }) => ({ sender, receiver, hits, signals }));
    expect(JSON.stringify(ofParties)).not.toMatch(/1961|1988|wakul|123456|kisumu|kenya/i);
  });

  test('that cannot be opened or read refuse their payment and no other', async () => {
    const unreadable = [
      randomBytes(40),
      ...['null', '[]', '{}', '{"sender":1}', 'no JSON', '{"sender":{"name":7}}'].map((text) => keyring.encrypt(text, 'payments.parties')),
    ];
    const items = [await addPayment()];
    for (const parties of unreadable) items.push(await addPayment({ parties }));
    expect(await outcomesOf(items)).toEqual(['clear nothing_found', ...unreadable.map(() => 'block compliance_refused')]);
  });

  test('with the wrong key are no ground to refuse anybody', async () => {
    const stranger = createKeyring([{ id: 1, master: randomBytes(32) }]);
    await expect(agent.gather({ ...deps, keyring: stranger }, [await addPayment()])).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('KYC and limits', () => {
  test('standing and tier come from the users', async () => {
    expect(
      await outcomesOf([
        await addPayment({ senderId: await addPerson({ status: 'none' }) }),
        await addPayment({ receiverId: await addPerson({ status: 'rejected' }) }),
        await addPayment({ senderId: await addPerson({ status: 'verified', tier: 3 }), amountMinor: 25_000_000n }),
        await addPayment({ amountMinor: 25_000_001n }),
      ]),
    ).toEqual(['flag kyc_none', 'block compliance_refused', 'clear nothing_found', 'block limit_exceeded']);
  });

  test('a quoted payment must fit into the wallet of the receiver', async () => {
    const item = await addPayment({ receiverId: await addPerson({ tier: 0 }) });
    const quoted = (targetMinor: bigint) => ({ ...item, quote: { targetMinor } as never });
    expect(await outcomesOf([quoted(3_000_000n)])).toEqual(['clear nothing_found']);
    expect(await outcomesOf([quoted(3_000_001n)])).toEqual(['block limit_exceeded']);
  });

  test('the day of a sender is its last 24 hours, refused and failed payments aside', async () => {
    const senderId = await addPerson();
    await addPayment({ senderId, agoMs: 25 * HOUR_MS, amountMinor: 20_000_000n, status: 'paid' });
    await addPayment({ senderId, agoMs: 23 * HOUR_MS, amountMinor: 20_000_000n, status: 'paid' });
    for (const status of ['rejected', 'cancelled', 'failed'])
      await addPayment({ senderId, agoMs: HOUR_MS, amountMinor: 20_000_000n, status });
    const [facts] = await agent.gather(deps, [await addPayment({ senderId, amountMinor: 20_000_000n })]);
    expect(facts?.history).toEqual({
      count1h: 1,
      count24h: 2,
      sum24hMinor: '40000000',
      sum7dMinor: '60000000',
      sum30dMinor: '60000000',
      truncated: false,
    });
    expect(await outcomesOf([await addPayment({ senderId, agoMs: -1, amountMinor: 20_000_001n })])).toEqual(['block limit_exceeded']);
  });
});

describe('payments of one cohort see each other', () => {
  test('in the order of acceptance, whatever the order of the cohort', async () => {
    const senderId = await addPerson();
    const items: WorkItem[] = [];
    for (const agoMs of [0, 5, 4, 3, 2, 1]) items.push(await addPayment({ senderId, agoMs }));
    expect(await outcomesOf(items)).toEqual(['flag velocity_count_1h', ...Array(4).fill('clear nothing_found'), 'flag velocity_count_1h']);
  });

  test('when they were accepted at the same moment', async () => {
    const senderId = await addPerson();
    const items = [
      await addPayment({ senderId, amountMinor: 25_000_000n }),
      await addPayment({ senderId, amountMinor: 25_000_000n }),
      await addPayment({ senderId }),
    ];
    expect(await outcomesOf(items)).toEqual(['clear nothing_found', 'clear nothing_found', 'block limit_exceeded']);
  });

  test('but one that is refused does not count against the next', async () => {
    const senderId = await addPerson();
    const items = [await addPayment({ senderId, agoMs: 2, amountMinor: 60_000_000n }), await addPayment({ senderId, agoMs: 1 })];
    expect(await outcomesOf(items)).toEqual(['block limit_exceeded', 'clear nothing_found']);
  });

  test('many payers of one receiver', async () => {
    const receiverId = await addPerson();
    for (let payer = 0; payer < 4; payer += 1) await addPayment({ receiverId, agoMs: HOUR_MS, status: 'paid' });
    await addPayment({ receiverId, agoMs: 25 * HOUR_MS, status: 'paid' });
    const items: WorkItem[] = [];
    for (let payer = 6; payer > 0; payer -= 1) items.push(await addPayment({ receiverId, agoMs: payer }));
    expect(await outcomesOf(items)).toEqual([...Array(5).fill('clear nothing_found'), 'flag fan_in']);
  });
});

test('amounts just below a threshold add up over a week', async () => {
  const senderId = await addPerson();
  await addPayment({ senderId, agoMs: 6 * DAY_MS, amountMinor: 11_000_000n, status: 'paid' });
  await addPayment({ senderId, agoMs: 3 * DAY_MS, amountMinor: 12_000_000n, status: 'paid' });
  expect(await outcomesOf([await addPayment({ senderId, amountMinor: 10_000_000n })])).toEqual(['flag structuring']);
  expect(await outcomesOf([await addPayment({ senderId, agoMs: -1, amountMinor: 5_000_000n })])).toEqual(['clear nothing_found']);
});

test('thresholds in USD follow the rates that are handed in', async () => {
  const item = await addPayment();
  const usdRates = async () => new Map([['KES' as const, 200n * 10n ** 12n]]);
  const [facts] = await agent.gather({ ...deps, usdRates }, [item]);
  expect(facts?.thresholds.find((each) => each.id === 'travel_rule')?.thresholdMinor).toBe('20000000');
});

describe('records and releases', () => {
  test('one record per payment; a release holds for the rules it saw', async () => {
    const senderId = await addPerson({ status: 'none' });
    const flagged = await addPayment({ senderId, receiverName: 'Dikko Farouk Abdulrahim' });
    const clear = await addPayment();
    const items = [flagged, clear];
    const verdicts = await decideAll(items);
    await withTransaction(database.pool, (tx) => agent.apply(tx, items, verdicts));
    const records = await database.pool.query(
      'select outcome, list_version, hits, rules from compliance_records where client_id = $1 order by outcome',
      [clientId],
    );
    expect(records.rows).toMatchObject([
      { outcome: 'clear', hits: [], rules: [] },
      {
        outcome: 'flag',
        list_version: deps.sanctions.version,
        hits: [{ party: 'receiver', list: 'CAPP-SAMPLE', entryId: 'S-4', score: 0.95, how: 'normalised' }],
        rules: ['sanctions_possible_match:receiver:CAPP-SAMPLE/S-4', 'kyc_none:sender'],
      },
    ]);

    const released = { payment: { ...flagged.payment, status: 'released' as const, releasedByCase: newId() } };
    expect(await outcomesOf([released])).toEqual(['clear released_by_case']);
    await database.pool.query("update users set kyc_status = 'rejected' where id = $1", [senderId]);
    expect(await outcomesOf([released])).toEqual(['block compliance_refused']);
  });

  test('a release of a payment that was never flagged holds for nothing', async () => {
    const item = await addPayment({ receiverName: 'Dikko Farouk Abdulrahim', releasedByCase: newId() });
    expect(await outcomesOf([item])).toEqual(['flag sanctions_possible_match']);
  });

  test('nothing to apply writes nothing', async () => {
    await withTransaction(database.pool, (tx) => agent.apply(tx, [], []));
    expect(await agent.gather(deps, [])).toEqual([]);
  });
});

test('facts come in the order of the items and can be decided again from their JSON', async () => {
  const items = [await addPayment({ agoMs: 1, amountMinor: 700_000n }), await addPayment({ agoMs: 2, amountMinor: 800_000n })];
  const facts = await agent.gather(deps, items);
  expect(facts.map((each) => each.payment.amountMinor)).toEqual(['700000', '800000']);
  expect(facts.map((each) => agent.decide(JSON.parse(JSON.stringify(each))))).toEqual(facts.map((each) => agent.decide(each)));
});

test('a cohort is screened against one edition of the lists, and its facts name that one', async () => {
  const edition = deps.sanctions;
  let isReplaced = false;
  // New lists come in force with the first name that is looked up.
  const live = {
    ...edition,
    get version() {
      return isReplaced ? 'next' : edition.version;
    },
    edition: () => ({
      ...edition,
      screen: (parties: readonly Asked[]) => {
        isReplaced = true;
        return edition.screen(parties);
      },
    }),
  };
  const facts = await agent.gather({ ...deps, sanctions: live }, [await addPayment(), await addPayment()]);
  expect(facts.map(({ listVersion }) => listVersion)).toEqual([edition.version, edition.version]);
  expect(isReplaced).toBe(true);
});

test('a payment that is not stored is an error, not a clear payment', async () => {
  const item = await addPayment();
  await expect(agent.gather(deps, [{ payment: { ...item.payment, id: newId() } }])).rejects.toMatchObject({ code: 'internal' });
});

test('history is read by its indexes', async () => {
  const plans: string[] = [];
  const client = await database.pool.connect();
  const explain = async (text: string, values: readonly unknown[]) => {
    const plan = await client.query<{ 'QUERY PLAN': string }>({ text: `explain ${text}`, values: [...values] });
    plans.push(plan.rows.map((row) => row['QUERY PLAN']).join('\n'));
    return client.query({ text, values: [...values] });
  };
  try {
    // With a handful of rows the planner reads the whole table unless it is told that this is dear.
    await client.query('set enable_seqscan = off');
    let last: Promise<unknown> = Promise.resolve();
    const query = ({ text, values }: { readonly text: string; readonly values: readonly unknown[] }) => {
      const next = last.then(() => explain(text, values));
      last = next;
      return next;
    };
    await agent.gather({ ...deps, db: { query } as never }, [await addPayment()]);
  } finally {
    client.release(true);
  }
  expect(plans).toHaveLength(3);
  expect(plans.some((plan) => /Index.* (using|on) payments_sender_recent/.test(plan))).toBe(true);
  expect(plans.some((plan) => /Index.* (using|on) payments_receiver_recent/.test(plan))).toBe(true);
  expect(plans.join('\n')).not.toMatch(/Seq Scan on (payments|users)/);
});
