/** How deep JSON may nest: no body of the API needs more, and what reads it afterwards need not fear its stack. */

export const JSON_DEPTH_MAX = 32;

const OPENINGS = /[[{]/g;

/** Says whether arrays and objects stand deeper in one another than allowed. For text that may not be valid JSON at all. */
export function isTooDeep(text: string, depthMax = JSON_DEPTH_MAX): boolean {
  // Hardly any text has so many brackets, wherever they stand; then there is nothing to follow.
  let openings = 0;
  OPENINGS.lastIndex = 0;
  while (openings <= depthMax && OPENINGS.test(text)) openings += 1;
  return openings > depthMax && deepestOf(text) > depthMax;
}

function deepestOf(text: string): number {
  let [depth, deepest] = [0, 0];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}
