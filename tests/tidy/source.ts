/** The project's files as the house rules look at them: text, and for code its syntax tree. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parse } from '@babel/parser';

/** One place where a rule is broken. */
export interface Problem {
  /** From the project's root, with slashes. */
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A node of the syntax tree, as far as the rules look into it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly loc: { readonly start: { readonly line: number }; readonly end: { readonly line: number } };
  readonly [key: string]: unknown;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  readonly tree: Node;
  /** Lines that hold nothing but a comment or nothing at all. */
  readonly emptyLines: ReadonlySet<number>;
}

const SKIPPED = new Set(['node_modules', 'coverage', 'console']);

/** Paths of all files under the root that end in one of these, from the root, with slashes, sorted. */
export function listFiles(root: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (SKIPPED.has(entry.name) || entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(relative(root, path).split(sep).join('/'));
    }
  };
  visit(root);
  return found.sort();
}

export function readText(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Parses one file of TypeScript. */
export function parseSource(path: string, text: string): Source {
  const file = parse(text, {
    sourceType: 'module',
    plugins: ['typescript', 'importAttributes', 'explicitResourceManagement'],
    errorRecovery: true,
  });
  const tree = file.program as unknown as Node;
  return { path, text, isTest: isTestPath(path), tree, emptyLines: emptyLinesOf(text, (file.comments ?? []) as unknown as Node[]) };
}

/** Tests, and what only tests are made of. */
export function isTestPath(path: string): boolean {
  return path.startsWith('tests/') || path.endsWith('.test.ts');
}

function emptyLinesOf(text: string, comments: readonly Node[]): ReadonlySet<number> {
  let blanked = text;
  for (const { start, end } of comments) {
    blanked = blanked.slice(0, start) + text.slice(start, end).replaceAll(/[^\n]/g, ' ') + blanked.slice(end);
  }
  return new Set(blanked.split('\n').flatMap((line, index) => (line.trim() === '' ? [index + 1] : [])));
}

/** Visits a node and all below it, parents first. What `visit` returns as false is not entered. */
export function walk(node: Node, visit: (node: Node, parent: Node | null) => boolean | undefined, parent: Node | null = null): void {
  if (visit(node, parent) === false) return;
  for (const child of childrenOf(node)) walk(child, visit, node);
}

/** The nodes directly below a node. */
export function childrenOf(node: Node): Node[] {
  return Object.entries(node).flatMap(([key, value]) => {
    if (key.endsWith('Comments') || key === 'loc') return [];
    return (Array.isArray(value) ? value : [value]).filter(isNode);
  });
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value;
}

/** A node's child under a key, if it is one. */
export function childOf(node: Node, key: string): Node | null {
  const value = node[key];
  return isNode(value) ? value : null;
}

/** The name an identifier, a string or a private name stands for; null for anything else. */
export function nameOf(node: Node | null): string | null {
  if (node === null) return null;
  if (node.type === 'Identifier') return String(node.name);
  if (node.type === 'StringLiteral') return String(node.value);
  return null;
}

/** `a.b.c` as text; null for anything that is no plain chain of names. */
export function chainOf(node: Node | null): string | null {
  if (node === null) return null;
  if (node.type === 'ThisExpression') return 'this';
  if (node.type === 'MemberExpression' || node.type === 'OptionalMemberExpression') {
    const object = chainOf(childOf(node, 'object'));
    const property = node.computed === true ? null : nameOf(childOf(node, 'property'));
    return object === null || property === null ? null : `${object}.${property}`;
  }
  return node.type === 'Identifier' ? String(node.name) : null;
}

export function problemAt(source: Source, node: Node, message: string): Problem {
  return { path: source.path, line: node.loc.start.line, message };
}
