/**
 * The partners' own software: when a batch names one of them as its payer, the partner signs the payment into it a while
 * later, as an operator with an account on the chain would. One that does not is what the deadline is for.
 */
import {
  AccountAddress,
  ChainId,
  EntryFunction,
  RawTransaction,
  SimpleTransaction,
  TransactionPayloadEntryFunction,
  generateSignedTransaction,
  type Ed25519Account,
} from '@aptos-labs/ts-sdk';
import { accountOf, type Committed, readSubmission } from './ledger.ts';
import { type ChainNode, nowUs, submit } from './node.ts';
import { accountNamed, addressNamed } from './people.ts';
import { openFrame } from './vm.ts';

const FUNDING_MS = 700;
const MAX_GAS = 20_000n;
const LIFETIME_SECS = 600n;

/** Lets partners pay what proposals ask of them, for as long as the node lives. */
export function playPartners(node: ChainNode, seed: string, partners: readonly string[]): void {
  const accounts = new Map<string, string>(partners.map((partner) => [addressNamed(seed, partner), partner]));
  node.listeners.add((committed: Committed) => {
    for (const { type, data } of committed.events) {
      if (type !== `${node.ledger.contract}::settlement::BatchProposed`) continue;
      const { payer } = data['terms'] as { payer: string };
      const batch = data['batch'] as string;
      const partner = accounts.get(payer);
      if (partner === undefined || node.chance.draw('unfunded', batch) < node.faults.unfunded) continue;
      node.scheduler.after(FUNDING_MS / node.speed, () => fund(node, accountNamed(seed, partner), batch));
    }
  });
}

function fund(node: ChainNode, account: Ed25519Account, batch: string): void {
  const sender = account.accountAddress;
  const frame = openFrame(node.ledger.state, node.ledger.contract, 0n);
  const waiting = [...node.mempool.values()].filter(({ submitted }) => submitted.signers.sender === sender.toStringLong());
  const sequence = accountOf(frame, sender.toStringLong()).sequence + BigInt(waiting.length);
  const call = EntryFunction.build(`${node.ledger.contract}::settlement`, 'fund', [], [AccountAddress.fromString(batch)]);
  const raw = new RawTransaction(
    sender,
    sequence,
    new TransactionPayloadEntryFunction(call),
    MAX_GAS,
    node.gasPrice,
    nowUs(node) / 1_000_000n + LIFETIME_SECS,
    new ChainId(node.ledger.chainId),
  );
  const transaction = new SimpleTransaction(raw);
  const bytes = generateSignedTransaction({ transaction, senderAuthenticator: account.signTransactionWithAuthenticator(transaction) });
  // Partners are their own masters: what befalls their submissions is none of this sandbox's faults.
  node.script.unshift('well');
  const mode = node.mode;
  if (mode === 'full') node.mode = 'up';
  submit(node, readSubmission(node.ledger, bytes, false).submitted);
  node.mode = mode;
}
