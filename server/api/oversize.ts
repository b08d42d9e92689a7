/** Which field made a row too long to be kept, told from the bytes at its beginning. */
import { INTENT_COLUMNS, intentFromRecord, PARTY_COLUMNS } from '../../domain/intent.ts';

/** The field of an intent that a column of a CSV fills, as a dotted path. */
const FIELD_OF_COLUMN: ReadonlyMap<string, string> = new Map(
  [...INTENT_COLUMNS, ...PARTY_COLUMNS].map((column) => [column, pathOf(intentFromRecord({ [column]: 'x' }))]),
);

/** The one path that leads to a value. */
function pathOf(value: Record<string, unknown>): string {
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== 'object') return key;
    const rest = pathOf(inner as Record<string, unknown>);
    if (rest !== '') return `${key}.${rest}`;
  }
  return '';
}

/** The field in whose cell the beginning of a CSV record ends; '' for a column that no intent has. */
export function fieldOfCsv(head: string, columns: readonly string[], separator: string): string {
  let index = 0;
  let quoted = false;
  for (const char of head) {
    if (char === '"') quoted = !quoted;
    else if (char === separator && !quoted) index++;
  }
  return FIELD_OF_COLUMN.get(columns[index] ?? '') ?? '';
}

/** Marks, and strings, of which the last may not end. Numbers and words say nothing about where one is. */
const TOKEN = /[{}[\]:,]|"(?:[^"\\]|\\.)*(?:"|\\?$)/gs;

const FIELDS: ReadonlySet<string> = new Set(FIELD_OF_COLUMN.values());

/** The field in which the beginning of a JSON row ends; '' for the whole row and for what no intent has. */
export function fieldOfJson(head: string): string {
  const path: string[] = [];
  let depth = 0;
  let last = '';
  for (const [token] of head.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ':') path[depth - 1] = keyOf(last);
    if (token === ',' || token === '}' || token === ']') path.length = Math.min(path.length, Math.max(depth - 1, 0));
    last = token;
  }
  const field = path.slice(0, depth).join('.');
  return FIELDS.has(field) ? field : '';
}

function keyOf(token: string): string {
  return token.startsWith('"') && token.length > 1 ? token.slice(1, -1) : '';
}
