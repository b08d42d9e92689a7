/** The sweeper's look: which kinds of work are ready, whether or not a hint told of them. */
import type { GraphDeps, Hint } from './types.ts';

/** Whether a payment of these statuses waits that no worker holds. */
const waiting = (statuses: string, condition = ''): string => `
  exists(select 1 from payments_by_status s where s.status in (${statuses}) and (s.lease_until is null or s.lease_until < $1)
    and (s.not_before is null or s.not_before <= $1) ${condition})`;

const LOOK_SQL = `
select
  ${waiting("'accepted', 'released', 'queued'")} as authorize,
  ${waiting("'authorized', 'collected'")}
    or ${waiting(
      "'refunding'",
      `and not exists (select 1 from attempts a where a.payment_id = s.payment_id and a.leg = 'refund'
        and (a.state in ('created', 'sent', 'pending', 'unknown') or not a.applied))`,
    )} as resume,
  exists(select 1 from attempts where state in ('succeeded', 'failed') and not applied) as outcomes,
  exists(select 1 from attempts where state = 'created') as dispatch,
  exists(select 1 from attempts where state in ('sent', 'pending', 'unknown') and next_inquiry_at <= $1) as inquire,
  exists(select 1 from operator_callbacks where processed_at is null and (lease_until is null or lease_until < $1)) as callbacks,
  exists(select 1 from outbox where planned_at is null)
    or exists(select 1 from webhook_deliveries where state = 'waiting' and next_attempt_at <= $1)
    or exists(select 1 from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id and d.state = 'waiting'
      where e.status = 'disabled' or e.deleted_at is not null) as webhooks,
  exists(select 1 from sms_messages where state = 'queued' and next_attempt_at <= $1)
    or exists(select 1 from sms_messages where state = 'sending' and lease_until < $1) as sms,
  exists(select 1 from cases where kind = 'held' and status in ('open', 'deciding', 'waiting') and (interrupt_id is null or asked_round <> round or rescreen_since is not null))
    or exists(select 1 from case_decisions d join cases c on c.id = d.case_id
      where d.applied_at is null and c.kind = 'held' and c.status in ('open', 'deciding', 'waiting')) as cases`;

/** Hints for which there is work right now. */
export async function findWork(deps: Pick<GraphDeps, 'pool' | 'clock'>): Promise<Hint[]> {
  const result = await deps.pool.query<Record<Exclude<Hint, 'settle'>, boolean>>({
    name: 'find_work',
    text: LOOK_SQL,
    values: [new Date(deps.clock.now())],
  });
  const row = result.rows[0];
  if (row === undefined) return [];
  return (Object.keys(row) as Exclude<Hint, 'settle'>[]).filter((hint) => row[hint]);
}
