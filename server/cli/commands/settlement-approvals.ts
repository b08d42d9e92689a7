/**
 * `capp settlement approve`, and what it takes of those who keep their key: `approval-request` fetches what is to be signed,
 * `sign` shows it and signs it where the key is, without any connection, and `approve --signed` hands it in.
 */
import type { Command } from 'commander';
import { z } from 'zod';
import { fault } from '../../../domain/errors.ts';
import {
  type ApprovalRequest,
  approvalRequestSchema,
  partlySignedSchema,
  signedApprovalSchema,
} from '../../../tools/aptos/approval-request.ts';
import { type ApiOptions, type CommandContext, openCapp, withExamples, withPrincipal } from '../context.ts';
import { readJson, readText, writeJson } from '../files.ts';

/** Adds the commands; `principal` is whose demo key is used when no key is given. */
export function registerApprovals(settlement: Command, context: CommandContext, principal: string): void {
  registerApprove(settlement, context, principal);
  const request = settlement
    .command('approval-request')
    .description('Fetches what you sign to approve a batch with a key that you keep yourself. It is good for 15 minutes.')
    .argument('<batch>', 'its id')
    .option('--out <file>', 'where to write (default: approval-request.json)')
    .action(async (id: string, options: ApiOptions & { readonly out?: string }) => {
      const capp = await openCapp(context, options, principal);
      const file = options.out ?? 'approval-request.json';
      await writeJson(file, await capp.settlement.approvalRequest(id));
      context.terminal.out(file);
    });
  withExamples(withPrincipal(request, principal), [
    ['capp settlement approval-request BATCH --out request.json', 'then take the file to the key'],
  ]);
  registerSign(settlement, context);
}

interface ApproveOptions extends ApiOptions {
  readonly digest?: string;
  readonly signed?: string;
}

function registerApprove(settlement: Command, context: CommandContext, principal: string): void {
  const approve = settlement
    .command('approve')
    .description('Approves a batch that waits for people, exactly as it stands: read it first. The approver is the holder of the key.')
    .argument('<batch>', 'its id')
    .option('--digest <hex>', 'the proposalDigest that was read')
    .option('--signed <file>', 'the approval that you signed with a key of your own, instead of the digest')
    .action(async (id: string, options: ApproveOptions) => {
      const { proposalDigest, signed } = await approvalOf(id, options);
      const capp = await openCapp(context, options, principal);
      const { approvals, approvalsNeeded } = await capp.settlement.approve(id, proposalDigest, signed === null ? {} : { signed });
      context.terminal.out(`Approved: ${approvals.length} of ${approvalsNeeded} approvals are there.`);
    });
  withExamples(withPrincipal(approve, principal), [
    ['capp settlement approve BATCH --digest 6b86b273… --key capp_live_…', 'as the holder of that key'],
    ['capp settlement approve BATCH --signed approval.json', 'with a key that you keep yourself'],
  ]);
}

interface Given {
  readonly proposalDigest: string;
  readonly signed: { readonly transaction: string; readonly authenticator: string } | null;
}

/** Throws `usage_invalid` unless it is given one way and for this batch, `file_unreadable`, `malformed_body`. */
async function approvalOf(batchId: string, { digest, signed }: ApproveOptions): Promise<Given> {
  if ((digest === undefined) === (signed === undefined)) throw fault('usage_invalid', { detail: 'Give either --digest or --signed.' });
  if (signed === undefined) return { proposalDigest: String(digest), signed: null };
  const file = await readAs(signed, z.union([signedApprovalSchema, partlySignedSchema]));
  if (file.kind !== 'capp-signed-approval') throw fault('usage_invalid', { detail: `${signed} needs more signatures before it counts.` });
  if (file.batchId !== batchId) throw fault('usage_invalid', { detail: `${signed} is the approval of another batch.` });
  const { proposalDigest, transaction, authenticator } = file;
  return { proposalDigest, signed: { transaction, authenticator } };
}

async function readAs<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw fault('malformed_body', { detail: `${path} is not a file of the kind that is wanted here.` });
}

interface SignOptions {
  readonly keyFile?: readonly string[];
  readonly account?: string;
  readonly profile?: string;
  readonly out?: string;
}

function registerSign(settlement: Command, context: CommandContext): void {
  const sign = settlement
    .command('sign')
    .description(
      'Shows what an approval request would have you sign, after checking that its bytes say the same, and signs it with the keys given. ' +
        'Needs no connection. Where an account has several keys, the file goes from one to the next.',
    )
    .argument('<file>', 'the request, or one that others have signed')
    .option('--key-file <files...>', 'files with an Ed25519 private key each; without any it only shows')
    .option('--account <file>', 'JSON of an account of several keys: required, publicKeys, scheme')
    .option('--profile <file>', 'JSON of the chain as you know it: contract, partners and assets must be called the same there')
    .option('--out <file>', 'where to write (default: approval.json)')
    .action((file: string, options: SignOptions) => signFile(context, file, options));
  withExamples(sign, [
    ['capp settlement sign request.json --profile chain.json', 'only shows and checks'],
    ['capp settlement sign request.json --key-file my.key --out approval.json', 'signs'],
    ['capp settlement sign part.json --account account.json --key-file second.key', 'as the second of two keys'],
  ]);
}

async function signFile(context: CommandContext, file: string, { keyFile = [], account, profile, out }: SignOptions): Promise<void> {
  const given = await readAs(file, z.union([approvalRequestSchema, partlySignedSchema]));
  const { request, signatures } = given.kind === 'capp-approval-request' ? { request: given, signatures: {} } : given;
  const [{ checkRequest }, { accountFileSchema, signRequest }, { localSigner }, { parseChainProfile }] = await Promise.all([
    import('../../../tools/aptos/approval.ts'),
    import('../../../tools/aptos/approval-signing.ts'),
    import('../../../tools/aptos/signer.ts'),
    import('../../../tools/aptos/profile.ts'),
  ]);
  checkRequest(request, profile === undefined ? null : parseChainProfile(await readJson(profile)));
  context.terminal.out(wordsOf(request));
  if (keyFile.length === 0) return;
  const signers = await Promise.all(keyFile.map(async (path) => localSigner(await readText(path), '--key-file')));
  const signing = account === undefined ? null : await readAs(account, accountFileSchema);
  const signed = await signRequest(
    { request, signatures },
    signing === null ? { kind: 'one_key' } : { kind: 'several_keys', terms: signing },
    signers,
  );
  const path = out ?? 'approval.json';
  await writeJson(path, signed);
  const isReady = signed.kind === 'capp-signed-approval';
  context.terminal.out(
    isReady ? `Signed: ${path}` : `Signed by ${Object.keys(signed.signatures).length} keys, which is too few yet: ${path}`,
  );
}

/** A request in words, a line for each. */
function wordsOf({ network, chainId, contract, batch, transaction }: ApprovalRequest): string {
  const payouts = batch.payouts.map(({ recipient, amountMinor }) => `${amountMinor} minor units of ${batch.currency} to ${recipient}`);
  const most = BigInt(transaction.maxGasUnits) * BigInt(transaction.gasUnitPriceOctas);
  return [
    `approve   batch ${batch.id} with ${batch.partner}, on ${network} (chain ${chainId})`,
    `pays      ${payouts.join(', ')}`,
    `from      ${batch.payer}`,
    `asset     ${batch.asset}`,
    `for       ${batch.itemCount} items, Merkle root ${batch.merkleRoot}`,
    `needs     ${batch.approvalsNeeded} approvals by ${batch.deadlineAt}; ${batch.disputeWindowSecs} s to dispute it`,
    `digest    ${batch.digest}`,
    `contract  ${contract}`,
    `signer    ${transaction.sender}, transaction ${transaction.sequenceNumber}`,
    `gas       ${most} octas at most, paid by ${transaction.feePayer ?? 'the signer'}`,
    `expires   ${transaction.expiresAt}`,
  ].join('\n');
}
