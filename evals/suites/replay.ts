/**
 * Replay: every decision in the log, made again from the facts it was made from, must come out the same to
 * the letter: outcome, reasons and confidence. It proves that a decision is nothing but its facts and its
 * policy, and that neither the log nor the code that explains it was changed since.
 */
import { z } from 'zod';
import { decideCompliance } from '../../agents/compliance/decide.ts';
import type { ComplianceFacts } from '../../agents/compliance/facts.ts';
import { COMPLIANCE_POLICY, policyByVersion } from '../../agents/compliance/policy.ts';
import { createStoredRules } from '../../agents/compliance/rules/live.ts';
import { BUILT_IN_BOOK, type RuleBook, RULES_BEFORE_SETS } from '../../agents/compliance/rules/rule-set.ts';
import { decideExchangeRate } from '../../agents/exchange-rate/decide.ts';
import type { ExchangeRateFacts } from '../../agents/exchange-rate/facts.ts';
import { SPREAD_POLICY } from '../../agents/exchange-rate/policy.ts';
import { decideInvestigator, INVESTIGATOR_VERSION, type InvestigatorFacts } from '../../agents/investigator/index.ts';
import { decideLiquidity, type LiquidityFacts, LIQUIDITY_POLICY } from '../../agents/liquidity/index.ts';
import { decideRoute } from '../../agents/route-optimizer/decide.ts';
import type { RouteFacts } from '../../agents/route-optimizer/facts.ts';
import { ROUTE_POLICY } from '../../agents/route-optimizer/policy.ts';
import { type BatchFacts, decideBatch, decideSettlement, SETTLEMENT_POLICY, type SettlementFacts } from '../../agents/settlement/index.ts';
import type { Pool } from '../../db/connect.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Facts, Reason, Verdict } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { digestOf } from '../../domain/ids.ts';
import { readDataset } from '../dataset.ts';
import { share } from '../scorers.ts';
import { type CaseResult, type Metrics, slicesBy, type Suite, type SuiteOptions, type SuiteRun } from '../suite.ts';
import { effectDifferences, type Effects, EFFECTS_SQL } from './replay-effects.ts';
import { withDecisionLog } from './replay-log.ts';

export interface LoggedDecision {
  readonly id: string;
  readonly position: string;
  readonly agent: string;
  readonly policyVersion: string;
  readonly facts: Facts;
  readonly factsDigest: string;
  readonly outcome: string;
  readonly reasons: readonly Reason[];
  readonly confidence: number;
  /** What else was written of it, where it can be found: a decision of a file has nothing of that. */
  readonly effects?: Effects;
}

const PAGE = 2_000;

export const replaySuite: Suite = { name: 'replay', about: 'decisions of the log, made again from their facts', run: runReplay };

/** A decision as `GET /v1/activity` shows it to whoever may see the facts. */
const loggedSchema = z.object({
  id: z.string(),
  agent: z.string(),
  policyVersion: z.string(),
  facts: z.record(z.string(), z.unknown()),
  factsDigest: z.string(),
  outcome: z.string(),
  reasons: z.array(z.looseObject({ code: z.string(), text: z.string() })),
  confidence: z.number(),
});

/** Decisions of a file, by the rules that come with this release: rules that others wrote are in their database alone. */
async function replayFile(path: string): Promise<SuiteRun> {
  const { name, digest, cases } = await readDataset(path, loggedSchema);
  const verdicts = cases.map((each) => replayOne({ ...each, facts: each.facts as Facts, position: '0' }));
  const intact = verdicts.filter(({ isIntact }) => isIntact).length;
  return runOf(
    { name, digest },
    verdicts.map(({ result }) => result),
    intact,
  );
}

async function runReplay({ dataset, env, tell }: SuiteOptions): Promise<SuiteRun> {
  return dataset === null ? withDecisionLog(env, tell, (pool) => replayAll(pool, tell)) : replayFile(dataset);
}

/** Replays the log of an open database. Throws `not_found` when it is empty. */
export async function replayAll(pool: Pool, tell: (line: string) => void): Promise<SuiteRun> {
  const results: CaseResult[] = [];
  const digests: string[] = [];
  let intact = 0;
  let after = '0';
  const rules = createStoredRules(pool);
  for (;;) {
    const page = await readPage(pool, after);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.position;
    await rules.load([...new Set(page.flatMap(ruleSetIn))]);
    for (const logged of page) {
      const verdict = replayOne(logged, rules);
      intact += Number(verdict.isIntact);
      digests.push(logged.factsDigest);
      results.push(verdict.result);
    }
    tell(`${results.length} decisions made again`);
  }
  for (const logged of await readBatchDecisions(pool)) {
    const verdict = replayOne(logged);
    intact += Number(verdict.isIntact);
    digests.push(logged.factsDigest);
    results.push(verdict.result);
  }
  if (results.length === 0) throw fault('not_found', { detail: 'There are no decisions in this database. Run the demo first.' });
  return runOf({ name: 'decision log', digest: digestOf(digests.join()) }, results, intact);
}

function metricsOf(group: readonly CaseResult[]): Metrics {
  return { decisions: group.length, reproduced: share(group.filter((result) => result.correct).length, group.length) };
}

function runOf(dataset: SuiteRun['dataset'], results: readonly CaseResult[], intact: number): SuiteRun {
  return {
    suite: 'replay',
    target: 'policies as logged',
    dataset,
    metrics: { ...metricsOf(results), digestsIntact: share(intact, results.length) },
    slices: ['agent', 'policy', 'outcome'].flatMap((by) => slicesBy(results, by, metricsOf)),
    results,
    rivals: [],
    remarks: [`Policies in force: ${Object.values(CURRENT_VERSIONS).join(', ')}.`],
  };
}

/** By the number, not by the text it is given as: pages would overlap and leave gaps. */
async function readPage(pool: Pool, after: string): Promise<LoggedDecision[]> {
  const result = await pool.query<LoggedDecision>(
    `select logged.id, position::text as position, agent, policy_version as "policyVersion", facts, facts_digest as "factsDigest", outcome, reasons,
         confidence, ${EFFECTS_SQL} as effects
       from decisions logged where position > $1::bigint order by logged.position limit $2`,
    [after, PAGE],
  );
  return result.rows;
}

/** Which way each settlement batch went, and why: decided once per batch and kept with it. */
async function readBatchDecisions(pool: Pool): Promise<LoggedDecision[]> {
  const result = await pool.query<LoggedDecision>(
    `select id, '0' as position, '${BATCH_AGENT}' as agent, policy_version as "policyVersion", facts, facts_digest as "factsDigest",
       method as outcome, reasons, 1 as confidence
     from settlement_batches where facts_digest <> '' order by id`,
  );
  return result.rows;
}

const BATCH_AGENT = 'settlement batch';

const CURRENT_VERSIONS: Readonly<Record<string, string>> = {
  'exchange-rate': SPREAD_POLICY.version,
  compliance: COMPLIANCE_POLICY.version,
  'route-optimizer': ROUTE_POLICY.version,
  liquidity: LIQUIDITY_POLICY.version,
  settlement: SETTLEMENT_POLICY.version,
  investigator: INVESTIGATOR_VERSION,
  [BATCH_AGENT]: SETTLEMENT_POLICY.version,
};

/** Decides once more by the policy that was in force then; null when that policy is not kept. */
function decideAgain({ agent, policyVersion, facts }: LoggedDecision, rules: RuleBook): Verdict | null {
  if (agent === 'compliance') {
    const policy = policyByVersion(policyVersion);
    const label = (facts as ComplianceFacts).ruleSet ?? RULES_BEFORE_SETS;
    return policy === undefined || rules.find(label) === undefined ? null : decideCompliance(facts as ComplianceFacts, policy, rules);
  }
  if (CURRENT_VERSIONS[agent] !== policyVersion) return null;
  if (agent === 'exchange-rate') return decideExchangeRate(facts as ExchangeRateFacts);
  if (agent === 'route-optimizer') return decideRoute(facts as RouteFacts);
  if (agent === 'liquidity') return decideLiquidity(facts as LiquidityFacts);
  if (agent === 'investigator') return decideInvestigator(facts as InvestigatorFacts);
  if (agent === BATCH_AGENT) return decideBatch(facts as BatchFacts);
  return agent === 'settlement' ? decideSettlement(facts as SettlementFacts) : null;
}

/** The set of rules that a decision names. */
function ruleSetIn({ agent, facts }: LoggedDecision): string[] {
  const label = agent === 'compliance' ? (facts as ComplianceFacts).ruleSet : undefined;
  return label === undefined ? [] : [label];
}

/** Replays one decision and says whether its facts are still those of the digest. */
export function replayOne(
  logged: LoggedDecision,
  rules: RuleBook = BUILT_IN_BOOK,
): { readonly result: CaseResult; readonly isIntact: boolean } {
  const isIntact = digestOf(canonicalJson(logged.facts)) === logged.factsDigest;
  const verdict = decideAgain(logged, rules);
  const differs = verdict === null ? ['policy is not kept'] : differencesOf(logged, verdict);
  return {
    isIntact,
    result: {
      id: logged.id,
      correct: isIntact && differs.length === 0,
      tags: { agent: logged.agent, policy: logged.policyVersion, outcome: `${logged.agent} ${logged.outcome}` },
      note: [`${logged.agent} ${logged.outcome}`, ...(isIntact ? [] : ['facts were changed']), ...differs].join('; '),
    },
  };
}

function wordsOf(reasons: readonly Reason[]): string {
  return canonicalJson(reasons.map(({ code, text }) => ({ code, text })));
}

function differencesOf(logged: LoggedDecision, verdict: Verdict): string[] {
  const found: string[] = [];
  if (verdict.outcome !== logged.outcome) found.push(`outcome is now ${verdict.outcome}`);
  if (wordsOf(verdict.reasons) !== wordsOf(logged.reasons)) found.push('reasons differ');
  // The database keeps a confidence in four bytes.
  if (Math.fround(verdict.confidence) !== Math.fround(logged.confidence)) found.push(`confidence is now ${verdict.confidence}`);
  return [...found, ...effectDifferences(logged, verdict)];
}
