/** `capp proof`: fetches the proof that a payment is in its settlement batches, and checks one, offline or on the chain. */
import type { Command } from 'commander';
import {
  checkOnChain,
  checkSettlementProof,
  isPaidByChain,
  type ProofVerdict,
  readSettlementProof,
  type SettlementProof,
  verdictOf,
  wayOf,
} from '../../../tools/aptos/settlement-proof.ts';
import { readConfig } from '../../config.ts';
import { openChainReader } from '../../settlement.ts';
import { type ApiOptions, type CommandContext, openCapp, withApiOptions, withExamples } from '../context.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { readJson, writeJson } from '../files.ts';
import { asksChain, chainUnknown, faultLines, type VerifyOptions, withProofFile } from '../proofs.ts';

export function registerProof(program: Command, context: CommandContext): void {
  const proof = program
    .command('proof')
    .summary('prove that a payment was settled, and check proofs')
    .description('A proof leads by hashes from a payment to the Merkle root of the settlement batch that pays it, which the chain holds.');
  const get = proof
    .command('get')
    .description("Writes a payment's proof to a file.")
    .argument('<payment>', 'its id')
    .option('--out <file>', 'where to write (default: proof-PAYMENT.json)')
    .action(async (id: string, options: ApiOptions & { readonly out?: string }) => {
      const capp = await openCapp(context, options);
      const file = options.out ?? `proof-${id}.json`;
      await writeJson(file, await capp.payments.proof(id));
      context.terminal.out(file);
    });
  withExamples(withApiOptions(get), [
    ['capp proof get 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --out proof.json', 'once the payment is netted'],
  ]);
  const verify = proof
    .command('verify')
    .description(
      'Checks a proof with nothing but the file; with --chain or --node it also asks a node whether each leg was paid there, as the file has it. ' +
        'Exit code: 0 when it holds, 1 when not, 3 when it holds and some leg was not paid in full there: no chain pays it, not yet, it is frozen, or was reversed.',
    )
    .action((file: string, options: VerifyOptions) => verifyFile(context, file, options));
  withExamples(withProofFile(verify), [
    ['capp proof verify proof.json', 'offline'],
    ['capp proof verify proof.json --node https://api.testnet.aptoslabs.com/v1', 'and on chain'],
  ]);
}

const EXITS: Readonly<Record<ProofVerdict, ExitCode>> = {
  holds: EXIT.ok,
  reversed: EXIT.unproven,
  partly_reversed: EXIT.unproven,
  frozen: EXIT.unproven,
  not_paid: EXIT.unproven,
  not_on_chain: EXIT.unproven,
  wrong: EXIT.wrong,
};

async function verifyFile(context: CommandContext, file: string, options: VerifyOptions): Promise<void> {
  const proof = readSettlementProof(await readJson(file));
  const faults = checkSettlementProof(proof);
  const onChain = asksChain(options);
  if (onChain) {
    const reader = await openChainReader(readConfig(context.terminal.env), options.node ?? null);
    if (reader === null) throw chainUnknown();
    faults.push(...(await checkOnChain(reader, proof)));
  }
  const verdict = verdictOf(faults);
  const { paymentId } = proof;
  const legs = proof.legs.map((leg) => ({ leg: leg.leg, batches: wayOf(proof, leg) }));
  if (options.json) {
    const ways = legs.map(({ leg, batches }) => ({ leg, batches: batches.map(({ id }) => id), ...endOf(batches.at(-1)) }));
    context.terminal.out(JSON.stringify({ verdict, faults, paymentId, legs: ways, onChain }));
  } else if (verdict === 'holds') {
    const ways = legs.map(({ leg, batches }) => `the ${leg} by ${batches.map(sayBatch).join(', taken over by ')}`);
    const isPaid = onChain || legs.every(({ batches }) => isPaidInFile(batches.at(-1)));
    const head = isPaid ? `Payment ${paymentId} is settled` : `The proof of payment ${paymentId} holds, and tells of no full payment`;
    context.terminal.out(`${head}: ${ways.join('; ')}${onChain ? '. The chain says so of each.' : '.'}`);
  } else context.terminal.out(faultLines(faults.map(({ code, detail }) => `${code}: ${detail}`)));
  if (verdict !== 'holds') context.endWith(EXITS[verdict]);
}

type ProvenBatch = SettlementProof['batches'][number];

/** The transaction that pays a leg; none for one that no chain pays, or has not executed yet. */
function endOf(last: ProvenBatch | undefined): Pick<ProvenBatch, 'transactionHash' | 'ledgerVersion'> {
  if (last === undefined || !isPaidByChain(last)) return { transactionHash: null, ledgerVersion: null };
  return { transactionHash: last.transactionHash, ledgerVersion: last.ledgerVersion };
}

/** Whether the file itself has a leg paid in full over the chain. */
function isPaidInFile(last: ProvenBatch | undefined): boolean {
  return last !== undefined && isPaidByChain(last) && last.status === 'settled' && BigInt(last.reversedMinor) === 0n;
}

function sayBatch(batch: ProvenBatch): string {
  const { id, method, status, transactionHash, ledgerVersion } = batch;
  if (!isPaidByChain(batch)) return `${id} (${method === 'books' ? 'on the books' : status})`;
  if (transactionHash === null) return `${id} (not executed yet)`;
  const reversed = BigInt(batch.reversedMinor) === 0n ? '' : `${batch.reversedMinor} of ${batch.dueMinor.replace('-', '')} reversed, `;
  return `${id} (${status === 'disputed' ? 'frozen by a dispute, ' : reversed}transaction ${transactionHash}, version ${ledgerVersion})`;
}
