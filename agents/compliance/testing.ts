/** Facts and payments for tests of compliance. */
import type { Queryable } from '../../db/connect.ts';
import type { LoadedList, SanctionsEntry } from '../../tools/sanctions/list.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import type { ComplianceFacts, HitFacts, PartyFacts, SenderFacts, ThresholdFacts } from './facts.ts';
import { BUILT_IN_RULES } from './rules/rule-set.ts';

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
