/** The compliance registry as the platform uses it: anchors of the audit chain. */
import type { AnchorKeeper } from '../audit/index.ts';
import { entryCall } from './functions.ts';
import type { AptosNode } from './node.ts';
import type { ChainReference } from './batches.ts';
import { send, type SendDeps } from './send.ts';
import type { ChainAccount } from './signer.ts';

export interface RegistryDeps extends SendDeps {
  /** Holds the reporter's role. */
  readonly reporter: ChainAccount;
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

/**
 * Anchors the head after a block; blocks only go up. Repeating it is harmless. Throws faults of the chain when the registry refuses
 * it, as it does a block that is not after the last one.
 */
export async function anchorAudit(deps: RegistryDeps, block: bigint, head: string): Promise<AnchorOutcome> {
  const last = await lastAnchor(deps.node);
  if (last !== null && last.block === block && last.head === head) {
    const sent = await deps.sent.latest('audit', `anchor:${block}`);
    return { state: 'anchored', reference: sent?.state === 'executed' ? referenceOf(sent) : null };
  }
  const call = entryCall(deps.profile.contract, 'compliance_registry::anchor_audit', [block, head]);
  const outcome = await send(deps, { subject: 'audit', step: `anchor:${block}`, call, account: deps.reporter });
  if (outcome.kind === 'unknown') return { state: 'unknown' };
  if (outcome.kind !== 'executed') throw outcome.fault;
  return { state: 'anchored', reference: referenceOf(outcome.sent) };
}

/** The registry as the place of anchors of the audit log. */
export function registryKeeper(deps: RegistryDeps): AnchorKeeper {
  return {
    anchor: async (block, hash) => {
      const outcome = await anchorAudit(deps, block, hash);
      if (outcome.state === 'unknown') return outcome;
      const { transactionHash = null, ledgerVersion = null } = outcome.reference ?? {};
      return { state: 'anchored', transactionHash, ledgerVersion };
    },
  };
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
