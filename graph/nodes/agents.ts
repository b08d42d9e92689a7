/**
 * The deciding nodes: each asks one agent about the payments that concern it and carries on what it
 * said. Nothing is written here; what was decided is committed at the next durable boundary.
 */
import type { ComplianceAgent, ExchangeRateAgent, RouteAgent } from '../agents.ts';
import type { Facts } from '../../domain/decision.ts';
import type { Cohort, Traveller } from '../cohort.ts';
import { type BoundAgent, type Decided, runAgent } from '../decide.ts';
import { isBeforeAuthorisation, wantsRoute } from '../turns.ts';

/** Asks an agent about the travellers whose turn it is; the others pass by. */
async function consult<F extends Facts, Outcome extends string, Data>(
  cohort: Cohort,
  agent: BoundAgent<F, Outcome, Data>,
  isConcerned: (traveller: Traveller) => boolean,
  carry: (traveller: Traveller, decided: Decided<F, Outcome, Data>) => Traveller,
): Promise<Cohort> {
  const concerned = cohort.travellers.filter(isConcerned);
  const decided = await runAgent(agent, concerned, cohort.id);
  const byPayment = new Map(concerned.map((traveller, index) => [traveller.payment.id, decided[index]]));
  return {
    ...cohort,
    travellers: cohort.travellers.map((traveller) => {
      const said = byPayment.get(traveller.payment.id);
      return said === undefined ? traveller : carry({ ...traveller, decisions: [...traveller.decisions, said.record] }, said);
    }),
  };
}

/** Every payment that is not authorised yet gets terms, or is rejected. */
export async function exchangeRate(cohort: Cohort, agent: ExchangeRateAgent): Promise<Cohort> {
  return consult(cohort, agent, isBeforeAuthorisation, (traveller, { verdict }) => {
    const { quote, refusalCode } = verdict.data;
    if (quote === null) return { ...traveller, leaves: { to: 'rejected', reasonCode: refusalCode ?? 'rate_unavailable' } };
    // The signature is made when the quote is stored; nobody needs it on the way there.
    return { ...traveller, quote: { ...quote, signature: '' }, quoting: verdict };
  });
}

/** Every payment that is not authorised yet is screened: clear goes on, flagged is held, blocked is rejected. */
export async function compliance(cohort: Cohort, agent: ComplianceAgent): Promise<Cohort> {
  return consult(cohort, agent, isBeforeAuthorisation, (traveller, { facts, verdict }) => {
    const screened: Traveller = { ...traveller, screening: { facts, verdict } };
    if (verdict.outcome === 'clear') return screened;
    const reasonCode = verdict.data.reasonCode ?? 'compliance_refused';
    return { ...screened, leaves: { to: verdict.outcome === 'flag' ? 'held' : 'rejected', reasonCode } };
  });
}

/** Payments without a route, and those whose leg failed, get rails; money that is with us and finds none goes back. */
export async function route(cohort: Cohort, agent: RouteAgent): Promise<Cohort> {
  return consult(cohort, agent, wantsRoute, (traveller, { verdict }) => {
    const routed: Traveller = { ...traveller, routing: verdict };
    const found = verdict.data.route;
    const { status } = traveller.payment;
    // The leg that is done, or whose float is reserved, keeps its rails.
    if (status === 'collected') return { ...routed, route: { collection: traveller.route?.collection ?? [], payout: found?.payout ?? [] } };
    if (status === 'authorized')
      return { ...routed, route: { collection: found?.collection ?? [], payout: traveller.route?.payout ?? [] } };
    if (found !== null) return { ...routed, route: found };
    return { ...routed, leaves: { to: 'rejected', reasonCode: verdict.data.code ?? 'no_route' } };
  });
}
