/**
 * Rotation of keys of 10,000 people while payments come in through two processes: first everybody's data key is wrapped by another
 * key, then everybody gets another data key and all that is theirs is sealed under it. Afterwards every payment is opened and compared
 * with what was handed in, by a keyring that has forgotten the old key.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { insertClient } from '../../db/fixtures.ts';
import { createKeyring, type Keyring } from '../../db/keyring.ts';
import { partiesColumns } from '../../db/queries/parties.ts';
import type { SealedParties } from '../../db/person-keys.ts';
import { systemClock } from '../../domain/clock.ts';
import { type PaymentIntent, parseIntent } from '../../domain/intent.ts';
import { createPeople, type Person } from '../../examples/people.ts';
import { seededRandom } from '../../examples/random.ts';
import { createIntake, type Intake } from '../../server/intake.ts';
import { dropOldKeys, rotateKeys } from '../../tools/privacy/index.ts';
import type { Pool } from '../../db/connect.ts';
import { withDatabase } from './database.ts';
import { reportOf, type SecurityPart } from './part.ts';

export interface RotationScale {
  readonly people: number;
  /** Payments that come in during each of the two rotations at least. */
  readonly meanwhile: number;
}

const FULL: RotationScale = { people: 10_000, meanwhile: 2_000 };
const BURST = 100;
/** How fast payments come in at most; the more of them there are, the more there is to seal anew. */
const PER_SECOND_MAX = 1_000;
const READ_PAGE = 2_000;

/** Rotates over a database; the figures, and what is wrong. */
export async function rotateUnderLoad(pool: Pool, scale: RotationScale): Promise<{ figures: Record<string, number>; failures: string[] }> {
  const keys = [1, 2].map((id) => ({ id, master: randomBytes(32) }));
  const [before, after] = [
    createKeyring(keys, [keys[0]?.master as Buffer]),
    createKeyring([...keys].reverse(), [keys[0]?.master as Buffer]),
  ];
  const clientId = await insertClient(pool);
  const crowd = createCrowd(scale.people);
  const intakes = [before, after].map((keyring) => createIntake({ pool, keyring, clock: systemClock, notify: () => undefined }));
  const given = new Map<string, PaymentIntent>();
  const submit = async (intake: Intake, intent: PaymentIntent): Promise<void> => {
    given.set((await intake.submit(clientId, intent)).paymentId, intent);
  };
  for (let at = 0; at < scale.people; at += 2 * BURST) {
    await Promise.all(crowd.pairs(at, BURST).map((intent) => submit(intakes[0] as Intake, intent)));
  }
  const deps = { pool, keyring: after, clock: systemClock };
  const wrapped = await during(
    () => rotateKeys(deps, 'wrap'),
    scale.meanwhile,
    (count) => pay(intakes, crowd, count, submit),
  );
  const renewed = await during(
    () => rotateKeys(deps, 'data'),
    scale.meanwhile,
    (count) => pay(intakes, crowd, count, submit),
  );
  // The first process knows the old wrapping key only as long as it runs: what it wrapped last goes over in one more pass.
  const rest = await rotateKeys(deps, 'wrap');
  const dropped = await dropAll(deps);
  const alone = createKeyring(keys.slice(1), [keys[0]?.master as Buffer]);
  const { read, unreadable, different } = await readAll(pool, alone, given);
  const people = await pool.query<{ people: number; old: number }>(
    'select count(*)::int as people, count(*) filter (where get_byte(data_key, 0) <> 2 or length(data_key) > 62)::int as old from users',
  );
  const { people: kept = 0, old = 0 } = people.rows[0] ?? {};
  const figures = {
    people: kept,
    wrappedAnew: wrapped.result.changed + rest.changed,
    paymentsDuringWrapping: wrapped.meanwhile,
    dataKeysRenewed: dropped,
    paymentsDuringRenewal: renewed.meanwhile,
    paymentsRead: read,
    unreadable,
    different,
    leftUnderOldKeys: old,
  };
  return {
    figures,
    failures: [
      ...(kept === scale.people ? [] : [`${kept} people are kept, not ${scale.people}: somebody was stored twice`]),
      ...(unreadable + different === 0 ? [] : [`${unreadable} payments do not open, ${different} open to something else`]),
      ...(read === given.size ? [] : [`${given.size} payments were accepted, ${read} are stored`]),
      ...(old === 0 ? [] : [`${old} people are still under an old key`]),
      ...(dropped === scale.people ? [] : [`${dropped} of ${scale.people} data keys were renewed`]),
    ],
  };
}

/** Keeps payments coming at a bounded pace until some work is over, and so many at least. */
async function during<T>(
  work: () => Promise<T>,
  least: number,
  more: (count: number) => Promise<void>,
): Promise<{ result: T; meanwhile: number }> {
  let isOver = false;
  let meanwhile = 0;
  const working = work().finally(() => {
    isOver = true;
  });
  const startedMs = performance.now();
  while (!isOver || meanwhile < least) {
    await more(BURST);
    meanwhile += BURST;
    await delay(Math.max(0, (meanwhile * 1_000) / PER_SECOND_MAX - (performance.now() - startedMs)));
  }
  return { result: await working, meanwhile };
}

async function pay(
  intakes: readonly Intake[],
  crowd: ReturnType<typeof createCrowd>,
  count: number,
  submit: (intake: Intake, intent: PaymentIntent) => Promise<void>,
): Promise<void> {
  await Promise.all(crowd.random(count).map((intent, at) => submit(intakes[at % intakes.length] as Intake, intent)));
}

/** Nothing is sealed under the older data keys any more, whoever remembered them: both processes have ended. */
async function dropAll(deps: Parameters<typeof dropOldKeys>[0]): Promise<number> {
  let dropped = 0;
  for (let some = -1; some !== 0; ) {
    some = await dropOldKeys(deps, 0);
    dropped += some;
  }
  return dropped;
}

async function readAll(pool: Pool, keyring: Keyring, given: ReadonlyMap<string, PaymentIntent>) {
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

/** People from Kenya and Uganda in turn, and payments between them. */
function createCrowd(count: number) {
  const random = seededRandom(20_261_126);
  const people = createPeople(random);
  const crowd: readonly Person[] = Array.from({ length: count }, (_, at) => people.person(at % 2 === 0 ? 'KE' : 'UG'));
  let references = 0;
  const intentOf = (sender: Person, receiver: Person): PaymentIntent => {
    references += 1;
    const parsed = parseIntent({
      referenceId: `rotation-${references}`,
      amount: '1500',
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      sender: { name: sender.name, phone: sender.phone, country: sender.country },
      receiver: { name: receiver.name, phone: receiver.phone, country: receiver.country },
    });
    if (!parsed.ok) throw new Error(`an intent is wrong: ${parsed.errors.map(({ field, code }) => `${field} ${code}`).join(', ')}`);
    return parsed.intent;
  };
  const at = (index: number): Person => crowd[index % count] as Person;
  return {
    /** So many payments, each between the next two people. */
    pairs: (from: number, wanted: number) =>
      Array.from({ length: Math.min(wanted, Math.ceil((count - from) / 2)) }, (_, index) =>
        intentOf(at(from + 2 * index), at(from + 2 * index + 1)),
      ),
    /** So many payments between any two. */
    random: (wanted: number) =>
      Array.from({ length: wanted }, () => intentOf(at(2 * random.below(count / 2)), at(2 * random.below(count / 2) + 1))),
  };
}

export const rotation: SecurityPart = {
  name: 'rotation',
  description: `rotation of the keys of ${FULL.people} people while payments come in; nothing may become unreadable`,
  run: () =>
    withDatabase(async ({ pool }) => {
      const { figures, failures } = await rotateUnderLoad(pool, FULL);
      return reportOf('rotation', figures, failures);
    }),
};
