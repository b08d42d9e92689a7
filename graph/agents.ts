/** The agents as the graph holds them: bound to their tools, with the types of what they say. */
import type { ComplianceData, ComplianceFacts, ComplianceOutcome } from '../agents/compliance/index.ts';
import type { ExchangeRateData, ExchangeRateFacts, ExchangeRateOutcome } from '../agents/exchange-rate/index.ts';
import type { LiquidityData, LiquidityDeps, LiquidityFacts, LiquidityOutcome } from '../agents/liquidity/index.ts';
import type { Agent } from '../agents/agent.ts';
import type { RouteData, RouteFacts, RouteOutcome } from '../agents/route-optimizer/index.ts';
import type { Verdict } from '../domain/decision.ts';
import type { BoundAgent } from './decide.ts';

export type ExchangeRateAgent = BoundAgent<ExchangeRateFacts, ExchangeRateOutcome, ExchangeRateData>;
export type ComplianceAgent = BoundAgent<ComplianceFacts, ComplianceOutcome, ComplianceData>;
export type RouteAgent = BoundAgent<RouteFacts, RouteOutcome, RouteData>;
/** Liquidity reads under the locks of the boundary's transaction, so it is bound only there. */
export type LiquidityAgent = Agent<LiquidityDeps, LiquidityFacts, LiquidityOutcome, LiquidityData>;

export type ExchangeRateVerdict = Verdict<ExchangeRateOutcome, ExchangeRateData>;
export type RouteVerdict = Verdict<RouteOutcome, RouteData>;
export type LiquidityVerdict = Verdict<LiquidityOutcome, LiquidityData>;

/** What screening said, with the facts a case is made from. */
export interface Screening {
  readonly facts: ComplianceFacts;
  readonly verdict: Verdict<ComplianceOutcome, ComplianceData>;
}

export interface Agents {
  readonly exchangeRate: ExchangeRateAgent;
  readonly compliance: ComplianceAgent;
  readonly route: RouteAgent;
  readonly liquidity: LiquidityAgent;
}
