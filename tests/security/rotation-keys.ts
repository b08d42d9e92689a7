/** The keys of a rotation, and who knows which of them in which order, step by step as docs/security.md has it. */
import { randomBytes } from 'node:crypto';
import { createKeyring, type FieldKey, inForce } from '../../db/keyring.ts';

/** Of the field key that goes. */
export const OLD_ID = 1;

/** Makes them. The installation is one that never named an index key: its indexes are made by the old field key. */
export function createKeys() {
  const [one, two] = [OLD_ID, OLD_ID + 1].map((id) => ({ id, master: randomBytes(32) })) as [FieldKey, FieldKey];
  const index = randomBytes(32);
  const hex = (key: Buffer): string => key.toString('hex');
  const text = ({ id, master }: FieldKey): string => `${id}:${hex(master)}`;
  return {
    /** A process from before: it knows the new keys, and goes by the old ones. */
    older: createKeyring([one, two], [one.master, index].map(inForce)),
    now: createKeyring([two, one], [index, one.master].map(inForce)),
    /** Once the old ones are gone. */
    alone: createKeyring([two], [index].map(inForce)),
    settings: {
      older: { CAPP_FIELD_KEY: [one, two].map(text).join(','), CAPP_INDEX_KEY: `field,${hex(index)}` },
      now: { CAPP_FIELD_KEY: [two, one].map(text).join(','), CAPP_INDEX_KEY: `${hex(index)},field` },
      /** The old field key dropped by somebody who forgot that indexes are made by it. */
      forgetful: { CAPP_FIELD_KEY: text(two), CAPP_INDEX_KEY: '' },
      /** The old field key dropped; what it was to the indexes is spelt out, and retired since a moment, to the second. */
      retired: (atMs: number) => ({
        CAPP_FIELD_KEY: text(two),
        CAPP_INDEX_KEY: `${hex(index)},${hex(one.master)}@${new Date(atMs).toISOString().slice(0, 19)}Z`,
      }),
    },
  };
}
