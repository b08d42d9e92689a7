/**
 * The clocks of cases: what is overdue is told, an approval that nobody joined in time counts no more, a question that nobody
 * answered brings its case back, and a claim that has run out is taken off. Each is one statement over all cases.
 */
import type { GraphDeps } from '../types.ts';

const LIVE = `status in ('open', 'deciding', 'waiting')`;
const AT_ONCE = 500;

/** Changes the cases a condition finds, and writes each into the audit log under an action; resolves with how many. */
async function changeDue(
  deps: Pick<GraphDeps, 'pool' | 'clock'>,
  step: { readonly name: string; readonly where: string; readonly set: string; readonly action: string; readonly details?: string },
): Promise<number> {
  const result = await deps.pool.query({
    name: step.name,
    text: `with due as (
        select id from cases c where ${LIVE} and ${step.where} order by rank_at limit ${AT_ONCE} for update skip locked
      ), changed as (
        update cases set ${step.set}, updated_at = $1 from due where cases.id = due.id
        returning cases.id, cases.client_id, cases.payment_id, cases.round, cases.due_at
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', '${step.action}', 'case:' || id, payment_id, ${step.details ?? "'{}'"}, $1 from changed`,
    values: [new Date(deps.clock.now())],
  });
  return result.rowCount ?? 0;
}

/** Looks at every clock once. */
export async function keepCases(deps: GraphDeps): Promise<void> {
  const overdue = await changeDue(deps, {
    name: 'cases_overdue',
    where: 'due_at <= $1 and overdue_at is null',
    set: 'overdue_at = $1',
    action: 'case.overdue',
    details: `jsonb_build_object('dueAt', due_at)`,
  });
  // One that is being decided is counted when the verdict is put into effect.
  const expired = await changeDue(deps, {
    name: 'case_approvals_expired',
    where: `kind in ('held', 'refused') and status <> 'deciding' and exists (
      select 1 from case_decisions d
      where d.case_id = c.id and d.round = c.round and d.verdict in ('release', 'resolve') and d.expires_at <= $1)`,
    set: 'round = round + 1',
    action: 'case.approval_expired',
    details: `jsonb_build_object('round', round)`,
  });
  await changeDue(deps, {
    name: 'case_information_overdue',
    where: `status = 'waiting' and information_due_at <= $1`,
    set: `status = 'open', information_due_at = null`,
    action: 'case.information_overdue',
  });
  await changeDue(deps, {
    name: 'case_claims_over',
    where: `status <> 'deciding' and claimed_until <= $1`,
    set: 'claimed_by = null, claimed_until = null',
    action: 'case.claim_expired',
  });
  if (overdue > 0) deps.log.warn({ cases: overdue }, 'cases overdue');
  if (expired > 0) {
    deps.log.warn({ cases: expired }, 'approvals expired');
    deps.notify('cases');
  }
}
