/** Signing an approval request where the keys are, without any connection: by one key, or by several of an account one after another. */
import { Ed25519PublicKey, Ed25519Signature } from '@aptos-labs/ts-sdk';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import type { ApprovalRequest, PartlySigned, SignedApprovalFile } from './approval-request.ts';
import { authenticatorHex } from './authenticator.ts';
import { ed25519Account, type KeySigner, multiKeyScheme, type MultiKeyScheme, type MultiKeyTerms } from './signer.ts';

/** An account of several keys as its file describes it: nothing in it is secret. */
export const accountFileSchema = z.strictObject({
  scheme: z.enum(['multi_key', 'multi_ed25519']).default('multi_key'),
  required: z.int().min(1),
  publicKeys: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1),
  /** Only of an account whose keys were rotated. */
  address: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .exactOptional(),
});

/** The account that signs: one key, or several. */
export type SigningAccount = { readonly kind: 'one_key' } | { readonly kind: 'several_keys'; readonly terms: MultiKeyTerms };

/**
 * Signs with these keys besides those that have signed already, and gives what is ready to be handed in, or what others must sign
 * still. Throws `chain_signer_refused` for a key or a signature that is not the account's, `config_invalid` for keys that make no account.
 */
export async function signRequest(
  { request, signatures }: Omit<PartlySigned, 'kind'>,
  account: SigningAccount,
  signers: readonly KeySigner[],
): Promise<SignedApprovalFile | PartlySigned> {
  const message = Buffer.from(request.message, 'hex');
  if (account.kind === 'one_key') return signAlone(request, signers, message);
  const scheme = schemeOf(account.terms);
  assertSender(request, scheme.address);
  for (const [publicKey, signature] of Object.entries(signatures)) assertSignature(publicKey, signature, message);
  const all = new Map(Object.entries(signatures));
  for (const signer of signers) all.set(signer.publicKey, Buffer.from(await signer.sign(message)).toString('hex'));
  if ([...all.keys()].some((key) => !account.terms.publicKeys.includes(key))) throw notOfAccount();
  if (all.size < account.terms.required) return { kind: 'capp-partly-signed-approval', request, signatures: Object.fromEntries(all) };
  return signedFile(request, authenticatorHex(scheme.join(all)));
}

async function signAlone(request: ApprovalRequest, signers: readonly KeySigner[], message: Uint8Array): Promise<SignedApprovalFile> {
  const [signer] = signers;
  if (signer === undefined || signers.length > 1) throw fault('usage_invalid', { detail: 'Several keys need a file of their account.' });
  const account = ed25519Account(signer);
  assertSender(request, account.address);
  return signedFile(request, authenticatorHex(await account.authenticate(message)));
}

function signedFile({ batch, proposalDigest, bytes }: ApprovalRequest, authenticator: string): SignedApprovalFile {
  return { kind: 'capp-signed-approval', batchId: batch.id, proposalDigest, transaction: bytes, authenticator };
}

function schemeOf(terms: MultiKeyTerms): MultiKeyScheme {
  try {
    return multiKeyScheme(terms);
  } catch (cause) {
    throw fault('config_invalid', { field: 'account', detail: 'These keys make no account.', cause });
  }
}

function notOfAccount(): Error {
  return fault('chain_signer_refused', { detail: 'The request is for another account than that of the key.' });
}

function assertSender({ transaction }: ApprovalRequest, address: string): void {
  if (transaction.sender !== address) throw notOfAccount();
}

function assertSignature(publicKey: string, signature: string, message: Uint8Array): void {
  const isSigned = new Ed25519PublicKey(publicKey).verifySignature({ message, signature: new Ed25519Signature(signature) });
  if (!isSigned) throw fault('chain_signer_refused', { detail: 'A signature in the file does not hold.', field: 'signatures' });
}
