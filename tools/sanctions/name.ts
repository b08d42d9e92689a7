/**
 * Names as tokens: what is compared when a name is screened.
 *
 * A name in any script, of any length, gives tokens in time linear in its length; nothing throws.
 * Case, accents, punctuation, invisible characters and look-alike letters make no difference.
 */
import { foldLookalikes } from './lookalikes.ts';

export interface NormalisedName {
  /** All words of the name in their order, folded. */
  readonly tokens: readonly string[];
  /** The same without honorifics; all of them when the name has nothing else. */
  readonly core: readonly string[];
  /** The text hides something: direction overrides, invisible characters inside a Latin word, or a word of mixed scripts. */
  readonly obscured: boolean;
}

/** Forms of address and titles of the countries we serve and of the lists, folded. */
export const HONORIFICS: ReadonlySet<string> = new Set(
  (
    'mr mrs ms miss mister messrs madam madame mme mlle monsieur mademoiselle sir dame lady lord dr doctor docteur prof professor professeur ' +
    'eng engr ing hon honorable honourable excellency rev reverend pastor bishop father sister chief nana oba otunba alhaji alhaja hajia haji hajj hajji ' +
    'elhadj sheikh shaykh sheik shaikh cheikh mallam malam mwalimu mzee imam ustaz ustadh maulana mullah mawlawi maulavi senhor senhora dona ' +
    'gen general col colonel maj major capt captain capitaine lt lieutenant sgt sergeant brig brigadier cdr commander cmdr'
  ).split(' '),
);

const ASCII_ONLY = /^[\x20-\x7e]*$/;
/** Controls other than white space, format characters (zero width, bidi, tags), and letters that show as nothing. */
const INVISIBLE = /(?![\t\n\v\f\r\x85])[\p{Cc}\p{Cf}\u115f\u1160\u3164\uffa0]/gu;
const MARKS = /[\p{Mn}\p{Me}]+/gu;
/** Apostrophes of all shapes, and the ayin and hamza signs of transliteration, join what they stand between: Ng'ang'a, N’Golo. */
const APOSTROPHES = /['`´‘’‛′ʹʻʼʽʾʿˈ՚＇]/gu;
const SEPARATORS = /[^\p{L}\p{N}\p{Mc}]+/u;

const BIDI_OVERRIDES = /[\u202a-\u202e\u2066-\u2069]/u;
const HIDDEN_IN_WORD = /\p{Script=Latin}[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+\p{Script=Latin}/u;
const MIXED_WORD =
  /\p{Script=Latin}\p{M}*[\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Script=Cyrillic}\p{Script=Greek}]\p{M}*\p{Script=Latin}/u;

/** Takes a name as somebody wrote it, gives its folded tokens. Nothing in it is kept beyond the tokens. */
export function normaliseName(text: string): NormalisedName {
  const ascii = ASCII_ONLY.test(text);
  const folded = ascii ? text.toLowerCase().replaceAll(/['`]/g, '') : foldText(text);
  const tokens = folded.split(ascii ? /[^a-z0-9]+/ : SEPARATORS).filter((token) => token !== '');
  const core = tokens.filter((token) => !HONORIFICS.has(token));
  return { tokens, core: core.length === 0 ? tokens : core, obscured: !ascii && isObscured(text) };
}

function foldText(text: string): string {
  return foldLookalikes(plainText(text));
}

/** The text without what does not show, accents and apostrophes; letters stay of their script and case. */
function plainText(text: string): string {
  // Marks go before the text is taken apart as well as after: putting a long run of marks in order is quadratic.
  const plain = text.replace(INVISIBLE, '').replace(MARKS, '').normalize('NFKD').replace(INVISIBLE, '').replace(MARKS, '');
  return plain.replace(APOSTROPHES, '');
}

/** Takes a name as somebody wrote it, gives its words without accents; letters stay of their script and case. */
export function plainWords(text: string): string[] {
  const plain = ASCII_ONLY.test(text) ? text.replaceAll(/['`]/g, '') : plainText(text);
  return plain.split(SEPARATORS).filter((word) => word !== '');
}

const OVERRIDDEN = /\u202e([^\u202c\u202d\u202e]*)\u202c?/gu;

/** How a name is shown where an override turns letters round; null where none does. */
export function shownName(text: string): string | null {
  if (!text.includes('\u202e')) return null;
  return text.replace(OVERRIDDEN, (_, turned: string) => Array.from(turned).reverse().join(''));
}

function isObscured(text: string): boolean {
  return BIDI_OVERRIDES.test(text) || HIDDEN_IN_WORD.test(text) || MIXED_WORD.test(text);
}
