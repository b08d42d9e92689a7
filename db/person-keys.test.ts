import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeyring } from './keyring.ts';
import { ERASED, joinParties, sealedVersion, splitParties, wrappedKeys } from './person-keys.ts';

const master = (id: number) => ({ id, master: randomBytes(32) });
const [first, second] = [master(1), master(2)];
const keyring = createKeyring([first]);
const { people } = keyring;
const amina = { name: 'Amina Wanjiku', phone: '+254712345678' };
const okello = { name: 'Okello James', phone: '+256772345678' };

/** A payment of both, as it is stored and read. */
function sealed(keys = people) {
  const [from, to] = [keys.create(), keys.create()];
  const parties = joinParties(keys.seal(from.key, amina), keys.seal(to.key, okello));
  return { parties, senderKey: from.wrapped as Buffer | null, receiverKey: to.wrapped as Buffer | null };
}

describe('parties', () => {
  test('open with both keys, whatever the names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 20 }), (name, phone) => {
        const [from, to] = [people.create(), people.create()];
        const parties = joinParties(people.seal(from.key, { name, phone }), people.seal(to.key, amina));
        const row = { parties, senderKey: from.wrapped, receiverKey: to.wrapped };
        expect(people.openParties(row)).toEqual({ sender: { name, phone }, receiver: amina });
        expect(people.openParty(row, 'sender')).toEqual({ name, phone });
      }),
      { numRuns: 40 },
    );
  });

  test('open with all that was given of them, and lose it with their key', () => {
    const [from, to] = [people.create(), people.create()];
    const told = { ...amina, details: { dateOfBirth: '1971-03-04', address: { town: 'Kisumu', country: 'KE' } } };
    const row = {
      parties: joinParties(people.seal(from.key, told), people.seal(to.key, okello)),
      senderKey: from.wrapped,
      receiverKey: to.wrapped,
    };
    expect(people.openParties(row)).toEqual({ sender: told, receiver: okello });
    expect(row.parties.toString('latin1')).not.toMatch(/1971|Kisumu/);
    expect(people.openParties({ ...row, senderKey: null }).sender).toEqual(ERASED);
  });

  test('lose one party with that person’s key, and keep the other', () => {
    const row = sealed();
    expect(people.openParties({ ...row, senderKey: null })).toEqual({ sender: ERASED, receiver: okello });
    expect(people.openParties({ ...row, receiverKey: null })).toEqual({ sender: amina, receiver: ERASED });
    expect(people.openParty({ ...row, receiverKey: null }, 'sender')).toEqual(amina);
  });

  test('do not open with another person’s key, nor in the other’s place', () => {
    const row = sealed();
    expect(() => people.openParties({ ...row, senderKey: people.create().wrapped })).toThrow('internal');
    const { sender, receiver } = splitParties(row.parties) ?? { sender: Buffer.alloc(0), receiver: Buffer.alloc(0) };
    expect(() => people.openParties({ ...row, parties: joinParties(receiver, sender) })).toThrow('internal');
  });

  test('do not open with any byte changed, of theirs or of a key', () => {
    const row = sealed();
    const flip = (bytes: Buffer, at: number): Buffer => Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 0x40 : byte)));
    for (let at = 0; at < row.parties.length; at += 1) {
      expect(() => people.openParties({ ...row, parties: flip(row.parties, at) })).toThrow('internal');
    }
    const key = row.senderKey ?? Buffer.alloc(0);
    for (let at = 0; at < key.length; at += 1) expect(() => people.openParties({ ...row, senderKey: flip(key, at) })).toThrow('internal');
  });

  test('of the time before people had keys open as they did', () => {
    const parties = keyring.encrypt(JSON.stringify({ sender: amina, receiver: okello }), 'payments.parties');
    const row = { parties, senderKey: null, receiverKey: null };
    expect(people.openParties(row)).toEqual({ sender: amina, receiver: okello });
    expect(people.openParty(row, 'receiver')).toEqual(okello);
    expect(splitParties(parties)).toBeNull();
  });
});

describe('people', () => {
  test('open under their own key, and from the two columns they had before', () => {
    const { key, wrapped } = people.create();
    const none = { person: null, dataKey: null, name: null, phone: null };
    expect(people.openPerson({ ...none, person: people.seal(key, amina), dataKey: wrapped })).toEqual(amina);
    const before = { name: keyring.encrypt(amina.name, 'users.name'), phone: keyring.encrypt(amina.phone, 'users.phone') };
    expect(people.openPerson({ ...none, ...before })).toEqual(amina);
    expect(people.openPerson(none)).toEqual(ERASED);
  });
});

describe('data keys', () => {
  test('go over to another wrapping key with everything under them, and only once', () => {
    const row = sealed();
    const both = createKeyring([second, first]).people;
    const [senderKey, receiverKey] = [both.rewrap(row.senderKey as Buffer), both.rewrap(row.receiverKey as Buffer)];
    expect(both.rewrap(senderKey)).toBe(senderKey);
    const without = createKeyring([second]).people;
    expect(without.openParties({ ...row, senderKey, receiverKey })).toEqual({ sender: amina, receiver: okello });
    expect(() => without.openParties(row)).toThrow('internal');
    expect(createKeyring([first, second]).people.openParties({ ...row, senderKey, receiverKey })).toEqual({
      sender: amina,
      receiver: okello,
    });
  });

  test('a new one stands beside the old until everything is under it', () => {
    const old = people.create();
    const sealedOld = people.seal(old.key, amina);
    const next = people.create(old.wrapped);
    const dataKey = Buffer.concat([next.wrapped, old.wrapped]);
    expect(people.current(dataKey).version).toBe(2);
    const sealedNew = people.seal(people.current(dataKey), okello);
    expect([sealedVersion(sealedOld), sealedVersion(sealedNew)]).toEqual([1, 2]);
    const none = { name: null, phone: null };
    expect(people.openPerson({ ...none, person: sealedOld, dataKey })).toEqual(amina);
    expect(people.openPerson({ ...none, person: sealedNew, dataKey })).toEqual(okello);
    expect(() => people.openPerson({ ...none, person: sealedOld, dataKey: next.wrapped })).toThrow('internal');
    expect(wrappedKeys(dataKey)).toHaveLength(2);
  });

  test('are random, and differ for everybody', () => {
    const made = Array.from({ length: 200 }, () => people.create().wrapped.toString('hex'));
    expect(new Set(made).size).toBe(200);
  });

  test('errors show nothing of what was sealed', () => {
    const row = sealed();
    expect(() => createKeyring([master(1)]).people.openParties(row)).toThrow(/^(?!.*(Amina|2547))/);
  });
});
