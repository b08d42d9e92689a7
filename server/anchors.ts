/** Anchors of the audit log on the settlement chain: putting them there, and reading them back without any key. */
import { systemClock } from '../domain/clock.ts';
import { isFault } from '../domain/errors.ts';
import type { AnchorKeeper, TrustedBlock } from '../tools/audit/index.ts';
import type { Chain } from './chain.ts';
import { type ChainPlace, readChainProfile } from './chain-profile.ts';

/** The registry of the chain as the place of anchors. */
export async function anchorKeeper(chain: Chain): Promise<AnchorKeeper> {
  const { auditAnchorKeeper } = await import('../tools/aptos/registry.ts');
  return auditAnchorKeeper(chain.deps);
}

export interface AnchorsRead {
  /** `behind`: the node's newest block is too old, and anchors made since are not known to it. */
  readonly state: 'none' | 'unreachable' | 'behind' | 'read';
  readonly blocks: readonly TrustedBlock[];
}

/** Every anchor the chain holds; none where no chain is configured. Throws `chain_mismatch` for a node of another chain. */
export async function readAnchored(config: ChainPlace): Promise<AnchorsRead> {
  const profile = await readChainProfile(config);
  if (profile === null) return { state: 'none', blocks: [] };
  const [{ createAptosNode }, { lastAnchor, readAnchor }] = await Promise.all([
    import('../tools/aptos/node.ts'),
    import('../tools/aptos/registry.ts'),
  ]);
  const node = createAptosNode({ profile, fetch: (url, init) => fetch(url, init), clock: systemClock });
  try {
    // Views say nothing of how old what they show is.
    await node.ledger();
    const last = await lastAnchor(node);
    const blocks: TrustedBlock[] = [];
    for (let index = 0n; last !== null && index <= last.index; index += 1n) {
      const { block, head } = await readAnchor(node, index);
      blocks.push({ number: block.toString(), hash: head });
    }
    return { state: 'read', blocks };
  } catch (error) {
    if (isFault(error, 'chain_unavailable')) return { state: 'unreachable', blocks: [] };
    if (isFault(error, 'chain_behind')) return { state: 'behind', blocks: [] };
    throw error;
  }
}
