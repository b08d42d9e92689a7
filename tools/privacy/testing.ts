/** People and payments of theirs for tests, sealed as the way in seals them, and as it did before people had data keys. */
import { insertClient, insertPayment, newPerson } from '../../db/fixtures.ts';
import { createKeyring, type Keyring } from '../../db/keyring.ts';
import { joinParties, type Parties } from '../../db/person-keys.ts';
import { storePeople } from '../../db/queries/intake.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';

export type PrivacyWorld = Awaited<ReturnType<typeof privacyWorld>>;

export const TEST_KEYS = [1, 2].map((id) => ({ id, master: Buffer.alloc(32, 40 + id) }));

/** A database with a client, and the keyring its rows are sealed with. */
export async function privacyWorld(startMs: number) {
  const database: TestDatabase = await testDatabase();
  const { pool } = database;
  const keyring = createKeyring(TEST_KEYS.slice(0, 1));
  const clock = manualClock(startMs);
  const clientId = await insertClient(pool);
  let count = 0;

  const personOf = (name: string) => ({ name, phone: `+2547${String((count += 1)).padStart(8, '0')}` });

  /** Stores somebody new; gives who they are. */
  async function addPerson(name = `Amina Wanjiku ${count + 1}`, by: Keyring = keyring) {
    const person = personOf(name);
    const [stored] = await storePeople(pool, [{ ...newPerson(by, clientId, person), country: 'KE', walletId: 'mpesa-ke' }], clock.now());
    if (!stored?.dataKey) throw new Error('somebody was not stored');
    return { id: stored.id, person };
  }

  /** Stores somebody as people were kept before they had data keys. */
  async function addOldPerson(name = `Okello James ${count + 1}`) {
    const [id, person] = [newId(), personOf(name)];
    await pool.query(
      `insert into users (id, client_id, phone, phone_index, name, country, wallet_id) values ($1, $2, $3, $4, $5, 'KE', 'mpesa-ke')`,
      [
        id,
        clientId,
        keyring.encrypt(person.phone, 'users.phone'),
        keyring.blindIndex(person.phone, clientId),
        keyring.encrypt(person.name, 'users.name'),
      ],
    );
    return { id, person };
  }

  type Added = Awaited<ReturnType<typeof addPerson>>;

  async function keyOf(id: string): Promise<Buffer> {
    return (await pool.query<{ data_key: Buffer }>('select data_key from users where id = $1', [id])).rows[0]?.data_key as Buffer;
  }

  /** Stores a payment between two people under the keys they have. */
  async function addPayment(sender: Added, receiver: Added, status: 'paid' | 'accepted' = 'paid'): Promise<string> {
    const seal = async ({ id, person }: Added) => keyring.people.seal(keyring.people.current(await keyOf(id)), person);
    const parties = joinParties(await seal(sender), await seal(receiver));
    return insertPayment(pool, { clientId, status, senderId: sender.id, receiverId: receiver.id, parties });
  }

  /** Stores a payment as parties were encrypted before people had data keys. */
  async function addOldPayment(sender: Added, receiver: Added): Promise<string> {
    const parties = keyring.encrypt(JSON.stringify({ sender: sender.person, receiver: receiver.person }), 'payments.parties');
    return insertPayment(pool, { clientId, status: 'paid', senderId: sender.id, receiverId: receiver.id, parties });
  }

  /** A payment's parties as a keyring opens them. */
  async function partiesOf(paymentId: string, by: Keyring = keyring): Promise<Parties> {
    const { rows } = await pool.query(
      `select p.parties, s.data_key as "senderKey", r.data_key as "receiverKey" from payments p
       join users s on s.id = p.sender_id join users r on r.id = p.receiver_id where p.id = $1`,
      [paymentId],
    );
    return by.people.openParties(rows[0]);
  }

  return { ...database, keyring, clock, clientId, addPerson, addOldPerson, addPayment, addOldPayment, partiesOf, keyOf };
}
