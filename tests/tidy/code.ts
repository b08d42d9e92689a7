/** Rules about the code itself: its size, its money, what it logs, and what pure code may not ask for. */
import {
  chainOf,
  childOf,
  childrenOf,
  isNode,
  isTestPath,
  type Node,
  nameOf,
  type Problem,
  problemAt,
  type Source,
  walk,
} from './source.ts';

export const FUNCTION_LINES_MAX = 70;
export const FILE_LINES_MAX = 400;

const FUNCTION_TYPES = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression', 'ObjectMethod', 'ClassMethod']);

/**
 * Functions that are too long. Counted generously: blank lines and comments are free, and so are the lines
 * of functions inside, which are counted for themselves.
 */
export function checkFunctionLength(source: Source): Problem[] {
  const found: Problem[] = [];
  walk(source.tree, (node) => {
    if (!FUNCTION_TYPES.has(node.type)) return undefined;
    const lines = linesOf(source, node).size;
    if (lines > FUNCTION_LINES_MAX) found.push(problemAt(source, node, `a function of ${lines} lines; at most ${FUNCTION_LINES_MAX}`));
    return undefined;
  });
  return found;
}

function linesOf(source: Source, node: Node): Set<number> {
  const lines = new Set<number>();
  for (let line = node.loc.start.line; line <= node.loc.end.line; line += 1) {
    if (!source.emptyLines.has(line)) lines.add(line);
  }
  const withoutInner = (below: Node): void => {
    for (const child of childrenOf(below)) {
      if (!FUNCTION_TYPES.has(child.type)) withoutInner(child);
      // The line on which a function begins belongs to whoever holds it.
      else for (let line = child.loc.start.line + 1; line <= child.loc.end.line; line += 1) lines.delete(line);
    }
  };
  withoutInner(node);
  return lines;
}

/** Files that are too long. */
export function checkFileLength(source: Source): Problem[] {
  const lines = source.text.split('\n').length - (source.text.endsWith('\n') ? 1 : 0);
  return lines <= FILE_LINES_MAX ? [] : [{ path: source.path, line: lines, message: `${lines} lines; at most ${FILE_LINES_MAX}` }];
}

const MONEY_NAME = /(^|[a-z_])([mM]inor|[aA]mount|[bB]alance)$/;

/** Money as a `number`: declared so, made so from text, or validated so. */
export function checkMoney(source: Source): Problem[] {
  const found: Problem[] = [];
  const report = (node: Node, name: string): void => {
    found.push(problemAt(source, node, `${name} is money and must not be a number`));
  };
  walk(source.tree, (node) => {
    const name = nameOf(childOf(node, 'key') ?? childOf(node, 'id') ?? (node.type === 'Identifier' ? node : null));
    if (name === null || !MONEY_NAME.test(name)) return undefined;
    const annotation = childOf(node, 'typeAnnotation');
    if (annotation !== null && mentionsNumber(annotation)) report(node, name);
    const value = childOf(node, 'value') ?? childOf(node, 'init');
    if (value !== null && makesNumber(value)) report(node, name);
    return undefined;
  });
  return found;
}

/** `number`, `number | null`, `readonly number[]`; a function type is not what its parameters are. */
function mentionsNumber(annotation: Node): boolean {
  let found = false;
  walk(annotation, (node) => {
    if (node.type === 'TSFunctionType') return false;
    if (node.type === 'TSNumberKeyword') found = true;
    return undefined;
  });
  return found;
}

function makesNumber(value: Node): boolean {
  if (value.type === 'NumericLiteral') return true;
  if (value.type !== 'CallExpression') return false;
  const callee = childOf(value, 'callee');
  const chain = chainOf(callee) ?? '';
  if (/^(Number|parseFloat|parseInt|Number\.parse(Float|Int))$/.test(chain)) return true;
  if (/^z\.(coerce\.)?(number|int)$/.test(chain)) return true;
  // `z.number().int()`: the chain below the last call.
  const below = callee === null ? null : childOf(callee, 'object');
  return below !== null && makesNumber(below);
}

/** Names of fields by which a person could be known, compared without case and underscores. */
export const PERSONAL_NAMES: ReadonlySet<string> = new Set(
  ['phone', 'phoneNumber', 'msisdn', 'e164', 'name', 'fullName', 'firstName', 'lastName', 'party', 'parties', 'sender', 'receiver']
    .concat(
      ['payer', 'payee', 'handle', 'operatorHandle', 'document', 'documentNumber', 'idNumber', 'email', 'address', 'dateOfBirth', 'note'],
      ['placeOfBirth', 'nationality', 'partyDetails'],
      ['apiKey', 'secret', 'password', 'token', 'body', 'rawBody'],
    )
    .map((name) => name.toLowerCase()),
);

const LOG_CALL = /(^|\.)(log|logger)\.(trace|debug|info|warn|error|fatal|child)$/;

/** Personal data handed to a log: as a field, as a value, or inside a sentence. */
export function checkLogCalls(source: Source): Problem[] {
  const found: Problem[] = [];
  walk(source.tree, (node) => {
    if (!/^(Optional)?CallExpression$/.test(node.type) || !LOG_CALL.test(chainOf(childOf(node, 'callee')) ?? '')) return undefined;
    for (const argument of (node.arguments as unknown[]).filter(isNode)) {
      walk(argument, (inner) => {
        const name = personalNameOf(inner);
        if (name !== null) found.push(problemAt(source, inner, `${name} must not be logged`));
        return undefined;
      });
    }
    return undefined;
  });
  return found;
}

function personalNameOf(node: Node): string | null {
  const key =
    node.type === 'ObjectProperty' || /^(Optional)?MemberExpression$/.test(node.type)
      ? (childOf(node, 'key') ?? childOf(node, 'property'))
      : null;
  const name = nameOf(key);
  if (name === null || !PERSONAL_NAMES.has(name.toLowerCase().replaceAll('_', ''))) return null;
  // The names of things are no names of people.
  return /(^|\.)(err|error|cause|job|queue|agent|rail|wallet|corridor)\.name$/.test(chainOf(node) ?? '') ? null : name;
}

/** `decide` code and the domain, which must give the same answer at any time; the clock is where time comes from. */
export function isPurePath(path: string): boolean {
  if (path.endsWith('.test.ts')) return false;
  if (path.startsWith('domain/')) return path !== 'domain/clock.ts';
  return /^agents\/.*(policy|decide)[^/]*\.ts$/.test(path) || /^agents\/[^/]+\/(policy|decide)\//.test(path);
}

const IMPURE =
  /^(Date\.now|Math\.random|performance\.now|process\.(env|hrtime)|crypto\.(randomUUID|getRandomValues)|randomUUID|randomBytes|fetch|setTimeout)\b/;

/** Clocks, chance and the world outside in code that must be pure. */
export function checkPurity(source: Source): Problem[] {
  const found: Problem[] = [];
  walk(source.tree, (node, parent) => {
    if (node.type === 'NewExpression' && chainOf(childOf(node, 'callee')) === 'Date' && (node.arguments as unknown[]).length === 0) {
      found.push(problemAt(source, node, 'new Date() reads the clock'));
    }
    const isName = node.type === 'Identifier' && (parent?.type === 'CallExpression' || parent?.type === 'ObjectProperty');
    const chain = node.type === 'MemberExpression' || isName ? chainOf(node) : null;
    if (chain !== null && IMPURE.test(chain)) found.push(problemAt(source, node, `${chain} has no place in pure code`));
    return undefined;
  });
  return found;
}

/** `console` outside the command line. */
export function checkConsole(source: Source): Problem[] {
  const found: Problem[] = [];
  walk(source.tree, (node) => {
    const chain = node.type === 'MemberExpression' ? chainOf(node) : null;
    if (chain?.startsWith('console.')) found.push(problemAt(source, node, `${chain} outside the command line`));
    return undefined;
  });
  return found;
}

const UNFINISHED = /\b(TODO|FIXME|HACK|not (yet )?implemented|lorem ipsum)\b/i;
/** Tests may speak of these: they make such things. */
const UNFINISHED_IN_PROGRAM = /\b(placeholder|stub(bed)?|dummy|for now)\b/i;

/** Words that speak of work left undone, in code, comments or pages. */
export function checkUnfinished(path: string, text: string): Problem[] {
  return text.split('\n').flatMap((line, index) => {
    const word = UNFINISHED.exec(line)?.[0] ?? (isTestPath(path) ? undefined : UNFINISHED_IN_PROGRAM.exec(line)?.[0]);
    return word === undefined ? [] : [{ path, line: index + 1, message: `"${word}" speaks of unfinished work` }];
  });
}
