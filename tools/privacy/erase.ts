/**
 * Erasure by shredding: the data keys of a person are destroyed, and with them everything that was sealed under them, in every table
 * and every copy. Amounts, transfers, decisions and the audit chain stay as they were: they never held who it was.
 */
import { type Pool, type Queryable, withTransaction } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import {
  clearTraces,
  countHolds,
  findPerson,
  listPersonPayments,
  lockPerson,
  type PersonRecord,
  shredPerson,
} from '../../db/queries/privacy.ts';
import { SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import { destroyTextsAbout } from '../../db/queries/text-keys.ts';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { isTerminal, type PaymentStatus } from '../../domain/lifecycle.ts';
import { keptUntilMs } from './policy.ts';
import { ensureKeys, resealPaymentsOf } from './reseal.ts';

export interface EraseDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/** What stands against erasing somebody. */
export type Obstacle =
  | { readonly kind: 'payments_open'; readonly count: number }
  | { readonly kind: 'cases_open'; readonly count: number }
  | { readonly kind: 'legal_hold'; readonly count: number }
  /** The law keeps the records until then. */
  | { readonly kind: 'records_kept'; readonly untilMs: number };

export interface Erasure {
  readonly userId: string;
  /** Payments whose parties were sealed anew, so that nothing of the person stood under another key. */
  readonly resealed: number;
  /** What was deleted beside the keys, by kind. */
  readonly cleared: Readonly<Record<string, number>>;
}

/** What stands against erasing a person now; nothing when they may be erased. */
export async function obstaclesTo(deps: { readonly pool: Queryable; readonly clock: Clock }, userId: string): Promise<Obstacle[]> {
  const payments = await listPersonPayments(deps.pool, userId);
  const { holds, openCases } = await countHolds(deps.pool, userId);
  const open = payments.filter(({ status }) => !isTerminal(status as PaymentStatus)).length;
  const untilMs = Math.max(0, ...payments.map((payment) => keptUntilMs(payment)));
  return [
    ...(open > 0 ? [{ kind: 'payments_open', count: open } as const] : []),
    ...(openCases > 0 ? [{ kind: 'cases_open', count: openCases } as const] : []),
    ...(holds > 0 ? [{ kind: 'legal_hold', count: holds } as const] : []),
    ...(untilMs > deps.clock.now() ? [{ kind: 'records_kept', untilMs } as const] : []),
  ];
}

/**
 * Erases a person for good. Throws `not_found` for somebody who is not kept or was erased, and `erasure_refused`, which says what
 * stands against it. Who was erased and comes again is somebody new.
 */
export async function erasePerson(deps: EraseDeps, userId: string, actor: string): Promise<Erasure> {
  const person = await findPerson(deps.pool, userId);
  if (person === null || person.erasedAt !== null) throw fault('not_found', { detail: 'Nobody is kept under that id.' });
  await refuseOver(deps, userId);
  // What was encrypted before people had keys would outlive them under the field key.
  await ensureKeys(deps, [userId], deps.clock.now());
  const resealed = await resealPaymentsOf(deps, [userId], deps.clock.now());
  const now = (await findPerson(deps.pool, userId)) ?? person;
  const cleared = await withTransaction(deps.pool, (tx) => shred(deps, tx, now, actor));
  return { userId, resealed, cleared };
}

async function refuseOver(deps: Parameters<typeof obstaclesTo>[0], userId: string): Promise<void> {
  const obstacles = await obstaclesTo(deps, userId);
  if (obstacles.length > 0) throw fault('erasure_refused', { detail: obstacles.map(sentenceOf).join(' ') });
}

async function shred(deps: EraseDeps, tx: Queryable, person: PersonRecord, actor: string) {
  const nowMs = deps.clock.now();
  const { phone } = deps.keyring.people.openPerson(person);
  const traces = await clearTraces(tx, person.id, deps.keyring.blindIndexes(phone, SUBSCRIBER_SCOPE));
  const cleared = { ...traces, written: await destroyTextsAbout(tx, person.id, nowMs) };
  // Late, for payments of everybody wait from here on; what was cleared comes back when it is refused.
  if (!(await lockPerson(tx, person.id))) throw fault('not_found', { detail: 'Nobody is kept under that id.' });
  // What came up since it was looked for counts as well; nothing comes up from here on.
  await refuseOver({ pool: tx, clock: deps.clock }, person.id);
  if (!(await shredPerson(tx, person, nowMs))) throw fault('erasure_refused', { detail: 'The person changed meanwhile; try again.' });
  const event = { clientId: person.clientId, actor, action: 'person.erased', subject: `user:${person.id}`, details: cleared };
  await recordAuditEvents(tx, [event], nowMs);
  return cleared;
}

/** An obstacle in a sentence. */
export function sentenceOf(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case 'payments_open':
      return `${obstacle.count} of their payments are under way.`;
    case 'cases_open':
      return `${obstacle.count} of their cases are open.`;
    case 'legal_hold':
      return 'Their data is under a legal hold.';
    case 'records_kept':
      return `The law keeps the records of their payments until ${new Date(obstacle.untilMs).toISOString().slice(0, 10)}.`;
  }
}
