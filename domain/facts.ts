/**
 * Facts as they are written: canonical JSON (RFC 8785) of the whole, which the digest covers, and the same members in two parts, one of
 * what is a payment's own and one of what many payments of a cohort share. The parts put together again are the facts.
 */
import { canonicalJson, keysInOrder } from './canonical.ts';
import type { Facts, Json } from './decision.ts';

export interface WrittenFacts {
  /** Canonical JSON of all facts. */
  readonly whole: string;
  /** The members that are the payment's own, and all others, each as canonical JSON. */
  readonly own: string;
  readonly common: string;
}

/** What facts with the same shared members are written with. */
interface Frame {
  readonly shared: readonly Json[];
  /** The whole, cut where the members of the payment's own go. */
  readonly pieces: readonly string[];
  readonly common: string;
}

/** Facts with the same names. */
interface Layout {
  /** Each with what is written before its value. */
  readonly own: readonly { readonly name: string; readonly head: string }[];
  readonly sharedNames: readonly string[];
  readonly frames: Frame[];
}

/** More would be searched longer than writing takes. */
const FRAMES_MAX = 32;

/**
 * Makes a writer for the facts of one cohort. `ownNames` are the members that differ from payment to payment; null: all of them. Facts
 * that share the same objects and values are written around what was written before, so no object that was handed in may be changed
 * afterwards. Throws `internal` for what JSON cannot hold.
 */
export function createFactsWriter(ownNames: readonly string[] | null): (facts: Facts) => WrittenFacts {
  const isOwn = (name: string): boolean => ownNames === null || ownNames.includes(name);
  const layouts = new Map<readonly string[], Layout>();
  return (facts) => {
    const names = keysInOrder(facts);
    let layout = layouts.get(names);
    if (layout === undefined) {
      const own = names.filter(isOwn).map((name) => ({ name, head: headOf(name) }));
      layout = { own, sharedNames: names.filter((name) => !isOwn(name)), frames: [] };
      layouts.set(names, layout);
    }
    return writeInto(frameOf(layout, names, facts), layout.own, facts);
  };
}

function headOf(name: string): string {
  return `,${canonicalJson(name)}:`;
}

function frameOf(layout: Layout, names: readonly string[], facts: Facts): Frame {
  const { sharedNames, frames } = layout;
  for (const frame of frames) if (isShared(frame, sharedNames, facts)) return frame;
  const pieces: string[] = [];
  let [piece, common] = ['', ''];
  for (const name of names) {
    const value = facts[name];
    if (!sharedNames.includes(name)) {
      pieces.push(piece);
      piece = '';
    } else if (value !== undefined) {
      const member = headOf(name) + canonicalJson(value);
      piece += member;
      common += member;
    }
  }
  const frame = { shared: sharedNames.map((name) => facts[name] as Json), pieces: [...pieces, piece], common: `{${common.slice(1)}}` };
  if (frames.length < FRAMES_MAX) frames.push(frame);
  return frame;
}

function isShared({ shared }: Frame, names: readonly string[], facts: Facts): boolean {
  for (let at = 0; at < names.length; at += 1) if (shared[at] !== facts[names[at] as string]) return false;
  return true;
}

function writeInto({ pieces, common }: Frame, members: Layout['own'], facts: Facts): WrittenFacts {
  let [whole, own] = [pieces[0] ?? '', ''];
  for (let at = 0; at < members.length; at += 1) {
    const { name, head } = members[at] as Layout['own'][number];
    const value = facts[name];
    if (value !== undefined) {
      const member = head + canonicalJson(value);
      whole += member;
      own += member;
    }
    whole += pieces[at + 1] ?? '';
  }
  return { whole: `{${whole.slice(1)}}`, own: `{${own.slice(1)}}`, common };
}
