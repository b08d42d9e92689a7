import { expect, test } from 'vitest';
import { drawFlame, framesOf, selfTimes } from './flame.ts';

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber, scriptId: '0', columnNumber: 0 });

const PROFILE = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5, 6, 7] },
    { id: 2, callFrame: frame('decide', 'file:///house/agents/decide.ts', 9), children: [3, 4] },
    { id: 3, callFrame: frame('query', 'file:///house/node_modules/@scope/driver/index.js') },
    { id: 4, callFrame: frame('write<Row>', 'file:///house/db/write.ts') },
    { id: 5, callFrame: frame('(idle)') },
    { id: 6, callFrame: frame('(garbage collector)') },
    { id: 7, callFrame: frame('post', 'node:inspector') },
  ],
  startTime: 0,
  endTime: 1_000,
  samples: [2, 3, 3, 4, 5, 6, 7],
  timeDeltas: [100, 200, 50, 40, 500, 10, 100],
};

test('the tree holds every moment in which something ran, once', () => {
  const whole = framesOf(PROFILE, 'file:///house/');
  expect(whole.totalUs).toBe(400);
  expect(selfTimes(whole, ({ area }) => area)).toEqual([
    ['packages', 250],
    ['agents', 100],
    ['db', 40],
    ['engine', 10],
  ]);
  expect(selfTimes(whole, ({ place }) => place)[0]).toEqual(['@scope/driver', 250]);
});

test('the picture has a box for each call, as wide as its share, and takes names as text', () => {
  const svg = drawFlame(framesOf(PROFILE, 'file:///house/'), 'a <title>', 10);
  expect(svg).toContain('decide (agents/decide.ts:10): 39.0 µs per payment, 97.5 %; 10.0 in itself');
  expect(svg).toContain('width="1560.0"');
  expect(svg).toContain('write&lt;Row&gt;');
  expect(svg).not.toContain('(idle)');
  expect(svg).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
});
