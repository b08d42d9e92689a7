/**
 * What is added to what is known of the parties of a held payment: by its client with an answer, or by the officer who holds its case.
 * It is sealed with the parties, kept with the people for re-screening, and named by its fields alone in the evidence and in the audit log.
 */
import { z } from '@hono/zod-openapi';
import type { PoolClient } from 'pg';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import type { CaseRow } from '../../db/queries/cases.ts';
import { lockHeldParties, type SealedHeldParties, storeHeldParties } from '../../db/queries/parties.ts';
import { joinParties, splitParties } from '../../db/person-keys.ts';
import type { Json } from '../../domain/decision.ts';
import { fault, isFault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';
import { dayOf } from '../../domain/network.ts';
import { completeDetails, PARTY_DETAIL_FIELDS, type PartyDetails, type PartyDetailsInput } from '../../domain/party.ts';
import { completeKnown } from '../known-people.ts';
import type { ApiDeps, Caller } from './deps.ts';

const detailsSchema = z
  .strictObject(PARTY_DETAIL_FIELDS)
  .openapi('AddedDetails', { description: 'What else is known of a party. What was said before stands: parts that lacked are added.' });

/** The fields of a request that adds to what is known. */
export const ADDED_FIELDS = { sender: detailsSchema.optional(), receiver: detailsSchema.optional() } as const;

const ROLES = ['sender', 'receiver'] as const;
type Role = (typeof ROLES)[number];

export type AddedDetails = { readonly [Party in Role]?: PartyDetailsInput | undefined };

type Deps = Pick<ApiDeps, 'keyring' | 'clock'>;

/** Parties with more said of them, not stored yet. */
export interface CompletedParties {
  /** What the evidence says of it: which parts are new, and the digest of the sealed parties. */
  readonly evidence: { readonly added: readonly string[]; readonly partiesDigest: string };
  /** Stores it, once the case is marked for another screening. */
  store(): Promise<void>;
}

/**
 * Adds to what is known of the parties of a locked case; null where nothing new is said. Throws `case_not_open` when its payment is
 * not held any more, `detail_given`, and what the parts are refused for: `date_of_birth_invalid`, `country_code_invalid`,
 * `address_invalid`, `document_invalid`.
 */
export async function completeParties(
  tx: PoolClient,
  deps: Deps,
  caller: Caller,
  row: CaseRow,
  given: AddedDetails,
): Promise<CompletedParties | null> {
  if (ROLES.every((role) => given[role] === undefined)) return null;
  const held = await lockHeldParties(tx, caller.clientId, row.paymentId);
  if (held === null) throw fault('case_not_open');
  const nowMs = deps.clock.now();
  const completed = ROLES.flatMap((role) => {
    const more = given[role];
    return more === undefined ? [] : [{ role, ...completedBy(deps, held, role, more, dayOf(nowMs)) }];
  }).filter(({ added }) => added.length > 0);
  if (completed.length === 0) return null;
  const sealed = splitParties(held.parties);
  if (sealed === null) throw fault('internal', { internal: `the parties of payment ${row.paymentId} are not sealed one by one` });
  const of = (role: Role): Buffer => completed.find((each) => each.role === role)?.sealed ?? sealed[role];
  const parties = joinParties(of('sender'), of('receiver'));
  const added = completed.flatMap((each) => each.added.map((part) => `${each.role}.${part}`));
  return {
    evidence: { added, partiesDigest: digestOf(parties.toString('hex')) },
    store: async () => {
      await storeHeldParties(tx, caller.clientId, row.paymentId, parties);
      await completeKnown(tx, deps.keyring, new Map(completed.map(({ userId, details }) => [userId, details])));
      const act = { clientId: caller.clientId, actor: caller.principal, action: 'case.details_added', subject: `case:${row.id}` };
      await recordAuditEvents(tx, [{ ...act, paymentId: row.paymentId, details: { added } }], nowMs);
    },
  };
}

interface Completed {
  readonly userId: string;
  readonly details: PartyDetails;
  readonly added: readonly string[];
  readonly sealed: Buffer;
}

function completedBy({ keyring }: Deps, held: SealedHeldParties, role: Role, more: PartyDetailsInput, asOf: string): Completed {
  const [userId, dataKey] = role === 'sender' ? [held.senderId, held.senderKey] : [held.receiverId, held.receiverKey];
  if (dataKey === null) throw fault('case_not_open', { field: role, detail: 'The person was erased.' });
  const person = keyring.people.openParty(held, role);
  try {
    const { details, added } = completeDetails(person.details, more, asOf);
    return { userId, details, added, sealed: keyring.people.seal(keyring.people.current(dataKey), { ...person, details }) };
  } catch (error) {
    throw isFault(error) && error.field !== undefined
      ? fault(error.code, { field: `${role}.${error.field}`, detail: error.detail })
      : error;
  }
}

/** Appends to a list in the evidence. */
export function appended(list: Json | undefined, entry: Json): Json[] {
  return [...(Array.isArray(list) ? (list as Json[]) : []), entry];
}
