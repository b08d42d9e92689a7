/**
 * What text messages say of a payment, to whom, in each language. Pure. A text of a held payment says no more than that
 * it takes longer: people must not learn from it that somebody looks at them.
 */
import type { Money } from '../../../domain/money.ts';
import type { Language } from '../language.ts';
import { plainText } from '../gsm7.ts';
import { amountWords, fillIn, nameWords, referenceWords } from '../words.ts';

export type SmsRole = 'sender' | 'receiver';

/** Who hears of what. The receiver of money that never left the sender was not waiting for it. */
export const SMS_TOPICS = {
  'payment.paid': ['sender', 'receiver'],
  'payment.held': ['sender', 'receiver'],
  'payment.refunded': ['sender', 'receiver'],
  'payment.rejected': ['sender'],
  'payment.failed': ['sender'],
  'payment.cancelled': ['sender'],
} as const satisfies Readonly<Record<string, readonly SmsRole[]>>;

export type SmsTopic = keyof typeof SMS_TOPICS;

/** Topic and role in pairs, as the planner takes them. */
export const SMS_PAIRS: readonly (readonly [SmsTopic, SmsRole])[] = Object.entries(SMS_TOPICS).flatMap(([topic, roles]) =>
  roles.map((role) => [topic as SmsTopic, role] as const),
);

type TextId = `${SmsTopic} ${SmsRole}`;

const STOP: Readonly<Record<Language, string>> = {
  en: ' Reply STOP for no more texts.',
  sw: ' Jibu STOP kuacha ujumbe.',
  fr: ' STOP pour ne plus en recevoir.',
};

const TEXTS: Readonly<Record<Language, Readonly<Partial<Record<TextId, string>>>>> = {
  en: {
    'payment.paid sender': '{ref} done: {name} has received {target}. You paid {amount}.',
    'payment.paid receiver': '{ref}: you have received {target} from {name}.',
    'payment.held sender': '{ref}: your payment of {amount} to {name} takes longer than usual. You need do nothing.',
    'payment.held receiver': '{ref}: a payment to you from {name} takes longer than usual. You need do nothing.',
    'payment.refunded sender': '{ref}: {name} could not be paid. Your {amount} has been returned to you.',
    'payment.refunded receiver': '{ref}: a payment to you from {name} could not be paid out and was returned.',
    'payment.rejected sender': '{ref}: your payment of {amount} to {name} is not possible. Nothing was taken.',
    'payment.failed sender': '{ref}: your payment of {amount} to {name} did not succeed. Nothing was taken.',
    'payment.cancelled sender': '{ref}: your payment of {amount} to {name} was cancelled. Nothing was taken.',
  },
  sw: {
    'payment.paid sender': '{ref} imekamilika: {name} amepokea {target}. Umelipa {amount}.',
    'payment.paid receiver': '{ref}: umepokea {target} kutoka kwa {name}.',
    'payment.held sender': '{ref}: malipo yako ya {amount} kwa {name} yanachukua muda zaidi. Huna la kufanya.',
    'payment.held receiver': '{ref}: malipo yako kutoka kwa {name} yanachukua muda zaidi. Huna la kufanya.',
    'payment.refunded sender': '{ref}: {name} hakuweza kulipwa. {amount} zako zimerudishwa kwako.',
    'payment.refunded receiver': '{ref}: malipo yako kutoka kwa {name} hayakuweza kulipwa na yamerudishwa.',
    'payment.rejected sender': '{ref}: malipo yako ya {amount} kwa {name} hayawezekani. Hakuna kilichochukuliwa.',
    'payment.failed sender': '{ref}: malipo yako ya {amount} kwa {name} hayakufanikiwa. Hakuna kilichochukuliwa.',
    'payment.cancelled sender': '{ref}: malipo yako ya {amount} kwa {name} yameghairiwa. Hakuna kilichochukuliwa.',
  },
  fr: {
    'payment.paid sender': '{ref} fait: {name} a reçu {target}. Vous avez payé {amount}.',
    'payment.paid receiver': '{ref}: {name} vous a envoyé {target}.',
    'payment.held sender': '{ref}: votre paiement de {amount} à {name} prend plus de temps. Rien à faire de votre part.',
    'payment.held receiver': '{ref}: un paiement de {name} pour vous prend plus de temps. Rien à faire de votre part.',
    'payment.refunded sender': "{ref}: {name} n'a pas pu être payé. Vos {amount} vous ont été rendus.",
    'payment.refunded receiver': "{ref}: un paiement de {name} pour vous n'a pas pu être versé et a été rendu.",
    'payment.rejected sender': "{ref}: votre paiement de {amount} à {name} n'est pas possible. Rien n'a été pris.",
    'payment.failed sender': "{ref}: votre paiement de {amount} à {name} n'a pas abouti. Rien n'a été pris.",
    'payment.cancelled sender': "{ref}: votre paiement de {amount} à {name} a été annulé. Rien n'a été pris.",
  },
};

export interface SmsFacts {
  readonly paymentId: string;
  readonly amount: Money;
  /** Null before the payment was routed; topics that name it come later than that. */
  readonly target: Money | null;
  /** Full name of the other one. */
  readonly otherName: string;
}

/** The text for a role and a topic; null when that role is not told of it. In the 7-bit alphabet wherever the name allows. */
export function smsText(topic: string, role: SmsRole, language: Language, facts: SmsFacts): string | null {
  const template = TEXTS[language][`${topic} ${role}` as TextId];
  if (template === undefined) return null;
  const text = fillIn(template + STOP[language], {
    ref: referenceWords(facts.paymentId),
    name: nameWords(facts.otherName),
    amount: amountWords(facts.amount, language),
    target: facts.target === null ? '' : amountWords(facts.target, language),
  });
  // A shortened name brings a full stop of its own.
  return plainText(text.replaceAll('..', '.'));
}
