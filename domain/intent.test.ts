import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  AMOUNT_MAJOR_MAX,
  fingerprintOf,
  INTENT_COLUMNS,
  type IntentInput,
  intentFromRecord,
  intentInputSchema,
  type IntentVerdict,
  NAME_LENGTH_MAX,
  parseIntent,
  type PaymentIntent,
} from './intent.ts';

const DAY = '2026-11-01';
const GOOD: IntentInput = {
  referenceId: 'inv-2026:1',
  amount: '1250.50',
  fromCurrency: 'KES',
  toCurrency: 'UGX',
  sender: { name: 'Wanjiru Kamau', phone: '0712 345678', country: 'KE' },
  receiver: { name: 'Nakato Okello', phone: '256772123456', country: 'UG' },
};

const read = (input: unknown): IntentVerdict => parseIntent(input, 7, DAY);

/** The good intent with one place changed; undefined takes the field away. */
function changed(field: string, value: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(GOOD)) as Record<string, Record<string, unknown>>;
  const [first = '', second] = field.split('.');
  const place = second === undefined ? copy : (copy[first] ?? {});
  Object.assign(place, { [second ?? first]: value });
  if (value === undefined) delete (place as Record<string, unknown>)[second ?? first];
  return copy;
}

function errorsOf(input: unknown): string[] {
  const verdict = read(input);
  return verdict.ok ? [] : verdict.errors.map((error) => `${error.field} ${error.code}`);
}

function intentOf(input: unknown): PaymentIntent {
  const verdict = read(input);
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
  return verdict.intent;
}

describe('a good intent', () => {
  it('comes out checked, typed and with what it left open', () => {
    expect(read(GOOD)).toEqual({
      ok: true,
      line: 7,
      intent: {
        referenceId: 'inv-2026:1',
        amount: { minor: 125_050n, currency: 'KES' },
        toCurrency: 'UGX',
        sender: { name: 'Wanjiru Kamau', phone: '+254712345678', country: 'KE', walletId: 'mpesa-ke' },
        receiver: { name: 'Nakato Okello', phone: '+256772123456', country: 'UG', walletId: 'mtn-ug' },
        funding: 'wallet',
        delivery: 'wallet',
        preference: 'cheapest',
        purpose: 'other',
        quoteId: null,
      },
    });
  });

  it('keeps what it says', () => {
    const quoteId = '0190c2a0-0000-7000-8000-000000000001';
    const said = { preference: 'fastest', purpose: 'medical', funding: 'balance', delivery: 'balance', quoteId } as const;
    expect(intentOf({ ...GOOD, ...said })).toMatchObject(said);
  });

  it.each([
    'N’Guessan Aya',
    "N'Guessan",
    'Aïssatou Bâ',
    'ውብሸት ገብሬ',
    'محمد علي',
    '李小龍',
    'Ọlátúnjí Ṣọlá',
    'Jean-Bosco',
    'A&B Trading, Ltd.',
    'J. K. Otieno 3rd',
  ])('takes the name %s', (name) => {
    expect(intentOf(changed('sender.name', name)).sender.name).toBe(name.normalize('NFC'));
  });

  it('writes one name in one way', () => {
    for (const name of ['  Aya   Koné ', 'Aya Kone\u0301', 'Aya\u00a0Koné'])
      expect(intentOf(changed('receiver.name', name)).receiver.name).toBe('Aya Koné');
  });
});

it('an amount that is a number is told to be a string', () => {
  for (const amount of [1250, undefined]) {
    const verdict = read({ ...GOOD, amount });
    expect(verdict).toMatchObject({
      ok: false,
      errors: [{ field: 'amount', detail: 'The amount must be a string, such as "1250.50".' }],
    });
  }
});

describe('what is wrong is named', () => {
  const wrong: [field: string, value: unknown, code: string][] = [
    ['referenceId', undefined, 'reference_missing'],
    ['referenceId', '', 'reference_missing'],
    ['referenceId', 'a b', 'validation_failed'],
    ['referenceId', 'x'.repeat(65), 'validation_failed'],
    ['referenceId', 12, 'validation_failed'],
    ['amount', undefined, 'amount_malformed'],
    ['amount', 1250.5, 'amount_malformed'],
    ['amount', '1,250', 'amount_malformed'],
    ['amount', '1e3', 'amount_malformed'],
    ['amount', '', 'amount_malformed'],
    ['amount', '9'.repeat(40), 'amount_malformed'],
    ['amount', '-5', 'amount_not_positive'],
    ['amount', '0', 'amount_not_positive'],
    ['amount', '0.00', 'amount_not_positive'],
    ['amount', '1.005', 'amount_too_precise'],
    ['amount', '99999999999999999', 'amount_out_of_range'],
    ['amount', String(AMOUNT_MAJOR_MAX + 1n), 'amount_out_of_range'],
    ['fromCurrency', 'KSH', 'unknown_currency'],
    ['fromCurrency', 'kes', 'unknown_currency'],
    ['fromCurrency', undefined, 'unknown_currency'],
    ['fromCurrency', 'NGN', 'currency_mismatch'],
    ['toCurrency', 'XXX', 'unknown_currency'],
    ['toCurrency', 'KES', 'currency_mismatch'],
    ['sender', undefined, 'validation_failed'],
    ['sender', [], 'validation_failed'],
    ['receiver', 'Nakato', 'validation_failed'],
    ['sender.name', undefined, 'name_missing'],
    ['sender.name', '   ', 'name_missing'],
    ['sender.name', 5, 'name_invalid'],
    ['sender.name', '0712345678', 'name_invalid'],
    ['sender.name', 'A', 'name_invalid'],
    ['sender.name', '..-..', 'name_invalid'],
    ['sender.name', 'Wan\u0000jiru', 'name_invalid'],
    ['sender.name', 'Wanjiru\nKamau', 'name_invalid'],
    ['sender.name', 'Wan\u200bjiru', 'name_invalid'],
    ['sender.name', '\u202eurijnaW', 'name_invalid'],
    ['sender.name', 'Wanjiru <b>', 'name_invalid'],
    ['sender.name', 'Wanjiru 😀', 'name_invalid'],
    ['sender.name', 'Wanjiru \ud800', 'name_invalid'],
    ['sender.name', 'x'.repeat(NAME_LENGTH_MAX + 1), 'name_invalid'],
    ['sender.name', 'x'.repeat(10_000_000), 'name_invalid'],
    ['receiver.name', '', 'name_missing'],
    ['sender.phone', undefined, 'phone_invalid'],
    ['sender.phone', '020 221 4455', 'phone_invalid'],
    ['sender.phone', '1'.repeat(1_000_000), 'phone_invalid'],
    ['sender.phone', '+250788123456', 'phone_country_mismatch'],
    ['receiver.phone', '0721455318', 'wallet_unknown'],
    ['sender.country', undefined, 'validation_failed'],
    ['sender.country', 'ke', 'validation_failed'],
    ['sender.country', 'FR', 'corridor_unavailable'],
    ['preference', 'luckiest', 'validation_failed'],
    ['purpose', '', 'validation_failed'],
    ['funding', 'card', 'validation_failed'],
    ['delivery', null, 'validation_failed'],
    ['quoteId', 'not-an-id', 'validation_failed'],
    ['colour', 'red', 'validation_failed'],
    ['sender.colour', 'red', 'validation_failed'],
  ];

  // Titles leave the values out, for some are millions of characters long.
  it.each(wrong.map(([field, value, code], index) => ({ title: `${field} is ${code} (${index})`, field, value, code })))(
    '$title',
    ({ field, value, code }) => {
      expect(errorsOf(changed(field, value))).toEqual([`${field} ${code}`]);
    },
  );

  it('refuses a transfer inside one country, and one to oneself', () => {
    const home = { ...GOOD, toCurrency: 'KES', receiver: { name: 'Otieno Odhiambo', phone: '0722000111', country: 'KE' } };
    expect(errorsOf(home)).toEqual(['receiver.country corridor_unavailable']);
    expect(errorsOf({ ...home, receiver: { ...home.receiver, phone: '+254712345678' } })).toEqual(['receiver.phone same_party']);
  });

  it('never takes XAF for XOF', () => {
    const senegal = { ...GOOD, fromCurrency: 'XAF', amount: '5000', sender: { name: 'Awa Diop', phone: '771234567', country: 'SN' } };
    expect(errorsOf(senegal)).toEqual(['fromCurrency currency_mismatch']);
  });

  it('names everything at once', () => {
    const bad = {
      ...GOOD,
      amount: '-1',
      fromCurrency: 'KSH',
      sender: { name: '', phone: '12', country: 'KE' },
      receiver: { ...GOOD.receiver, phone: '0721455318' },
    };
    expect(errorsOf(bad).toSorted()).toEqual([
      'amount amount_not_positive',
      'fromCurrency unknown_currency',
      'receiver.phone wallet_unknown',
      'sender.name name_missing',
      'sender.phone phone_invalid',
    ]);
  });

  it.each([[null], [undefined], [5], ['text'], [[GOOD]], [true]])('refuses %j as a whole', (input) => {
    expect(errorsOf(input)).toEqual([' validation_failed']);
  });

  it('shows an unknown field by name only when it looks like one', () => {
    expect(errorsOf({ ...GOOD, 'Wanjiru Kamau': 1 })).toEqual(['? validation_failed']);
    expect(errorsOf({ ...GOOD, '0712345678': 1 })).toEqual(['? validation_failed']);
    expect(errorsOf(JSON.parse(`{"__proto__": 1, ${JSON.stringify(GOOD).slice(1)}`))).toEqual(['? validation_failed']);
  });
});

describe('laws', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('KES', 'UGX', 'KE', 'UG', '0712345678', '10', '10.55', 'Aya Koné'),
  );
  const party = fc.record({ name: text, phone: text, country: text }, { requiredKeys: [] });
  const shaped = fc.record(
    {
      referenceId: text,
      amount: text,
      fromCurrency: text,
      toCurrency: text,
      sender: fc.oneof(party, fc.anything()),
      receiver: party,
      quoteId: text,
    },
    { requiredKeys: [] },
  );

  it('nothing it can be given makes it throw, and a refusal always has a reason', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.jsonValue(), shaped), (input) => {
        const verdict = read(input);
        if (!verdict.ok) expect(verdict.errors.length).toBeGreaterThan(0);
      }),
    );
  });

  it('no error repeats what was given', () => {
    const secret = fc.stringMatching(/^[A-Z]{6,12}[0-9]{4,8}$/);
    const field = fc.constantFrom(
      'referenceId',
      'amount',
      'fromCurrency',
      'toCurrency',
      'sender',
      'sender.name',
      'sender.phone',
      'sender.country',
      'receiver.name',
      'receiver.phone',
      'preference',
      'purpose',
      'funding',
      'quoteId',
      'note',
    );
    fc.assert(
      fc.property(field, secret, (where, value) => {
        expect(
          JSON.stringify(read(changed(where, value)), (_, each) => (typeof each === 'bigint' ? `${each}` : each)).includes(value),
        ).toBe(
          // A reference is no secret, and a name of letters and digits is a name: both come back in the good intent only.
          ['referenceId', 'sender.name', 'receiver.name'].includes(where),
        );
      }),
    );
  });

  it('what is accepted is read the same when it is written in its checked form', () => {
    const amount = fc.bigInt({ min: 1n, max: 10n ** 9n }).map((minor) => `${minor / 100n}.${String(minor % 100n).padStart(2, '0')}`);
    fc.assert(
      fc.property(amount, fc.constantFrom('0712345678', '+254 733 000 111', '254110123456'), (sum, phone) => {
        const first = intentOf({ ...GOOD, amount: sum, sender: { ...GOOD.sender, phone } });
        const again = intentOf({ ...GOOD, amount: sum, sender: { name: first.sender.name, phone: first.sender.phone, country: 'KE' } });
        expect(again).toEqual(first);
      }),
    );
  });
});

describe('intentFromRecord', () => {
  const record = {
    reference_id: 'inv-2026:1',
    amount: '1250.50',
    from_currency: 'KES',
    to_currency: 'UGX',
    sender_name: 'Wanjiru Kamau',
    sender_phone: ' 0712 345678 ',
    sender_country: 'KE',
    receiver_name: 'Nakato Okello',
    receiver_phone: '256772123456',
    receiver_country: 'UG',
    preference: '',
    purpose: '',
    funding: '',
    delivery: '',
    quote_id: '',
    expect: 'paid',
  };

  it('gives the external shape, without empty cells and further columns', () => {
    expect(intentFromRecord(record)).toEqual(GOOD);
    expect(INTENT_COLUMNS.every((column) => column in record)).toBe(true);
  });

  it('lets a missing or empty cell be named like a missing field', () => {
    expect(errorsOf(intentFromRecord({ ...record, receiver_name: '' }))).toEqual(['receiver.name name_missing']);
    expect(errorsOf(intentFromRecord({}))).toEqual([
      'referenceId reference_missing',
      'amount amount_malformed',
      'fromCurrency unknown_currency',
      'toCurrency unknown_currency',
      'sender.name name_missing',
      'sender.phone phone_invalid',
      'sender.country validation_failed',
      'receiver.name name_missing',
      'receiver.phone phone_invalid',
      'receiver.country validation_failed',
    ]);
  });

  it('hands every filled column on', () => {
    const full = {
      ...record,
      preference: 'fastest',
      purpose: 'gift',
      funding: 'balance',
      delivery: 'balance',
      quote_id: '0190c2a0-0000-7000-8000-000000000001',
    };
    expect(intentFromRecord(full)).toMatchObject({
      preference: 'fastest',
      purpose: 'gift',
      funding: 'balance',
      delivery: 'balance',
      quoteId: full.quote_id,
    });
  });
});

describe('fingerprintOf', () => {
  it('is 32 bytes, the same for the same intent however it was written', () => {
    const rewritten = { ...GOOD, amount: '01250.5', receiver: { country: 'UG', phone: '+256 772 123456', name: 'Nakato  Okello' } };
    expect(fingerprintOf(intentOf(GOOD))).toHaveLength(32);
    expect(fingerprintOf(intentOf(rewritten))).toEqual(fingerprintOf(intentOf(GOOD)));
  });

  it.each([
    ['referenceId', 'inv-2026:2'],
    ['amount', '1250.51'],
    ['sender.name', 'Wanjiru Kamao'],
    ['receiver.phone', '256772123457'],
    ['preference', 'fastest'],
    ['purpose', 'gift'],
    ['funding', 'balance'],
    ['delivery', 'balance'],
    ['quoteId', '0190c2a0-0000-7000-8000-000000000001'],
  ])('changes with %s', (field, value) => {
    expect(fingerprintOf(intentOf(changed(field, value)))).not.toEqual(fingerprintOf(intentOf(GOOD)));
  });
});

it('the schema can be shown as JSON Schema, closed to other fields', () => {
  const schema = z.toJSONSchema(intentInputSchema);
  expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  expect(schema.required).toEqual(['referenceId', 'amount', 'fromCurrency', 'toCurrency', 'sender', 'receiver']);
});
