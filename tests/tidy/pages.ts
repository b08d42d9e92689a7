/** Rules about the pages: decisions are numbered once, links lead somewhere, and the codes they name exist. */
import { posix } from 'node:path';
import type { Problem } from './source.ts';

/** Decision records whose file name has no number, or one that another has. */
export function checkDecisions(paths: readonly string[]): Problem[] {
  const seen = new Map<string, string>();
  return paths.flatMap((path) => {
    const number = /^(\d{4})-[a-z0-9-]+\.md$/.exec(posix.basename(path))?.[1];
    if (number === undefined) return [{ path, line: 1, message: 'a decision is named 0001-what-it-is.md' }];
    const earlier = seen.get(number);
    seen.set(number, path);
    return earlier === undefined ? [] : [{ path, line: 1, message: `${number} is taken by ${earlier}` }];
  });
}

/** Relative links, in text or pictures, to files that do not exist. */
export function checkLinks(path: string, text: string, exists: (path: string) => boolean): Problem[] {
  return linesOutsideCode(text).flatMap(({ line, text: content }) =>
    [...content.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].flatMap((match) => {
      const target = (match[1] ?? '').split('#')[0] ?? '';
      if (target === '' || /^([a-z][a-z0-9+.-]*:|\/)/i.test(target)) return [];
      const file = posix.join(posix.dirname(path), decodeURIComponent(target));
      return exists(file) ? [] : [{ path, line, message: `there is no ${file}` }];
    }),
  );
}

/**
 * Words in code font that are written like an error code (`amount_too_precise`) but occur nowhere in the
 * sources. Columns, metrics and settings are written the same way, and are looked for in the same place.
 */
export function checkCodes(path: string, text: string, isKnown: (word: string) => boolean): Problem[] {
  return linesOutsideCode(text).flatMap(({ line, text: content }) =>
    [...content.matchAll(/`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`/g)].flatMap((match) => {
      const word = match[1] ?? '';
      return isKnown(word) ? [] : [{ path, line, message: `there is no ${word} in the sources` }];
    }),
  );
}

/** Every word of the sources that is written with underscores. */
export function underscoredWords(texts: Iterable<string>): ReadonlySet<string> {
  const words = new Set<string>();
  for (const text of texts) for (const [word] of text.matchAll(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/g)) words.add(word);
  return words;
}

function linesOutsideCode(text: string): { line: number; text: string }[] {
  let fenced = false;
  return text.split('\n').flatMap((content, index) => {
    if (/^\s*(```|~~~)/.test(content)) fenced = !fenced;
    return fenced ? [] : [{ line: index + 1, text: content }];
  });
}
