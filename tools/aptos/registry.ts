/**
 * The compliance registry as the platform uses it: anchors of the audit chain, versions of sanctions lists, attestations of customers.
 * Each is put there once, however often it is asked for.
 */
import type { EntryFunction } from '@aptos-labs/ts-sdk';
import type { AnchorKeeper } from '../audit/index.ts';
import type { RegistryRow } from '../../db/queries/registry.ts';
import { fault, isFault } from '../../domain/errors.ts';
import type { RegistryKeeper } from '../registry/publish.ts';
import { listNumber } from '../sanctions/roll.ts';
import { entryCall } from './functions.ts';
import type { AptosNode } from './node.ts';
import type { ChainReference } from './batches.ts';
import { send, type SendDeps } from './send.ts';
import type { ChainAccount } from './signer.ts';

export interface RegistryDeps extends SendDeps {
  /** Holds the reporter's role. */
  readonly reporter: ChainAccount;
}

/** Whose word the registry takes: lists are the regulator's there, attestations those of an issuer it knows, reports the reporter's. */
export interface Registrars {
  readonly regulator: ChainAccount | null;
  readonly issuer: ChainAccount | null;
  readonly reporter: ChainAccount | null;
}

/** The head of the audit chain after a block, as it stands on the settlement chain. */
export interface AuditAnchor {
  readonly index: bigint;
  readonly block: bigint;
  /** SHA-256, hex. */
  readonly head: string;
  readonly anchoredAtMs: number;
}

/** `anchored`: it is on the chain; the reference is null when another process of ours put it there · `unknown`: ask again */
export type AnchorOutcome = { readonly state: 'anchored'; readonly reference: ChainReference | null } | { readonly state: 'unknown' };

/** One entry of the registry, by whom it is put there, and how it is seen to be there. */
interface Putting {
  readonly subject: string;
  readonly step: string;
  readonly account: ChainAccount;
  readonly isThere: () => Promise<boolean>;
  /** Built once it is known not to be there. */
  readonly call: () => EntryFunction | Promise<EntryFunction>;
}

/** Puts an entry on the chain unless it is there. Repeating it is harmless. Throws faults of the chain when it is refused. */
async function putOnce(deps: SendDeps, { subject, step, account, isThere, call }: Putting): Promise<AnchorOutcome> {
  if (await isThere()) {
    const sent = await deps.sent.latest(subject, step);
    return { state: 'anchored', reference: sent?.state === 'executed' ? referenceOf(sent) : null };
  }
  const outcome = await send(deps, { subject, step, call: await call(), account });
  if (outcome.kind === 'unknown') return { state: 'unknown' };
  if (outcome.kind !== 'executed') throw outcome.fault;
  return { state: 'anchored', reference: referenceOf(outcome.sent) };
}

/**
 * Anchors the head after a block; blocks only go up. Repeating it is harmless. Throws faults of the chain when the registry refuses
 * it, as it does a block that is not after the last one.
 */
export async function anchorAudit(deps: RegistryDeps, block: bigint, head: string): Promise<AnchorOutcome> {
  return putOnce(deps, {
    subject: 'audit',
    step: `anchor:${block}`,
    account: deps.reporter,
    isThere: async () => {
      const last = await lastAnchor(deps.node);
      return last !== null && last.block === block && last.head === head;
    },
    call: () => entryCall(deps.profile.contract, 'compliance_registry::anchor_audit', [block, head]),
  });
}

/** The registry as the place of anchors of the audit log. */
export function auditAnchorKeeper(deps: RegistryDeps): AnchorKeeper {
  return {
    anchor: async (block, hash) => {
      try {
        const outcome = await anchorAudit(deps, block, hash);
        return outcome.state === 'unknown' ? outcome : { state: 'anchored', ...whereOf(outcome) };
      } catch (error) {
        if (!isFault(error, 'registry_entry_invalid')) throw error;
        const standing = await anchorUpTo(deps.node, block);
        // The block itself may stand before a later one: another process put both there.
        if (standing?.block === block && standing.head === hash)
          return { state: 'anchored', ...whereOf({ state: 'anchored', reference: null }) };
        return { state: 'overtaken' };
      }
    },
  };
}

/** The last anchor that is of no later block than this one; null before the first. */
async function anchorUpTo(node: AptosNode, block: bigint): Promise<AuditAnchor | null> {
  let anchor = await lastAnchor(node);
  while (anchor !== null && anchor.block > block) anchor = anchor.index === 0n ? null : await readAnchor(node, anchor.index - 1n);
  return anchor;
}

function whereOf({ reference }: Extract<AnchorOutcome, { state: 'anchored' }>) {
  const { transactionHash = null, ledgerVersion = null } = reference ?? {};
  return { transactionHash, ledgerVersion };
}

function referenceOf(sent: {
  hash: string | null;
  version: bigint | null;
  gasUsed: bigint | null;
  gasUnitPrice: bigint | null;
}): ChainReference {
  return {
    transactionHash: sent.hash ?? '',
    ledgerVersion: sent.version ?? 0n,
    gasUsed: sent.gasUsed ?? 0n,
    gasUnitPrice: sent.gasUnitPrice ?? 0n,
  };
}

/** A version of a list, as the registry has it. */
export interface ListOnChain {
  readonly version: bigint;
  /** Hex, as the hash of its source. */
  readonly root: string;
  readonly count: bigint;
  readonly sourceHash: string;
  readonly publishedAtMs: number;
  /** Somebody has shown that its entries are out of order: it answers no checks. */
  readonly isVoid: boolean;
}

/** The latest version of a list, or null before the first. */
export async function lastList(node: AptosNode, list: bigint): Promise<ListOnChain | null> {
  const [version] = await node.view('compliance_registry::latest_version', list);
  return version === 0n ? null : listAt(node, list, version);
}

/** A version of a list that there is. */
export async function listAt(node: AptosNode, list: bigint, version: bigint): Promise<ListOnChain> {
  const [root, count, sourceHash, second, isVoid] = await node.view('compliance_registry::list_version', list, version);
  return { version, root, count, sourceHash, publishedAtMs: Number(second) * 1000, isVoid };
}

/** What is published of a list. */
export interface ListEntry {
  /** Names this publication: each is put there once. */
  readonly id: string;
  readonly list: bigint;
  readonly root: string;
  readonly count: bigint;
  readonly sourceHash: string;
}

/** Publishes a version of a list. `regulator` holds that role of the registry. */
export function publishList(deps: SendDeps, regulator: ChainAccount, entry: ListEntry): Promise<AnchorOutcome> {
  const { id, list, root, count, sourceHash } = entry;
  return putOnce(deps, {
    subject: 'registry',
    step: `list:${id}`,
    account: regulator,
    isThere: async () => {
      const last = await lastList(deps.node, list);
      return last !== null && !last.isVoid && last.root === root && last.count === count && last.sourceHash === sourceHash;
    },
    call: () => entryCall(deps.profile.contract, 'compliance_registry::publish_list', [list, root, count, sourceHash]),
  });
}

/** An attestation, as the registry has it. */
export interface AttestationOnChain {
  readonly tier: bigint;
  readonly issuedAtMs: number;
  readonly expiresAtSecs: bigint;
  readonly revokedAtMs: number | null;
  /** Whether it counts now: not revoked, not expired, and its issuer active. */
  readonly isValid: boolean;
}

/** What an issuer attests of a subject, or null. */
export async function readAttestation(node: AptosNode, subject: string, issuer: string): Promise<AttestationOnChain | null> {
  const [tier, issuedAt, expiresAtSecs, revokedAt] = await node.view('compliance_registry::attestation', subject, issuer);
  if (tier === 0n) return null;
  const [isValid] = await node.view('compliance_registry::is_attested', subject, issuer, tier);
  const revokedAtMs = revokedAt === 0n ? null : Number(revokedAt) * 1000;
  return { tier, issuedAtMs: Number(issuedAt) * 1000, expiresAtSecs, revokedAtMs, isValid };
}

/** What is said of a subject: that it passed the checks of a tier, or no longer. */
export type Attesting =
  | { readonly kind: 'attest'; readonly tier: bigint; readonly expiresAtSecs: bigint; readonly evidence: string }
  | { readonly kind: 'revoke'; readonly reason: bigint };

/** Attests a subject anew, renews what stands, or revokes it. `account` is the issuer's, or for a revocation the regulator's. */
export function attestSubject(
  deps: SendDeps,
  account: ChainAccount,
  entry: { readonly id: string; readonly subject: string; readonly issuer: string; readonly saying: Attesting },
): Promise<AnchorOutcome> {
  const { id, subject, issuer, saying } = entry;
  const { contract } = deps.profile;
  const read = (): Promise<AttestationOnChain | null> => readAttestation(deps.node, subject, issuer);
  return putOnce(deps, {
    subject: 'registry',
    step: `${saying.kind}:${id}`,
    account,
    isThere: async () => {
      const present = await read();
      if (saying.kind === 'revoke') return present === null || present.revokedAtMs !== null;
      return present?.revokedAtMs === null && present.tier === saying.tier && present.expiresAtSecs === saying.expiresAtSecs;
    },
    call: async () => {
      if (saying.kind === 'revoke') return entryCall(contract, 'compliance_registry::revoke', [subject, issuer, saying.reason]);
      const stands = (await read())?.revokedAtMs === null;
      const args = [subject, saying.tier, saying.expiresAtSecs, saying.evidence] as const;
      return entryCall(contract, stands ? 'compliance_registry::renew' : 'compliance_registry::attest', args);
    },
  });
}

/** What was reported in a month, in one currency. */
export interface MonthOfReports {
  readonly kind: bigint;
  /** `YYYYMM`. */
  readonly period: bigint;
  readonly currency: string;
  readonly count: bigint;
  readonly amountMinor: bigint;
  /** Hash that stands for the files, hex. */
  readonly document: string;
}

/** What the registry holds of a month in its latest revision, or null before the first. */
export async function readReports(
  node: AptosNode,
  { kind, period, currency }: Pick<MonthOfReports, 'kind' | 'period' | 'currency'>,
): Promise<(MonthOfReports & { readonly revision: bigint; readonly filedAtMs: number }) | null> {
  const code = Buffer.from(currency, 'utf8').toString('hex');
  const [revision] = await node.view('compliance_registry::report_revision', kind, period, code);
  if (revision === 0n) return null;
  const [count, amountMinor, document, filedAt] = await node.view('compliance_registry::report', kind, period, code, revision);
  return { kind, period, currency, count, amountMinor, document, revision, filedAtMs: Number(filedAt) * 1000 };
}

/** Tells of the reports of a month, or of more of them since. `reporter` holds that role of the registry; `id` names this telling. */
export function tellReports(
  deps: SendDeps,
  reporter: ChainAccount,
  { id, ...month }: MonthOfReports & { readonly id: string },
): Promise<AnchorOutcome> {
  const { kind, period, currency, count, amountMinor, document } = month;
  return putOnce(deps, {
    subject: 'registry',
    step: `report:${id}`,
    account: reporter,
    isThere: async () => {
      const last = await readReports(deps.node, month);
      return last?.document === document && last.count === count && last.amountMinor === amountMinor;
    },
    call: () => {
      const code = Buffer.from(currency, 'utf8').toString('hex');
      return entryCall(deps.profile.contract, 'compliance_registry::file_report', [kind, period, code, count, amountMinor, document]);
    },
  });
}

/** The registry as the place of lists, attestations and reports, as far as there are keys. */
export function registryKeeper(deps: SendDeps, { regulator, issuer, reporter }: Registrars): RegistryKeeper {
  const putOnChain = ({ id, kind, content }: RegistryRow): Promise<AnchorOutcome> => {
    const of = (name: string): string => content[name] ?? '';
    if (kind === 'report') {
      const month = { kind: BigInt(of('kind')), period: BigInt(of('period')), currency: of('currency'), document: of('document') };
      const sums = { count: BigInt(of('count')), amountMinor: BigInt(of('amountMinor')) };
      return tellReports(deps, needed(reporter), { id, ...month, ...sums });
    }
    if (kind === 'list') {
      const entry = { id, list: listNumber(of('list')), root: of('root'), count: BigInt(of('count')), sourceHash: of('sourceHash') };
      return publishList(deps, needed(regulator), entry);
    }
    const saying: Attesting =
      kind === 'revoke'
        ? { kind, reason: BigInt(of('reason')) }
        : { kind, tier: BigInt(of('tier')), expiresAtSecs: BigInt(of('expiresAtSecs')), evidence: of('evidence') };
    // What was attested with a key that we have no longer is revoked by the regulator's.
    const account = issuer?.address === of('issuer') ? issuer : kind === 'revoke' ? regulator : null;
    return attestSubject(deps, needed(account), { id, subject: of('subject'), issuer: of('issuer'), saying });
  };
  return {
    publishesLists: regulator !== null,
    tellsReports: reporter !== null,
    issuer: issuer?.address ?? null,
    put: async (row) => {
      const outcome = await putOnChain(row);
      return outcome.state === 'unknown' ? outcome : { state: 'there', ...whereOf(outcome) };
    },
  };
}

function needed(account: ChainAccount | null): ChainAccount {
  if (account === null) throw fault('chain_signer_refused', { internal: 'no key of ours may tell the registry' });
  return account;
}

/** The anchor at an index. Throws `chain_unavailable` for one that there is not. */
export async function readAnchor(node: AptosNode, index: bigint): Promise<AuditAnchor> {
  const [block, head, second] = await node.view('compliance_registry::anchor', index);
  return { index, block, head, anchoredAtMs: Number(second) * 1000 };
}

/** The latest anchor, or null before the first. */
export async function lastAnchor(node: AptosNode): Promise<AuditAnchor | null> {
  const [count] = await node.view('compliance_registry::anchor_count');
  return count === 0n ? null : readAnchor(node, count - 1n);
}
