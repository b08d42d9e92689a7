/**
 * Asking about a wallet before money goes to it, where a rail's terms want that. What is not there, or cannot be paid, is refused and
 * nothing is sent; an operator that cannot tell now decides about the payout itself.
 */
import { fault } from '../../domain/errors.ts';
import type { OperatorClient } from './operator.ts';
import { failed } from './reasons.ts';

/** The same client, which looks before it pays. Throws `config_invalid` for an operator that has no look-up. */
export function checkingWallets(client: OperatorClient): OperatorClient {
  const { walletState } = client;
  if (walletState === undefined) {
    const field = `operators.${client.railId}.checksWallets`;
    throw fault('config_invalid', { field, detail: `The setting ${field} is for operators that tell of wallets.` });
  }
  return {
    ...client,
    disburse: async (request) => {
      const state = await walletState(request.phone);
      if (state === 'absent') return failed('wallet_not_found');
      return state === 'inactive' ? failed('wallet_cannot_receive') : client.disburse(request);
    },
  };
}
