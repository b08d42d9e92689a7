/** `capp registry`: proofs for supervisors about lists and customers, and their check, offline or on the chain. */
import type { Command } from 'commander';
import { findSubject } from '../../../db/queries/registry.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import {
  checkOnRegistry,
  checkRegistryProof,
  type OnRegistry,
  proveEntry,
  readRegistryProof,
  type RegistryProof,
} from '../../../tools/registry/proof.ts';
import { openSanctions } from '../../../tools/sanctions/live.ts';
import { readChainProfile } from '../../chain-profile.ts';
import { readConfig } from '../../config.ts';
import { type CommandContext, idOf, withExamples } from '../context.ts';
import { onStoredData } from '../database.ts';
import { EXIT } from '../failure.ts';
import { readJson, writeJson } from '../files.ts';
import { asksChain, chainUnknown, faultLines, type VerifyOptions, withProofFile } from '../proofs.ts';

interface OutOption {
  readonly out?: string;
}

export function registerRegistry(program: Command, context: CommandContext): void {
  const registry = program
    .command('registry')
    .summary('prove what the registry on the chain holds of lists and customers')
    .description(
      'The registry on the settlement chain holds lists as Merkle roots and checked customers as salted hashes; these lead there.',
    );
  const entry = registry
    .command('prove-entry')
    .description('Writes the proof that an entry is on a list in force, or is not.')
    .argument('<list>', 'its name, as OFAC-SDN')
    .argument('<entry>', "the entry's id, as the list gives it")
    .option('--out <file>', 'where to write (default: list-proof.json)')
    .action((list: string, entryId: string, options: OutOption) => writeEntryProof(context, list, entryId, options));
  withExamples(entry, [['capp registry prove-entry OFAC-SDN 36 --out proof.json', 'from the lists in force here']]);
  const customer = registry
    .command('prove-customer')
    .description(
      "Writes what leads to a customer's attestation: the id, the salt and the issuer. Whoever has the file knows whom it is of.",
    )
    .argument('<user>', "the customer's id", idOf('customer'))
    .option('--out <file>', 'where to write (default: attestation-proof.json)')
    .action((userId: string, options: OutOption) => writeCustomerProof(context, userId, options));
  withExamples(customer, [['capp registry prove-customer 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'writes attestation-proof.json']]);
  const verify = registry
    .command('verify')
    .description(
      'Checks a proof with nothing but the file; with --chain or --node it also asks the registry. Exit code: 0 when it holds, 1 when not.',
    )
    .action((file: string, options: VerifyOptions) => verifyFile(context, file, options));
  withExamples(withProofFile(verify), [
    ['capp registry verify list-proof.json', 'offline'],
    ['capp registry verify list-proof.json --node https://api.testnet.aptoslabs.com/v1', 'and on chain'],
  ]);
}

async function writeEntryProof(context: CommandContext, list: string, entryId: string, { out }: OutOption): Promise<void> {
  const { sanctionsPath, listsAllowShrunk: allowShrunk, env, dataDir } = readConfig(context.terminal.env);
  const rolls = (await openSanctions({ sanctionsPath, allowShrunk, environment: env, dataDir })).rolls();
  const roll = rolls.find((each) => each.list === list);
  if (roll === undefined)
    throw fault('config_invalid', { detail: `There is no list ${list} in force; there are ${rolls.map((each) => each.list).join(', ')}.` });
  const proof = proveEntry(roll, entryId);
  await writeProof(context, proof, out ?? 'list-proof.json');
}

async function writeCustomerProof(context: CommandContext, userId: string, { out }: OutOption): Promise<void> {
  const found = await onStoredData(context, (pool) => findSubject(pool, userId));
  if (found === null) throw fault('registry_proof_unready', { detail: 'Nothing is attested of this customer on the settlement chain.' });
  const proof = { kind: 'capp-attestation-proof', userId, salt: found.salt.toString('hex'), issuer: found.issuer };
  await writeProof(context, readRegistryProof(proof), out ?? 'attestation-proof.json');
}

async function writeProof(context: CommandContext, proof: RegistryProof, file: string): Promise<void> {
  await writeJson(file, proof);
  context.terminal.out(file);
}

async function verifyFile(context: CommandContext, file: string, options: VerifyOptions): Promise<void> {
  const proof = readRegistryProof(await readJson(file));
  const offline = checkRegistryProof(proof);
  const isOnChain = asksChain(options);
  const asked = isOnChain ? await askRegistry(context, proof, options.node ?? null) : null;
  const faults = [...offline, ...(asked?.faults ?? [])];
  if (options.json) context.terminal.out(JSON.stringify({ kind: proof.kind, faults, onChain: isOnChain, says: asked?.says ?? null }));
  else if (faults.length > 0) context.terminal.out(faultLines(faults));
  else context.terminal.out(asked === null ? offlineSentence(proof) : `The registry confirms: ${asked.says}.`);
  if (faults.length > 0) context.endWith(EXIT.wrong);
}

function offlineSentence(proof: RegistryProof): string {
  if (proof.kind === 'capp-attestation-proof')
    return 'The file is in order; only the chain can say what is attested: use --chain or --node.';
  const { entryId, place, version, root } = proof;
  return `${entryId} is ${place.isListed ? '' : 'not '}on ${version}, if the registry holds the root ${root}.`;
}

async function askRegistry(context: CommandContext, proof: RegistryProof, nodeUrl: string | null): Promise<OnRegistry> {
  const profile = await readChainProfile(readConfig(context.terminal.env), nodeUrl);
  if (profile === null) throw chainUnknown();
  const { createAptosNode } = await import('../../../tools/aptos/node.ts');
  return checkOnRegistry(createAptosNode({ profile, fetch: (url, init) => fetch(url, init), clock: systemClock }), proof);
}
