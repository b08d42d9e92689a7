import { describe, expect, test } from 'vitest';
import { childOf, childText, childTexts, parseXml } from './xml.ts';

describe('reads', () => {
  test('elements, attributes, text, entities, CDATA, comments', () => {
    const root = parseXml('\ufeff<?xml version="1.0"?>\n<!-- a > b -->\n<A x="1 &amp; 2" y=\'"3"\'>\n</A>', 'f');
    expect(root).toMatchObject({ name: 'A', attributes: { x: '1 & 2', y: '"3"' }, children: [], line: 3 });
    const list = parseXml('<A><B>x &lt;&#233;&#x2014;&gt;</B><B/><B> <![CDATA[<raw> & ]]>y</B><C>\n<D>z</D></C ></A>', 'f');
    expect(childTexts(list, 'B')).toEqual(['x <é—>', '<raw> & y']);
    expect(childText(childOf(list, 'C'), 'D')).toBe('z');
    expect(childText(list, 'E')).toBe('');
    expect(childOf(list, 'C')?.children[0]?.line).toBe(2);
  });
});

describe('refuses, naming the line', () => {
  test.each([
    ['an end that never comes', '<A>\n<B>', 2],
    ['a wrong end', '<A>\n<B>\n</C></A>', 3],
    ['an end without a start', '</A>', 1],
    ['two roots', '<A/>\n<B/>', 2],
    ['nothing', '', 1],
    ['text outside', '<A/>\n\nx', 3],
    ['a bare ampersand', '<A>\n a & b</A>', 1],
    ['an entity of its own', '<A>&bomb;</A>', 1],
    ['a code point that is none', '<A>&#x110000;</A>', 1],
    ['a document type', '<!DOCTYPE A [<!ENTITY b "c">]>\n<A/>', 1],
    ['an attribute without quotes', '<A x=1/>', 1],
    ['a broken comment', '<A>\n\n<!-- x </A>', 3],
  ])('%s', (_, text, line) => {
    expect(() => parseXml(text, 'list.xml')).toThrow(new RegExp(`^config_invalid: list\\.xml, line ${line}: `));
  });

  test('a nest without bottom', () => {
    expect(() => parseXml('<A>'.repeat(100_000), 'list.xml')).toThrow('nested too deep');
  });
});
