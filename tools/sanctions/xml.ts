/**
 * A reader for the plain XML that list owners publish: elements, attributes, text, CDATA, comments.
 *
 * It refuses what such a file has no need of (a document type, unknown entities) instead of guessing,
 * so no entity is ever expanded beyond the five of XML and numeric ones. Errors name the line.
 * Source: W3C Extensible Markup Language (XML) 1.0, fifth edition.
 */
import { fault } from '../../domain/errors.ts';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Text directly inside the element, trimmed. */
  readonly text: string;
  readonly line: number;
}

interface OpenElement {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
  readonly line: number;
}

const MARKUP =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<\/([^\s<>/]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const DEPTH_MAX = 64;

/** Takes the text of an XML file and the name to put into errors, gives its root element. Throws `config_invalid`. */
export function parseXml(text: string, file: string): XmlElement {
  const lineOf = lineCounter(text);
  const refuse = (at: number, what: string) => fault('config_invalid', { detail: `${file}, line ${lineOf(at)}: ${what}.` });
  const open: OpenElement[] = [];
  const roots: XmlElement[] = [];
  const close = (element: OpenElement, at: number): void => {
    const parent = open.at(-1);
    const done = { ...element, text: element.text.trim() };
    if (parent === undefined && roots.length > 0) throw refuse(at, 'a second root element');
    (parent?.children ?? roots).push(done);
  };
  let position = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (position < text.length) {
    if (text[position] !== '<') {
      const end = text.indexOf('<', position);
      const run = text.slice(position, end < 0 ? text.length : end);
      const parent = open.at(-1);
      if (parent !== undefined) parent.text += decodeEntities(run, () => refuse(position, 'an unknown entity'));
      else if (run.trim() !== '') throw refuse(position + run.search(/\S/), 'text outside of the root element');
      position += run.length;
      continue;
    }
    MARKUP.lastIndex = position;
    const match = MARKUP.exec(text);
    if (match === null) throw refuse(position, 'broken markup');
    const [, cdata, closing, opening, attributes = '', selfClosing] = match;
    if (cdata !== undefined) {
      const parent = open.at(-1);
      if (parent === undefined) throw refuse(position, 'text outside of the root element');
      parent.text += cdata;
    } else if (closing !== undefined) {
      const element = open.pop();
      if (element?.name !== closing) throw refuse(position, 'an element is closed that was not open');
      close(element, position);
    } else if (opening !== undefined) {
      const element = {
        name: opening,
        attributes: readAttributes(attributes, () => refuse(position, 'an unknown entity')),
        children: [],
        text: '',
        line: lineOf(position),
      };
      if (open.length >= DEPTH_MAX) throw refuse(position, 'elements are nested too deep');
      if (selfClosing === '/') close(element, position);
      else open.push(element);
    }
    position = MARKUP.lastIndex;
  }
  const [root] = roots;
  if (open.length > 0 || root === undefined) throw refuse(text.length, 'the file ends before its root element does');
  return root;
}

/** The first child element of that name, or undefined. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The texts of the children of that name that are not empty. */
export function childTexts(element: XmlElement | undefined, name: string): string[] {
  return (element?.children ?? []).filter((child) => child.name === name && child.text !== '').map((child) => child.text);
}

/** The text of the first child of that name, empty when there is none. */
export function childText(element: XmlElement | undefined, name: string): string {
  return childOf(element, name)?.text ?? '';
}

/** Line numbers for rising positions, each part of the text looked at once. */
function lineCounter(text: string): (position: number) => number {
  let line = 1;
  let counted = 0;
  return (position) => {
    for (let next = text.indexOf('\n', counted); next >= 0 && next < position; next = text.indexOf('\n', counted)) {
      line += 1;
      counted = next + 1;
    }
    return line;
  };
}

function readAttributes(text: string, refuse: () => Error): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [, name = '', double, single] of text.matchAll(ATTRIBUTE)) attributes[name] = decodeEntities(double ?? single ?? '', refuse);
  return attributes;
}

function decodeEntities(text: string, refuse: () => Error): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&\s]{0,10});?/g, (whole, name: string) => {
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : name.startsWith('#') ? Number(name.slice(1)) : null;
    if (!whole.endsWith(';')) throw refuse();
    if (code === null) {
      const plain = NAMED[name];
      if (plain === undefined) throw refuse();
      return plain;
    }
    if (!Number.isInteger(code) || code < 1 || code > 0x10ffff) throw refuse();
    return String.fromCodePoint(code);
  });
}
