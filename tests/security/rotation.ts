/**
 * Rotation of keys of 10,000 people while payments run on a platform as it is started: an API takes them, a worker completes them, some
 * over operators. First everybody's data key is wrapped by another key, then everybody gets another data key and all that is theirs is
 * sealed under it, then they are indexed by another key. An older process goes on beside, which still wraps and indexes by the old keys.
 * Afterwards every payment is opened and compared with what was handed in, and everybody looked up by their number, by a keyring that
 * has forgotten the old keys.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { countUnfinished } from '../../bench/load/run.ts';
import { type BenchPlatform, fundBalances, openPlatform } from '../../bench/platform.ts';
import type { Pool } from '../../db/connect.ts';
import { createKeyring, inForce, type Keyring } from '../../db/keyring.ts';
import { connectToWork } from '../../db/migrate.ts';
import type { SealedParties, SealedPerson } from '../../db/person-keys.ts';
import { partiesColumns } from '../../db/queries/parties.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { systemClock } from '../../domain/clock.ts';
import type { PaymentIntent } from '../../domain/intent.ts';
import { createCapp } from '../../sdk/index.ts';
import { createIntake } from '../../server/intake.ts';
import { dropOldKeys, findSubjects, rotateKeys, type RotateResult } from '../../tools/privacy/index.ts';
import { reportOf, type SecurityPart } from './part.ts';
import { createCrowd, type CrowdIntent } from './rotation-crowd.ts';

export interface RotationScale {
  readonly people: number;
  /** Payments that come in during each rotation at least. */
  readonly meanwhile: number;
}

const FULL: RotationScale = { people: 10_000, meanwhile: 2_000 };
const BURST = 100;
/** How fast payments come in at most; the more of them there are, the more there is to seal anew. */
const PER_SECOND_MAX = 200;
const READ_PAGE = 2_000;
const REST_MS_MAX = 600_000;
const POLL_MS = 250;
const KINDS = ['wrap', 'data', 'index'] as const;

/** The keys before and after, and who knows them in which order. */
function createKeys() {
  const [one, two] = [1, 2].map((id) => ({ id, master: randomBytes(32) })) as [FieldKeyOf, FieldKeyOf];
  const [oldIndex, newIndex] = [randomBytes(32), randomBytes(32)];
  const text = ({ id, master }: FieldKeyOf): string => `${id}:${master.toString('hex')}`;
  return {
    /** A process from before: it knows the new keys, and goes by the old ones. */
    older: createKeyring([one, two], [oldIndex, newIndex].map(inForce)),
    now: createKeyring([two, one], [newIndex, oldIndex].map(inForce)),
    /** Once the old ones are gone. */
    alone: createKeyring([two], [newIndex].map(inForce)),
    settings: {
      // Customers are ten times as fast as people are: how long they take is not what is looked at.
      SANDBOX_SPEED: '10',
      CAPP_FIELD_KEY: [two, one].map(text).join(','),
      CAPP_INDEX_KEY: [newIndex, oldIndex].map((key) => key.toString('hex')).join(','),
    },
  };
}

type FieldKeyOf = Parameters<typeof createKeyring>[0][number];

/** Rotates on a platform of its own; the figures, and what is wrong. */
export async function rotateUnderLoad(
  scale: RotationScale,
  tell: (line: string) => void,
): Promise<{ figures: Record<string, number>; failures: string[] }> {
  const keys = createKeys();
  const bench = await openPlatform(keys.settings, tell);
  const work = await connectToWork({ url: bench.platform.databaseUrl, applicationName: 'capp security' });
  try {
    await fundBalances(bench);
    const crowd = createCrowd(scale.people);
    const load = openLoad(bench, keys.older);
    for (let at = 0; at < scale.people; at += 2 * BURST) await load.byOlder(crowd.pairs(at, BURST));
    await until(async () => (await countPaid(bench.pool)) > 0);
    tell(`${scale.people} people are stored under the old keys`);
    const deps = { pool: work, keyring: keys.now, clock: systemClock };
    const rounds: Record<string, Round> = {};
    for (const kind of KINDS) {
      rounds[kind] = await during(
        bench.pool,
        () => rotateKeys(deps, kind),
        scale.meanwhile,
        () => load.byBoth(crowd.random(BURST)),
      );
      tell(`${kind}: ${rounds[kind].result.changed} changed while ${rounds[kind].paid} payments were paid`);
    }
    await until(async () => (await countUnfinished(bench.pool)) === 0);
    // The older process knows its keys only as long as it runs: what it wrapped and indexed last goes over in one more pass.
    const rest = { wrap: await rotateKeys(deps, 'wrap'), index: await rotateKeys(deps, 'index') };
    const dropped = await dropAll(deps);
    const found = await lookAtAll(bench, keys.alone, load.given, crowd.phones);
    const violations = await bench.verify();
    return judged(scale, load.given.size, { rounds, rest, dropped, ...found, violations: violations.length });
  } finally {
    await work.end();
    await bench.close();
  }
}

/** Two ways in: the API as it runs now, and an intake of a process from before. */
function openLoad({ platform, pool }: BenchPlatform, older: Keyring) {
  const given = new Map<string, PaymentIntent>();
  const capp = createCapp({ baseUrl: platform.url, apiKey: platform.keys['client:demo'] ?? '' });
  const intake = createIntake({ pool, keyring: older, clock: systemClock, notify: () => undefined });
  const byOlder = async (intents: readonly CrowdIntent[]): Promise<void> => {
    await Promise.all(intents.map(async ({ intent }) => void given.set((await intake.submit(DEMO_CLIENT_ID, intent)).paymentId, intent)));
  };
  const byApi = async (intents: readonly CrowdIntent[]): Promise<void> => {
    const { rows } = await capp.batches.submit(intents.map(({ input }) => input));
    for (const [at, { paymentId }] of rows.entries()) {
      if (paymentId === undefined || paymentId === null) throw new Error('the API refused a payment');
      given.set(paymentId, (intents[at] as CrowdIntent).intent);
    }
  };
  return {
    given: given as ReadonlyMap<string, PaymentIntent>,
    byOlder,
    byBoth: async (intents: readonly CrowdIntent[]) => {
      const half = Math.ceil(intents.length / 2);
      await Promise.all([byOlder(intents.slice(0, half)), byApi(intents.slice(half))]);
    },
  };
}

interface Round {
  readonly result: RotateResult;
  /** Payments that came in, and that were paid, while it went on. */
  readonly meanwhile: number;
  readonly paid: number;
}

/** Keeps payments coming at a bounded pace until some work is over, so many came in at least, and some of them were paid. */
async function during(pool: Pool, work: () => Promise<RotateResult>, least: number, more: () => Promise<void>): Promise<Round> {
  let isOver = false;
  let meanwhile = 0;
  const paidBefore = await countPaid(pool);
  const working = work().finally(() => {
    isOver = true;
  });
  const startedMs = performance.now();
  const isLate = (): boolean => performance.now() - startedMs > REST_MS_MAX;
  while (!isOver || meanwhile < least || ((await countPaid(pool)) === paidBefore && !isLate())) {
    await more();
    meanwhile += BURST;
    await delay(Math.max(0, (meanwhile * 1_000) / PER_SECOND_MAX - (performance.now() - startedMs)));
  }
  return { result: await working, meanwhile, paid: (await countPaid(pool)) - paidBefore };
}

async function countPaid(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from payments where status = 'paid'`);
  return rows[0]?.count ?? 0;
}

/** Waits within a bound; what did not come about the figures tell. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + REST_MS_MAX;
  while (performance.now() < deadlineMs && !(await isSo())) await delay(POLL_MS);
}

/** Nothing is sealed under the older data keys any more, whoever remembered them: no payment comes in. */
async function dropAll(deps: Parameters<typeof dropOldKeys>[0]): Promise<number> {
  let dropped = 0;
  for (let some = -1; some !== 0; ) {
    some = await dropOldKeys(deps, 0);
    dropped += some;
  }
  return dropped;
}

interface Found {
  readonly read: number;
  readonly unreadable: number;
  readonly different: number;
  readonly unfindable: number;
  readonly people: number;
  readonly leftUnderOldKeys: number;
  readonly unfinished: number;
  readonly paid: number;
}

async function lookAtAll(
  { pool }: BenchPlatform,
  keyring: Keyring,
  given: ReadonlyMap<string, PaymentIntent>,
  phones: readonly string[],
): Promise<Found> {
  const payments = await readPayments(pool, keyring, given);
  const { ids, unreadable } = await readPeople(pool, keyring);
  let unfindable = 0;
  for (const phone of phones) {
    const found = await findSubjects({ pool, keyring }, phone, DEMO_CLIENT_ID);
    if (found.length !== 1 || found[0] !== ids.get(phone)) unfindable += 1;
  }
  const { rows } = await pool.query<{ people: number; old: number }>(
    `select count(*)::int as people, count(*) filter (where get_byte(data_key, 0) <> 2 or length(data_key) > 62)::int as old
     from users where client_id = $1`,
    [DEMO_CLIENT_ID],
  );
  const { people = 0, old = 0 } = rows[0] ?? {};
  return {
    ...payments,
    unreadable: payments.unreadable + unreadable,
    unfindable,
    people,
    leftUnderOldKeys: old,
    unfinished: await countUnfinished(pool),
    paid: await countPaid(pool),
  };
}

/** Everybody by their number, as a keyring opens them. */
async function readPeople(
  pool: Pool,
  keyring: Keyring,
): Promise<{ readonly ids: ReadonlyMap<string, string>; readonly unreadable: number }> {
  const { rows } = await pool.query<SealedPerson & { id: string }>(
    'select id, person, data_key as "dataKey", name, phone from users where client_id = $1',
    [DEMO_CLIENT_ID],
  );
  const ids = new Map<string, string>();
  let unreadable = 0;
  for (const row of rows) {
    try {
      ids.set(keyring.people.openPerson(row).phone, row.id);
    } catch {
      unreadable += 1;
    }
  }
  return { ids, unreadable };
}

async function readPayments(pool: Pool, keyring: Keyring, given: ReadonlyMap<string, PaymentIntent>) {
  let [read, unreadable, different, afterId] = [0, 0, 0, null as string | null];
  for (;;) {
    const { rows } = await pool.query<SealedParties & { id: string }>(
      `select p.id, ${partiesColumns('p')} from payments p where $1::uuid is null or p.id > $1 order by p.id limit ${READ_PAGE}`,
      [afterId],
    );
    for (const row of rows) {
      const intent = given.get(row.id);
      try {
        const { sender, receiver } = keyring.people.openParties(row);
        const isSame =
          sender.phone === intent?.sender.phone && sender.name === intent.sender.name && receiver.phone === intent.receiver.phone;
        if (!isSame) different += 1;
      } catch {
        unreadable += 1;
      }
    }
    read += rows.length;
    if (rows.length < READ_PAGE) return { read, unreadable, different };
    afterId = rows.at(-1)?.id ?? null;
  }
}

interface Outcome extends Found {
  readonly rounds: Readonly<Record<string, Round>>;
  readonly rest: { readonly wrap: RotateResult; readonly index: RotateResult };
  readonly dropped: number;
  readonly violations: number;
}

/** The figures of a run, and which of them are not as they must be. */
function judged(scale: RotationScale, accepted: number, outcome: Outcome): { figures: Record<string, number>; failures: string[] } {
  const { rounds, rest, dropped, violations, ...found } = outcome;
  const of = (kind: (typeof KINDS)[number]): Round => rounds[kind] as Round;
  const figures = {
    people: found.people,
    wrappedAnew: of('wrap').result.changed + rest.wrap.changed,
    paymentsDuringWrapping: of('wrap').meanwhile,
    paidDuringWrapping: of('wrap').paid,
    dataKeysRenewed: dropped,
    paymentsDuringRenewal: of('data').meanwhile,
    paidDuringRenewal: of('data').paid,
    // Whoever the API met meanwhile it has indexed anew itself.
    indexedAnew: of('index').result.changed + rest.index.changed,
    paymentsDuringIndexing: of('index').meanwhile,
    paidDuringIndexing: of('index').paid,
    paymentsRead: found.read,
    paid: found.paid,
    unfinished: found.unfinished,
    unreadable: found.unreadable,
    different: found.different,
    unfindable: found.unfindable,
    leftUnderOldKeys: found.leftUnderOldKeys,
    violations,
  };
  const idle = KINDS.filter((kind) => of(kind).paid === 0);
  return {
    figures,
    failures: [
      ...(found.people === scale.people ? [] : [`${found.people} people are kept, not ${scale.people}: somebody was stored twice`]),
      ...(found.unreadable + found.different === 0 ? [] : [`${found.unreadable} do not open, ${found.different} open to something else`]),
      ...(found.unfindable === 0 ? [] : [`${found.unfindable} people are not found by their number`]),
      ...(found.read === accepted ? [] : [`${accepted} payments were accepted, ${found.read} are stored`]),
      ...(found.unfinished === 0 ? [] : [`${found.unfinished} payments did not come to an end`]),
      ...idle.map((kind) => `no payment was paid during the rotation of ${kind}`),
      ...(found.leftUnderOldKeys === 0 ? [] : [`${found.leftUnderOldKeys} people are still under an old key`]),
      ...(dropped === scale.people ? [] : [`${dropped} of ${scale.people} data keys were renewed`]),
      ...(violations === 0 ? [] : [`${violations} violations of the invariants`]),
    ],
  };
}

export const rotation: SecurityPart = {
  name: 'rotation',
  description: `rotation of the keys of ${FULL.people} people while payments run; nobody may become unreadable, or be found no more`,
  run: async (tell) => {
    const { figures, failures } = await rotateUnderLoad(FULL, tell);
    return reportOf('rotation', figures, failures);
  },
};
