/** What is sealed against what is there: which rows were changed, taken away or put in. Pure. */

/** A row of a range: the text of its key, and its leaf hash as hex. */
export interface Leaf {
  readonly key: string;
  readonly hash: string;
}

export type RowFault = 'changed' | 'removed' | 'inserted' | 'moved';

export interface RowFinding {
  readonly fault: RowFault;
  readonly key: string;
}

/**
 * Compares the leaves of a range with its rows, both in the order of the log. A row whose key is sealed in
 * this range but whose hash differs was changed; a sealed key without row was removed, a row without
 * sealed key inserted; equal rows in another order were moved.
 */
export function compareLeaves(sealed: readonly Leaf[], found: readonly Leaf[]): RowFinding[] {
  if (sealed.length === found.length && sealed.every((leaf, at) => leaf.key === found[at]?.key && leaf.hash === found[at]?.hash)) return [];
  const hashes = new Map(sealed.map(({ key, hash }) => [key, hash]));
  const seen = new Set<string>();
  const findings: RowFinding[] = [];
  for (const { key, hash } of found) {
    const expected = hashes.get(key);
    if (expected === undefined || seen.has(key)) findings.push({ fault: 'inserted', key });
    else if (expected !== hash) findings.push({ fault: 'changed', key });
    seen.add(key);
  }
  for (const { key } of sealed) if (!seen.has(key)) findings.push({ fault: 'removed', key });
  if (findings.length > 0) return findings;
  return sealed.flatMap(({ key }, at) => (found[at]?.key === key ? [] : [{ fault: 'moved' as const, key }]));
}
