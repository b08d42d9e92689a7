/**
 * Names of other scripts in Latin letters, near enough to how they are spelled on passports that the two
 * can be compared by sound: Arabic (with Persian and Urdu letters), Ethiopic, Cyrillic, Greek, Hangul.
 *
 * Arabic leaves short vowels out, so what comes of it is marked `unvowelled` by its caller. A script that
 * is not known here is left as it is: it still equals itself.
 *
 * Sources: UN romanisation systems (Arabic 2017, Amharic), BGN/PCGN 1947 for Russian, ELOT 743 for Greek,
 * Revised Romanisation of Korean 2000; letters that sound alike to a clerk are given one spelling.
 */

const ARABIC: Readonly<Record<string, string>> = {
  ا: 'a',
  أ: 'a',
  إ: 'i',
  آ: 'a',
  ٱ: 'a',
  ء: '',
  ؤ: 'u',
  ئ: 'i',
  ب: 'b',
  پ: 'p',
  ت: 't',
  ث: 'th',
  ج: 'j',
  چ: 'ch',
  ح: 'h',
  خ: 'kh',
  د: 'd',
  ذ: 'dh',
  ر: 'r',
  ز: 'z',
  ژ: 'j',
  س: 's',
  ش: 'sh',
  ص: 's',
  ض: 'd',
  ط: 't',
  ظ: 'z',
  ع: 'a',
  غ: 'gh',
  ف: 'f',
  ڤ: 'v',
  ق: 'q',
  ك: 'k',
  ک: 'k',
  گ: 'g',
  ل: 'l',
  م: 'm',
  ن: 'n',
  ه: 'h',
  ھ: 'h',
  ہ: 'h',
  ة: 'a',
  و: 'w',
  ي: 'y',
  ى: 'a',
  ی: 'y',
  ے: 'e',
  ٹ: 't',
  ڈ: 'd',
  ڑ: 'r',
};

const CYRILLIC: Readonly<Record<string, string>> = {
  а: 'a',
  б: 'b',
  в: 'v',
  г: 'g',
  ґ: 'g',
  ғ: 'g',
  д: 'd',
  ђ: 'dj',
  е: 'e',
  ё: 'yo',
  є: 'ye',
  ж: 'zh',
  з: 'z',
  и: 'i',
  і: 'i',
  ї: 'yi',
  й: 'y',
  ј: 'j',
  к: 'k',
  қ: 'k',
  л: 'l',
  љ: 'lj',
  м: 'm',
  н: 'n',
  ң: 'ng',
  њ: 'nj',
  о: 'o',
  ө: 'o',
  п: 'p',
  р: 'r',
  с: 's',
  т: 't',
  ћ: 'c',
  у: 'u',
  ў: 'w',
  ү: 'u',
  ұ: 'u',
  ф: 'f',
  х: 'kh',
  һ: 'h',
  ц: 'ts',
  ч: 'ch',
  џ: 'dz',
  ш: 'sh',
  щ: 'shch',
  ъ: '',
  ы: 'y',
  ь: '',
  э: 'e',
  ә: 'a',
  ю: 'yu',
  я: 'ya',
};

const GREEK: Readonly<Record<string, string>> = {
  α: 'a',
  β: 'v',
  γ: 'g',
  δ: 'd',
  ε: 'e',
  ζ: 'z',
  η: 'i',
  θ: 'th',
  ι: 'i',
  κ: 'k',
  λ: 'l',
  μ: 'm',
  ν: 'n',
  ξ: 'x',
  ο: 'o',
  π: 'p',
  ρ: 'r',
  σ: 's',
  ς: 's',
  τ: 't',
  υ: 'y',
  φ: 'f',
  χ: 'ch',
  ψ: 'ps',
  ω: 'o',
};

/** The consonants of the Ethiopic syllabary in the order of Unicode, eight places each from U+1200 on; empty: not used in names. */
const ETHIOPIC_CONSONANTS = 'h l h m s r s sh q qw q qw b v t ch h hw n ny a k kw kh khw w a z zh y d d j g gw ng t ch p ts ts f p'.split(
  ' ',
);
const ETHIOPIC_VOWELS = ['e', 'u', 'i', 'a', 'e', '', 'o', 'wa'];
const ETHIOPIC_START = 0x1200;
const ETHIOPIC_END = ETHIOPIC_START + 8 * ETHIOPIC_CONSONANTS.length;

const HANGUL_START = 0xac00;
const HANGUL_END = 0xd7a3;
const HANGUL_INITIAL = ['k', 'kk', 'n', 't', 'tt', 'r', 'm', 'p', 'pp', 's', 'ss', '', 'j', 'jj', 'ch', 'k', 't', 'p', 'h'];
const HANGUL_VOWEL = 'a ae ya yae o e yo ye o wa wae oe yo u wo we wi yu u ui i'.split(' ');
const HANGUL_FINAL = [
  '',
  'k',
  'k',
  'k',
  'n',
  'n',
  'n',
  't',
  'l',
  'k',
  'm',
  'l',
  'l',
  'l',
  'p',
  'l',
  'm',
  'p',
  'p',
  't',
  't',
  'ng',
  't',
  't',
  'k',
  't',
  'p',
  'h',
];
/** Korean family names are written in Latin letters as they always were, not as they sound. */
const HANGUL_FAMILY: Readonly<Record<string, string>> = { 이: 'lee', 박: 'park', 최: 'choi', 정: 'jung', 조: 'cho', 강: 'kang', 김: 'kim' };

export type Script = 'latin' | 'arabic' | 'cyrillic' | 'greek' | 'ethiopic' | 'hangul' | 'other';

const SCRIPTS: readonly (readonly [Script, RegExp])[] = [
  ['latin', /^\p{Script=Latin}+$/u],
  ['arabic', /^\p{Script=Arabic}+$/u],
  ['cyrillic', /^\p{Script=Cyrillic}+$/u],
  ['greek', /^\p{Script=Greek}+$/u],
  ['ethiopic', /^\p{Script=Ethiopic}+$/u],
  ['hangul', /^\p{Script=Hangul}+$/u],
];

/** The one script a word is written in, or `other`. */
export function scriptOf(word: string): Script {
  if (/^[a-z]+$/.test(word)) return 'latin';
  return SCRIPTS.find(([, pattern]) => pattern.test(word))?.[0] ?? 'other';
}

/**
 * Takes a lower-case word of one script without vowel signs, gives its words in Latin letters: one, but for
 * Hangul a word per syllable. What has no Latin form comes back as it was.
 */
export function transliterate(word: string, script: Script): string[] {
  if (script === 'arabic') return [fromArabic(word)];
  if (script === 'cyrillic') return [fromTable(word, CYRILLIC)];
  if (script === 'greek') return [fromTable(word.replaceAll('ου', 'u').replaceAll('μπ', 'b').replaceAll('ντ', 'd'), GREEK)];
  if (script === 'ethiopic') return [Array.from(word).map(ethiopicSyllable).join('')];
  if (script === 'hangul') return hangulSyllables(word);
  return [word];
}

function fromTable(word: string, table: Readonly<Record<string, string>>): string {
  return Array.from(word)
    .map((letter) => table[letter] ?? letter)
    .join('');
}

/** Waw and ya are consonants at the start of a word and before alif, and long vowels elsewhere. */
function fromArabic(word: string): string {
  const letters = Array.from(word);
  return letters
    .map((letter, at) => {
      const isGlide = at === 0 || letters[at + 1] === 'ا';
      if (letter === 'و') return isGlide ? 'w' : 'u';
      if (letter === 'ي' || letter === 'ی') return isGlide ? 'y' : 'i';
      return ARABIC[letter] ?? letter;
    })
    .join('');
}

function ethiopicSyllable(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  if (code < ETHIOPIC_START || code >= ETHIOPIC_END) return letter;
  const consonant = ETHIOPIC_CONSONANTS[(code - ETHIOPIC_START) >> 3] ?? '';
  const vowel = ETHIOPIC_VOWELS[(code - ETHIOPIC_START) & 7] ?? '';
  // The rows of alef and ayin carry only their vowel.
  if (consonant === 'a') return ((code - ETHIOPIC_START) & 7) === 0 ? 'a' : vowel || 'i';
  return consonant + vowel;
}

function hangulSyllables(word: string): string[] {
  return Array.from(word.normalize('NFC')).map((letter, at) => {
    const family = at === 0 ? HANGUL_FAMILY[letter] : undefined;
    const code = (letter.codePointAt(0) ?? 0) - HANGUL_START;
    if (family !== undefined || code < 0 || code > HANGUL_END - HANGUL_START) return family ?? letter;
    const initial = HANGUL_INITIAL[Math.floor(code / 588)] ?? '';
    const vowel = HANGUL_VOWEL[Math.floor((code % 588) / 28)] ?? '';
    return initial + vowel + (HANGUL_FINAL[code % 28] ?? '');
  });
}
