/**
 * The plain method that screening is measured against: capitals, accents off, words sorted, Jaro-Winkler,
 * best over all listed names. Source: W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules
 * in the Fellegi-Sunter Model of Record Linkage", 1990.
 */
const PREFIX_MAX = 4;
const PREFIX_SHARE = 0.1;

/** A name as the plain method sees it. */
export function plainForm(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase();
  return plain
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .sort()
    .join(' ');
}

/** Similarity of two texts, 0 to 1. */
export function jaroWinkler(a: string, b: string): number {
  if (a === b) return a === '' ? 0 : 1;
  const jaro = jaroOf(a, b);
  let prefix = 0;
  while (prefix < PREFIX_MAX && prefix < a.length && prefix < b.length && a[prefix] === b[prefix]) prefix += 1;
  return jaro + prefix * PREFIX_SHARE * (1 - jaro);
}

function jaroOf(a: string, b: string): number {
  const reach = Math.max(0, Math.floor(Math.max(a.length, b.length) / 2) - 1);
  const takenB = new Uint8Array(b.length);
  const matchedA: string[] = [];
  for (let at = 0; at < a.length; at += 1) {
    const end = Math.min(b.length, at + reach + 1);
    for (let to = Math.max(0, at - reach); to < end; to += 1) {
      if (takenB[to] === 1 || a[at] !== b[to]) continue;
      takenB[to] = 1;
      matchedA.push(a[at] ?? '');
      break;
    }
  }
  if (matchedA.length === 0) return 0;
  let out = 0;
  let next = 0;
  for (let to = 0; to < b.length; to += 1) {
    if (takenB[to] === 0) continue;
    if (b[to] !== matchedA[next]) out += 1;
    next += 1;
  }
  const matches = matchedA.length;
  return (matches / a.length + matches / b.length + (matches - out / 2) / matches) / 3;
}

interface Form {
  readonly text: string;
  readonly letters: Uint8Array;
}

const LETTERS = 27;

function formOf(text: string): Form {
  const letters = new Uint8Array(LETTERS);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at) - 65;
    const place = code >= 0 && code < 26 ? code : 26;
    letters[place] = Math.min(255, (letters[place] ?? 0) + 1);
  }
  return { text, letters };
}

/** No pair can score more: all letters that both have are taken for matches in order. */
function boundOf(a: Form, b: Form): number {
  let common = 0;
  for (let at = 0; at < LETTERS; at += 1) common += Math.min(a.letters[at] ?? 0, b.letters[at] ?? 0);
  if (common === 0) return 0;
  const jaro = (common / a.text.length + common / b.text.length + 1) / 3;
  return jaro + PREFIX_MAX * PREFIX_SHARE * (1 - jaro);
}

/** The best score of a name over many, looked for only where it could be better than `floor`. */
export function createPlainScreen(names: Iterable<string>): (name: string, floor: number) => number {
  const forms = [...new Set(Array.from(names, plainForm))].filter((text) => text !== '').map(formOf);
  return (name, floor) => {
    const asked = formOf(plainForm(name));
    let best = floor;
    for (const form of forms) if (boundOf(asked, form) > best) best = Math.max(best, jaroWinkler(asked.text, form.text));
    return best;
  };
}
