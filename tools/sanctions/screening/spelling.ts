/**
 * How a name sounds, whoever wrote it down: one form for the spellings of English, French and Portuguese
 * clerks and of those who carry Arabic over into Latin letters (Youssouf, Yusuf, Iussufo; Djamel, Jamal).
 *
 * `soundOf` keeps vowels, `skeletonOf` only the consonants. Two words with one sound are one name to the
 * ear; two with one skeleton may be. Both are total and linear in the length of the word.
 */

/** In order: what comes first may take away what a later rule would see. A word without any of the letters at the end of a row is none of its business. */
const SOUNDS: readonly (readonly [pattern: RegExp, replacement: string, anyOf: string])[] = [
  // The Slavic -y endings and soft consonants.
  [/(iy|ij|yi|ii|yy)$/, 'i', 'iy'],
  [/(sz?tsch|shch)/g, 'S', 'h'],
  [/(tsch|tch|tsh)/g, 'C', 'h'],
  [/(aw|ow|au)$/, 'u', 'ao'],
  [/zh/g, 'j', 'z'],
  [/kh/g, 'k', 'k'],
  [/(ck|cq|qu(?=[ei])|q)/g, 'k', 'cq'],
  [/(gh|gu(?=[ei]))/g, 'g', 'g'],
  [/(dj|dg(?=[ei])|dzh|dz(?=h))/g, 'j', 'd'],
  [/(sch|sh)/g, 'S', 'h'],
  [/ch/g, 'C', 'h'],
  [/ph/g, 'f', 'p'],
  [/th/g, 't', 'h'],
  [/dh/g, 'd', 'h'],
  [/x/g, 'ks', 'x'],
  [/(gn|nh|ñ)(?=[aeiou])/g, 'ni', ''],
  [/lh(?=[aeiou])/g, 'li', 'h'],
  [/c(?=[eiy])/g, 's', 'c'],
  [/c/g, 'k', 'c'],
  [/ou(?=[aei])/g, 'w', 'o'],
  [/(ou|oo|uw|ow(?![aeiouy]))/g, 'u', 'ow'],
  [/(ee|ie|ea(?=.)|ey|ei|ay|ai|iy)/g, 'i', 'eaiy'],
  [/([^aeiouy]|^)y(?![aeiou])/g, '$1i', 'y'],
  [/y/g, 'i', 'y'],
  [/w/g, 'v', 'w'],
  [/e/g, 'i', 'e'],
  [/o/g, 'u', 'o'],
  // Doubled letters say nothing; a last h, and the silent e of French, neither.
  [/(.)\1+/g, '$1', ''],
  [/(?<=.)h$/, '', 'h'],
];

/** Takes a word in plain lower-case Latin letters, gives its sound: vowels a, i, u and consonants, S for sh and C for ch. */
export function soundOf(word: string): string {
  const spoken = word.length > 4 ? word.replace(/(?<=[^aeioucg])e$/, '') : word;
  let sound = spoken;
  let present = lettersIn(sound);
  for (const { pattern, replacement, anyOf } of SOUND_RULES) {
    if ((present & anyOf) === 0) continue;
    const changed = sound.replace(pattern, replacement);
    if (changed === sound) continue;
    sound = changed;
    present = lettersIn(sound);
  }
  return sound === '' ? word : sound;
}

const ANY_LETTER = -1;
const SOUND_RULES = SOUNDS.map(([pattern, replacement, anyOf]) => ({
  pattern,
  replacement,
  anyOf: anyOf === '' ? ANY_LETTER : lettersIn(anyOf),
}));

/** Which of a to z are in a text, a bit each; one bit more for anything else, so that some bit is set unless it is empty. */
function lettersIn(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at) - 97;
    bits |= letter >= 0 && letter < 26 ? 1 << letter : 1 << 26;
  }
  return bits;
}

/** Consonants that clerks and typewriters take for one another. */
const CLASSES: Readonly<Record<string, string>> = { p: 'b', t: 'd', g: 'k', j: 's', z: 's', S: 's', C: 's', v: 'f' };

/** Takes a sound, gives its consonants by class; the h, which comes and goes, left out. A first vowel stays as `a`. */
export function skeletonOf(sound: string): string {
  let skeleton = /^[aiu]/.test(sound) ? 'a' : '';
  for (const letter of sound) {
    if ('aiuh'.includes(letter)) continue;
    const consonant = CLASSES[letter] ?? letter;
    if (!skeleton.endsWith(consonant)) skeleton += consonant;
  }
  return skeleton;
}

/** Words that are one name though no rule of sound says so, each group with the spellings that sound different. */
const SAME_NAME =
  'mohamed muhammad mohammed mahamed mahamat maxamed mehmet mohd muhd md moham mahamad muhammed magomed mukhammad|ahmed ahmad axmed akhmed ahmet hmed achmad|' +
  'hassan hasan xasan khasan|hussein husayn hussain hossein xuseen husein houcine hocine khusein|ali cali aly|omar umar cumar oumar amar|' +
  'osman usman uthman othman cismaan ousmane cusmaan osmane|ibrahim ebrahim brahim ibraahim ibrahima|ismail ismael ismaaciil esmail smail|' +
  'yusuf yousef youssef yousuf yussuf iussufo yuusuf|abdullah abdallah abdulla cabdullahi abdullahi abdalla abdellah cabdulaahi abdoulaye abdoullah|' +
  'abdi cabdi|abdirahman abdurrahman abdulrahman abdelrahman abderrahmane cabdiraxmaan abdulrehman abdourahmane|abubakar abubaker abubakr aboubacar boubacar boubakar abakar abbakar|' +
  'said saeed sayed sayyid saaid sad syed|sheikh cheikh shaykh shekh sheik|issa isa ciise essa eissa|musa moussa moosa muse mussa muuse|' +
  'aisha aicha ayesha caasha aissa aichatou aissatou|fatima fatma fadumo fatuma fatimah fatoumata|khadija kadija xadiija hadija kadidja|' +
  'mahmoud mahmud mahmood maxamuud mohamud mahamoud|mustafa mostafa moustapha mustapha|gaddafi qadhafi kadhafi gadhafi qaddafi ghathafi elgaddafi|' +
  'qaida qaeda qaida|osama usama oussama|laden ladin|jamal djamel gamal jamel|abdu abdou abdo|george jorge georges|' +
  'peter pedro pierre petrus piotr petr pete|paul paulo paolo|francis francisco francois|emmanuel emanuel manuel|stephen steven etienne stefan steve|michael michel mikhail mihail mike mick|' +
  'alexander alexandre aleksandr alexandros aleksandar oleksandr alex|vladimir volodymyr wladimir uladzimir|sergei sergey serhiy sergejs siarhei|dmitry dmitri dzmitry|' +
  'ndiaye njie|diallo jallow jalloh|cisse ceesay sesay|toure touray|kouyate kuyateh|kamara camara|ouattara wattara|jawara diawara|jarra diarra|barrow baro|bah ba|sy sey|' +
  'eddine aldin uddin|tse ze|suleiman sulaiman souleymane sulayman soliman suleman seleman soulaimane|yahya yahaya yahia|salim salem saleem|nasser nasir naser nassir|' +
  'khalid khaled halid|abdul abdel abd abdal abdoul abdil abdol|abdulaziz abdelaziz abdalaziz abdiaziz|abdulkadir abdelkader abdikadir abdulqadir abdoulkader cabdiqaadir|rashid rachid rasheed|' +
  'noor nur nour nuur|marie mary maria mariam mariama maryam meriem|idris idriss edris|aminata amina aminatou|kwasi kouassi|kwame kouame|kofi koffi|hawa eve hawwa|zainab zeinab zeynab zaynab seynabou|' +
  'jose joseph josef joe|joao john jean johnny|andre andrew andreas|philip philippe felipe|thomas tomas tom tommy|charles carlos karl charlie|robert roberto bob bobby rob|antonio anthony antoine anton tony|henry henri enrique harry|martin martins|' +
  'william guillaume wilhelm willem guillermo bill billy will willy|richard ricardo dick rick|theodore theodor theo ted teddy|edward eduard eduardo edouard eddie|james jim jimmy|' +
  'benjamin ben benny|samuel sam sammy|daniel dan danny|david dave|nicholas nicolas nikolai nick|frederick frederic friedrich fred freddy|elizabeth elisabeth liz betty|' +
  'margaret marguerite maggie peggy|catherine katherine kathryn kate katie|christopher christophe chris|matthew mathieu matt|timothy tim|gregory greg|kenneth ken kenny';

const VARIANTS: ReadonlyMap<string, string> = new Map(
  SAME_NAME.split('|').flatMap((group) => group.split(' ').map((word): [string, string] => [word, group.split(' ')[0] ?? word])),
);

/** The name of which a word is a spelling, or undefined. */
export function variantOf(word: string): string | undefined {
  return VARIANTS.get(word);
}

const VOWEL_COST = 0.6;
const NEAR_COST = 0.5;
const H_COST = 0.4;
const H_CHANGE_COST = 0.9;
const DOUBLING_COST = 0.2;
const SWAP_COST = 0.85;

/** Costs by letter codes; letters beyond ASCII cost 1. */
const CODES = 128;
const CHANGES = new Float64Array(CODES * CODES).fill(1);
const ADDITIONS = new Float64Array(CODES).fill(1);
fillCosts();

function fillCosts(): void {
  const letters = 'abcdefghijklmnopqrstuvwxyzSC';
  const isVowel = (letter: string): boolean => 'aeiou'.includes(letter);
  for (const a of letters) {
    ADDITIONS[a.charCodeAt(0)] = a === 'h' ? H_COST : isVowel(a) ? VOWEL_COST : 1;
    for (const b of letters) {
      const isNear = (CLASSES[a] ?? a) === (CLASSES[b] ?? b);
      const cost = isVowel(a) && isVowel(b) ? VOWEL_COST : a === 'h' || b === 'h' ? H_CHANGE_COST : isNear ? NEAR_COST : 1;
      CHANGES[a.charCodeAt(0) * CODES + b.charCodeAt(0)] = a === b ? 0 : cost;
    }
  }
}

function changeCost(a: number, b: number): number {
  return a === b ? 0 : a < CODES && b < CODES ? (CHANGES[a * CODES + b] ?? 1) : 1;
}

function additionCost(code: number, before: number): number {
  return code === before ? DOUBLING_COST : code < CODES ? (ADDITIONS[code] ?? 1) : 1;
}

/** The letters of a text as bits: what tells cheaply that two texts are too far apart to be measured. */
export interface Letters {
  /** How often each of a, e, i, o, u is there, as so many bits set of six; six also stand for more. */
  readonly vowels: number;
  /** Which other letters are there, a bit each. */
  readonly others: number;
  /** Those, and all that belong to the class of one of them. */
  readonly kin: number;
  /** A letter stands twice in a row: leaving out the second costs next to nothing. */
  readonly isDoubled: boolean;
}

const VOWELS = 'aeiou';
const OTHERS = 'bcdfghjklmnpqrstvwxyzSC';
const H_BIT = 1 << OTHERS.indexOf('h');
const COUNT_MAX = 6;
const COUNT_MASK = (1 << COUNT_MAX) - 1;

/** By letter code: where the bits of a vowel begin, or -1. */
const VOWEL_SHIFTS = Int8Array.from({ length: CODES }, (_, code) => {
  const at = VOWELS.indexOf(String.fromCharCode(code));
  return at < 0 ? -1 : at * COUNT_MAX;
});
/** By letter code: the bit of a letter that is no vowel, and the bits of all of its class. */
const OTHER_BITS = Int32Array.from({ length: CODES }, (_, code) => {
  const at = OTHERS.indexOf(String.fromCharCode(code));
  return at < 0 ? 0 : 1 << at;
});
const KIN_BITS = Int32Array.from({ length: CODES }, (_, code) => {
  const letter = String.fromCharCode(code);
  if (!OTHERS.includes(letter)) return 0;
  const own = CLASSES[letter] ?? letter;
  return Array.from(OTHERS).reduce((bits, other, at) => ((CLASSES[other] ?? other) === own ? bits | (1 << at) : bits), 0);
});

/** Takes a text, gives its letters; those beyond plain Latin are left out. */
export function lettersOf(text: string): Letters {
  let [vowels, others, kin, isDoubled, before] = [0, 0, 0, false, -1];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === before) isDoubled = true;
    before = code;
    if (code >= CODES) continue;
    const shift = VOWEL_SHIFTS[code] as number;
    if (shift >= 0) vowels |= (((((vowels >> shift) & COUNT_MASK) << 1) | 1) << shift) & (COUNT_MASK << shift);
    others |= OTHER_BITS[code] as number;
    kin |= KIN_BITS[code] as number;
  }
  return { vowels, others, kin, isDoubled };
}

/**
 * A lower bound of `distanceOf` for texts of these letters: what only one of them has must go, by a change or by being left
 * out, and each way of going has its least cost.
 */
export function distanceMin(a: Letters, b: Letters): number {
  if (a.isDoubled || b.isDoubled) return 0;
  return Math.max(
    costOfSurplus(a.vowels, a.others, b.vowels, b.others, b.kin),
    costOfSurplus(b.vowels, b.others, a.vowels, a.others, a.kin),
  );
}

/** What it costs at least to rid a text of the letters that another one, whose letters come second, does not have. */
export function costOfSurplus(vowels: number, others: number, otherVowels: number, otherOthers: number, otherKin: number): number {
  const gone = others & ~otherOthers;
  const h = gone & H_BIT ? H_COST : 0;
  const firm = gone & ~H_BIT;
  const related = bitsOf(firm & otherKin);
  // A letter of another class may still be changed into an h.
  return bitsOf(vowels & ~otherVowels) * VOWEL_COST + h + related * NEAR_COST + (bitsOf(firm) - related) * H_CHANGE_COST;
}

/** How many bits are set. Source: Warren, Hacker's Delight, 5-1. */
function bitsOf(value: number): number {
  const pairs = value - ((value >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Words are cut to fewer letters than this before they come here; longer ones are infinitely far apart. */
const WIDTH_MAX = 96;
/** Three rows of the table, and what adding each letter of one text costs, used again by every call: it runs to its end before the next begins. */
const ROWS = [new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX)] as const;
const COLUMN_ADDITIONS = new Float64Array(WIDTH_MAX);
const CODES_OF_TEXTS = new Uint16Array(2 * WIDTH_MAX);

/**
 * How far two words are apart: the cheapest way from one to the other by changing, adding, leaving out and
 * swapping letters, where vowels, an h and consonants of one class cost less than 1. Gives up with Infinity
 * above `limit`. Source: Damerau-Levenshtein distance (optimal string alignment) with weighted costs.
 */
export function distanceOf(a: string, b: string, limit: number): number {
  if (a === b) return 0;
  if (a.length >= WIDTH_MAX || b.length >= WIDTH_MAX) return Number.POSITIVE_INFINITY;
  for (let at = 0; at < a.length; at += 1) CODES_OF_TEXTS[at] = a.charCodeAt(at);
  for (let at = 0; at < b.length; at += 1) CODES_OF_TEXTS[WIDTH_MAX + at] = b.charCodeAt(at);
  return distanceOfCodes(CODES_OF_TEXTS, 0, a.length, WIDTH_MAX, b.length, limit);
}

/** The same for two words whose letters, UTF-16 codes, lie in one array from `a` and from `b` on. */
export function distanceOfCodes(codes: Uint16Array, a: number, aLength: number, b: number, bLength: number, limit: number): number {
  const width = bLength + 1;
  if (width > WIDTH_MAX || aLength >= WIDTH_MAX) return Number.POSITIVE_INFINITY;
  let beforeLast = ROWS[0];
  let last = ROWS[1];
  let current = ROWS[2];
  last[0] = 0;
  for (let at = 1; at < width; at += 1) {
    COLUMN_ADDITIONS[at] = additionCost(codes[b + at - 1] as number, at > 1 ? (codes[b + at - 2] as number) : 0);
    last[at] = (last[at - 1] as number) + (COLUMN_ADDITIONS[at] as number);
  }
  let previous = 0;
  let lowestBefore = 0;
  for (let row = 1; row <= aLength; row += 1) {
    const letter = codes[a + row - 1] as number;
    const addition = additionCost(letter, previous);
    let left = (last[0] as number) + addition;
    let lowest = left;
    let diagonal = last[0] as number;
    let otherBefore = -1;
    current[0] = left;
    for (let at = 1; at < width; at += 1) {
      const other = codes[b + at - 1] as number;
      const above = last[at] as number;
      let cost = diagonal + changeCost(letter, other);
      const without = above + addition;
      const withOther = left + (COLUMN_ADDITIONS[at] as number);
      if (without < cost) cost = without;
      if (withOther < cost) cost = withOther;
      if (row > 1 && letter === otherBefore && previous === other) {
        const swapped = (beforeLast[at - 2] as number) + SWAP_COST;
        if (swapped < cost) cost = swapped;
      }
      current[at] = cost;
      left = cost;
      diagonal = above;
      otherBefore = other;
      if (cost < lowest) lowest = cost;
    }
    // Every way leads through this row, or leaps over it from the one before by a swap.
    if (lowest > limit && lowestBefore + SWAP_COST > limit) return Number.POSITIVE_INFINITY;
    lowestBefore = lowest;
    const spare = beforeLast;
    beforeLast = last;
    last = current;
    current = spare;
    previous = letter;
  }
  const distance = last[width - 1] as number;
  return distance > limit ? Number.POSITIVE_INFINITY : distance;
}
