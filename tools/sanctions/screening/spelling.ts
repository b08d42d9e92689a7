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

/** Words are cut to fewer letters than this before they come here; longer ones are infinitely far apart. */
const WIDTH_MAX = 96;
/** Three rows of the table, used again by every call: it runs to its end before the next begins. */
const ROWS = [new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX), new Float64Array(WIDTH_MAX)] as const;

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
  for (let at = 1; at < width; at += 1)
    last[at] = (last[at - 1] ?? 0) + additionCost(b.charCodeAt(at - 1), at > 1 ? b.charCodeAt(at - 2) : 0);
  for (let row = 1; row <= a.length; row += 1) {
    const letter = a.charCodeAt(row - 1);
    const previous = row > 1 ? a.charCodeAt(row - 2) : 0;
    const addition = additionCost(letter, previous);
    current[0] = (last[0] ?? 0) + addition;
    let lowest = current[0];
    for (let at = 1; at < width; at += 1) {
      const other = b.charCodeAt(at - 1);
      const before = at > 1 ? b.charCodeAt(at - 2) : 0;
      let cost = (last[at - 1] ?? 0) + changeCost(letter, other);
      const without = (last[at] ?? 0) + addition;
      const withOther = (current[at - 1] ?? 0) + additionCost(other, before);
      if (without < cost) cost = without;
      if (withOther < cost) cost = withOther;
      if (row > 1 && at > 1 && letter === before && previous === other && (beforeLast[at - 2] ?? 0) + SWAP_COST < cost)
        cost = (beforeLast[at - 2] ?? 0) + SWAP_COST;
      current[at] = cost;
      if (cost < lowest) lowest = cost;
    }
    // A swap may still leap over this row at the price of one.
    if (lowest > limit + SWAP_COST) return Number.POSITIVE_INFINITY;
    const spare = beforeLast;
    beforeLast = last;
    last = current;
    current = spare;
  }
  const distance = last[width - 1] ?? 0;
  return distance > limit ? Number.POSITIVE_INFINITY : distance;
}
