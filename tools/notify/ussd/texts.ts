/**
 * What the USSD menu says, in each language. Each screen, with the longest values it can hold, fits into one
 * message of the 7-bit alphabet; a test holds them to it. French is written without the letters it lacks.
 */
import type { PaymentStatus } from '../../../domain/lifecycle.ts';
import type { Language } from '../language.ts';

const EN = {
  language: 'CAPP\n1. English\n2. Kiswahili\n3. Francais',
  root: 'CAPP\n1. Send money\n2. Check status\n3. Language',
  number: "Receiver's number with country code, such as 256772123456\n0. Back",
  name: "Receiver's full name\n0. Back",
  own_name: 'Your full name, as on your ID\n0. Back',
  amount: 'How much do you pay in all, in {currency}?\n0. Back',
  confirm: 'You pay {amount}, of which {fee} is our fee. {name} {number} gets {target}.\n1. Confirm\n2. Cancel',
  accepted: 'Request {reference} taken. Approve it with your wallet PIN when asked; give the PIN to nobody.',
  text_follows: ' We will text you.',
  cancelled: 'Cancelled. Nothing was sent.',
  payment_line: '{amount} to {number}: {status}',
  no_payments: 'You have sent nothing yet.',
  not_a_choice: 'That is not on the list.',
  not_a_number: 'That is no mobile number we know.',
  no_corridor: 'We do not send there yet.',
  no_wallet: 'We reach no wallet with that number.',
  own_number: 'That is your own number.',
  not_a_name: 'Please give the full name.',
  not_an_amount: 'That is no amount.',
  whole_amounts: 'Whole {currency} only.',
  amount_range: 'From {min} to {max}.',
  not_payable: "The receiver's network does not take that much or that little.",
  too_little: 'That is too little to send.',
  timed_out: 'Time is up and nothing was sent. Please dial again.',
  too_many_mistakes: 'Too many mistakes. Nothing was sent. Please dial again.',
  not_served: 'Your network is not served yet.',
  not_now: 'Not possible right now. Nothing was sent. Please try later.',
  unsure: 'We cannot say yet whether it was taken. Check the status before you try again.',
};

export type TextId = keyof typeof EN;

const SW: Readonly<Record<TextId, string>> = {
  language: EN.language,
  root: 'CAPP\n1. Tuma pesa\n2. Angalia hali\n3. Lugha',
  number: 'Namba ya mpokeaji na namba ya nchi, mfano 256772123456\n0. Rudi',
  name: 'Jina kamili la mpokeaji\n0. Rudi',
  own_name: 'Jina lako kamili, kama kwenye kitambulisho\n0. Rudi',
  amount: 'Unalipa kiasi gani kwa jumla, kwa {currency}?\n0. Rudi',
  confirm: 'Unalipa {amount}, ada yetu ikiwa {fee}. {name} {number} atapata {target}.\n1. Thibitisha\n2. Ghairi',
  accepted: 'Ombi {reference} limepokelewa. Thibitisha kwa PIN ya pochi yako ukiombwa; usimpe mtu PIN.',
  text_follows: ' Tutakutumia ujumbe.',
  cancelled: 'Imeghairiwa. Hakuna kilichotumwa.',
  payment_line: '{amount} kwa {number}: {status}',
  no_payments: 'Bado hujatuma chochote.',
  not_a_choice: 'Hiyo haipo kwenye orodha.',
  not_a_number: 'Hiyo si namba ya simu tunayoijua.',
  no_corridor: 'Bado hatutumi huko.',
  no_wallet: 'Hatufikii pochi yenye namba hiyo.',
  own_number: 'Hiyo ni namba yako mwenyewe.',
  not_a_name: 'Tafadhali andika jina kamili.',
  not_an_amount: 'Hicho si kiasi.',
  whole_amounts: '{currency} kamili tu.',
  amount_range: 'Kuanzia {min} hadi {max}.',
  not_payable: 'Mtandao wa mpokeaji haupokei kiasi hicho.',
  too_little: 'Kiasi hicho ni kidogo mno.',
  timed_out: 'Muda umekwisha na hakuna kilichotumwa. Tafadhali piga tena.',
  too_many_mistakes: 'Makosa ni mengi. Hakuna kilichotumwa. Tafadhali piga tena.',
  not_served: 'Mtandao wako bado hauhudumiwi.',
  not_now: 'Haiwezekani kwa sasa. Hakuna kilichotumwa. Jaribu baadaye.',
  unsure: 'Bado hatujui kama limepokelewa. Angalia hali kabla ya kujaribu tena.',
};

const FR: Readonly<Record<TextId, string>> = {
  language: EN.language,
  root: "CAPP\n1. Envoyer de l'argent\n2. Voir le statut\n3. Langue",
  number: "Numéro du destinataire avec l'indicatif du pays, par ex. 256772123456\n0. Retour",
  name: 'Nom complet du destinataire\n0. Retour',
  own_name: "Votre nom complet, comme sur votre pièce d'identité\n0. Retour",
  amount: 'Combien payez-vous en tout, en {currency} ?\n0. Retour',
  confirm: 'Vous payez {amount}, frais de {fee} compris. {name} {number} recevra {target}.\n1. Confirmer\n2. Annuler',
  accepted: 'Demande {reference} prise. Validez-la avec le PIN de votre compte; ne le donnez à personne.',
  text_follows: ' Un SMS suivra.',
  cancelled: "Annulé. Rien n'a été envoyé.",
  payment_line: '{amount} à {number}: {status}',
  no_payments: "Vous n'avez encore rien envoyé.",
  not_a_choice: "Ce n'est pas dans la liste.",
  not_a_number: "Ce n'est pas un numéro mobile connu.",
  no_corridor: "Nous n'y envoyons pas encore.",
  no_wallet: 'Nous ne servons aucun compte avec ce numéro.',
  own_number: "C'est votre propre numéro.",
  not_a_name: 'Donnez le nom complet.',
  not_an_amount: "Ce n'est pas un montant.",
  whole_amounts: '{currency} entiers seulement.',
  amount_range: 'De {min} à {max}.',
  not_payable: "Le réseau du destinataire n'accepte pas ce montant.",
  too_little: 'Ce montant est trop petit.',
  timed_out: "Le temps est écoulé, rien n'a été envoyé. Veuillez rappeler.",
  too_many_mistakes: "Trop d'erreurs, rien n'a été envoyé. Veuillez rappeler.",
  not_served: "Votre réseau n'est pas encore servi.",
  not_now: "Impossible pour l'instant. Rien n'a été envoyé. Réessayez plus tard.",
  unsure: "Nous ne savons pas encore si la demande est prise. Voyez le statut avant d'essayer à nouveau.",
};

export const TEXTS: Readonly<Record<Language, Readonly<Record<TextId, string>>>> = { en: EN, sw: SW, fr: FR };

type StatusWord = 'under_way' | 'longer' | 'paid' | 'refunded' | 'refused' | 'failed' | 'cancelled';

const STATUS_WORDS: Readonly<Record<Language, Readonly<Record<StatusWord, string>>>> = {
  en: {
    under_way: 'on its way',
    longer: 'takes longer',
    paid: 'paid',
    refunded: 'refunded',
    refused: 'not possible',
    failed: 'failed',
    cancelled: 'cancelled',
  },
  sw: {
    under_way: 'njiani',
    longer: 'inachukua muda',
    paid: 'imelipwa',
    refunded: 'imerudishwa',
    refused: 'haiwezekani',
    failed: 'imeshindwa',
    cancelled: 'imeghairiwa',
  },
  fr: {
    under_way: 'en cours',
    longer: 'prend du temps',
    paid: 'payé',
    refunded: 'remboursé',
    refused: 'impossible',
    failed: 'échoué',
    cancelled: 'annulé',
  },
};

const WORD_OF_STATUS: Readonly<Record<PaymentStatus, StatusWord>> = {
  accepted: 'under_way',
  held: 'longer',
  released: 'under_way',
  queued: 'under_way',
  authorized: 'under_way',
  collecting: 'under_way',
  collected: 'under_way',
  disbursing: 'under_way',
  refunding: 'under_way',
  paid: 'paid',
  refunded: 'refunded',
  rejected: 'refused',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** What a status is called to the person who sent the money, who must not learn from it that somebody looks at them. */
export function statusWords(status: PaymentStatus, language: Language): string {
  return STATUS_WORDS[language][WORD_OF_STATUS[status]];
}
