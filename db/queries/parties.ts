/** How the parties of a payment are read: with the wrapped data keys of both people, by which alone they open. */

/**
 * The columns of `SealedParties` for payments under an alias. Two look-ups by primary key; a person who was erased has no key.
 */
export function partiesColumns(payments: string): string {
  return `${payments}.parties, ${keyOf(`${payments}.sender_id`)} as "senderKey", ${keyOf(`${payments}.receiver_id`)} as "receiverKey"`;
}

function keyOf(userId: string): string {
  return `(select users.data_key from users where users.id = ${userId})`;
}
