/** A keyring that encrypts nothing, for benches that measure what encryption costs. The platform has no such switch. */
import { randomBytes } from 'node:crypto';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { type Person, type PersonKey, splitParties } from '../db/person-keys.ts';

/** Writes what it is given. What it indexes is told apart by its last characters, which numbers and digests differ in. */
export function plainKeyring(): Keyring {
  const base = createKeyring([{ id: 1, master: randomBytes(32) }]);
  const { key } = base.people.create();
  const none: PersonKey = key;
  const wrapped = base.people.create().wrapped;
  const plain = (person: Person): Buffer => Buffer.from(JSON.stringify({ name: person.name, phone: person.phone }));
  const open = (side: Buffer | undefined): Person => JSON.parse(side?.toString('utf8') ?? '') as Person;
  const index = (text: string): Buffer => Buffer.from(text.slice(-16).padStart(16, '0'), 'latin1');
  return {
    ...base,
    encrypt: (text) => Buffer.from(text),
    blindIndex: index,
    blindIndexes: (text) => [index(text)],
    olderIndexes: () => [],
    seals: (text) => [index(text)],
    people: {
      ...base.people,
      create: () => ({ key: none, wrapped }),
      seal: (_key, person) => plain(person),
      openParties: ({ parties }) => {
        const sides = splitParties(parties);
        return { sender: open(sides?.sender), receiver: open(sides?.receiver) };
      },
    },
  };
}
