/** Rules on transactions of a file: what the rule set alone would hold. Pure. */
import { decideByRules } from '../../agents/compliance/decide.ts';
import { COMPLIANCE_POLICY } from '../../agents/compliance/policy.ts';
import { BUILT_IN_RISK_MODEL } from '../../agents/compliance/risk/model.ts';
import type { ReadyRuleSet } from '../../agents/compliance/rules/rule-set.ts';
import { createFactStream } from '../../agents/compliance/stream.ts';
import { parseAmount } from '../../domain/money.ts';
import type { Transaction } from './paysim.ts';

/** PaySim does not say its currency. A typical amount is taken for the typical USD 200, in shillings of Kenya. */
const TYPICAL_MINOR = parseAmount('25934.93', 'KES').minor;
const START_MS = Date.UTC(2026, 8, 1);
const HOUR_MS = 3_600_000;
const RATIO_SCALE = 1_000_000;

/** What the live rules say of each transaction, by id: the gravest priority as a score, and whether they would hold or refuse it. */
export function judgeByRules(
  rows: readonly Transaction[],
  rules: ReadyRuleSet,
): ReadonlyMap<string, { readonly score: number; readonly held: boolean }> {
  // The rules stand against the model here, so its score is not told to them.
  const mute = { version: BUILT_IN_RISK_MODEL.version, score: () => ({ model: BUILT_IN_RISK_MODEL.version, score: 0 }) };
  const factsOf = createFactStream({ policy: COMPLIANCE_POLICY, risk: mute, ruleSet: rules.label });
  return new Map(
    rows.map((row) => {
      const ratio = BigInt(Math.round(row.input.amountRatio * RATIO_SCALE));
      const facts = factsOf({
        id: row.id,
        atMs: START_MS + row.step * HOUR_MS,
        from: row.from,
        to: row.to,
        amountMinor: (ratio * TYPICAL_MINOR) / BigInt(RATIO_SCALE),
        currency: 'KES',
        fromCountry: 'KE',
        toCountry: 'KE',
      });
      const { outcome, data } = decideByRules(facts, COMPLIANCE_POLICY, rules);
      return [row.id, { score: outcome === 'block' ? 1 : data.priority / 100, held: outcome !== 'clear' }];
    }),
  );
}
