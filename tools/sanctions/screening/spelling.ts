/**
 * How a name sounds, whoever wrote it down: one form for the spellings of English, French and Portuguese
 * clerks and of those who carry Arabic over into Latin letters (Youssouf, Yusuf, Iussufo; Djamel, Jamal).
 *
 * `soundOf` keeps vowels, `skeletonOf` only the consonants. Two words with one sound are one name to the
 * ear; two with one skeleton may be. Both are total and linear in the length of the word.
 */

/** In order: what comes first may take away what a later rule would see. */
const SOUNDS: readonly (readonly [RegExp, string])[] = [
  // The Slavic -y endings and soft consonants.
  [/(iy|ij|yi|ii|yy)$/, 'i'],
  [/(sz?tsch|shch)/g, 'S'],
  [/(tsch|tch|tsh)/g, 'C'],
  [/(aw|ow|au)$/, 'u'],
  [/zh/g, 'j'],
  [/kh/g, 'k'],
  [/(ck|cq|qu(?=[ei])|q)/g, 'k'],
  [/(gh|gu(?=[ei]))/g, 'g'],
  [/(dj|dg(?=[ei])|dzh|dz(?=h))/g, 'j'],
  [/(sch|sh)/g, 'S'],
  [/ch/g, 'C'],
  [/ph/g, 'f'],
  [/th/g, 't'],
  [/dh/g, 'd'],
  [/x/g, 'ks'],
  [/(gn|nh|ñ)(?=[aeiou])/g, 'ni'],
  [/lh(?=[aeiou])/g, 'li'],
  [/c(?=[eiy])/g, 's'],
  [/c/g, 'k'],
  [/ou(?=[aei])/g, 'w'],
  [/(ou|oo|uw|ow(?![aeiouy]))/g, 'u'],
  [/(ee|ie|ea(?=.)|ey|ei|ay|ai|iy)/g, 'i'],
  [/([^aeiouy]|^)y(?![aeiou])/g, '$1i'],
  [/y/g, 'i'],
  [/w/g, 'v'],
  [/e/g, 'i'],
  [/o/g, 'u'],
  // Doubled letters say nothing; a last h, and the silent e of French, neither.
  [/(.)\1+/g, '$1'],
  [/(?<=.)h$/, ''],
];

/** Takes a word in plain lower-case Latin letters, gives its sound: vowels a, i, u and consonants, S for sh and C for ch. */
export function soundOf(word: string): string {
  const spoken = word.length > 4 ? word.replace(/(?<=[^aeioucg])e$/, '') : word;
  let sound = spoken;
  for (const [pattern, replacement] of SOUNDS) sound = sound.replace(pattern, replacement);
  return sound === '' ? word : sound;
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
  'peter pedro pierre petrus piotr petr|paul paulo paolo|francis francisco francois|emmanuel emanuel manuel|stephen steven etienne stefan|michael michel mikhail mihail|' +
  'alexander alexandre aleksandr alexandros aleksandar oleksandr|vladimir volodymyr wladimir uladzimir|sergei sergey serhiy sergejs siarhei|dmitry dmitri dzmitry|' +
  'ndiaye njie|diallo jallow jalloh|cisse ceesay sesay|toure touray|kouyate kuyateh|kamara camara|ouattara wattara|jawara diawara|jarra diarra|barrow baro|bah ba|sy sey|' +
  'eddine aldin uddin|tse ze|suleiman sulaiman souleymane sulayman soliman suleman seleman soulaimane|yahya yahaya yahia|salim salem saleem|nasser nasir naser nassir|' +
  'khalid khaled halid|abdul abdel abd abdal abdoul abdil abdol|abdulaziz abdelaziz abdalaziz abdiaziz|abdulkadir abdelkader abdikadir abdulqadir abdoulkader cabdiqaadir|rashid rachid rasheed|' +
  'noor nur nour nuur|marie mary maria mariam mariama maryam meriem|idris idriss edris|aminata amina aminatou|kwasi kouassi|kwame kouame|kofi koffi|hawa eve hawwa|zainab zeinab zeynab zaynab seynabou|' +
  'jose joseph josef|joao john jean|andre andrew andreas|philip philippe felipe|thomas tomas|charles carlos karl|robert roberto|antonio anthony antoine anton|henry henri enrique|martin martins';

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

/** The letters of a text as bits and counts: what tells cheaply that two texts are too far apart to be measured. */
export interface Letters {
  /** How often each of a, e, i, o, u is there, four bits each, 15 at most. */
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
const COUNT_BITS = 4;
const COUNT_MAX = 15;

/** For each letter that is no vowel, the bits of all of its class. */
const KIN: ReadonlyMap<string, number> = new Map(
  Array.from(OTHERS, (letter): [string, number] => {
    const own = CLASSES[letter] ?? letter;
    return [letter, Array.from(OTHERS).reduce((bits, other, at) => ((CLASSES[other] ?? other) === own ? bits | (1 << at) : bits), 0)];
  }),
);

/** Takes a text, gives its letters; those beyond plain Latin are left out. */
export function lettersOf(text: string): Letters {
  let [vowels, others, kin, isDoubled] = [0, 0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (at > 0 && letter === text.charAt(at - 1)) isDoubled = true;
    const vowel = VOWELS.indexOf(letter) * COUNT_BITS;
    if (vowel >= 0 && ((vowels >> vowel) & COUNT_MAX) < COUNT_MAX) vowels += 1 << vowel;
    const other = OTHERS.indexOf(letter);
    if (other < 0) continue;
    others |= 1 << other;
    kin |= KIN.get(letter) ?? 0;
  }
  return { vowels, others, kin, isDoubled };
}

/**
 * A lower bound of `distanceOf` for texts of these letters: what only one of them has must go, by a change or by being left
 * out, and each way of going has its least cost.
 */
export function distanceMin(a: Letters, b: Letters): number {
  if (a.isDoubled || b.isDoubled) return 0;
  return Math.max(costOfSurplus(a, b), costOfSurplus(b, a));
}

function costOfSurplus(a: Letters, b: Letters): number {
  let surplus = 0;
  for (let shift = 0; shift < VOWELS.length * COUNT_BITS; shift += COUNT_BITS) {
    const more = ((a.vowels >> shift) & COUNT_MAX) - ((b.vowels >> shift) & COUNT_MAX);
    if (more > 0) surplus += more;
  }
  const gone = a.others & ~b.others;
  const h = gone & H_BIT ? H_COST : 0;
  const related = bitsOf(gone & b.kin & ~H_BIT);
  // A letter of another class may still be changed into an h.
  return surplus * VOWEL_COST + h + related * NEAR_COST + (bitsOf(gone & ~H_BIT) - related) * H_CHANGE_COST;
}

function bitsOf(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Words are cut to fewer letters than this before they come here; longer ones are infinitely far apart. */
const WIDTH_MAX = 96;
/** Three rows of the table, and the letters of one text with what adding each costs, used again by every call: it runs to its end before the next begins. */
const ROWS = [new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX)] as const;
const COLUMN_CODES = new Uint16Array(WIDTH_MAX);
const COLUMN_ADDITIONS = new Float64Array(WIDTH_MAX);

/**
 * How far two words are apart: the cheapest way from one to the other by changing, adding, leaving out and
 * swapping letters, where vowels, an h and consonants of one class cost less than 1. Gives up with Infinity
 * above `limit`. Source: Damerau-Levenshtein distance (optimal string alignment) with weighted costs.
 */
export function distanceOf(a: string, b: string, limit: number): number {
  if (a === b) return 0;
  const width = b.length + 1;
  if (width > WIDTH_MAX || a.length >= WIDTH_MAX) return Number.POSITIVE_INFINITY;
  let beforeLast = ROWS[0];
  let last = ROWS[1];
  let current = ROWS[2];
  last[0] = 0;
  for (let at = 1; at < width; at += 1) {
    const code = b.charCodeAt(at - 1);
    COLUMN_CODES[at] = code;
    COLUMN_ADDITIONS[at] = additionCost(code, at > 1 ? b.charCodeAt(at - 2) : 0);
    last[at] = (last[at - 1] as number) + (COLUMN_ADDITIONS[at] as number);
  }
  let previous = 0;
  for (let row = 1; row <= a.length; row += 1) {
    const letter = a.charCodeAt(row - 1);
    const addition = additionCost(letter, previous);
    let left = (last[0] as number) + addition;
    let lowest = left;
    let diagonal = last[0] as number;
    current[0] = left;
    for (let at = 1; at < width; at += 1) {
      const other = COLUMN_CODES[at] as number;
      const above = last[at] as number;
      let cost = diagonal + changeCost(letter, other);
      const without = above + addition;
      const withOther = left + (COLUMN_ADDITIONS[at] as number);
      if (without < cost) cost = without;
      if (withOther < cost) cost = withOther;
      if (row > 1 && at > 1 && letter === COLUMN_CODES[at - 1] && previous === other) {
        const swapped = (beforeLast[at - 2] as number) + SWAP_COST;
        if (swapped < cost) cost = swapped;
      }
      current[at] = cost;
      left = cost;
      diagonal = above;
      if (cost < lowest) lowest = cost;
    }
    // A swap may still leap over this row at the price of one.
    if (lowest > limit + SWAP_COST) return Number.POSITIVE_INFINITY;
    const spare = beforeLast;
    beforeLast = last;
    last = current;
    current = spare;
    previous = letter;
  }
  const distance = last[width - 1] as number;
  return distance > limit ? Number.POSITIVE_INFINITY : distance;
}
