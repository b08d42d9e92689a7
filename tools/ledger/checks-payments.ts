/** Payments against the books, their attempts, their events, their quotes, and the people who decided on them. */
import type { Check } from './check.ts';

// What a payment moved for good, by reason; a posted pending transfer counts as what it was posted for.
const MOVED = `select payment_id, reason, currency, sum(amount) as amount from transfers
  where type in ('posted', 'post') and payment_id is not null group by payment_id, reason, currency`;

// A number in international form, of any country code we serve: the shape no text of ours may contain.
const PHONE = `'\\+2[0-9]{10,13}'`;

export const PAYMENT_CHECKS: readonly Check[] = [
  {
    invariant: 2,
    name: 'a leg succeeds at most once',
    sql: `select 'payment ' || payment_id as subject, format('%s successes of %s', count(*), leg) as detail from attempts
      where state = 'succeeded' group by payment_id, leg having count(*) > 1`,
  },
  {
    invariant: 2,
    name: 'an attempt asks for what the payment says',
    sql: `select 'attempt ' || a.id as subject, format('%s of %s %s', a.leg, a.amount, a.currency) as detail
      from attempts a join payments p on p.id = a.payment_id
      where case a.leg when 'payout' then (a.amount, a.currency) is distinct from (p.target_amount, p.to_currency)
        else (a.amount, a.currency) is distinct from (p.amount, p.from_currency) end`,
  },
  {
    invariant: 2,
    name: 'legs that succeeded agree with the status',
    sql: `with done as (select payment_id, array_agg(leg) as legs from attempts where state = 'succeeded' and applied group by payment_id)
      select 'payment ' || p.id as subject, format('%s with successes: %s', p.status, coalesce(array_to_string(legs, ', '), 'none')) as detail
      from payments p left join done on done.payment_id = p.id
      where case p.status
        when 'paid' then (p.funding = 'wallet') <> coalesce('collection' = any(legs), false)
          or (p.delivery = 'wallet') <> coalesce('payout' = any(legs), false) or coalesce('refund' = any(legs), false)
        when 'refunded' then (p.funding = 'wallet') <> coalesce('refund' = any(legs), false) or coalesce('payout' = any(legs), false)
        when 'rejected' then legs is not null
        when 'failed' then legs is not null
        when 'cancelled' then legs is not null
        else coalesce('payout' = any(legs) or 'refund' = any(legs), false) end`,
  },
  {
    invariant: 2,
    name: 'the books agree with the attempts',
    sql: `select 'attempt ' || a.id as subject, format('%s succeeded with %s transfers of the leg', a.leg, count(t.id)) as detail
      from attempts a
      left join transfers t on t.payment_id = a.payment_id and t.reason = a.leg and t.type in ('posted', 'post')
        and t.amount = a.amount and t.currency = a.currency
      where a.state = 'succeeded' and a.applied
      group by a.id, a.leg having count(t.id) <> 1`,
  },
  {
    invariant: 3,
    name: 'an effect has its committed attempt',
    sql: `select 'attempt ' || id as subject, format('%s without being marked sent', state) as detail from attempts
      where state in ('sent', 'pending', 'unknown', 'succeeded') and sent_at is null`,
  },
  {
    invariant: 3,
    name: 'no second effect while the first is open',
    sql: `select 'attempt ' || later.id as subject, format('made before try %s of %s was over', earlier.sequence, earlier.leg) as detail
      from attempts later
      join attempts earlier on earlier.payment_id = later.payment_id and earlier.leg = later.leg and earlier.sequence < later.sequence
      where earlier.state <> 'failed'`,
  },
  {
    invariant: 3,
    name: 'an unknown outcome is not refunded',
    sql: `select 'payment ' || refund.payment_id as subject, format('refund with a payout %s', payout.state) as detail
      from attempts refund join attempts payout on payout.payment_id = refund.payment_id and payout.leg = 'payout'
      where refund.leg = 'refund' and payout.state <> 'failed'`,
  },
  {
    invariant: 3,
    name: 'a finished payment has no open attempt',
    sql: `select 'payment ' || p.id as subject, format('%s with a %s %s', p.status, a.leg, a.state) as detail
      from payments p join attempts a on a.payment_id = p.id
      where p.status in (:terminal) and a.state not in ('succeeded', 'failed')`,
  },
  {
    invariant: 4,
    name: 'clearing of a finished payment is zero',
    sql: `select 'payment ' || p.id as subject,
        format('%s %s left on %s', sum(case when a.id = t.credit_account_id then t.amount else -t.amount end), t.currency, a.code) as detail
      from payments p
      join transfers t on t.payment_id = p.id and t.type in ('posted', 'post')
      join accounts a on a.id in (t.debit_account_id, t.credit_account_id) and a.kind = 'clearing'
      where p.status in (:terminal)
      group by p.id, a.code, t.currency
      having sum(case when a.id = t.credit_account_id then t.amount else -t.amount end) <> 0`,
  },
  {
    invariant: 4,
    name: 'a finished payment holds no reservation',
    sql: `select 'payment ' || p.id as subject, format('%s with %s %s reserved', p.status, t.amount, t.currency) as detail
      from payments p join transfers t on t.payment_id = p.id and t.type = 'pending'
      where p.status in (:terminal) and not exists (select 1 from transfers ended where ended.pending_id = t.id)`,
  },
  {
    invariant: 4,
    name: 'a finished payment moved what it says',
    sql: `with moved as (${MOVED}), sums as (
        select p.id, p.status, p.amount, p.fee_amount, p.target_amount,
          coalesce(sum(m.amount) filter (where m.reason = 'collection' and m.currency = p.from_currency), 0) as collection,
          coalesce(sum(m.amount) filter (where m.reason = 'fee' and m.currency = p.from_currency), 0) as fee,
          coalesce(sum(m.amount) filter (where m.reason = 'payout' and m.currency = p.to_currency), 0) as payout,
          coalesce(sum(m.amount) filter (where m.reason = 'refund' and m.currency = p.from_currency), 0) as refund
        from payments p left join moved m on m.payment_id = p.id where p.status in (:terminal) group by p.id
      )
      select 'payment ' || id as subject,
        format('%s: collection %s, fee %s, payout %s, refund %s', status, collection, fee, payout, refund) as detail
      from sums where case status
        when 'paid' then collection <> amount or fee is distinct from fee_amount or payout is distinct from target_amount or refund <> 0
        when 'refunded' then collection <> amount or refund <> amount or payout <> 0 or fee <> 0
        else collection <> 0 or payout <> 0 or refund <> 0 or fee <> 0 end`,
  },
  {
    invariant: 4,
    name: 'the client is told how a payment ended',
    sql: `select 'payment ' || p.id as subject, format('%s announced %s times', p.status, count(o.id)) as detail
      from payments p left join outbox o on o.payment_id = p.id and o.topic = 'payment.' || p.status
      where p.status in (:terminal) group by p.id, p.status having count(o.id) <> 1`,
  },
  {
    invariant: 5,
    name: 'every change of status has its event',
    sql: `with told as (
        select payment_id, from_status, to_status, lag(to_status) over (partition by payment_id order by id) as before,
          row_number() over (partition by payment_id order by id desc) as from_last
        from payment_events
      )
      select 'payment ' || p.id as subject, format('is %s, events say %s', p.status, coalesce(t.to_status, 'nothing')) as detail
      from payments p left join told t on t.payment_id = p.id and t.from_last = 1
      where t.to_status is distinct from p.status
      union all
      select 'payment ' || payment_id, format('event from %s after %s', from_status, before) from told
      where from_status is distinct from before`,
  },
  {
    invariant: 5,
    name: 'a payment is found where it stands',
    sql: `select 'payment ' || coalesce(p.id, s.payment_id) as subject,
        format('is %s, found as %s', coalesce(p.status, 'nowhere'), coalesce(s.status, 'nothing')) as detail
      from (select id, status from payments where status <> 'paid') p
      full join payments_by_status s on s.payment_id = p.id where s.status is distinct from p.status`,
  },
  {
    invariant: 5,
    name: 'an authorised payment has its decisions',
    sql: `select 'payment ' || p.id as subject, format('no decision of %s', needed) as detail
      from payments p cross join unnest(array['compliance', 'route-optimizer', 'liquidity']) as needed
      where p.authorized_at is not null
        and not exists (select 1 from decisions a where a.payment_id = p.id and a.agent = needed)`,
  },
  {
    invariant: 6,
    name: 'a quote is used once, unaltered, before it expires',
    sql: `select 'payment ' || p.id as subject,
        case when q.id is null then 'its quote does not exist'
          when p.authorized_at > q.expires_at then 'authorised after its quote expired'
          when q.payment_id is distinct from p.id then 'its quote belongs to another payment'
          else 'its amounts are not those of its quote' end as detail
      from payments p left join quotes q on q.id = p.quote_id
      where p.authorized_at is not null and (q.id is null or p.authorized_at > q.expires_at or q.payment_id is distinct from p.id
        or (q.amount, q.fee_amount, q.from_currency, q.to_currency)
          is distinct from (p.amount, p.fee_amount, p.from_currency, p.to_currency)
        or p.target_amount > q.target_amount)`,
  },
  {
    invariant: 7,
    name: 'no phone number in clear',
    // As they are stored: putting decisions together to look at each takes forty times as long.
    sql: `select 'decision ' || id as subject, 'a number in facts or reasons' as detail from agent_activity
      where facts::text ~ ${PHONE} or reasons::text ~ ${PHONE}
      union all select 'decision_set ' || id, 'a number in facts' from decision_sets where facts ~ ${PHONE}
      union all select 'decision_common ' || number, 'a number in facts or reasons' from decision_commons
        where facts::text ~ ${PHONE} or reasons::text ~ ${PHONE}
      union all select 'outbox ' || id, 'a number in the payload' from outbox where payload::text ~ ${PHONE}
      union all select 'webhook_delivery ' || id, 'a number in the body' from webhook_deliveries where body ~ ${PHONE}
      union all select 'case ' || id, 'a number in the evidence' from cases where evidence::text ~ ${PHONE} or reasons::text ~ ${PHONE}
      union all select 'compliance_record ' || id, 'a number in hits or rules' from compliance_records
        where hits::text ~ ${PHONE} or rules::text ~ ${PHONE}`,
  },
  {
    invariant: 8,
    name: 'a release has the approvals it needs, on the evidence as it is',
    sql: `select 'case ' || c.id as subject,
        format('released with %s of %s approvals', count(distinct d.officer), c.approvals_needed) as detail
      from cases c left join case_decisions d on d.case_id = c.id and d.verdict = 'release'
        and d.evidence_digest = c.evidence_digest and d.payment_id = c.payment_id and d.round = c.round
        and (d.expires_at is null or d.expires_at > c.closed_at)
      where c.status = 'released' group by c.id having count(distinct d.officer) < c.approvals_needed`,
  },
  {
    invariant: 8,
    name: 'only people release a held payment',
    sql: `select 'payment ' || e.payment_id as subject, 'released without a released case' as detail from payment_events e
      where e.from_status = 'held' and e.to_status = 'released'
        and not exists (select 1 from cases c where c.payment_id = e.payment_id and c.status = 'released')`,
  },
];
