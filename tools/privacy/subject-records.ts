/** What is kept of a person beside who they are and their payments, opened for themselves. */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { CALLBACK_CONTEXT, HANDLE_CONTEXT } from '../../db/queries/callbacks.ts';
import { ANSWER_CONTEXT } from '../../db/queries/operator-answers.ts';
import {
  listSubjectAnswers,
  listSubjectAttempts,
  listSubjectCallbacks,
  listSubjectMandates,
  listSubjectSessions,
  listSubjectTexts,
  listSubjectWishes,
  type SubjectSession,
} from '../../db/queries/subject-access.ts';
import { SUBSCRIBER_NAME_CONTEXT, SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import { USSD_REPLY_CONTEXT, USSD_STATE_CONTEXT } from '../../db/queries/ussd.ts';
import type { UssdReply } from '../notify/gateways/gateway.ts';
import type { UssdState } from '../notify/ussd/machine.ts';

type Told = Readonly<Record<string, unknown>>;

export interface SubjectRecords {
  /** What operators were asked to do with the person's own wallet, with the ids they gave it and each word of theirs. */
  readonly operators: readonly Told[];
  /** Texts that were sent to them. What a text said is made when it is sent, and kept nowhere. */
  readonly texts: readonly Told[];
  /** What they told of themselves, and whether they want texts. */
  readonly wishes: readonly Told[];
  /** USSD sessions; of whom they wrote about there, nothing. */
  readonly sessions: readonly Told[];
  /** Mandates that name them as payee, or under which they were paid; who gave or holds one is not theirs to know. */
  readonly mandates: readonly Told[];
}

export interface Subject {
  readonly userId: string;
  readonly clientId: string;
  /** E.164. */
  readonly phone: string;
}

/** Reads and opens all of it. Throws `internal` for what no key that is set opens. */
export async function readSubjectRecords(
  { pool, keyring }: { readonly pool: Pool; readonly keyring: Keyring },
  { userId, clientId, phone }: Subject,
): Promise<SubjectRecords> {
  const numbers = keyring.blindIndexes(phone, SUBSCRIBER_SCOPE);
  const wishes = await listSubjectWishes(pool, numbers);
  const sessions = await listSubjectSessions(pool, clientId, numbers);
  const mandates = await listSubjectMandates(pool, clientId, keyring.blindIndexes(phone, clientId));
  return {
    operators: await operatorsOf(pool, keyring, userId),
    texts: (await listSubjectTexts(pool, userId)).map((each) => inWords(each)),
    wishes: wishes.map(({ name, ...each }) => ({
      ...inWords(each),
      name: name === null ? null : keyring.decrypt(name, SUBSCRIBER_NAME_CONTEXT),
    })),
    sessions: sessions.map((session) => sessionOf(keyring, session, phone)),
    mandates: mandates.map((each) => inWords(each)),
  };
}

async function operatorsOf(pool: Pool, keyring: Keyring, userId: string): Promise<Told[]> {
  const said = Map.groupBy(await listSubjectCallbacks(pool, userId), ({ attemptId }) => attemptId);
  const unusable = Map.groupBy(await listSubjectAnswers(pool, userId), ({ attemptId }) => attemptId);
  return (await listSubjectAttempts(pool, userId)).map(({ id, handle, ...attempt }) => ({
    ...inWords(attempt),
    ids: handle === null ? null : (JSON.parse(keyring.decrypt(handle, HANDLE_CONTEXT)) as Told),
    answers: (said.get(id) ?? []).map(({ body, railId, receivedAt, verdict }) => ({
      ...inWords({ railId, receivedAt, verdict }),
      body: keyring.decrypt(body, CALLBACK_CONTEXT),
    })),
    unusable: (unusable.get(id) ?? []).map(({ body, railId, receivedAt, reasonCode }) => ({
      ...inWords({ railId, receivedAt, reasonCode }),
      body: keyring.decrypt(body, ANSWER_CONTEXT),
    })),
  }));
}

/** A session without whoever was to be paid in it: numbers of others go out of what was said, and the screen that names them altogether. */
function sessionOf(keyring: Keyring, { state, reply, ...session }: SubjectSession, phone: string): Told {
  const { receiver: _, ...own } = state === null ? {} : (JSON.parse(keyring.decrypt(state, USSD_STATE_CONTEXT)) as Partial<UssdState>);
  const { text } = JSON.parse(keyring.decrypt(reply, USSD_REPLY_CONTEXT)) as UssdReply;
  const said = text.replaceAll(NUMBER, (number) => (phone.endsWith(number.replaceAll(/\D/g, '')) ? number : '…'));
  return { ...inWords(session), place: state === null ? null : own, said: own.screen === 'confirm' ? null : said };
}

/** What may be a number of somebody, however it is set out; amounts are shorter. */
const NUMBER = /\+?\d(?:[\d ]{7,})\d/g;

/** Moments as texts. */
function inWords(row: object): Told {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]));
}
