/** The house: who may import whom, and that nothing stands in it that nobody uses. */
import { posix } from 'node:path';
import { childOf, type Node, nameOf, type Problem, problemAt, type Source, walk } from './source.ts';

/** Floors from the ground up; folders on one floor do not see each other. */
export const FLOORS: readonly (readonly string[])[] = [
  ['domain'],
  ['db'],
  ['tools'],
  ['agents'],
  ['graph'],
  ['evals'],
  ['server'],
  ['console'],
];

/** Folders beside the house, with what each may import besides itself. */
export const BESIDE: Readonly<Record<string, readonly string[]>> = {
  sandbox: ['domain'],
  sdk: [],
  examples: ['domain'],
  bench: [...FLOORS.flat().filter((folder) => folder !== 'console'), 'sdk', 'examples', 'sandbox'],
  simulation: [...FLOORS.flat().filter((folder) => folder !== 'console'), 'sdk', 'examples', 'sandbox'],
  deploy: ['domain'],
  move: [],
  tests: [...FLOORS.flat(), 'sandbox', 'sdk', 'examples', 'bench', 'simulation', 'deploy', 'move'],
};

/** What a floor may import from beside the house: the command line and the console talk to the API as clients do. */
const HOUSE_BESIDE: Readonly<Record<string, readonly string[]>> = { server: ['sdk'], console: ['sdk'] };

/** Says whether a file in one folder may import from another. */
export function mayImport(from: string, to: string, isTest: boolean): boolean {
  if (from === to) return true;
  const beside = BESIDE[from];
  if (beside !== undefined) return (isTest ? (BESIDE.tests ?? []) : beside).includes(to);
  if (isTest && ['sandbox', 'sdk', 'examples', 'tests'].includes(to)) return true;
  if ((HOUSE_BESIDE[from] ?? []).includes(to)) return true;
  // The console is a client: it sees the API through the SDK only.
  if (from === 'console') return false;
  const [fromFloor, toFloor] = [floorOf(from), floorOf(to)];
  return fromFloor >= 0 && toFloor >= 0 && toFloor < fromFloor;
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder));
}

interface Reference {
  readonly node: Node;
  readonly specifier: string;
}

/** Everything a file imports, statically or not, types included. */
export function importsOf(source: Source): Reference[] {
  const found: Reference[] = [];
  walk(source.tree, (node) => {
    const from = childOf(node, 'source');
    const isImport = /^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type) || node.type === 'ImportExpression';
    const called = node.type === 'CallExpression' && childOf(node, 'callee')?.type === 'Import' ? (node.arguments as Node[])[0] : null;
    const typeOnly = node.type === 'TSImportType' ? childOf(node, 'argument') : null;
    const specifier = nameOf((isImport ? from : null) ?? called ?? typeOnly ?? null);
    if (specifier !== null) found.push({ node, specifier });
    return undefined;
  });
  return found;
}

/** Imports that go up or across, and imports of code without its ending. */
export function checkFloors(source: Source): Problem[] {
  const from = folderOf(source.path);
  if (from === '') return [];
  return importsOf(source).flatMap(({ node, specifier }) => {
    if (!specifier.startsWith('.')) return [];
    const target = posix.join(posix.dirname(source.path), specifier);
    // The version of the program stands in its manifest.
    if (target === 'package.json') return [];
    if (!/\.(ts|tsx|json)$/.test(target)) return [problemAt(source, node, `${specifier} lacks its ending`)];
    const to = folderOf(target);
    return mayImport(from, to, source.isTest)
      ? []
      : [problemAt(source, node, `${from}/ may not import from ${to === '' ? 'the root' : `${to}/`}`)];
  });
}

function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '';
}

/**
 * Files of code that nothing leads to. Roots are tests, settings at the top, and the paths that `named`
 * texts mention (scripts, pages). Besides imports, a file leads to whatever its strings name by path.
 */
export function checkDeadFiles(sources: readonly Source[], named: readonly string[]): Problem[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const mentioned = (path: string): boolean => named.some((text) => new RegExp(`(^|[^\\w./-])(\\./)?${escape(path)}\\b`).test(text));
  const reached = new Set<string>();
  const waiting = sources.filter(({ path }) => path.endsWith('.test.ts') || !path.includes('/') || mentioned(path)).map(({ path }) => path);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    waiting.push(...pathsNamedIn(source));
  }
  return sources.filter(({ path }) => !reached.has(path)).map(({ path }) => ({ path, line: 1, message: 'nothing leads to this file' }));
}

/** Paths that a file's strings name: relative to itself, or from the root. */
function pathsNamedIn(source: Source): string[] {
  const found: string[] = [];
  walk(source.tree, (node) => {
    const text = node.type === 'StringLiteral' ? String(node.value) : null;
    if (text?.endsWith('.ts')) found.push(posix.join(posix.dirname(source.path), text), posix.normalize(text));
    return undefined;
  });
  return found;
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
