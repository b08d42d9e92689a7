/** A processor profile as a flame graph: one SVG that needs nothing beside it, each box with what it is and what it took. */
import type { Profiler } from 'node:inspector';

/** One function where it was called, with everything it called. */
export interface Frame {
  readonly name: string;
  /** `graph/nodes/authorize.ts:41`, `pg`, `node:crypto`, or what the engine itself does. */
  readonly place: string;
  readonly area: string;
  /** Microseconds in itself. */
  selfUs: number;
  /** The same with everything it called. */
  totalUs: number;
  readonly callees: Map<string, Frame>;
}

/** What does not belong to the work: waiting, and the profiler itself. */
const isBeside = ({ functionName, url }: Profiler.ProfileNode['callFrame']): boolean =>
  functionName === '(idle)' || url === 'node:inspector';

const WIDTH = 1_600;
const ROW = 17;
/** Narrower boxes are left out. */
const LEAST_WIDTH = 0.4;
const CHARACTER = 6.6;
const COLOURS: Readonly<Record<string, string>> = {
  graph: '#e4572e',
  agents: '#f3a712',
  tools: '#e8871e',
  db: '#a8c686',
  domain: '#c7a27c',
  server: '#d88373',
  bench: '#bbbbbb',
  packages: '#669bbc',
  node: '#8fb8de',
  engine: '#c9b6e4',
};

/** The profile as a tree of calls, without what does not belong to the work. `root` is the folder of the project, as a file URL. */
export function framesOf(profile: Profiler.Profile, root: string): Frame {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const selfUs = new Map<number, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    selfUs.set(id, (selfUs.get(id) ?? 0) + (profile.timeDeltas?.[index] ?? 0));
  }
  const whole = newFrame('all', '', 'engine');
  const add = (id: number, into: Frame): number => {
    const node = byId.get(id);
    if (node === undefined || isBeside(node.callFrame)) return 0;
    const frame = calleeOf(into, node.callFrame, root);
    const self = selfUs.get(id) ?? 0;
    frame.selfUs += self;
    const total = (node.children ?? []).reduce((sum, child) => sum + add(child, frame), self);
    frame.totalUs += total;
    return total;
  };
  // The profiler's own root says nothing.
  const [first] = profile.nodes;
  for (const child of first?.children ?? []) whole.totalUs += add(child, whole);
  return whole;
}

function newFrame(name: string, place: string, area: string): Frame {
  return { name, place, area, selfUs: 0, totalUs: 0, callees: new Map() };
}

function calleeOf(caller: Frame, { functionName, url, lineNumber }: Profiler.ProfileNode['callFrame'], root: string): Frame {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const { place, area } = placeOf(url, lineNumber, root);
  const key = `${name} ${place}`;
  const known = caller.callees.get(key) ?? newFrame(name, place, area);
  caller.callees.set(key, known);
  return known;
}

function placeOf(url: string, line: number, root: string): { readonly place: string; readonly area: string } {
  if (url === '') return { place: '', area: 'engine' };
  if (url.startsWith('node:')) return { place: url, area: 'node' };
  const path = url.startsWith(root) ? url.slice(root.length) : url;
  const parts = path.split('/');
  const at = parts.lastIndexOf('node_modules');
  if (at < 0) return { place: `${path}:${line + 1}`, area: parts[0] ?? '' };
  const [scope = '', name = ''] = parts.slice(at + 1);
  return { place: scope.startsWith('@') ? `${scope}/${name}` : scope, area: 'packages' };
}

/** Time in itself by a key of every frame, most first. */
export function selfTimes(whole: Frame, keyOf: (frame: Frame) => string): [string, number][] {
  const times = new Map<string, number>();
  const visit = (frame: Frame): void => {
    if (frame.selfUs > 0) times.set(keyOf(frame), (times.get(keyOf(frame)) ?? 0) + frame.selfUs);
    for (const callee of frame.callees.values()) visit(callee);
  };
  visit(whole);
  return [...times].toSorted(([, a], [, b]) => b - a);
}

/** Draws it. `payments` is how many the time was spent on: boxes say microseconds for each. */
export function drawFlame(whole: Frame, title: string, payments: number): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.totalUs / whole.totalUs) * WIDTH;
    if (width < LEAST_WIDTH) return;
    deepest = Math.max(deepest, depth);
    boxes.push(boxOf(frame, { x, depth, width }, { whole, payments }));
    let next = x;
    for (const callee of [...frame.callees.values()].toSorted((a, b) => b.totalUs - a.totalUs)) {
      draw(callee, next, depth + 1);
      next += (callee.totalUs / whole.totalUs) * WIDTH;
    }
  };
  draw(whole, 0, 0);
  const height = (deepest + 3) * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-monospace, monospace" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="4" y="13" font-size="13">${escape(title)}</text>
<g transform="translate(0 ${ROW * 1.5})">
${boxes.join('\n')}
</g>
</svg>
`;
}

interface Box {
  readonly x: number;
  readonly depth: number;
  readonly width: number;
}

function boxOf(frame: Frame, { x, depth, width }: Box, { whole, payments }: { readonly whole: Frame; readonly payments: number }): string {
  const { name, place, area, totalUs, selfUs } = frame;
  const share = ((100 * totalUs) / whole.totalUs).toFixed(1);
  const each = (us: number): string => (us / payments).toFixed(1);
  const told = `${name}${place === '' ? '' : ` (${place})`}: ${each(totalUs)} µs per payment, ${share} %; ${each(selfUs)} in itself`;
  const room = Math.floor(width / CHARACTER) - 1;
  const label = room < 3 ? '' : `<text x="${(x + 3).toFixed(1)}" y="${depth * ROW + 12}">${escape(name.slice(0, room))}</text>`;
  return (
    `<g><title>${escape(told)}</title><rect x="${x.toFixed(1)}" y="${depth * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}" ` +
    `fill="${COLOURS[area] ?? '#dddddd'}" stroke="#ffffff" stroke-width="0.5"/>${label}</g>`
  );
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
