/** What a legal hold keeps, as conditions of statements that delete or destroy. */

/** Neither party of the payment `p` has a hold in force: what was said about it is about both of them. */
export const NOBODY_HELD = `not exists (select from legal_holds h where h.lifted_at is null and h.user_id in (p.sender_id, p.receiver_id))`;

/** The same for a payment that is known by its id; what belongs to none is held by nobody. */
export function nobodyHeldOf(paymentId: string): string {
  return `not exists (select from payments p where p.id = ${paymentId} and not ${NOBODY_HELD})`;
}

/**
 * As parts of a `with`: `left_payments` are those one party of which was erased while a hold was in force for the other, once it is in
 * force for nobody; `erased_at` says when. Only people are looked at whose hold was lifted.
 */
export const LEFT_PAYMENTS = `lifted as (select distinct user_id from legal_holds where lifted_at is not null),
  of_lifted as (
    select p.* from lifted join payments p on p.sender_id = lifted.user_id
    union all select p.* from lifted join payments p on p.receiver_id = lifted.user_id and p.sender_id <> lifted.user_id
  ),
  left_payments as materialized (
    select p.id, erased.erased_at from of_lifted p
    cross join lateral (select max(u.erased_at) as erased_at from users u where u.id in (p.sender_id, p.receiver_id)) erased
    where erased.erased_at is not null and ${NOBODY_HELD}
  )`;
