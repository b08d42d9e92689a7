/**
 * What people ask of payers through their operator, for the command line: a consent to later collections, and a word after a payment.
 * MTN alone offers these.
 */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { type Pool, withTransaction } from '../db/connect.ts';
import { recordAuditEvents } from '../db/queries/audit.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { parsePhone } from '../domain/phone.ts';
import type { Rail } from '../domain/rail.ts';
import type { MtnMomoClient } from '../tools/mmo/mtn-momo/client.ts';
import type { PreApprovalState } from '../tools/mmo/mtn-momo/operations.ts';
import { readConfig } from './config.ts';
import { operatedRail, operatorsAsSet, type OperatorStores } from './operators.ts';

export interface PayerRequests {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly railId: string;
  readonly pool: Pool;
  readonly stores: OperatorStores;
  /** Who asks, for the audit log. */
  readonly actor: string;
}

/** The client of a rail of MTN's. Throws `usage_invalid`, `config_invalid`. */
async function mtnAt({ env, railId, stores }: PayerRequests): Promise<{ readonly rail: Rail; readonly client: MtnMomoClient }> {
  const rail = operatedRail(railId);
  if (rail.protocol !== 'mtn_momo')
    throw fault('usage_invalid', { detail: `${railId} is no rail of MTN's, and no other operator offers this.` });
  const config = readConfig(env);
  const operators = await operatorsAsSet(config, resolve(config.dataDir), stores);
  return { rail, client: operators(railId) as MtnMomoClient };
}

/** Written down before anything is sent: the payer hears of it, whatever is heard back. */
async function writeDown({ pool, actor, railId }: PayerRequests, action: string, subject: string): Promise<void> {
  const event = { clientId: null, actor, action, subject, details: { railId } };
  await withTransaction(pool, (tx) => recordAuditEvents(tx, [event], systemClock.now()));
}

/**
 * Asks a payer to consent to collections without a prompt for some days. Gives the id by which the consent is asked about, and whether MTN
 * took the request; where it is not known to have, asking about the id tells.
 */
export async function requestConsent(
  requests: PayerRequests,
  asked: { readonly phone: string; readonly days: number; readonly note: string },
): Promise<{ readonly requestId: string; readonly isTaken: boolean }> {
  const { rail, client } = await mtnAt(requests);
  const phone = parsePhone(asked.phone, rail.country).e164;
  // MTN takes references of version 4 only.
  const requestId = randomUUID();
  await writeDown(requests, 'consent.requested', `consent:${requestId}`);
  const isTaken = await client.requestPreApproval({ requestId, phone, note: asked.note, validForS: asked.days * 86_400 });
  return { requestId, isTaken };
}

/** What became of a consent; null when it cannot be told. */
export async function consentState(requests: PayerRequests, requestId: string): Promise<PreApprovalState | null> {
  return (await mtnAt(requests)).client.preApprovalState(requestId);
}

/** Takes a consent back. False when MTN did not say that it did. */
export async function cancelConsent(requests: PayerRequests, requestId: string): Promise<boolean> {
  const { client } = await mtnAt(requests);
  await writeDown(requests, 'consent.cancelled', `consent:${requestId}`);
  return client.cancelPreApproval(requestId);
}

/**
 * Has MTN send the payer of a collection that succeeded a text; false when MTN did not take it. Throws `not_found` for an attempt that is no
 * such collection over the rail.
 */
export async function notifyPayer(requests: PayerRequests, attemptId: string, text: string, language?: string): Promise<boolean> {
  const { client } = await mtnAt(requests);
  const { rows } = await requests.pool.query<{ requestId: string }>(
    `select request_id as "requestId" from attempts where id = $1 and rail_id = $2 and leg = 'collection' and state = 'succeeded'`,
    [attemptId, requests.railId],
  );
  const [collection] = rows;
  if (collection === undefined)
    throw fault('not_found', { detail: `There is no collection ${attemptId} over ${requests.railId} that succeeded.` });
  await writeDown(requests, 'payer.notified', `attempt:${attemptId}`);
  return client.notifyPayer(collection.requestId, text, language);
}
