/** The books alone: sums, floors, pools, pending transfers. */
import type { Check } from './check.ts';

export const BOOK_CHECKS: readonly Check[] = [
  {
    invariant: 1,
    name: 'debits equal credits',
    sql: `select 'currency ' || currency as subject,
        format('posted %s against %s, pending %s against %s', sum(debits_posted), sum(credits_posted), sum(debits_pending), sum(credits_pending)) as detail
      from accounts group by currency
      having sum(debits_posted) <> sum(credits_posted) or sum(debits_pending) <> sum(credits_pending)`,
  },
  {
    invariant: 1,
    name: 'an account says what its transfers say',
    sql: `with effect as (
        select t.debit_account_id, t.credit_account_id,
          case when t.type in ('posted', 'post') then t.amount else 0 end as posted,
          case t.type when 'pending' then t.amount when 'posted' then 0 else -t.amount end as pending
        from transfers t
      ), told as (
        select account_id, sum(dp) as dp, sum(cp) as cp, sum(dq) as dq, sum(cq) as cq from (
          select debit_account_id, posted, 0, pending, 0 from effect
          union all select credit_account_id, 0, posted, 0, pending from effect
        ) as side(account_id, dp, cp, dq, cq) group by account_id
      )
      select 'account ' || a.code as subject,
        format('kept %s/%s/%s/%s, transfers say %s/%s/%s/%s', a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending,
          coalesce(dp, 0), coalesce(cp, 0), coalesce(dq, 0), coalesce(cq, 0)) as detail
      from accounts a left join told on told.account_id = a.id
      where (a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending)
        is distinct from (coalesce(dp, 0), coalesce(cp, 0), coalesce(dq, 0), coalesce(cq, 0))`,
  },
  {
    invariant: 1,
    name: 'no account passes its floor',
    sql: `select 'account ' || code as subject, format('floor %s', floor) as detail from accounts
      where floor is not null and floor > case normal_side
        when 'debit' then debits_posted - credits_posted - credits_pending else credits_posted - debits_posted - debits_pending end`,
  },
  {
    invariant: 1,
    name: 'a transfer is of the currency of its accounts',
    sql: `select 'transfer ' || t.id as subject, format('%s between %s and %s', t.currency, debit.currency, credit.currency) as detail
      from transfers t join accounts debit on debit.id = t.debit_account_id join accounts credit on credit.id = t.credit_account_id
      where t.currency <> debit.currency or t.currency <> credit.currency`,
  },
  {
    invariant: 1,
    name: 'a pool says what its account says',
    sql: `select 'pool ' || p.id as subject,
        format('balance %s of %s, reserved %s of %s', p.balance, a.debits_posted - a.credits_posted, p.reserved, a.credits_pending) as detail
      from liquidity_pools p join accounts a on a.id = p.account_id
      where p.balance <> a.debits_posted - a.credits_posted or p.reserved <> a.credits_pending or p.currency <> a.currency`,
  },
  {
    invariant: 1,
    name: 'a pool never promises more than it has',
    sql: `select 'pool ' || id as subject, format('reserved %s of %s', reserved, balance) as detail from liquidity_pools
      where reserved > balance or reserved < 0`,
  },
  {
    invariant: 1,
    name: 'a pending transfer ends once, as it began',
    sql: `select 'transfer ' || pending.id as subject,
        format('ended %s times by %s', count(*), string_agg(ended.type || ' ' || ended.amount, ', ')) as detail
      from transfers ended join transfers pending on pending.id = ended.pending_id
      group by pending.id, pending.type, pending.amount, pending.debit_account_id, pending.credit_account_id
      having count(*) > 1 or pending.type <> 'pending' or bool_or(
        (ended.amount, ended.debit_account_id, ended.credit_account_id)
          <> (pending.amount, pending.debit_account_id, pending.credit_account_id))`,
  },
];
