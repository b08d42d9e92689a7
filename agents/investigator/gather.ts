/**
 * Reading a case: its evidence, the two parties' history, their other cases, and the texts that customers
 * wrote. Reads only, bound to the client of the case; what it gives falls into facts without personal data
 * and texts that stay behind the glass.
 */
import type { Pool } from 'pg';
import type { Keyring } from '../../db/keyring.ts';
import type { Person } from '../../db/person-keys.ts';
import {
  findAnswers,
  findCaseEvidence,
  findLinkedCases,
  findPartyHistory,
  type CaseEvidenceRow,
  type LinkedCaseRow,
  type PartyHistoryRow,
} from '../../db/queries/investigations.ts';
import type { CASE_REASONS } from '../../domain/cases.ts';
import { fault } from '../../domain/errors.ts';
import { textOpener } from '../../tools/privacy/texts.ts';
import type { CaseBrief, HitBrief, PartyBrief } from './facts.ts';
import { factsOfText, type UntrustedText } from './texts.ts';

export interface GatherDeps {
  readonly pool: Pool;
  readonly keyring: Pick<Keyring, 'people' | 'texts'>;
}

export interface Gathered {
  readonly clientId: string;
  readonly paymentId: string;
  readonly brief: CaseBrief;
  readonly texts: readonly UntrustedText[];
  /** By which the two could be known; never leaves the process. */
  readonly personal: { readonly names: readonly string[]; readonly numbers: readonly string[] };
}

const DAY_MS = 86_400_000;
const LINKED_MAX = 10;
const ANSWERS_MAX = 3;
/** The context in which a customer's answer is encrypted. */
export const ANSWER_CONTEXT = 'case_information.answer';
const HITS_MAX = 12;

/** Questions whose answers are about the money. The others ask who somebody is, and so may one that is not known here. */
const ABOUT_MONEY: ReadonlySet<string> = new Set<keyof typeof CASE_REASONS.request_information>([
  'source_of_funds',
  'purpose_of_payment',
  'relationship',
]);

const isTold = (code: string): boolean => ABOUT_MONEY.has(code);

/** Reads a case at a moment. Throws `not_found` when there is none. */
export async function gatherCase(deps: GatherDeps, caseId: string, nowMs: number): Promise<Gathered> {
  const row = await findCaseEvidence(deps.pool, caseId);
  if (row === null) throw fault('not_found');
  const [sender, receiver, linked, answers] = await Promise.all([
    findPartyHistory(deps.pool, row.senderId, row.paymentId, nowMs),
    findPartyHistory(deps.pool, row.receiverId, row.paymentId, nowMs),
    findLinkedCases(deps.pool, row, LINKED_MAX),
    findAnswers(deps.pool, caseId, ANSWERS_MAX),
  ]);
  const open = await textOpener(deps.pool, deps.keyring, caseId);
  const parties = deps.keyring.people.openParties(row);
  const texts: UntrustedText[] = [
    { source: 'sender_name', text: parties.sender.name },
    { source: 'receiver_name', text: parties.receiver.name },
    { source: 'reference', text: row.referenceId },
    ...answers.flatMap(({ code, answer }): UntrustedText[] => {
      const text = open(answer, ANSWER_CONTEXT);
      return text === null ? [] : [{ source: 'answer', text, ...(isTold(code) ? {} : { isPersonal: true as const }) }];
    }),
  ];
  return {
    clientId: row.clientId,
    paymentId: row.paymentId,
    brief: briefOf(row, { sender, receiver, linked }, texts, nowMs),
    texts,
    personal: {
      names: [parties.sender, parties.receiver].flatMap(personalWords),
      numbers: [parties.sender.phone, parties.receiver.phone],
    },
  };
}

/** Whatever a client said of somebody by which they could be known. */
function personalWords({ name, details }: Person): string[] {
  const { dateOfBirth, placeOfBirth, address, document } = details ?? {};
  return [name, dateOfBirth, placeOfBirth, address?.line, document?.number].filter((word) => word !== undefined);
}

interface Around {
  readonly sender: PartyHistoryRow;
  readonly receiver: PartyHistoryRow;
  readonly linked: readonly LinkedCaseRow[];
}

/** The parts of a compliance evidence that are read, each of which may be missing. */
interface EvidenceFacts {
  readonly hits?: readonly Readonly<Record<string, unknown>>[];
  readonly history?: Readonly<Record<string, unknown>>;
  readonly thresholds?: readonly Readonly<Record<string, unknown>>[];
  readonly receiverSenders24h?: unknown;
  readonly fatf?: Readonly<Record<string, unknown>>;
}

function briefOf(row: CaseEvidenceRow, { sender, receiver, linked }: Around, texts: readonly UntrustedText[], nowMs: number): CaseBrief {
  const facts = (row.evidence['facts'] ?? {}) as EvidenceFacts;
  const inBand = (facts.thresholds ?? []).filter((each) => each['inBand'] === true).map((each) => codeOf(each['id']));
  return {
    priority: row.priority,
    approvalsNeeded: row.approvalsNeeded,
    reasons: row.reasons.map((reason) => codeOf(reason.code)),
    amountMinor: row.amount.toString(),
    currency: row.fromCurrency,
    fromCountry: row.fromCountry,
    toCountry: row.toCountry,
    purpose: codeOf(row.purpose),
    fatf: { from: codeOf(facts.fatf?.['from'] ?? 'none'), to: codeOf(facts.fatf?.['to'] ?? 'none') },
    hits: (facts.hits ?? []).slice(0, HITS_MAX).map(hitOf),
    counts: {
      sender1h: countOf(facts.history?.['count1h']),
      sender24h: countOf(facts.history?.['count24h']),
      receiverSenders24h: countOf(facts.receiverSenders24h),
      truncated: facts.history?.['truncated'] === true,
    },
    thresholdsInBand: inBand,
    aboveTravelRule: row.reasons.some((reason) => reason.code === 'travel_rule'),
    sender: partyOf(row.senderKycStatus, row.senderKycTier, sender, nowMs),
    receiver: partyOf(row.receiverKycStatus, row.receiverKycTier, receiver, nowMs),
    paidEachOtherBefore: row.pairPayments,
    linked: linked.map((each, at) => ({
      ref: `case-${at + 1}`,
      relation: each.relation,
      status: codeOf(each.status),
      reasons: each.reasons.map((reason) => codeOf(reason.code)),
      ageDays: Math.max(0, Math.floor((nowMs - each.createdAt.getTime()) / DAY_MS)),
    })),
    texts: texts.map(factsOfText),
  };
}

/** A match without what the list wrote: its ids and programmes are another's text too. */
function hitOf(hit: Readonly<Record<string, unknown>>, at: number): HitBrief {
  const grounds = Array.isArray(hit['grounds']) ? (hit['grounds'] as unknown[]) : [];
  return {
    ref: `hit-${at + 1}`,
    party: hit['party'] === 'receiver' ? 'receiver' : 'sender',
    how: codeOf(hit['how']),
    weak: hit['weak'] === true,
    score: typeof hit['score'] === 'number' ? Math.round(hit['score'] * 1_000) / 1_000 : 0,
    topic: codeOf(hit['topic'] ?? 'sanction'),
    grounds: grounds.filter((ground): ground is string => typeof ground === 'string' && /^[a-z_]+( 0\.\d\d)?$/.test(ground)).slice(0, 12),
  };
}

function partyOf(kycStatus: string, kycTier: number, history: PartyHistoryRow, nowMs: number): PartyBrief {
  return {
    kycStatus: codeOf(kycStatus),
    kycTier,
    knownDays: history.knownSince === null ? 0 : Math.max(0, Math.floor((nowMs - history.knownSince.getTime()) / DAY_MS)),
    paymentsBefore: history.payments,
    paidBefore: history.paid,
    refusedBefore: history.refused,
    casesReleased: history.casesReleased,
    casesRejected: history.casesRejected,
    casesOpen: history.casesOpen,
  };
}

/** A code as ours are written; anything else is no code. */
function codeOf(value: unknown): string {
  return typeof value === 'string' && /^[a-z0-9_]{1,40}$/.test(value) ? value : 'other';
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : 0;
}
