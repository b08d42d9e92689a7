/** Plots as SVG, drawn here: nothing is loaded to show them. */

export interface Series {
  readonly name: string;
  /** A null breaks the line. */
  readonly points: readonly (readonly [number, number | null])[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Stretches along the x axis that have a name. */
  readonly bands?: readonly { readonly from: number; readonly to: number; readonly name: string }[];
  /** A height that must not be passed. */
  readonly limit?: { readonly y: number; readonly name: string };
  readonly yScale?: 'linear' | 'log';
  /** Marks along the x axis, in place of round numbers. */
  readonly xMarks?: readonly (readonly [number, string])[];
  /** Points as dots, not joined. */
  readonly dots?: boolean;
}

const WIDTH = 900;
const HEIGHT = 280;
const LEFT = 64;
const RIGHT = 150;
const TOP = 34;
const BOTTOM = 44;
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2', '#be185d', '#4b5563'];

/** Text as it may stand in XML and HTML. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

const short = (value: number): string => String(Number(value.toFixed(1)));

/** Round numbers from nothing up to a value, about five of them. */
export function roundMarks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? 10 * power;
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Powers of ten around some values. */
export function powerMarks(min: number, max: number): number[] {
  const from = Math.floor(Math.log10(min));
  const to = Math.max(from + 1, Math.ceil(Math.log10(max)));
  return Array.from({ length: to - from + 1 }, (_, index) => Number((10 ** (from + index)).toPrecision(12)));
}

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xMarks: readonly (readonly [number, string])[];
  readonly yMarks: readonly number[];
}

function scalesOf({ series, bands = [], limit, yScale = 'linear', xMarks }: Plot): Scales {
  const isLog = yScale === 'log';
  const points = series.flatMap((each) => each.points);
  const ys = points.flatMap(([, y]) => (y === null || (isLog && y <= 0) ? [] : [y]));
  // A limit far above everything would press the lines to the floor; it is drawn where it is in reach.
  const yMax = Math.max(...ys, ...(limit !== undefined && limit.y <= 3 * Math.max(0, ...ys) ? [limit.y] : []), isLog ? 1e-3 : 0);
  const marks = isLog ? powerMarks(Math.min(...ys, yMax), yMax) : roundMarks(yMax);
  const [low, high] = [marks[0] ?? 0, marks.at(-1) ?? 1];
  const part = (value: number): number =>
    isLog ? (Math.log10(Math.max(value, low)) - Math.log10(low)) / (Math.log10(high) - Math.log10(low)) : (value - low) / (high - low);
  const along =
    xMarks ?? roundMarks(Math.max(1e-9, ...points.map(([x]) => x), ...bands.map(({ to }) => to))).map((x) => [x, short(x)] as const);
  const right = along.at(-1)?.[0] ?? 1;
  const left = Math.min(along[0]?.[0] ?? 0, ...points.map(([x]) => x));
  return {
    x: (value) => LEFT + ((value - left) / Math.max(1e-9, right - left)) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - Math.min(1, Math.max(0, part(value))) * (HEIGHT - TOP - BOTTOM),
    xMarks: along,
    yMarks: marks,
  };
}

function axesOf({ title, xLabel, yLabel, bands = [], limit }: Plot, { x, y, xMarks, yMarks }: Scales): string[] {
  const floor = HEIGHT - BOTTOM;
  const high = yMarks.at(-1) ?? 0;
  return [
    `<text class="title" x="${LEFT}" y="16">${escaped(title)}</text>`,
    ...bands.flatMap(({ from, to, name }, index) => [
      `<rect class="band${index % 2}" x="${short(x(from))}" y="${TOP}" width="${short(x(to) - x(from))}" height="${floor - TOP}"/>`,
      `<text class="note" x="${short(x(from) + 4)}" y="${TOP + 11}">${escaped(name)}</text>`,
    ]),
    ...yMarks.flatMap((mark) => [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${short(y(mark))}" y2="${short(y(mark))}"/>`,
      `<text class="mark" text-anchor="end" x="${LEFT - 6}" y="${short(y(mark) + 4)}">${mark.toLocaleString('en-US')}</text>`,
    ]),
    ...xMarks.map(([at, name]) => `<text class="mark" text-anchor="middle" x="${short(x(at))}" y="${floor + 15}">${escaped(name)}</text>`),
    `<text class="mark" text-anchor="end" x="${WIDTH - RIGHT}" y="${HEIGHT - 8}">${escaped(xLabel)}</text>`,
    `<text class="mark" x="4" y="${TOP - 6}">${escaped(yLabel)}</text>`,
    ...(limit === undefined || limit.y > high
      ? []
      : [
          `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${short(y(limit.y))}" y2="${short(y(limit.y))}"/>`,
          `<text class="note" text-anchor="end" x="${WIDTH - RIGHT - 4}" y="${short(y(limit.y) - 4)}">${escaped(limit.name)}</text>`,
        ]),
  ];
}

/** A line for each stretch without a break, a dot where nothing stands beside it. */
function lineOf({ points }: Series, { x, y }: Scales, colour: string, isDotted: boolean): string[] {
  const stretches: [number, number][][] = [[]];
  for (const [at, value] of points) {
    if (value === null) stretches.push([]);
    else stretches.at(-1)?.push([x(at), y(value)]);
  }
  return stretches.flatMap((stretch) => {
    if (isDotted || stretch.length === 1)
      return stretch.map(([cx, cy]) => `<circle cx="${short(cx)}" cy="${short(cy)}" r="${isDotted ? 4 : 2}" fill="${colour}"/>`);
    const path = stretch.map(([px, py]) => `${short(px)},${short(py)}`).join(' ');
    return stretch.length === 0 ? [] : [`<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${path}"/>`];
  });
}

/** Draws a plot. */
export function svgOf(plot: Plot): string {
  const scales = scalesOf(plot);
  const colourOf = (index: number): string => COLOURS[index % COLOURS.length] ?? '#000';
  const lines = plot.series.flatMap((each, index) => [
    ...lineOf(each, scales, colourOf(index), plot.dots === true),
    `<rect x="${WIDTH - RIGHT + 12}" y="${TOP + index * 18}" width="10" height="10" fill="${colourOf(index)}"/>`,
    `<text class="mark" x="${WIDTH - RIGHT + 28}" y="${TOP + index * 18 + 9}">${escaped(each.name)}</text>`,
  ]);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)}">${[...axesOf(plot, scales), ...lines].join('')}</svg>`;
}
