import type { QueryResult } from 'pg';
import { expect, test } from 'vitest';
import { asksForOrder, inOwnOrder } from './row-order.ts';

const resultOf = (rows: object[]) => ({ rows, rowCount: rows.length }) as unknown as QueryResult;

test('rows that nobody ordered come in the order of their values, whatever their ciphers', () => {
  const [first, second] = [
    { id: 'a', count: 1n, sealed: Buffer.from('z') },
    { id: 'b', count: 0n, sealed: Buffer.from('a') },
  ];
  const inOrder = (text: string) => inOwnOrder(text, resultOf([second, first])).rows;
  expect(inOrder('update attempts set state = $1 returning id')).toEqual([first, second]);
  expect(inOrder('select id from attempts order by count')).toEqual([second, first]);
});

test.each<[string, boolean]>([
  ['select id from payments ORDER BY id limit 1', true],
  ['select id from payments', false],
  ['update payments set a = 1 where id in (select id from payments order by id for update) returning id', false],
  ['with x as (select 1 order by 1) select string_agg(a, b order by c) from x', false],
  ['with x as (select (1)) select * from x order by (a)', true],
])('%s', (text, asks) => {
  expect(asksForOrder(text)).toBe(asks);
});
