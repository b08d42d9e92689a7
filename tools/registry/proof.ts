/**
 * Proofs for a supervisor, who has a file and a node and nothing else of ours: that an entry is on a list, or is not, as of a version
 * that the registry holds; and that a customer was attested. What a file says of a root is the prover's word until the chain is asked.
 */
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import { verifyMerkleProof } from '../aptos/merkle.ts';
import type { AptosNode } from '../aptos/node.ts';
import { type ListOnChain, lastList, listAt, readAttestation } from '../aptos/registry.ts';
import { entryHash, type ListRoll, listNumber, type Neighbour, placeOn, rollLeaf, rollRoot } from '../sanctions/roll.ts';
import { subjectOf } from './publish.ts';

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const pathSchema = z.array(hashSchema).max(64);
const neighbourSchema = z.strictObject({ entry: hashSchema, path: pathSchema }).nullable();

const listProofSchema = z.strictObject({
  kind: z.literal('capp-list-proof'),
  list: z.string().min(1).max(200),
  entryId: z.string().min(1).max(200),
  /** The edition by our own name. */
  version: z.string(),
  root: hashSchema,
  count: z.int().min(1),
  place: z.discriminatedUnion('isListed', [
    z.strictObject({ isListed: z.literal(true), index: z.int().min(0), path: pathSchema }),
    z.strictObject({ isListed: z.literal(false), index: z.int().min(0), before: neighbourSchema, after: neighbourSchema }),
  ]),
});

const attestationProofSchema = z.strictObject({
  kind: z.literal('capp-attestation-proof'),
  userId: z.uuid(),
  /** 32 bytes, hex. */
  salt: hashSchema,
  issuer: z.string().regex(/^0x[0-9a-f]{64}$/),
});

const registryProofSchema = z.discriminatedUnion('kind', [listProofSchema, attestationProofSchema]);

export type ListProof = z.infer<typeof listProofSchema>;
export type AttestationProof = z.infer<typeof attestationProofSchema>;
export type RegistryProof = z.infer<typeof registryProofSchema>;

/** Reads a proof file. Throws `malformed_body` for what is none. */
export function readRegistryProof(value: unknown): RegistryProof {
  const parsed = registryProofSchema.safeParse(value);
  if (!parsed.success) throw fault('malformed_body', { detail: 'This is no proof about the registry that CAPP wrote.' });
  return parsed.data;
}

/** The proof that an entry is on a list, or is not. */
export function proveEntry(roll: ListRoll, entryId: string): ListProof {
  const { list, version, entries } = roll;
  const place = placeOn(roll, entryHash(list, entryId));
  return readRegistryProof({
    kind: 'capp-list-proof',
    list,
    entryId,
    version,
    root: rollRoot(roll),
    count: entries.length,
    place,
  }) as ListProof;
}

/** What does not hold of a proof by itself, in sentences. */
export function checkRegistryProof(proof: RegistryProof): string[] {
  return proof.kind === 'capp-list-proof' ? checkListProof(proof) : [];
}

function checkListProof({ list, entryId, root, count, place }: ListProof): string[] {
  const entry = entryHash(list, entryId);
  const leads = (hash: string, index: number, path: readonly string[]): boolean =>
    verifyMerkleProof(rollLeaf(hash), { index, size: count, path }, root);
  if (place.isListed) return leads(entry, place.index, place.path) ? [] : ['the entry does not lead to the root of the list'];
  const { index, before, after } = place;
  const faults: string[] = [];
  // At either end there is one neighbour only.
  if ((before === null) !== (index === 0) || (after === null) !== (index === count)) faults.push('a neighbour of the entry is missing');
  if (before !== null && !leads(before.entry, index - 1, before.path))
    faults.push('the entry before does not lead to the root of the list');
  if (after !== null && !leads(after.entry, index, after.path)) faults.push('the entry behind does not lead to the root of the list');
  if ((before !== null && before.entry >= entry) || (after !== null && after.entry <= entry))
    faults.push('the entry does not stand between the two');
  return faults;
}

export interface OnRegistry {
  /** What the chain does not confirm, in sentences. */
  readonly faults: readonly string[];
  /** What it says, in a sentence; null where there are faults. */
  readonly says: string | null;
}

/** Asks the registry. Throws faults of the chain where it cannot be asked. */
export async function checkOnRegistry(node: AptosNode, proof: RegistryProof): Promise<OnRegistry> {
  return proof.kind === 'capp-list-proof' ? askOfList(node, proof) : askOfAttestation(node, proof);
}

async function askOfList(node: AptosNode, { list, entryId, root, count, place }: ListProof): Promise<OnRegistry> {
  const number = listNumber(list);
  const latest = await lastList(node, number);
  const found = latest === null ? null : await versionOf(node, number, latest, { root, count });
  if (found === null) return { faults: ['the registry has no version of the list with this root and so many entries'], says: null };
  const { version, publishedAtMs } = found;
  if (found.isVoid) return { faults: [`version ${version} of the list is void`], says: null };
  const entry = entryHash(list, entryId);
  const at = BigInt(place.index);
  const none: Neighbour = { entry: '', path: [] };
  const [holds] = place.isListed
    ? await node.view('compliance_registry::is_listed', number, version, entry, at, place.path)
    : await node.view(
        'compliance_registry::is_not_listed',
        number,
        version,
        entry,
        at,
        ...sides(place.before ?? none, place.after ?? none),
      );
  if (!holds) return { faults: [`the registry does not confirm it of version ${version} of the list`], says: null };
  const until = version === latest?.version ? ', the latest' : `; the latest is ${latest?.version}`;
  const where = `version ${version} of ${list}, published ${new Date(publishedAtMs).toISOString()}${until}`;
  return { faults: [], says: `${entryId} is ${place.isListed ? '' : 'not '}on ${where}` };
}

function sides(before: Neighbour, after: Neighbour) {
  return [before.entry, before.path, after.entry, after.path] as const;
}

/** The newest version of this content, for a list may have gone on since. */
async function versionOf(
  node: AptosNode,
  list: bigint,
  latest: ListOnChain,
  wanted: { readonly root: string; readonly count: number },
): Promise<ListOnChain | null> {
  for (let version = latest.version; version > 0n; version -= 1n) {
    const found = version === latest.version ? latest : await listAt(node, list, version);
    if (found.root === wanted.root && found.count === BigInt(wanted.count)) return found;
  }
  return null;
}

async function askOfAttestation(node: AptosNode, { userId, salt, issuer }: AttestationProof): Promise<OnRegistry> {
  const found = await readAttestation(node, subjectOf(Buffer.from(salt, 'hex'), userId), issuer);
  if (found === null) return { faults: ['the issuer has attested nothing of this customer'], says: null };
  const { tier, issuedAtMs, expiresAtSecs, revokedAtMs, isValid } = found;
  const day = (ms: number): string => new Date(ms).toISOString();
  if (revokedAtMs !== null) return { faults: [`the attestation was revoked ${day(revokedAtMs)}`], says: null };
  const expires = day(Number(expiresAtSecs) * 1_000);
  if (!isValid) return { faults: [`the attestation is not valid: it ends ${expires}, or its issuer is suspended`], says: null };
  return { faults: [], says: `the customer passed the checks of tier ${tier}, attested ${day(issuedAtMs)}, good until ${expires}` };
}
