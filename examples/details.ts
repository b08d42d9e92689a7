/** What a client says of made-up people beside name and number: made up too, and the same for a person in every row. */
import type { Country } from '../domain/rail.ts';
import type { Person } from './people.ts';
import type { Random } from './random.ts';

/** The columns that the file has of those there are; a client gives more of its own customer than of whom they pay. */
export const DETAIL_COLUMNS = [
  'sender_type',
  'sender_date_of_birth',
  'sender_nationality',
  'sender_address_line',
  'sender_address_town',
  'sender_address_country',
  'sender_document_type',
  'sender_document_number',
  'receiver_date_of_birth',
  'receiver_address_town',
  'receiver_address_country',
] as const;

export type DetailCells = Readonly<Record<(typeof DETAIL_COLUMNS)[number], string>>;

/** Of one sender in four something is said. */
const TOLD_SHARE = 0.25;

const TOWNS: Readonly<Partial<Record<Country, readonly string[]>>> = {
  KE: ['Nairobi', 'Kisumu', 'Nakuru'],
  UG: ['Kampala', 'Gulu', 'Mbarara'],
  TZ: ['Dar es Salaam', 'Mwanza', 'Arusha'],
  RW: ['Kigali', 'Huye'],
  GH: ['Accra', 'Kumasi'],
  NG: ['Lagos', 'Kano', 'Enugu'],
  CI: ['Abidjan', 'Bouaké'],
  SN: ['Dakar', 'Thiès'],
  CM: ['Douala', 'Yaoundé'],
  ZM: ['Lusaka', 'Ndola'],
  ZA: ['Durban', 'Soweto', 'Cape Town'],
};

interface Details {
  readonly dateOfBirth: string;
  readonly line: string;
  readonly town: string;
  readonly number: string;
}

const NOTHING = Object.fromEntries(DETAIL_COLUMNS.map((column) => [column, ''])) as DetailCells;

/** Makes what is said of people: cells for a row of two of them. */
export function createDetails(random: Random): (sender: Person, receiver: Person) => DetailCells {
  const known = new Map<string, Details | null>();
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  const made = ({ country }: Person): Details => ({
    dateOfBirth: `${1950 + random.below(56)}-${twoDigits(1 + random.below(12))}-${twoDigits(1 + random.below(28))}`,
    line: `${1 + random.below(400)} ${random.pick(['Market', 'Station', 'Hospital', 'Independence'])} Road`,
    town: random.pick(TOWNS[country] ?? ['']),
    number: `${country}${String(random.below(100_000_000)).padStart(8, '0')}`,
  });
  const detailsOf = (person: Person): Details | null => {
    const present = known.get(person.phone);
    if (present !== undefined) return present;
    const details = random.next() < TOLD_SHARE ? made(person) : null;
    known.set(person.phone, details);
    return details;
  };
  return (sender, receiver) => {
    const [own, theirs] = [detailsOf(sender), detailsOf(receiver)];
    return {
      ...NOTHING,
      ...(own === null
        ? {}
        : {
            sender_type: 'person',
            sender_date_of_birth: own.dateOfBirth,
            sender_nationality: sender.country,
            sender_address_line: own.line,
            sender_address_town: own.town,
            sender_address_country: sender.country,
            sender_document_type: 'national_id',
            sender_document_number: own.number,
          }),
      ...(theirs === null
        ? {}
        : { receiver_date_of_birth: theirs.dateOfBirth, receiver_address_town: theirs.town, receiver_address_country: receiver.country }),
    };
  };
}
