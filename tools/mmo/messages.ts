/** Reads any raw message of any operator CAPP speaks to. */
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { RAILS } from '../../domain/network.ts';
import type { Protocol, Rail } from '../../domain/rail.ts';
import { readAirtelMessage } from './airtel/messages.ts';
import { type Draft, eventOf, type OperatorEvent } from './event.ts';
import { readGsmaMessage } from './gsma/messages.ts';
import { readMpesaMessage } from './mpesa/messages.ts';
import { readMtnMomoMessage } from './mtn-momo/messages.ts';
import { readOrangeMessage } from './orange/messages.ts';
import { parseObject, type ReadingObject } from './reading.ts';

type Reader = (body: ReadingObject, text: string, currency?: Currency) => Draft | null;

const READERS = {
  mpesa: readMpesaMessage,
  'mtn-momo': readMtnMomoMessage,
  'airtel-money': readAirtelMessage,
  'orange-money': readOrangeMessage,
  gsma: readGsmaMessage,
} as const satisfies Record<string, Reader>;

export type OperatorName = keyof typeof READERS;

/** The names by which messages are read. */
export const OPERATOR_NAMES = Object.keys(READERS) as readonly OperatorName[];

const NAME_OF_PROTOCOL: Readonly<Record<Exclude<Protocol, 'on_us'>, OperatorName>> = {
  mpesa: 'mpesa',
  mtn_momo: 'mtn-momo',
  airtel: 'airtel-money',
  orange: 'orange-money',
  gsma: 'gsma',
};

/** No operator's message comes near this. */
const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

/**
 * The operator somebody means: its name, its protocol, or a rail of its (`airtel-ug`), which also tells the
 * currency. Throws `operator_unknown`.
 */
export function operatorNamed(word: string): { readonly name: OperatorName; readonly currency?: Currency } {
  if (Object.hasOwn(READERS, word)) return { name: word as OperatorName };
  if (word !== 'on_us' && Object.hasOwn(NAME_OF_PROTOCOL, word)) return { name: NAME_OF_PROTOCOL[word as keyof typeof NAME_OF_PROTOCOL] };
  const rail = RAILS.find(({ id }) => id === word);
  if (rail === undefined || rail.protocol === 'on_us') {
    throw fault('operator_unknown', {
      detail: `There is no operator of that name; there are ${OPERATOR_NAMES.join(', ')}, and the rails.`,
    });
  }
  return { name: NAME_OF_PROTOCOL[rail.protocol], currency: rail.currency };
}

/** The rails that somebody means by an operator's name, its protocol, or a rail of its. Throws `operator_unknown`. */
export function railsNamed(word: string): readonly Rail[] {
  const own = RAILS.filter(({ id }) => id === word);
  if (own.length > 0) return own;
  const { name } = operatorNamed(word);
  return RAILS.filter(({ protocol }) => protocol !== 'on_us' && NAME_OF_PROTOCOL[protocol] === name);
}

/**
 * Puts a raw callback or answer into our words. `currency` is for messages that name none. Throws
 * `malformed_body` for what the operator cannot have sent; never repeats the message.
 */
export function readMessage(operator: OperatorName, text: string, currency?: Currency): OperatorEvent {
  const body = text.length > TEXT_LENGTH_MAX ? undefined : parseObject(text);
  if (body === undefined) throw fault('malformed_body', { detail: 'The message is not a JSON object.' });
  const read: Reader = READERS[operator];
  const draft = read(body, text, currency);
  if (draft === null) throw fault('malformed_body', { detail: `The message has no form of ${operator}.` });
  return eventOf(operator, draft);
}
