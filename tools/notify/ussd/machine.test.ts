import { describe, expect, it } from 'vitest';
import { PAYMENT_STATUSES } from '../../../domain/lifecycle.ts';
import { money } from '../../../domain/money.ts';
import { COUNTRIES, RAILS } from '../../../domain/network.ts';
import { gsm7Length } from '../gsm7.ts';
import { LANGUAGES, type Language } from '../language.ts';
import { amountWords, fillIn, nameWords } from '../words.ts';
import { answer, begin, type Fact, fit, type Move, orderOf, SCREEN_PLACES_MAX, told, type UssdState } from './machine.ts';
import { statusWords, type TextId, TEXTS } from './texts.ts';

const DAY = '2026-03-31';
const KENYAN = '+254712345678';
const known = { language: 'en', fullName: 'Wanjiru Njeri Kamau' } as const;
const QUOTE: Fact = { about: 'quote', quoted: { quoteId: 'quote', feeMinor: '1875', targetMinor: '36953' } };

function say(move: Move): Move & { kind: 'say' } {
  if (move.kind !== 'say') throw new Error(`asks for ${move.question}`);
  return move;
}

function stateOf(move: Move): UssdState {
  if (move.state === null) throw new Error('the session is over');
  return move.state;
}

/** Plays inputs after the dialling; a question is answered by the facts in turn. */
function play(inputs: readonly string[], options: { caller?: string; profile?: Parameters<typeof begin>[1]; facts?: Fact[] } = {}): Move {
  const facts = [...(options.facts ?? [])];
  let move = begin(options.caller ?? KENYAN, options.profile ?? known);
  const settle = (): void => {
    while (move.kind === 'ask' && facts.length > 0) move = told(move.state, facts.shift() as Fact, DAY);
  };
  for (const input of inputs) {
    move = answer(stateOf(move), input, DAY);
    settle();
  }
  return move;
}

describe('sending money', () => {
  const TO_CONFIRM = ['1', '256772345678', 'Okello Moses', '1250'];

  it('asks for number, name and amount, shows the terms, and submits on the confirmation alone', () => {
    expect(say(play([])).text).toBe('CAPP\n1. Send money\n2. Check status\n3. Language');
    expect(say(play(['1'])).text).toContain("Receiver's number");
    expect(say(play(['1', '256772345678'])).text).toContain("Receiver's full name");
    expect(say(play(['1', '256772345678', 'Okello Moses'])).text).toContain('in KES');
    const asked = play(TO_CONFIRM);
    expect(asked).toMatchObject({ kind: 'ask', question: 'quote', state: { amountMinor: '125000' } });
    const terms = say(play(TO_CONFIRM, { facts: [QUOTE] }));
    expect(terms.text).toBe(
      'You pay KES 1,250, of which KES 18.75 is our fee. Okello M. 256772345678 gets UGX 36,953.\n1. Confirm\n2. Cancel',
    );
    const submitted = play([...TO_CONFIRM, '1'], { facts: [QUOTE] });
    expect(submitted).toMatchObject({ kind: 'ask', question: 'submit' });
    expect(orderOf(stateOf(submitted), DAY)).toMatchObject({
      senderName: 'Wanjiru Njeri Kamau',
      receiverName: 'Okello Moses',
      sender: { e164: KENYAN, walletId: 'mpesa-ke' },
      receiver: { e164: '+256772345678', walletId: 'mtn-ug' },
      amount: { minor: 125_000n, currency: 'KES' },
    });
    const over = say(
      told(stateOf(submitted), { about: 'submit', paymentId: '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', textFollows: true }, DAY),
    );
    expect(over.state).toBeNull();
    expect(over.text).toBe('Request 6F0C2B11 taken. Approve it with your wallet PIN when asked; give the PIN to nobody. We will text you.');
  });

  it.each(['2', '3', '11', '1 1', '', 'yes', '1*1', '0'])('does not submit on %j', (input) => {
    expect(play([...TO_CONFIRM, input], { facts: [QUOTE] })).not.toMatchObject({ question: 'submit' });
  });

  it('asks a new sender for the name once, and keeps it', () => {
    const named = say(play(['1', '256772345678', 'Okello Moses', 'Wanjiru Kamau'], { profile: { language: 'en', fullName: null } }));
    expect(named.remember).toEqual({ fullName: 'Wanjiru Kamau' });
    expect(named.text).toContain('How much');
  });

  it('cancels without a question', () => {
    expect(say(play([...TO_CONFIRM, '2'], { facts: [QUOTE] }))).toMatchObject({ state: null, text: 'Cancelled. Nothing was sent.' });
  });

  it('shows new terms when the quote has expired at the confirmation', () => {
    const facts: Fact[] = [QUOTE, { about: 'refusal', code: 'quote_expired', unsure: false }, QUOTE];
    expect(say(play([...TO_CONFIRM, '1'], { facts })).text).toContain('1. Confirm');
  });

  it('says so when it cannot tell whether the payment was taken', () => {
    const unsure = say(play([...TO_CONFIRM, '1'], { facts: [QUOTE, { about: 'refusal', code: 'database_unavailable', unsure: true }] }));
    expect(unsure).toMatchObject({ state: null, text: TEXTS.en.unsure });
  });

  it.each<[string[], TextId]>([
    [['1', '12'], 'not_a_number'],
    [['1', 'hello'], 'not_a_number'],
    [['1', '33612345678'], 'not_a_number'],
    [['1', '254712345678'], 'own_number'],
    [['1', '0712 345 678'], 'own_number'],
    // Kenya to Kenya is no corridor.
    [['1', '0722345678'], 'no_corridor'],
    [['1', '256772345678', 'X'], 'not_a_name'],
    [['1', '256772345678', '<script>'], 'not_a_name'],
    [['1', '256772345678', 'A'.repeat(141)], 'not_a_name'],
    [['1', '256772345678', 'Okello Moses', 'much'], 'not_an_amount'],
    [['1', '256772345678', 'Okello Moses', '-5'], 'not_an_amount'],
    [['1', '256772345678', 'Okello Moses', '0.00'], 'not_an_amount'],
    [['1', '256772345678', 'Okello Moses', '1.005'], 'not_an_amount'],
    [['1', '256772345678', 'Okello Moses', '99999999999999999999'], 'not_an_amount'],
  ])('%j is asked for again', (inputs, mistake) => {
    const move = say(play(inputs));
    expect(move.text.split('\n')[0]).toBe(TEXTS.en[mistake]);
    expect(stateOf(move).mistakes).toBe(1);
  });

  it('names the limits of what the wallet moves at once', () => {
    expect(say(play(['1', '256772345678', 'Okello Moses', '9999999'])).text).toMatch(/^From KES \d+ to KES [\d,]+\.\n/);
  });

  it('asks for another amount when the receiver could not be paid that much', () => {
    const facts: Fact[] = [{ about: 'quote', quoted: { quoteId: 'quote', feeMinor: '1', targetMinor: '999999999999' } }];
    const move = say(play(TO_CONFIRM, { facts }));
    expect(move.text).toContain(TEXTS.en.not_payable);
    expect(stateOf(move).screen).toBe('amount');
  });

  it('sends nobody away from a network it does not know without saying so', () => {
    expect(say(play(['1'], { caller: '+254000000001' }))).toMatchObject({ state: null, text: TEXTS.en.not_served });
  });
});

describe('a session', () => {
  it('begins with the language for somebody who never chose one, in that of their country', () => {
    const first = begin('+221771234567', { language: null, fullName: null });
    expect(stateOf(first)).toMatchObject({ screen: 'language', language: 'fr' });
    const chosen = say(answer(stateOf(first), '2', DAY));
    expect(chosen).toMatchObject({ remember: { language: 'sw' }, text: TEXTS.sw.root });
  });

  it('goes back to the first screen with 0, and forgets what was entered', () => {
    expect(stateOf(play(['1', '256772345678', '0']))).toMatchObject({ screen: 'root', receiver: null });
  });

  it('ends after three mistakes in a row', () => {
    expect(say(play(['9', '9'])).state).not.toBeNull();
    expect(say(play(['9', '9', '9']))).toMatchObject({ state: null, text: TEXTS.en.too_many_mistakes });
    expect(say(play(['9', '9', '1', '9', '9'])).state).not.toBeNull();
  });

  it('lists the last payments', () => {
    const facts: Fact[] = [
      {
        about: 'payments',
        payments: [
          { amount: money(125_000n, 'KES'), receiver: '+256772345678', status: 'paid' },
          { amount: money(50_000n, 'KES'), receiver: '+255754123456', status: 'held' },
        ],
      },
    ];
    expect(say(play(['2'], { facts })).text).toBe('KES 1,250 to 256772345678: paid\nKES 500 to 255754123456: takes longer');
    expect(say(play(['2'], { facts: [{ about: 'payments', payments: [] }] })).text).toBe(TEXTS.en.no_payments);
  });

  it('writes amounts as its language does: a French comma begins the decimal places', () => {
    const payment = { amount: money(125_050n, 'KES'), receiver: '+256772345678', status: 'paid' } as const;
    const listed = (language: Language): string =>
      say(play(['2'], { profile: { language, fullName: null }, facts: [{ about: 'payments', payments: [payment] }] })).text;
    expect(listed('en')).toContain('KES 1,250.50 ');
    expect(listed('sw')).toContain('KES 1,250.50 ');
    expect(listed('fr')).toContain('KES 1 250,50 ');
  });
});

/** The longest that the network's limits and people's names allow. */
const LONGEST_AMOUNT = COUNTRIES.flatMap(({ currency }) => {
  const limits = RAILS.filter((rail) => rail.currency === currency).flatMap((rail) => [rail.collection, rail.payout]);
  const most = limits.reduce((max, each) => (each !== null && each.maxMinor > max ? each.maxMinor : max), 1n);
  return [amountWords(money(most - 1n, currency), 'en')];
}).reduce((longest, text) => (text.length > longest.length ? text : longest));
const LONGEST_NAME = nameWords(`${'W'.repeat(140)} Kamau`);
const LONGEST_NUMBER = '2347012345678';

describe.each(LANGUAGES)('the screens in %s', (language: Language) => {
  const texts = TEXTS[language];
  const filled = (id: TextId): string =>
    fillIn(texts[id], {
      amount: LONGEST_AMOUNT,
      fee: LONGEST_AMOUNT,
      target: LONGEST_AMOUNT,
      min: LONGEST_AMOUNT,
      max: LONGEST_AMOUNT,
      name: LONGEST_NAME,
      number: LONGEST_NUMBER,
      currency: 'KES',
      reference: '6F0C2B11',
      status: PAYMENT_STATUSES.map((status) => statusWords(status, language)).reduce((a, b) => (a.length > b.length ? a : b)),
    });
  const places = (text: string): number => gsm7Length(text) ?? Number.POSITIVE_INFINITY;

  it.each(Object.keys(TEXTS.en) as TextId[])('%s is of the 7-bit alphabet and fits', (id) => {
    expect(places(filled(id))).toBeLessThanOrEqual(SCREEN_PLACES_MAX);
    expect(fit(filled(id))).toBe(filled(id));
  });

  it('hold what can stand together', () => {
    const screens: TextId[] = ['language', 'root', 'number', 'name', 'own_name', 'amount'];
    const mistakes: TextId[] = ['not_a_choice', 'not_a_number', 'no_corridor', 'no_wallet', 'own_number', 'not_a_name', 'not_an_amount'];
    for (const screen of screens)
      for (const mistake of mistakes) expect(places(`${filled(mistake)}\n${filled(screen)}`)).toBeLessThanOrEqual(SCREEN_PLACES_MAX);
    for (const mistake of ['whole_amounts', 'amount_range', 'not_payable', 'too_little'] as const)
      expect(places(`${filled(mistake)}\n${filled('amount')}`)).toBeLessThanOrEqual(SCREEN_PLACES_MAX);
    expect(places(filled('accepted') + filled('text_follows'))).toBeLessThanOrEqual(SCREEN_PLACES_MAX);
    expect(places([1, 2, 3].map(() => filled('payment_line')).join('\n'))).toBeLessThanOrEqual(SCREEN_PLACES_MAX);
  });
});

it('cuts what would not fit, and shows what the alphabet lacks as a question mark', () => {
  expect(fit('ሰላም x')).toBe('??? x');
  expect(fit('€'.repeat(100))).toHaveLength(SCREEN_PLACES_MAX / 2);
});
