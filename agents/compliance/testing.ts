/** Facts and payments for tests of compliance. */
import type { Pool, Queryable } from '../../db/connect.ts';
import { newPerson } from '../../db/fixtures.ts';
import type { Keyring } from '../../db/keyring.ts';
import { type NewPayment, storePayments, storePeople } from '../../db/queries/intake.ts';
import type { FourEyesRule } from '../../domain/cases.ts';
import { newId } from '../../domain/ids.ts';
import type { LoadedList, SanctionsEntry } from '../../tools/sanctions/entry.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import type { CohortPayment, WorkItem } from '../agent.ts';
import type { ComplianceFacts, HitFacts, PartyFacts, SenderFacts, ThresholdFacts } from './facts.ts';
import { BUILT_IN_RULES } from './rules/rule-set.ts';

/** Two officers from 1,000 US dollars or priority 90 on. */
export const FOUR_EYES: FourEyesRule = { fourEyesPriority: 90, fourEyesUsd: 1_000, fourEyesAmounts: {} };

export const PARTY: PartyFacts = { kycStatus: 'basic', kycTier: 1, nameWords: 3, nameObscured: false, phoneGiven: true };
export const HISTORY: SenderFacts = {
  count1h: 1,
  count24h: 1,
  sum24hMinor: '500000',
  sum7dMinor: '500000',
  sum30dMinor: '500000',
  truncated: false,
};
export const TRAVEL_RULE: ThresholdFacts = {
  id: 'travel_rule',
  thresholdMinor: '12967469',
  inBand: false,
  count24h: 0,
  sum24hMinor: '0',
  count7d: 0,
  sum7dMinor: '0',
};

/** An ordinary payment of KES 5,000 to Uganda, with what a test changes of it. */
export function factsWith(change: Partial<ComplianceFacts> = {}): ComplianceFacts {
  return {
    payment: { amountMinor: '500000', currency: 'KES', fromCountry: 'KE', toCountry: 'UG', targetMinor: '145000', targetCurrency: 'UGX' },
    sender: PARTY,
    receiver: PARTY,
    listVersion: 'TEST#1',
    listSample: false,
    hits: [],
    limits: {
      country: 'KE',
      tier: 0,
      validFrom: '2023-08-01',
      singleMinor: '25000000',
      dailyMinor: '50000000',
      monthlyMinor: null,
      dailyCount: null,
    },
    receiverBalanceMinor: '10000000',
    history: HISTORY,
    thresholds: [TRAVEL_RULE],
    receiverSenders24h: 1,
    fatf: { from: 'none', to: 'none', asOf: '2026-06-19' },
    ruleSet: BUILT_IN_RULES.label,
    released: null,
    ...change,
  };
}

/** A hit of all words with a listed party, with what a test changes of it. */
export function hit(change: Partial<HitFacts> = {}): HitFacts {
  return { party: 'receiver', list: 'TEST', entryId: '7', program: 'P', how: 'exact', weak: false, score: 1, ...change };
}

/** Moves a payment along until it has a status, as the graph would. */
export async function bringTo(db: Queryable, id: string, status: string): Promise<void> {
  const paths: Readonly<Record<string, readonly string[]>> = {
    failed: ['authorized', 'collecting', 'failed'],
    paid: ['authorized', 'collecting', 'collected', 'disbursing', 'paid'],
  };
  for (const step of paths[status] ?? [status]) await db.query('update payments set status = $2 where id = $1', [id, step]);
}

/** A list of one person, with what a test says of them. */
export function listOf(over: Partial<SanctionsEntry>): LoadedList {
  const base = sampleList();
  const template = base.entries[0] as SanctionsEntry;
  return { ...base, entries: [{ ...template, type: 'person', entryId: '7', weakNames: [], ...over }] };
}

export interface PaymentOver {
  readonly senderId?: string;
  readonly receiverId?: string;
  readonly senderName?: string;
  readonly receiverName?: string;
  readonly senderDetails?: unknown;
  readonly receiverDetails?: unknown;
  readonly agoMs?: number;
  readonly amountMinor?: bigint;
  readonly status?: string;
  readonly parties?: Buffer;
  readonly releasedByCase?: string;
}

/** Stores people and payments of theirs, of one client at a time. */
export function createPayments({
  keyring,
  nowMs,
  pool,
  clientId,
}: {
  readonly keyring: Keyring;
  readonly nowMs: number;
  readonly pool: () => Pool;
  readonly clientId: () => string;
}) {
  async function addPerson(kyc: { readonly status?: string; readonly tier?: number } = {}): Promise<string> {
    const person = newPerson(keyring, clientId(), { name: 'Amina Wanjiku', phone: newId() });
    const [{ id } = { id: '' }] = await storePeople(pool(), [{ ...person, country: 'KE', walletId: 'mpesa-ke' }], nowMs);
    await pool().query('update users set kyc_status = $2, kyc_tier = $3 where id = $1', [id, kyc.status ?? 'basic', kyc.tier ?? 1]);
    return id;
  }

  /** Stores a payment from Kenya to Uganda and gives it as the cohort carries it. */
  async function addPayment(asked: PaymentOver = {}): Promise<WorkItem> {
    const createdAtMs = nowMs - (asked.agoMs ?? 0);
    const parties = {
      sender: { name: asked.senderName ?? 'Amina Wanjiku', phone: '+254712345678', details: asked.senderDetails },
      receiver: { name: asked.receiverName ?? 'Okello James', phone: '+256772345678', details: asked.receiverDetails },
    };
    const row: NewPayment = {
      id: newId(),
      clientId: clientId(),
      referenceId: newId(),
      fingerprint: Buffer.alloc(1),
      batchId: null,
      amountMinor: asked.amountMinor ?? 500_000n,
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      fromCountry: 'KE',
      toCountry: 'UG',
      funding: 'wallet',
      delivery: 'wallet',
      senderId: asked.senderId ?? (await addPerson()),
      receiverId: asked.receiverId ?? (await addPerson()),
      senderWallet: 'mpesa-ke',
      receiverWallet: 'mtn-ug',
      parties: asked.parties ?? keyring.encrypt(JSON.stringify(parties), 'payments.parties'),
      preference: 'cheapest',
      purpose: 'family_support',
      quoteId: null,
      principal: null,
    };
    await storePayments(pool(), [row], createdAtMs);
    if (asked.status !== undefined) await bringTo(pool(), row.id, asked.status);
    const { id, amountMinor, senderId, receiverId, senderWallet, receiverWallet } = row;
    const payment: CohortPayment = {
      id,
      clientId: clientId(),
      status: 'accepted',
      amountMinor,
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      fromCountry: 'KE',
      toCountry: 'UG',
      funding: 'wallet',
      delivery: 'wallet',
      senderId,
      receiverId,
      senderWallet,
      receiverWallet,
      preference: 'cheapest',
      purpose: 'family_support',
      quoteId: null,
      collectionSpent: [],
      payoutSpent: [],
      createdAtMs,
      releasedByCase: asked.releasedByCase ?? null,
    };
    return { payment };
  }

  return { addPerson, addPayment };
}
