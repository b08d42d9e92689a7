/**
 * Letters that are read as Latin letters but are not: Cyrillic and Greek look-alikes, and the Latin
 * letters of African and European alphabets that Unicode does not take apart into a base and a mark.
 *
 * Both sides of a comparison are folded by the same tables, so a name in real Cyrillic or Greek still
 * equals itself; only its folded form means nothing to a reader.
 */

/** Lower-case Cyrillic to the Latin letter it is read as. Source: Unicode Technical Standard 39, confusables. */
const CYRILLIC: Readonly<Record<string, string>> = {
  а: 'a',
  в: 'b',
  ԁ: 'd',
  е: 'e',
  ҽ: 'e',
  ԍ: 'g',
  н: 'h',
  һ: 'h',
  і: 'i',
  ј: 'j',
  к: 'k',
  ӏ: 'l',
  м: 'm',
  ո: 'n',
  о: 'o',
  р: 'p',
  ԛ: 'q',
  г: 'r',
  ѕ: 's',
  т: 't',
  ѵ: 'v',
  ԝ: 'w',
  х: 'x',
  у: 'y',
};

/** Greek letters by case, for capitals are read as other Latin letters than small ones. Source: as above. */
const GREEK: Readonly<Record<string, string>> = {
  Α: 'a',
  Β: 'b',
  Ε: 'e',
  Ζ: 'z',
  Η: 'h',
  Ι: 'i',
  Κ: 'k',
  Μ: 'm',
  Ν: 'n',
  Ο: 'o',
  Ρ: 'p',
  Τ: 't',
  Υ: 'y',
  Χ: 'x',
  α: 'a',
  β: 'b',
  γ: 'y',
  ε: 'e',
  η: 'n',
  ι: 'i',
  κ: 'k',
  ν: 'v',
  ο: 'o',
  ρ: 'p',
  σ: 'o',
  ς: 'c',
  τ: 't',
  υ: 'u',
  χ: 'x',
  ω: 'w',
};

/** Latin letters without a decomposition, as names are usually written without them: Hausa ɗ, Akan ɔ, Ewe ŋ, Danish ø. */
const LATIN: Readonly<Record<string, string>> = {
  æ: 'ae',
  ɓ: 'b',
  ƈ: 'c',
  đ: 'd',
  ð: 'd',
  ɖ: 'd',
  ɗ: 'd',
  ǝ: 'e',
  ə: 'e',
  ɛ: 'e',
  ƒ: 'f',
  ɠ: 'g',
  ɣ: 'g',
  ħ: 'h',
  ı: 'i',
  ɩ: 'i',
  ƙ: 'k',
  ł: 'l',
  ŋ: 'ng',
  ɲ: 'ny',
  œ: 'oe',
  ø: 'o',
  ɔ: 'o',
  ß: 'ss',
  þ: 'th',
  ŧ: 't',
  ƭ: 't',
  ʊ: 'u',
  ʋ: 'v',
  ƴ: 'y',
  ƶ: 'z',
};

const ASCII_ONLY = /^\p{ASCII}*$/u;

/** Takes text that is taken apart and stripped of marks, gives it in lower case with look-alikes folded to plain Latin. */
export function foldLookalikes(text: string): string {
  if (ASCII_ONLY.test(text)) return text.toLowerCase();
  let folded = '';
  for (const letter of text) {
    if (letter < '\u0080') {
      folded += letter.toLowerCase();
      continue;
    }
    const lower = letter.toLowerCase();
    folded += GREEK[letter] ?? CYRILLIC[lower] ?? LATIN[lower] ?? GREEK[lower] ?? lower;
  }
  return folded;
}
