/**
 * What a customer or a list wrote is untrusted. This is the glass between such text and everything else:
 * a text becomes marks (closed words), and where a model is to read it at all, a copy without hidden
 * characters and without anything by which a person could be known. Pure.
 */
import { knownWord } from './vocabulary.ts';

export const TEXT_SOURCES = ['sender_name', 'receiver_name', 'reference', 'answer', 'list_entry'] as const;
export type TextSource = (typeof TEXT_SOURCES)[number];

/** A text as it was written. It is kept in memory only, and never logged, stored or put into a prompt as it is. */
export interface UntrustedText {
  readonly source: TextSource;
  readonly text: string;
  /** It was asked for because it identifies somebody: no model reads it, however it is cleaned. */
  readonly isPersonal?: true;
}

export const MARKS = [
  'hidden_characters',
  'direction_override',
  'mixed_scripts',
  'lookalike_letters',
  'markup',
  'link',
  'long_number',
  'encoded_run',
  'code_like',
  'role_words',
  'instruction_words',
  'decision_words',
  'very_long',
  'unreadable',
] as const;
export type Mark = (typeof MARKS)[number];

/** Marks that no honest name and no honest reference carries. */
export const MANIPULATION: ReadonlySet<Mark> = new Set([
  'hidden_characters',
  'direction_override',
  'markup',
  'link',
  'encoded_run',
  'code_like',
  'role_words',
  'instruction_words',
]);

export type TextFacts = {
  readonly source: TextSource;
  readonly length: number;
  readonly words: number;
  readonly marks: readonly Mark[];
};

/** Characters that are not seen: joiners, directions, variations, tags, fillers; besides them controls, private and unassigned ones. */
const UNSEEN: readonly (readonly [number, number])[] = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xfff0, 0xfffb],
  [0xe0000, 0xe0fff],
];
const UNSEEN_CLASS = UNSEEN.map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join('');
const HIDDEN = new RegExp(`[${UNSEEN_CLASS}]|(?![\\t\\n\\r])\\p{Cc}|\\p{Co}|\\p{Cn}`, 'gu');
const OVERRIDES = /[\u202A-\u202E\u2066-\u2069]/u;
const SCRIPTS = ['Latin', 'Cyrillic', 'Greek', 'Arabic', 'Ethiopic', 'Hebrew', 'Han', 'Hiragana', 'Katakana', 'Devanagari'] as const;
const VERY_LONG = 200;

/** Words by which a text speaks to a machine or to its reader, in the languages of the corridors; compared without accents and case. */
const INSTRUCTION_WORDS =
  /\b(ignore|disregard|forget|override|bypass|obey|execute|pretend|comply|instructions?|system prompt|jailbreak|developer mode|you are (now|an?)|act as|do not (tell|mention|flag|report)|ignorez?|oubliez?|desobei|instrucoes|ignorar?|esqueca|finja|vous etes|tu es|voce e|puuza|sahau|maagizo|fuata|wewe ni)\b|تجاهل|تعليمات|انس|أنت الآن|ችላ በል|መመሪያ|እርሳ/iu;
const DECISION_WORDS =
  /\b(approved?|release[ds]?|cleared?|whitelist(ed)?|false positive|no concern|not sanctioned|auto.?approve|verdict|compliance (team|officer)|low risk|approuv\w*|liber\w*|autoris\w*|aprovad\w*|libere|idhinish\w*|ruhusu|achilia)\b|موافق|الإفراج|أفرج|ፍቀድ|ተፈቅዷል/iu;
const ROLE_WORDS = /(^|[\s[<{|#*"'(])\/?(system|assistant|user|tool|developer|human|ai|inst|im_start|im_end|admin)\s*[\]>}|:)]/iu;
const MARKUP = /<\/?[a-z!][^>]*>|!?\[[^\]]*\]\s*\(|```|\{\{|\}\}|<\||\|>/iu;
const LINK = /\b(https?|ftp|data|javascript|mailto):|\bwww\.|\b[a-z0-9-]+\.(com|net|org|io|xyz|ru|cn|info|app|dev|evil)\b/iu;
const CODE_LIKE = /[{}][\s\S]*["':]|\b(tool_calls?|function_call|arguments|DROP TABLE|SELECT \*|eval\(|import os|curl |"lc"\s*:|\$\{)/iu;
const ENCODED =
  /(?:[A-Za-z0-9+/]{28,}={0,2})|(?:\\u[0-9a-f]{4}){3,}|(?:%[0-9a-f]{2}){4,}|(?:&#x?[0-9a-f]+;){3,}|\b(?:[0-9a-f]{2}[ :]){8,}|\b[0-9a-f]{40,}\b/iu;

/** What can be said of a text without repeating any of it. */
export function factsOfText({ source, text }: UntrustedText): TextFacts {
  const visible = text.replace(HIDDEN, '');
  const plain = plainOf(text);
  const found = new Set<Mark>();
  const note = (mark: Mark, holds: boolean): void => void (holds && found.add(mark));
  note('hidden_characters', visible !== text);
  note('direction_override', OVERRIDES.test(text));
  const scripts = scriptsIn(visible);
  note('mixed_scripts', scripts.length > 1);
  note('lookalike_letters', scripts.includes('Latin') && (scripts.includes('Cyrillic') || scripts.includes('Greek')));
  note('markup', MARKUP.test(visible));
  note('link', LINK.test(plain));
  note('long_number', /\d{6,}/.test(plain.replace(/[\s().-]/g, '')));
  note('encoded_run', ENCODED.test(visible));
  note('code_like', CODE_LIKE.test(visible));
  note('role_words', ROLE_WORDS.test(plain));
  note(
    'instruction_words',
    [plain, spacedOf(plain), joinedOf(plain)].some((each) => INSTRUCTION_WORDS.test(each)),
  );
  note(
    'decision_words',
    [plain, spacedOf(plain), joinedOf(plain)].some((each) => DECISION_WORDS.test(each)),
  );
  note('very_long', lengthOf(text) > VERY_LONG);
  note('unreadable', visible.trim() !== '' && !/\p{L}/u.test(visible));
  return {
    source,
    length: lengthOf(text),
    words: plain.split(/\s+/).filter((word) => word !== '').length,
    marks: MARKS.filter((mark) => found.has(mark)),
  };
}

function scriptsIn(text: string): string[] {
  return SCRIPTS.filter((script) => new RegExp(`\\p{Script=${script}}`, 'u').test(text));
}

/** Letters of other alphabets that are drawn like Latin ones, in pairs. */
const LOOKALIKES = new Map(
  'аaеeоoрpсcуyхxіiјjѕsԁdһhԛqԝwѵvАAВBЕEКKМMНHОOРPСCТTХXΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοoρpεeιiνvαaκk'
    .match(/../gu)
    ?.map((pair): [string, string] => [pair.slice(0, 1), pair.slice(1)]),
);

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** The text as a reader sees it: compatibility forms folded, accents and hidden characters gone, lookalikes as the letters they pretend to be. */
function plainOf(text: string): string {
  return text
    .normalize('NFKD')
    .replace(HIDDEN, '')
    .replace(/(?<=[\p{Script=Latin}])\p{M}+/gu, '')
    .replace(/[\p{Script=Cyrillic}\p{Script=Greek}]/gu, (letter) => LOOKALIKES.get(letter) ?? letter);
}

/** `ignore-previous_instructions` and `releaseThePayment` as words. */
function spacedOf(plain: string): string {
  return plain.replace(/[-_.:/+*~|]+/g, ' ').replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2');
}

/** `i g n o r e` and leetspeak as words. */
function joinedOf(plain: string): string {
  const digits: Readonly<Record<string, string>> = { '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', $: 's' };
  return plain
    .replace(/\b(?:\p{L}[\s.\-_*]){3,}\p{L}\b/gu, (run) => run.replace(/[\s.\-_*]/g, ''))
    .replace(/[013457@$]/g, (digit) => digits[digit] ?? digit);
}

const READ_MAX = 600;

/** Our word for what was taken out, a number, a word, or a mark between words: a text falls into these, and whatever else is in it is lost. */
const PIECES = /\[(?:name|address|link|number)\]|\p{N}+|[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|[.,;:!?]/gu;
const TAKEN_OUT = /\[(?:name|address|link|number|word)\]/g;

/**
 * A copy of a text that a model may read: at most 600 characters, all of it words of a closed vocabulary and words in brackets, which
 * stand for everything else: names, numbers and dates, addresses, links, and any word that is not in the vocabulary. Null when nothing
 * is left to read.
 */
export function readableOf(text: string, names: readonly string[]): string | null {
  let readable = text.normalize('NFKC').replace(HIDDEN, '');
  for (const name of wordsOfNames(names)) readable = readable.replace(new RegExp(escaped(name), 'giu'), '[name]');
  readable = readable
    .replace(/\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b/gu, '[address]')
    .replace(/\b(?:https?|ftp|data|javascript|mailto):\S+|\bwww\.\S+/giu, '[link]')
    // References that programs make: read letter by letter they are no words.
    .replace(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/giu, '[number]')
    .replace(/\+?\p{Nd}(?:[\s().\-/]*\p{Nd})+/gu, '[number]')
    .replace(/\b\p{L}{1,3}\p{Nd}{4,}\p{L}?\b/gu, '[number]');
  readable = (readable.match(PIECES) ?? [])
    .map(readablePiece)
    .join(' ')
    .replace(/ (?=[.,;:!?])/g, '');
  readable = readable
    .slice(0, READ_MAX)
    .replace(/\S+$/, (last) => (readable.length > READ_MAX ? '' : last))
    .trim();
  return /\p{L}/u.test(readable.replace(TAKEN_OUT, '')) ? readable : null;
}

/** A word that begins with a capital is more likely a name, which says that a third person is spoken of and not which. */
function readablePiece(piece: string): string {
  if (/^[[.,;:!?]/.test(piece)) return piece;
  if (/^\p{N}/u.test(piece)) return '[number]';
  return knownWord(piece) ?? (/^\p{Lu}/u.test(piece) ? '[name]' : '[word]');
}

/** Whole names first, then their words; words of one letter would blank the language itself. */
function wordsOfNames(names: readonly string[]): string[] {
  const whole = names.map((name) => name.normalize('NFKC').replace(HIDDEN, '').trim());
  const words = whole.flatMap((name) => name.split(/[\s,.'-]+/)).filter((word) => lengthOf(word) > 2);
  return [...new Set([...whole, ...words])].filter((each) => each !== '').sort((a, b) => b.length - a.length);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/** Names of fewer letters occur in any text. */
const NAME_LETTERS_MIN = 3;

/** Whether a text holds a name, or a number by which somebody could be known: the last look at what leaves the house. */
export function holdsPersonal(text: string, names: readonly string[], numbers: readonly string[]): boolean {
  const folded = plainOf(text).toLowerCase();
  const digits = text.replace(/\D/g, '');
  if (numbers.some((number) => digits.includes(number.replace(/\D/g, '').slice(-9)))) return true;
  return names.some((name) => {
    const plain = plainOf(name).toLowerCase().trim();
    if (lengthOf(plain) < NAME_LETTERS_MIN) return false;
    for (let at = folded.indexOf(plain); at >= 0; at = folded.indexOf(plain, at + 1)) {
      const isWhole = !/\p{L}$/u.test(folded.slice(0, at)) && !/^\p{L}/u.test(folded.slice(at + plain.length));
      if (isWhole) return true;
    }
    return false;
  });
}
