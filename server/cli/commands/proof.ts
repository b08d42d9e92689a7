/** `capp proof`: fetches the proof that a payment is in its settlement batches, and checks one, offline or on the chain. */
import type { Command } from 'commander';
import { checkOnChain, checkSettlementProof, readSettlementProof, type SettlementProof } from '../../../tools/aptos/settlement-proof.ts';
import { readConfig } from '../../config.ts';
import { openChainReader } from '../../settlement.ts';
import { type ApiOptions, type CommandContext, openCapp, withApiOptions, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';
import { readJson, writeJson } from '../files.ts';
import { asksChain, chainUnknown, faultLines, type VerifyOptions, withProofFile } from '../proofs.ts';

export function registerProof(program: Command, context: CommandContext): void {
  const proof = program
    .command('proof')
    .summary('prove that a payment was settled, and check proofs')
    .description('A proof leads by hashes from a payment to the Merkle roots of its settlement batches, which the chain holds.');
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
      'Checks a proof with nothing but the file; with --chain or --node it also asks a node whether each batch was executed with that root. ' +
        'Exit code: 0 when it holds, 1 when not.',
    )
    .action((file: string, options: VerifyOptions) => verifyFile(context, file, options));
  withExamples(withProofFile(verify), [
    ['capp proof verify proof.json', 'offline'],
    ['capp proof verify proof.json --node https://api.testnet.aptoslabs.com/v1', 'and on chain'],
  ]);
}

async function verifyFile(context: CommandContext, file: string, options: VerifyOptions): Promise<void> {
  const proof = readSettlementProof(await readJson(file));
  const faults = checkSettlementProof(proof);
  const isOnChain = asksChain(options);
  if (isOnChain) {
    const reader = await openChainReader(readConfig(context.terminal.env), options.node ?? null);
    if (reader === null) throw chainUnknown();
    faults.push(...(await checkOnChain(reader, proof)));
  }
  const { paymentId, legs, batches } = proof;
  if (options.json)
    context.terminal.out(
      JSON.stringify({ faults, paymentId, legs: legs.length, batches: batches.map(({ id }) => id), onChain: isOnChain }),
    );
  else if (faults.length > 0) context.terminal.out(faultLines(faults));
  else {
    const where = batches.map(
      ({ id, method, transactionHash }) => `${id} (${method === 'chain' ? (transactionHash ?? 'not executed yet') : 'on the books'})`,
    );
    context.terminal.out(`Payment ${paymentId} is in ${where.join(' and ')}${isOnChain ? sayOfChain(proof) : ''}.`);
  }
  if (faults.length > 0) context.endWith(EXIT.wrong);
}

/** What an agreeing chain has shown: of a batch on the books only that it does not know it. */
function sayOfChain({ batches }: SettlementProof): string {
  const count = batches.filter(({ method }) => method === 'chain').length;
  if (count === batches.length) return ', and the chain says so';
  return count === 0 ? '; the chain knows nothing of it' : ', and the chain says so of the one that is there';
}
