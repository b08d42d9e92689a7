/** What a legal hold keeps, as conditions of statements that delete or destroy. */

/** Neither party of the payment `p` has a hold in force: what was said about it is about both of them. */
export const NOBODY_HELD = `not exists (select from legal_holds h where h.lifted_at is null and h.user_id in (p.sender_id, p.receiver_id))`;

/** The same for a payment that is known by its id; what belongs to none is held by nobody. */
export function nobodyHeldOf(paymentId: string): string {
  return `not exists (select from payments p where p.id = ${paymentId} and not ${NOBODY_HELD})`;
}
