/** What is left of people and payments after their keys were rotated: whether all of it opens, to what was given, and is found. */
import { countUnfinished } from '../../bench/load/run.ts';
import type { BenchPlatform } from '../../bench/platform.ts';
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import type { SealedParties, SealedPerson } from '../../db/person-keys.ts';
import { partiesColumns } from '../../db/queries/parties.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import type { PaymentIntent } from '../../domain/intent.ts';
import { countPlaces, findSubjects } from '../../tools/privacy/index.ts';
import { OLD_ID } from './rotation-keys.ts';

const READ_PAGE = 2_000;

/** How many payments were paid. */
export async function countPaid(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(`select count(*)::int as count from payments where status = 'paid'`);
  return rows[0]?.count ?? 0;
}

/** What a field key seals by itself, by place, of what may go over to another key. */
export async function countUnder(pool: Pool, keyId: number): Promise<Record<string, number>> {
  const counts = (await countPlaces(pool)).filter((each) => each.keyId === keyId && (each.fate === 'rewrapped' || each.fate === 'renewed'));
  return Object.fromEntries(counts.map(({ place, sealed }) => [place, Number(sealed)]));
}

/** What there is after the rotations, as a keyring without the old keys finds it. */
export interface Found {
  readonly read: number;
  readonly unreadable: number;
  readonly different: number;
  readonly unfindable: number;
  readonly people: number;
  readonly leftUnderOldKeys: number;
  /** Fields that the old field key itself still seals, though they may go over. */
  readonly leftSealedByOldKey: number;
  readonly unfinished: number;
  readonly paid: number;
}

/** Opens every payment and compares it with what was handed in, and looks everybody up by their number. */
export async function lookAtAll(
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
    leftSealedByOldKey: Object.values(await countUnder(pool, OLD_ID)).reduce((sum, count) => sum + count, 0),
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
