/** Settlement against the books: what was settled on chain is booked once, and nothing else is. */
import { ITEM_BYTES } from '../aptos/items.ts';
import type { Check } from './check.ts';

export const SETTLEMENT_CHECKS: readonly Check[] = [
  {
    invariant: 1,
    name: 'a batch settled on chain is in the books once',
    sql: `select 'settlement_batch ' || b.id as subject, format('%s with %s entries of %s', b.status, count(t.id), abs(b.due_amount)) as detail
      from settlement_batches b
      left join transfers t on t.link_id = b.id and t.reason = 'settlement' and t.type = 'posted'
        and t.amount = abs(b.due_amount) and t.currency = b.currency
      where b.method = 'chain' group by b.id having count(t.id) <> case b.status when 'settled' then 1 else 0 end`,
  },
  {
    invariant: 1,
    name: 'a settlement entry is of a batch, and goes its way',
    sql: `select 'transfer ' || t.id as subject, format('from %s to %s', credit.code, debit.code) as detail
      from transfers t join accounts debit on debit.id = t.debit_account_id join accounts credit on credit.id = t.credit_account_id
      left join settlement_batches b on b.id = t.link_id and b.method = 'chain' and b.status = 'settled'
      where t.reason = 'settlement' and (b.id is null or case when b.due_amount < 0
        then (debit.code, credit.code) <> ('partner:' || b.partner, 'chain:' || b.currency)
        else (debit.code, credit.code) <> ('chain:' || b.currency, 'partner:' || b.partner) end)`,
  },
  {
    invariant: 1,
    name: 'what arbiters reversed is in the books once, the other way',
    sql: `select 'settlement_batch ' || b.id as subject, format('%s reversed, with %s entries of %s', b.reversed_amount, count(t.id),
        coalesce(sum(t.amount), 0)) as detail
      from settlement_batches b
      left join transfers t on t.link_id = b.id and t.reason = 'settlement_reversal' and t.type = 'posted'
      left join transfers s on s.link_id = b.id and s.reason = 'settlement'
      group by b.id
      having count(t.id) <> case when b.reversed_amount > 0 then 1 else 0 end or coalesce(sum(t.amount), 0) <> b.reversed_amount
        or bool_or(t.debit_account_id is distinct from s.credit_account_id or t.credit_account_id is distinct from s.debit_account_id)
          filter (where t.id is not null)`,
  },
  {
    invariant: 1,
    name: 'a batch settles its net and what was carried to it',
    sql: `select 'settlement_batch ' || b.id as subject, format('net %s, carried %s, due %s, taken over %s', b.net_amount, b.carried_amount,
        b.due_amount, coalesce(sum(c.due_amount), 0)) as detail
      from settlement_batches b left join settlement_batches c on c.carried_to = b.id and c.id <> b.id
      group by b.id
      having (b.partner <> 'on_us' and b.policy_version <> 'settlement-1' and b.due_amount <> b.net_amount + b.carried_amount)
        or b.carried_amount <> coalesce(sum(c.due_amount), 0)`,
  },
  {
    invariant: 1,
    name: 'the tree of a batch has a leaf for each leg and for each batch it took over',
    sql: `select 'settlement_batch ' || b.id as subject, format('%s leaves, for %s legs and %s of %s batches taken over', b.item_count,
        max(octet_length(i.items)) / ${ITEM_BYTES}, coalesce(b.carried_count, 0), count(c.id)) as detail
      from settlement_batches b join settlement_items i on i.batch_id = b.id
      left join settlement_batches c on c.carried_to = b.id and c.id <> b.id
      group by b.id
      having b.item_count <> max(octet_length(i.items)) / ${ITEM_BYTES} + coalesce(b.carried_count, 0) or b.carried_count <> count(c.id)`,
  },
  {
    invariant: 3,
    name: 'a step on chain succeeds once, and none is open behind a settled batch',
    sql: `select 'settlement_batch ' || b.id as subject, format('%s with %s open steps and %s executions', b.status,
        count(*) filter (where s.state in ('sent', 'unknown')), count(*) filter (where s.kind = 'execute' and s.state = 'succeeded')) as detail
      from settlement_batches b join settlement_steps s on s.batch_id = b.id group by b.id
      having count(*) filter (where s.kind = 'execute' and s.state = 'succeeded') > 1
        or (b.status = 'settled' and count(*) filter (where s.state in ('sent', 'unknown')) > 0)`,
  },
  {
    invariant: 8,
    name: 'a batch is executed with the approvals it needs, on the proposal as it is',
    sql: `select 'settlement_batch ' || b.id as subject, format('%s with %s of %s approvals', b.status, count(a.id), b.approvals_needed) as detail
      from settlement_batches b left join settlement_approvals a on a.batch_id = b.id and a.proposal_digest = b.proposal_digest
        and (b.approval_by = 'policy' or a.approver not like 'policy:%')
      where b.method = 'chain' and b.status in ('executed', 'settled', 'disputed') group by b.id
      having count(distinct a.approver) < b.approvals_needed or count(distinct a.key_name) < b.approvals_needed`,
  },
];
