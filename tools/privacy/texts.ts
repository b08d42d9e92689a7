/** Sealing texts that may name somebody under keys of their own, and opening them for as long as those are kept. */
import type { Pool } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { changeTextKeys, findOlderWrapped, findTextKeys, keepTextKey, type TextKind } from '../../db/queries/text-keys.ts';
import { fault } from '../../domain/errors.ts';

type Texts = Pick<Keyring, 'texts'>;

/** What a text belongs to. */
export interface TextSubject {
  readonly id: string;
  readonly kind: TextKind;
}

/** Seals a text under the key of its subject, which is made with its first text. Throws `internal` when that key was destroyed. */
export async function sealText(
  tx: Queryable,
  { texts }: Texts,
  subject: TextSubject,
  { text, context, nowMs }: { readonly text: string; readonly context: string; readonly nowMs: number },
): Promise<Buffer> {
  const wrapped = await keepTextKey(tx, { ...subject, candidate: texts.create(), nowMs });
  if (wrapped === null) throw fault('internal', { internal: `the texts of ${subject.kind} ${subject.id} were destroyed` });
  return texts.seal(wrapped, text, context);
}

/** Opens texts of one subject: null for each whose key was destroyed. */
export async function textOpener(
  db: Queryable | Pool,
  { texts }: Texts,
  subjectId: string,
): Promise<(sealed: Buffer, context: string) => string | null> {
  const wrapped = (await findTextKeys(db, [subjectId])).get(subjectId) ?? null;
  return (sealed, context) => texts.open(wrapped, sealed, context);
}

const PAGE = 500;

/** Wraps the keys of all texts by the first key of the keyring; gives how many it wrapped anew. */
export async function rewrapTexts(db: Queryable, { texts, currentId }: Pick<Keyring, 'texts' | 'currentId'>): Promise<number> {
  let changed = 0;
  for (;;) {
    const old = await findOlderWrapped(db, currentId, PAGE);
    if (old.length === 0) return changed;
    const wrapped = old.map(({ id, wrapped: before }) => ({ id, before, wrapped: texts.rewrap(before) }));
    changed += await changeTextKeys(db, wrapped);
  }
}
