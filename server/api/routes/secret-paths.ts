/**
 * Messages that operators post to secret paths: kept encrypted, word for word, whatever becomes of them. What comes to a path that is
 * nobody's, from elsewhere, or is too large is kept and refused here.
 */
import { CALLBACK_CONTEXT, type JudgedMessage, storeMessage } from '../../../db/queries/callbacks.ts';
import { fault } from '../../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiContext, readSome } from '../http.ts';
import { callerAddressOf } from '../limits.ts';
import { ANYWHERE, CALLBACK_BYTES_MAX, textOfBytes } from './callbacks.ts';

/** What can be a token of these paths at all; other paths are nobody's and leave no row behind. */
export const SECRET_PATH = /^[0-9a-f]{64}$/;

export interface SecretMessage {
  readonly railId: string;
  readonly text: string;
  readonly sourceAddress: string;
}

/**
 * Takes a message in, or keeps it and refuses. `railId` is the rail whose path was called, null for nobody's; such a message is kept under
 * `elseRailId`. Throws `callback_unknown`, `body_too_large`.
 */
export async function takeIn(deps: ApiDeps, c: ApiContext, railId: string | null, elseRailId: string): Promise<SecretMessage> {
  const sourceAddress = callerAddressOf(deps, c);
  const { bytes, whole } = await readSome(c, CALLBACK_BYTES_MAX);
  const message = { railId: railId ?? elseRailId, text: textOfBytes(bytes), sourceAddress };
  const refuse = async (reasonCode: 'callback_unknown' | 'source_refused' | 'body_too_large'): Promise<never> => {
    await keepMessage(deps, message, { verdict: 'quarantined', reasonCode });
    throw fault(reasonCode === 'body_too_large' ? reasonCode : 'callback_unknown');
  };
  if (railId === null) return refuse('callback_unknown');
  if (!(deps.callbackTerms?.(railId) ?? ANYWHERE).allows(sourceAddress)) return refuse('source_refused');
  return whole ? message : refuse('body_too_large');
}

/** Keeps a message with what became of it. */
export async function keepMessage(
  deps: ApiDeps,
  { railId, text, sourceAddress }: SecretMessage,
  judged: Pick<JudgedMessage, 'verdict' | 'reasonCode'> & { readonly attemptId?: string | null },
): Promise<void> {
  const { keyring, pool, clock } = deps;
  const body = keyring.encrypt(text, CALLBACK_CONTEXT);
  const bodyDigest = keyring.blindIndex(text, CALLBACK_CONTEXT);
  await storeMessage(pool, { railId, attemptId: null, ...judged, body, bodyDigest, sourceAddress }, clock.now());
}
