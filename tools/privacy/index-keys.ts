/**
 * Whether the index keys of a process are those that the database was written with. Under others everybody would be a stranger, every
 * mandate void, every grant forged and every block of the audit log of wrong seal, and nothing would say why.
 */
import { type Pool, type Queryable, withTransaction } from '../../db/connect.ts';
import type { Keyring, NamedIndexKey } from '../../db/keyring.ts';
import { type KnownIndexKey, listIndexKeys, lockIndexKeys, nameIndexKeys } from '../../db/queries/index-keys.ts';
import { fault } from '../../domain/errors.ts';
import { lastBlockNumber, readBlocks } from '../audit/chain.ts';
import { sealsOf } from '../audit/seal.ts';

type Keys = Pick<Keyring, 'indexKeys' | 'seals'>;

const refuse = (detail: string) => fault('index_key_mismatch', { field: 'CAPP_INDEX_KEY', detail });

/** What speaks against keys that are named where others are known; null when nothing does. */
export function indexKeyRefusal(named: readonly NamedIndexKey[], known: readonly KnownIndexKey[]): string | null {
  if (known.length === 0) return null;
  const find = (check: Buffer) => known.find(({ keyCheck }) => keyCheck.equals(check));
  const missing = known.filter((key) => !named.some(({ check }) => check.equals(key.keyCheck)));
  if (missing.some(({ retiredAt }) => retiredAt === null))
    return 'A key that indexes of this database were made with is not named. Name it in CAPP_INDEX_KEY again; where that was empty, it is the field key with the lowest number of then.';
  if (missing.some(({ isReplaced }) => !isReplaced))
    return 'A key that is retired is not named, and people may still be found by it alone. Name it until capp keys rotate-index has come to its end.';
  for (const { check, retiredAtMs } of named) {
    const retiredAt = find(check)?.retiredAt ?? null;
    if (retiredAt !== null && retiredAt.getTime() !== retiredAtMs)
      return `A key that is named was retired at ${retiredAt.toISOString()}: name it with that moment, as KEY@MOMENT.`;
  }
  const [first] = named;
  if (first === undefined || find(first.check) === undefined)
    return 'The first key is new to this database. Name it behind the one in use, restart every process, and only then put it in front.';
  return null;
}

/** The index keys that are named, or known to the database, or both. */
export interface IndexKeyStates {
  readonly keys: readonly {
    /** The first digits of the digest by which it is known. */
    readonly name: string;
    /** Where it stands in the setting, from 1; null where it is not named. */
    readonly place: number | null;
    /** Null for one that is new to the database. */
    readonly namedAt: Date | null;
    readonly retiredAt: Date | null;
  }[];
  /** Why no process starts with those that are named; null where it would. */
  readonly refusal: string | null;
}

/** How the keys of a process stand beside those that the database knows, for people to see. */
export async function indexKeyStates(db: Pool, { indexKeys }: Keys): Promise<IndexKeyStates> {
  const known = await listIndexKeys(db);
  const named = indexKeys.map(({ check, retiredAtMs }, at) => {
    const found = known.find(({ keyCheck }) => keyCheck.equals(check));
    const retiredAt = found?.retiredAt ?? (retiredAtMs === null ? null : new Date(retiredAtMs));
    return { name: nameOf(check), place: at + 1, namedAt: found?.namedAt ?? null, retiredAt };
  });
  const others = known
    .filter(({ keyCheck }) => !indexKeys.some(({ check }) => check.equals(keyCheck)))
    .map(({ keyCheck, namedAt, retiredAt }) => ({ name: nameOf(keyCheck), place: null, namedAt, retiredAt }));
  return { keys: [...named, ...others], refusal: indexKeyRefusal(indexKeys, known) };
}

const nameOf = (check: Buffer): string => check.toString('hex', 0, 4);

/** Throws `index_key_mismatch` for keys that the database was not written with; writes nothing. A database that knows none takes any. */
export async function assertIndexKeys(pool: Pool, { indexKeys }: Keys): Promise<void> {
  const refusal = indexKeyRefusal(indexKeys, await listIndexKeys(pool));
  if (refusal !== null) throw refuse(refusal);
}

/** What speaks against retiring keys that were in force until now; null when nothing does. */
function retirementRefusal(named: readonly NamedIndexKey[], known: readonly KnownIndexKey[], nowMs: number): string | null {
  const isNew = ({ check }: NamedIndexKey): boolean => !known.some((key) => key.keyCheck.equals(check) && key.retiredAt !== null);
  // The database takes no other moment afterwards.
  const early = named.filter(isNew).some(({ retiredAtMs }) => retiredAtMs !== null && retiredAtMs > nowMs);
  return early ? 'A key is to be retired at a moment that is still to come. Name the moment since which no process uses it.' : null;
}

/**
 * What speaks against keys over a database that knows none, though blocks of its audit log are sealed: the newest must bear a seal of the
 * first key. Behind that one others may be named; a key that processes from before do not know must not seal yet.
 */
async function firstNamingRefusal(tx: Queryable, keys: Keys): Promise<string | null> {
  const last = await lastBlockNumber(tx);
  if (last === 0n) return null;
  for (const { hash, seal, header } of await readBlocks(tx, last, last, { withLeaves: false })) {
    if (sealsOf(keys, hash, Date.parse(header.sealedAt))[0]?.equals(seal) !== true)
      return 'The newest block of the audit log was sealed with another key than the first in CAPP_INDEX_KEY. Put that in front; where the setting was empty until now, it is the field key with the lowest number.';
  }
  return null;
}

/**
 * The same at the start of whatever writes, and notes the keys that the database has not seen, and which are retired. Where it has seen
 * none, the audit log says by which it was sealed.
 */
export async function admitIndexKeys(pool: Pool, keys: Keys, nowMs: number): Promise<void> {
  await withTransaction(pool, async (tx) => {
    await lockIndexKeys(tx);
    const known = await listIndexKeys(tx);
    const refusal =
      indexKeyRefusal(keys.indexKeys, known) ??
      retirementRefusal(keys.indexKeys, known, nowMs) ??
      (known.length === 0 ? await firstNamingRefusal(tx, keys) : null);
    if (refusal !== null) throw refuse(refusal);
    await nameIndexKeys(tx, keys.indexKeys, nowMs);
  });
}
