/** Two names held against each other without a list, and the ways in which one name is written. */
import { type NameScore, scoreNames, settingsOf } from './score.ts';
import { keysOf, type Likeness, likenessOf } from './similarity.ts';
import type { Kind } from './vocabulary.ts';
import { joinedWord, type ParsedName, parseName, type Word } from './words.ts';

/** Scores two names without a list, as `kind` reads them; of several ways to write them, the best counts. */
export function compareNames(first: string, second: string, kind: Kind): NameScore {
  const scores = alternativesOf(first, kind).flatMap((asked) =>
    alternativesOf(second, kind).map((listed) => comparePlain(asked, listed, kind)),
  );
  return scores.reduce((best, each) => (each.score > best.score ? each : best));
}

const ALTERNATIVE_LETTERS_MIN = 5;
const ALTERNATIVE_LETTERS_MAX = 200;
/** "Servant of the Merciful", which is written as one word, two or three: Abdourahmane, Abdul Rahman, Abd al-Rahman. */
const SERVANT = /(?<!\p{L})(?:abd|abdul|abdel|abdal|abdoul|abdur)[\s'’-]+(?:(?:al|el|ul|ur|ar|as|ash|ad|at|an)[\s'’-]+)?(?=\p{L}{3})/giu;

/** A name and other ways to write it: an organisation's names between strokes, a person's "servant of" as one word. */
export function alternativesOf(text: string, kind: Kind): string[] {
  if (kind === 'person') {
    const joined = text.slice(0, ALTERNATIVE_LETTERS_MAX).replace(SERVANT, 'Abdul');
    return joined === text || text.length > ALTERNATIVE_LETTERS_MAX ? [text] : [text, joined];
  }
  if (!text.includes('/') || text.length > ALTERNATIVE_LETTERS_MAX) return [text];
  return [text, ...text.split('/').filter((part) => part.trim().length >= ALTERNATIVE_LETTERS_MIN)];
}

function comparePlain(first: string, second: string, kind: Kind): NameScore {
  const [asked, listed] = [parseName(first, kind), parseName(second, kind)];
  const like = (a: Word | undefined, b: Word | undefined, askedExact: boolean, listedExact: boolean): Likeness | null => {
    if (a === undefined || b === undefined) return null;
    const keys = new Set(keysOf(a, askedExact));
    return keysOf(b, listedExact).some((key) => keys.has(key)) ? likenessOf(a, b) : null;
  };
  const word = (name: ParsedName, at: number): Word | undefined => name.parts[at]?.word;
  const joined = (name: ParsedName, at: number): Word | undefined => {
    const [one, two] = [word(name, at), word(name, at + 1)];
    return one === undefined || two === undefined ? undefined : joinedWord(one, two);
  };
  return scoreNames(
    asked,
    listed,
    {
      single: (at, to) => like(word(asked, at), word(listed, to), false, false),
      askedJoined: (at, to) => like(joined(asked, at), word(listed, to), true, false),
      listedJoined: (at, to) => like(word(asked, at), joined(listed, to), true, true),
    },
    settingsOf(kind),
  );
}
