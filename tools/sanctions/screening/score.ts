/**
 * How well one name fits another: their words are laid side by side, each with the one it is most like,
 * and what is left over on either side counts against it.
 *
 * A word that only one side has is forgiven in part: people leave out a middle name, and lists spell out
 * whole lineages. A word that stands where the other side has a different one is not: that is another
 * person. Every score comes with the words it was made of.
 */
import type { Ground, Likeness } from './similarity.ts';
import type { Kind } from './vocabulary.ts';
import { type NamePart, type ParsedName, SUBSTANTIAL_WEIGHT } from './words.ts';

/** One step of an explanation: words of the query, words of the other name, and how they meet. */
export interface Step {
  readonly asked: string;
  readonly listed: string;
  readonly ground: Ground | 'joined' | 'acronym' | 'missing' | 'extra' | 'conflict';
  readonly similarity: number;
}

export interface NameScore {
  /** 0 to 1. */
  readonly score: number;
  readonly steps: readonly Step[];
}

export interface ScoreSettings {
  /** What a word of the query that the other name lacks costs, as a share of its weight. */
  readonly extra: number;
  /** The same for a word of the listed name that the query lacks. */
  readonly missing: number;
  /** How hard unlikeness of paired words counts. */
  readonly unlikeness: number;
  /** The least a word weighs when it stands against another. */
  readonly conflictWeightMin: number;
  /** What an initial weighs that stands against a word, or an initial, of another letter. */
  readonly initialConflictWeight: number;
  /** The most a score can be when only one word of several is shared. */
  readonly lonelyMax: number;
}

/** Chosen on one half of a labelled set, as the evals report shows; the other half is only reported. */
const PERSON_SETTINGS: ScoreSettings = {
  extra: 0.5,
  missing: 0.3,
  unlikeness: 0.9,
  conflictWeightMin: 0.8,
  initialConflictWeight: 0.5,
  lonelyMax: 0.6,
};
/** What an organisation does is part of its name: a word more or less is often another branch of the house. */
const ORGANISATION_SETTINGS: ScoreSettings = {
  extra: 0.6,
  missing: 0.6,
  unlikeness: 0.7,
  conflictWeightMin: 0.8,
  initialConflictWeight: 0.3,
  lonelyMax: 0.8,
};

export function settingsOf(kind: Kind): ScoreSettings {
  return kind === 'person' ? PERSON_SETTINGS : ORGANISATION_SETTINGS;
}

/** The likeness of part `at` of the query to part `to` of the other name, or of two parts in a row joined into one. */
export interface Likenesses {
  single(asked: number, listed: number): Likeness | null;
  /** Parts `asked` and `asked + 1` of the query, written as one word, against one listed part. */
  askedJoined(asked: number, listed: number): Likeness | null;
  listedJoined(asked: number, listed: number): Likeness | null;
}

interface Pair {
  readonly asked: number;
  readonly askedCount: number;
  readonly listed: number;
  readonly listedCount: number;
  readonly weight: number;
  readonly similarity: number;
  readonly ground: Step['ground'];
}

const WORDS_ALL = 99;
const JOINED_SHARE = 0.98;
const JOINED_SIMILARITY_MIN = 0.85;

function weightOf(parts: readonly NamePart[], at: number, count: number): number {
  return (parts[at]?.weight ?? 0) + (count > 1 ? (parts[at + 1]?.weight ?? 0) : 0);
}

function textOf(parts: readonly NamePart[], at: number, count: number): string {
  return parts
    .slice(at, at + count)
    .map((part) => part.word.text)
    .join(' ');
}

function pairsOf(asked: ParsedName, listed: ParsedName, likenesses: Likenesses): Pair[] {
  const pairs: Pair[] = [];
  const add = (likeness: Likeness | null, at: number, askedCount: number, to: number, listedCount: number): void => {
    const isJoined = askedCount + listedCount > 2;
    if (likeness === null || (isJoined && likeness.similarity < JOINED_SIMILARITY_MIN)) return;
    pairs.push({
      asked: at,
      askedCount,
      listed: to,
      listedCount,
      weight: Math.min(weightOf(asked.parts, at, askedCount), weightOf(listed.parts, to, listedCount)),
      similarity: isJoined ? likeness.similarity * JOINED_SHARE : likeness.similarity,
      ground: isJoined ? 'joined' : likeness.ground,
    });
  };
  for (let at = 0; at < asked.parts.length; at += 1) {
    for (let to = 0; to < listed.parts.length; to += 1) {
      add(likenesses.single(at, to), at, 1, to, 1);
      if (at + 1 < asked.parts.length) add(likenesses.askedJoined(at, to), at, 2, to, 1);
      if (to + 1 < listed.parts.length) add(likenesses.listedJoined(at, to), at, 1, to, 2);
    }
  }
  // The likest first; among equals what weighs more, and what keeps the order of both names.
  return pairs.sort(
    (a, b) =>
      b.similarity * (b.weight + 0.01) - a.similarity * (a.weight + 0.01) || Math.abs(a.asked - a.listed) - Math.abs(b.asked - b.listed),
  );
}

interface Alignment {
  readonly pairs: Pair[];
  readonly askedLeft: number[];
  readonly listedLeft: number[];
}

function align(asked: ParsedName, listed: ParsedName, likenesses: Likenesses): Alignment {
  const askedUsed: boolean[] = asked.parts.map(() => false);
  const listedUsed: boolean[] = listed.parts.map(() => false);
  const chosen: Pair[] = [];
  const isFree = (used: readonly boolean[], at: number, count: number): boolean =>
    used[at] !== true && (count === 1 || used[at + 1] !== true);
  for (const pair of pairsOf(asked, listed, likenesses)) {
    if (!isFree(askedUsed, pair.asked, pair.askedCount) || !isFree(listedUsed, pair.listed, pair.listedCount)) continue;
    chosen.push(pair);
    for (let offset = 0; offset < pair.askedCount; offset += 1) askedUsed[pair.asked + offset] = true;
    for (let offset = 0; offset < pair.listedCount; offset += 1) listedUsed[pair.listed + offset] = true;
  }
  // What weighs most stands first, and is held against what weighs most on the other side.
  const left = (parts: readonly NamePart[], used: readonly boolean[]): number[] => {
    const places: number[] = [];
    for (let at = 0; at < parts.length; at += 1) if (used[at] !== true) places.push(at);
    return places.length < 2 ? places : places.sort((a, b) => (parts[b]?.weight ?? 0) - (parts[a]?.weight ?? 0) || a - b);
  };
  return { pairs: chosen, askedLeft: left(asked.parts, askedUsed), listedLeft: left(listed.parts, listedUsed) };
}

/** An initial stands for a word that begins with it; both leave the comparison at the weight of an initial. */
function matchInitials(asked: ParsedName, listed: ParsedName, alignment: Alignment): void {
  const { pairs, askedLeft, listedLeft } = alignment;
  const meet = (isAskedInitial: boolean): void => {
    const initials = isAskedInitial ? askedLeft : listedLeft;
    const others = isAskedInitial ? listedLeft : askedLeft;
    const initialParts = isAskedInitial ? asked.parts : listed.parts;
    const otherParts = isAskedInitial ? listed.parts : asked.parts;
    for (const initial of initials.slice()) {
      const part = initialParts[initial];
      if (part?.role !== 'initial') continue;
      const other = others.find((at) => otherParts[at]?.word.text.startsWith(part.word.text));
      if (other === undefined) continue;
      initials.splice(initials.indexOf(initial), 1);
      others.splice(others.indexOf(other), 1);
      pairs.push({
        asked: isAskedInitial ? initial : other,
        askedCount: 1,
        listed: isAskedInitial ? other : initial,
        listedCount: 1,
        weight: part.weight,
        similarity: 0.9,
        ground: 'initial',
      });
    }
  };
  meet(true);
  meet(false);
}

/** Ahmad bin Hasan is not Hasan bin Ahmad: the words on both sides of "son of" have changed places. */
function isReversedFiliation(asked: ParsedName, listed: ParsedName, pairs: readonly Pair[]): boolean {
  const meets = (at: number, to: number): boolean => pairs.some((pair) => pair.asked === at && pair.listed === to);
  return asked.parts.some(
    (part, at) =>
      part.role === 'filiation' &&
      listed.parts.some((other, to) => other.role === 'filiation' && meets(at - 1, to + 1) && meets(at + 1, to - 1)),
  );
}

const REVERSED_COST = 0.25;

function countSubstantial(parts: readonly NamePart[]): number {
  return parts.filter((part) => part.weight >= SUBSTANTIAL_WEIGHT).length;
}

const SQUASHED_SCORE = 0.97;
const ACRONYM_SCORE = 0.88;

/** What two names have in common as wholes: the same letters whatever the blanks between them, or one the acronym of the other. */
function scoreWhole(asked: ParsedName, listed: ParsedName): NameScore | null {
  const stepOf = (ground: Step['ground'], similarity: number): NameScore => ({
    score: similarity,
    steps: [{ asked: textOf(asked.parts, 0, WORDS_ALL), listed: textOf(listed.parts, 0, WORDS_ALL), ground, similarity }],
  });
  const isSquashed = asked.squashes.some((squash) => listed.squashes.includes(squash));
  if (isSquashed && asked.parts.length !== listed.parts.length) return stepOf('joined', SQUASHED_SCORE);
  if (asked.kind === 'person') return null;
  const isAcronym = (short: ParsedName, long: ParsedName): boolean => long.acronym !== '' && short.parts[0]?.word.text === long.acronym;
  const isOnly = (name: ParsedName): boolean => name.parts.length === 1;
  if ((isOnly(asked) && isAcronym(asked, listed)) || (isOnly(listed) && isAcronym(listed, asked))) return stepOf('acronym', ACRONYM_SCORE);
  return null;
}

/**
 * Scores a name that was asked for against another one. Pure; symmetric but for what `extra` and `missing` tell apart.
 * Gives null below `floor`: the words of most names are never shown to anybody.
 */
export function scoreAbove(
  asked: ParsedName,
  listed: ParsedName,
  likenesses: Likenesses,
  settings: ScoreSettings,
  floor: number,
): NameScore | null {
  const whole = scoreWhole(asked, listed);
  if (whole !== null) return whole.score < floor ? null : whole;
  const alignment = align(asked, listed, likenesses);
  matchInitials(asked, listed, alignment);
  const score = scoreOf(asked, listed, alignment, settings);
  return score < floor ? null : { score, steps: stepsOf(asked, listed, alignment, settings) };
}

/** The same whatever the score. */
export function scoreNames(asked: ParsedName, listed: ParsedName, likenesses: Likenesses, settings: ScoreSettings): NameScore {
  return scoreAbove(asked, listed, likenesses, settings, 0) ?? { score: 0, steps: [] };
}

function scoreOf(asked: ParsedName, listed: ParsedName, { pairs, askedLeft, listedLeft }: Alignment, settings: ScoreSettings): number {
  let total = 0;
  let loss = 0;
  let shared = 0;
  for (const pair of pairs) {
    total += pair.weight;
    loss += pair.weight * (1 - pair.similarity) * settings.unlikeness;
    if (pair.weight >= SUBSTANTIAL_WEIGHT) shared += Math.max(pair.askedCount, pair.listedCount);
  }
  for (let at = 0; at < Math.max(askedLeft.length, listedLeft.length); at += 1) {
    const { weight, share } = leftover(asked.parts[askedLeft[at] ?? -1], listed.parts[listedLeft[at] ?? -1], settings);
    total += weight;
    loss += weight * share;
  }
  const reversal = isReversedFiliation(asked, listed, pairs) ? REVERSED_COST : 0;
  const score = total === 0 ? 0 : Math.max(0, 1 - loss / total - reversal);
  const isComplete = askedLeft.length + listedLeft.length === 0;
  // Particles and initials that agree say nothing while what names the party does not.
  const isByInitials = pairs.some((pair) => pair.ground === 'initial');
  if (shared === 0 && (!isComplete || isByInitials)) return 0;
  const isLonely = shared === 1 && !isComplete && Math.max(countSubstantial(asked.parts), countSubstantial(listed.parts)) > 1;
  return isLonely ? Math.min(score, settings.lonelyMax) : score;
}

/** How the words met that a score was made of, and which were left over. */
function stepsOf(asked: ParsedName, listed: ParsedName, { pairs, askedLeft, listedLeft }: Alignment, settings: ScoreSettings): Step[] {
  const steps: Step[] = pairs.map((pair) => ({
    asked: textOf(asked.parts, pair.asked, pair.askedCount),
    listed: textOf(listed.parts, pair.listed, pair.listedCount),
    ground: pair.ground,
    similarity: pair.similarity,
  }));
  for (let at = 0; at < Math.max(askedLeft.length, listedLeft.length); at += 1) {
    const [extra, missing] = [asked.parts[askedLeft[at] ?? -1], listed.parts[listedLeft[at] ?? -1]];
    const { ground } = leftover(extra, missing, settings);
    steps.push({ asked: extra?.word.text ?? '', listed: missing?.word.text ?? '', ground, similarity: 0 });
  }
  return steps;
}

interface Leftover {
  readonly weight: number;
  /** Of the weight, what is lost. */
  readonly share: number;
  readonly ground: Step['ground'];
}

function leftover(extra: NamePart | undefined, missing: NamePart | undefined, settings: ScoreSettings): Leftover {
  const [own, theirs] = [extra?.weight ?? 0, missing?.weight ?? 0];
  if (extra !== undefined && missing !== undefined) {
    const isInitial = extra.role === 'initial' || missing.role === 'initial';
    const isNumber = extra.role === 'number' && missing.role === 'number';
    const floor = isInitial || isNumber ? 0 : settings.conflictWeightMin;
    const weight = isInitial ? settings.initialConflictWeight : Math.max(floor, own, theirs);
    if (isInitial || Math.min(own, theirs) >= SUBSTANTIAL_WEIGHT) return { weight, share: 1, ground: 'conflict' };
  }
  return own >= theirs
    ? { weight: own, share: settings.extra, ground: 'extra' }
    : { weight: theirs, share: settings.missing, ground: 'missing' };
}
