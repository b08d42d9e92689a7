/**
 * The partners' own software: when a batch names one of them as its payer, the partner signs the payment into it a while
 * later, as an operator with an account on the chain would. One that does not is what the deadline is for. Some do not agree with
 * what was executed, and dispute it.
 */
import {
  AccountAddress,
  ChainId,
  EntryFunction,
  type EntryFunctionArgument,
  MoveVector,
  RawTransaction,
  SimpleTransaction,
  TransactionPayloadEntryFunction,
  generateSignedTransaction,
} from '@aptos-labs/ts-sdk';
import { accountOf, type Committed, readSubmission } from './ledger.ts';
import { type ChainNode, nowUs, submit } from './node.ts';
import { accountNamed, addressNamed } from './people.ts';
import { batchAt } from './settlement-state.ts';
import { openFrame, sha256, textHex } from './vm.ts';

const FUNDING_MS = 700;
const DISPUTING_MS = 5_000;
const MAX_GAS = 20_000n;
const LIFETIME_SECS = 600n;

/** Lets partners do what batches ask of them, for as long as the node lives. */
export function playPartners(node: ChainNode, seed: string, partners: readonly string[]): void {
  const accounts = new Map<string, string>(partners.map((partner) => [addressNamed(seed, partner), partner]));
  const later = (ms: number, partner: string, fn: string, args: EntryFunctionArgument[]): void =>
    node.scheduler.after(ms / node.speed, () => sign(node, { seed, partner, fn, args }));
  const handlers: Readonly<Record<string, (batch: string) => void>> = {
    BatchProposed(batch) {
      const partner = accounts.get(termsOf(node, batch).payer);
      if (partner === undefined || node.chance.draw('unfunded', batch) < node.faults.unfunded) return;
      later(FUNDING_MS, partner, 'fund', [AccountAddress.fromString(batch)]);
    },
    BatchExecuted(batch) {
      const { payer, recipients, dispute_window_secs: windowSecs } = termsOf(node, batch);
      const partner = [payer, ...recipients].map((address) => accounts.get(address)).find((name) => name !== undefined);
      if (partner === undefined || windowSecs === 0n || node.chance.draw('disputing', batch) >= node.faults.disputing) return;
      const evidence = sha256(textHex(`what ${partner} says of ${batch}`));
      later(DISPUTING_MS, partner, 'open_dispute', [AccountAddress.fromString(batch), MoveVector.U8(evidence)]);
    },
  };
  const prefix = `${node.ledger.contract}::settlement::`;
  node.listeners.add((committed: Committed) => {
    for (const { type, data } of committed.events) {
      if (type.startsWith(prefix)) handlers[type.slice(prefix.length)]?.(data['batch'] as string);
    }
  });
}

function termsOf(node: ChainNode, batch: string) {
  return batchAt(openFrame(node.ledger.state, node.ledger.contract, 0n), batch).terms;
}

interface Wanted {
  readonly seed: string;
  readonly partner: string;
  readonly fn: string;
  readonly args: EntryFunctionArgument[];
}

function sign(node: ChainNode, { seed, partner, fn, args }: Wanted): void {
  const account = accountNamed(seed, partner);
  const sender = account.accountAddress;
  const frame = openFrame(node.ledger.state, node.ledger.contract, 0n);
  const waiting = [...node.mempool.values()].filter(({ submitted }) => submitted.signers.sender === sender.toStringLong());
  const sequence = accountOf(frame, sender.toStringLong()).sequence + BigInt(waiting.length);
  const call = EntryFunction.build(`${node.ledger.contract}::settlement`, fn, [], args);
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
