/**
 * Reports in goAML XML, schema 4.0.2 (elements and order: `schema/goaml-4.0.2.xsd`). A report with
 * transactions tells of payments; one with an activity tells of people before there is a payment to report.
 *
 * What we do not hold about a person is left out and named as a gap, for the officer to fill in.
 */
import { create } from 'xmlbuilder2';
import { formatAmount, type Money } from '../../domain/money.ts';
import type { PartyAddress } from '../../domain/party.ts';
import codes from './data/goaml-codes.json' with { type: 'json' };
import type { ReportingEntity } from './entity.ts';
import { amountIn, cleaned, cut, nameParts, type ReportParty, type ReportPayment } from './subject.ts';

/** Elements in their order; what is undefined is left out, a list repeats its element. */
type Node = { readonly [name: string]: string | Node | readonly Node[] | readonly string[] | undefined };

export interface GoamlInput {
  readonly kind: 'STR' | 'SAR' | 'CTR';
  readonly country: string;
  readonly currency: string;
  /** Our own reference: the id of the report. */
  readonly reference: string;
  readonly submittedAtMs: number;
  readonly entity: ReportingEntity;
  /** Why, in words; at most 4,000 characters each. */
  readonly reason: string;
  readonly action: string;
  /** Codes of what our rules found. */
  readonly ruleCodes: readonly string[];
  readonly payments: readonly ReportPayment[];
  /** Whom a `SAR` is about; both parties of the payments unless told. */
  readonly people?: readonly ReportParty[];
}

export interface GoamlReport {
  readonly xml: string;
  /** What the form asks for and we do not know, as paths. */
  readonly gaps: readonly string[];
}

/** Writes a report. What it says is as exact as the ledger: amounts are those of the payments. */
export function writeGoaml(input: GoamlInput): GoamlReport {
  const gaps = new Set<string>();
  const { entity } = input;
  const report: Node = {
    rentity_id: entity.entityId,
    rentity_branch: entity.branch,
    submission_code: 'E',
    report_code: input.kind,
    entity_reference: input.reference,
    submission_date: momentOf(input.submittedAtMs),
    currency_code_local: input.currency,
    reporting_person: {
      first_name: entity.person.firstName,
      last_name: entity.person.lastName,
      phones: entity.person.phone === undefined ? undefined : { phone: phoneOf(entity.person.phone) },
      email: entity.person.email,
    },
    location: entity.address && {
      address_type: 'B',
      address: entity.address.address,
      city: entity.address.city,
      country_code: entity.address.country,
    },
    reason: cut(cleaned(input.reason), 4_000),
    action: cut(cleaned(input.action), 4_000),
    ...(input.kind === 'SAR'
      ? { activity: { report_parties: { report_party: partiesOf(input, gaps) } } }
      : { transaction: input.payments.map((payment) => transactionOf(payment, input, gaps)) }),
    report_indicators: input.kind === 'CTR' ? undefined : { indicator: indicatorsOf(input.ruleCodes) },
  };
  if (!codes.confirmedFor.includes(input.country)) gaps.add(`codes of ${input.country}: those of Kenya are used`);
  return { xml: create({ version: '1.0', encoding: 'UTF-8' }, { report }).end({ prettyPrint: true }), gaps: [...gaps].sort() };
}

const INDICATORS: Readonly<Record<string, string>> = codes.indicators;

function indicatorsOf(ruleCodes: readonly string[]): string[] {
  const known = ruleCodes.flatMap((code) => INDICATORS[code] ?? []);
  return [...new Set([...known, ...codes.always])];
}

function transactionOf(payment: ReportPayment, input: GoamlInput, gaps: Set<string>): Node {
  const local = amountIn(payment, input.country);
  if (local === null) gaps.add('transaction/amount_local: the payment has no amount in this country yet');
  const outgoing = payment.sender.country === input.country;
  return {
    transactionnumber: payment.id,
    internal_ref_number: cut(payment.referenceId, 50),
    transaction_description: cut(cleaned(`${payment.purpose.replaceAll('_', ' ')}; status ${payment.status}`), 4_000),
    date_transaction: momentOf(payment.createdAtMs),
    date_posting: payment.completedAtMs === null ? undefined : momentOf(payment.completedAtMs).slice(0, 10),
    transmode_code: outgoing ? codes.transmode.outgoing : codes.transmode.incoming,
    amount_local: local === null ? '0' : formatAmount(local),
    t_from: {
      from_funds_code: codes.funds,
      from_foreign_currency: foreignOf(payment.sent, local, input.currency),
      t_conductor: isOrganisation(payment.sender) ? undefined : personOf(payment.sender, 't_from/t_conductor', gaps),
      from_account: accountOf(payment.sender, payment.sent.currency, 't_from/from_account', gaps),
      from_country: payment.sender.country,
    },
    t_to: {
      to_funds_code: codes.funds,
      to_foreign_currency: payment.received === null ? undefined : foreignOf(payment.received, local, input.currency),
      to_account: accountOf(payment.receiver, payment.received?.currency, 't_to/to_account', gaps),
      to_country: payment.receiver.country,
    },
  };
}

/** An amount in another currency than the report's, with the rate that makes it the local amount. */
function foreignOf(amount: Money, local: Money | null, currency: string): Node | undefined {
  if (amount.currency === currency || local === null || amount.minor === 0n) return undefined;
  return {
    foreign_currency_code: amount.currency,
    foreign_amount: formatAmount(amount),
    foreign_exchange_rate: rateBetween(amount, local),
  };
}

const RATE_DIGITS = 8;

/** How much of the second one unit of the first is, to eight digits behind the point. */
function rateBetween(one: Money, other: Money): string {
  const [dividend, divisor] = [parts(other), parts(one)];
  const scaled = (dividend.value * 10n ** BigInt(RATE_DIGITS + divisor.digits)) / (divisor.value * 10n ** BigInt(dividend.digits));
  const text = (scaled === 0n ? 1n : scaled).toString().padStart(RATE_DIGITS + 1, '0');
  return `${text.slice(0, -RATE_DIGITS)}.${text.slice(-RATE_DIGITS)}`;
}

function parts(value: Money): { readonly value: bigint; readonly digits: number } {
  const fraction = formatAmount(value).split('.')[1] ?? '';
  return { value: value.minor, digits: fraction.length };
}

function accountOf(party: ReportParty, currency: string | undefined, path: string, gaps: Set<string>): Node {
  return {
    institution_name: cut(cleaned(party.operator), 255),
    institution_code: party.walletId,
    non_bank_institution: 'true',
    account: party.phone,
    currency_code: currency,
    account_name: cut(cleaned(party.name), 255) || undefined,
    client_number: party.userId.slice(0, 30),
    personal_account_type: codes.accountType,
    ...holderOf(party, path, gaps),
    // Since when we know the wallet; its opening is known to the operator.
    opened: undefined,
    status_code: codes.accountStatus,
  };
}

function isOrganisation({ details }: ReportParty): boolean {
  return details?.type === 'organisation';
}

/** Whose the wallet is: of an organisation its signatories are known to the operator. */
function holderOf(party: ReportParty, path: string, gaps: Set<string>): Node {
  if (!isOrganisation(party)) {
    return { signatory: [{ is_primary: 'true', t_person: personOf(party, `${path}/signatory/t_person`, gaps), role: codes.role }] };
  }
  gaps.add(`${path}/signatory`);
  return { t_entity: entityOf(party, `${path}/t_entity`, gaps) };
}

/** The fields that are there; the others are gaps. */
function known(fields: Readonly<Record<string, string | Node | undefined>>, path: string, gaps: Set<string>): Node {
  for (const [field, value] of Object.entries(fields)) if (value === undefined) gaps.add(`${path}/${field}`);
  return fields;
}

function personOf(party: ReportParty, path: string, gaps: Set<string>): Node {
  const { first, last, complete } = nameParts(party.name);
  const { dateOfBirth, placeOfBirth, nationality, address, document } = party.details ?? {};
  if (!complete) gaps.add(`${path}/first_name`);
  gaps.add(`${path}/occupation`);
  const numberOf = (types: readonly string[], max: number): string | undefined =>
    document !== undefined && types.includes(document.type) && document.number.length <= max ? document.number : undefined;
  const passport = numberOf(['passport'], 25);
  const tax = numberOf(['tax_number'], 100);
  // The form has places of their own for passports and tax numbers; any other document is the id.
  const id = numberOf(['national_id', 'residence_permit', 'driving_licence'], 25);
  if (id === undefined && passport === undefined) gaps.add(`${path}/id_number`);
  return {
    first_name: first,
    last_name: last,
    ...known({ birthdate: dateOfBirth?.length === 10 ? dateOfBirth : undefined }, path, gaps),
    birth_place: placeOfBirth === undefined ? undefined : cut(cleaned(placeOfBirth), 255),
    passport_number: passport,
    passport_country: passport === undefined ? undefined : document?.country,
    id_number: id,
    nationality1: nationality,
    residence: address?.country ?? party.country,
    phones: { phone: phoneOf(party.phone) },
    ...known({ addresses: addressesOf(address, codes.contact) }, path, gaps),
    tax_number: tax,
  };
}

function entityOf(party: ReportParty, path: string, gaps: Set<string>): Node {
  const { nationality, address, document } = party.details ?? {};
  const numberOf = (types: readonly string[], max: number): string | undefined =>
    document !== undefined && types.includes(document.type) ? cut(document.number, max) : undefined;
  gaps.add(`${path}/business`);
  return {
    name: cut(cleaned(party.name), 255),
    ...known({ incorporation_number: numberOf(['registration', 'lei'], 50) }, path, gaps),
    phones: { phone: phoneOf(party.phone) },
    ...known({ addresses: addressesOf(address, codes.businessContact) }, path, gaps),
    incorporation_country_code: nationality ?? party.country,
    tax_number: numberOf(['tax_number'], 100),
  };
}

/** The form wants a street: an address without one is told by its town. */
function addressesOf(address: PartyAddress | undefined, type: string): Node | undefined {
  if (address === undefined) return undefined;
  const { line, town, postcode, country } = address;
  return {
    address: {
      address_type: type,
      address: cut(cleaned(line ?? town), 100),
      city: cut(cleaned(town), 255),
      zip: postcode === undefined ? undefined : cleaned(postcode),
      country_code: country,
    },
  };
}

function phoneOf(phone: string): Node {
  return { tph_contact_type: codes.contact, tph_communication_type: codes.communication, tph_number: cut(phone, 50) };
}

function partiesOf(input: GoamlInput, gaps: Set<string>): Node[] {
  const told = input.people ?? input.payments.flatMap((payment) => [payment.sender, payment.receiver]);
  const people = new Map(told.map((party) => [party.userId, party]));
  return [...people.values()].map((party) => ({
    ...(isOrganisation(party)
      ? { entity: entityOf(party, 'report_party/entity', gaps) }
      : { person: personOf(party, 'report_party/person', gaps) }),
    reason: cut(cleaned(input.reason), 4_000),
  }));
}

/** As goAML writes moments: to the second, without a zone; ours are UTC. */
function momentOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19);
}
