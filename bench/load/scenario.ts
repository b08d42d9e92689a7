/**
 * The file that says what load to make: JSON, checked before anything starts. Whatever is wrong with it is told with the field
 * that it is wrong in.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import { isNeighbours, KINDS, type Mix, requestsIn, type Segment } from './schedule.ts';

/** One run makes no more than this, whatever its file says. */
export const BOUNDS = {
  perSecondMax: 20_000,
  secondsMax: 7_200,
  requestsMax: 2_000_000,
  paymentsMax: 5_000_000,
  connectionsMax: 2_000,
  batchRowsMax: 10_000,
  /** Listeners at once. */
  listenersMax: 1_000,
  /** Batches of a million rows. */
  hugeMax: 100,
  /** Requests that are never finished: each may stand until the end. */
  unfinishedMax: 18_000,
} as const;

const perSecond = z.number().positive().max(BOUNDS.perSecondMax);
const seconds = z.number().positive().max(BOUNDS.secondsMax);
const share = z.number().min(0).max(1);

const thresholdsSchema = z.strictObject({
  /** From when a request should have left to its answer, of those that were answered as they should be, milliseconds. */
  p99Ms: z.number().positive(),
  /** Of all requests, 0 to 1: wrongly answered, or not at all. */
  failedShare: share,
  /** Of all requests: turned away with 429 or 503 and when to come back. */
  refusedShare: share.default(0),
  /** From a payment's acceptance to its end, milliseconds. */
  completeP99Ms: z.number().positive().optional(),
  /** From the last answer until no payment is on its way. */
  drainSeconds: z.number().positive().optional(),
  /** What all API processes may hold together. */
  apiMegabytes: z.number().positive().optional(),
});

const named = { name: z.string().min(1).max(40).optional() };

const phaseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ramp'), ...named, seconds, fromPerSecond: perSecond, toPerSecond: perSecond }),
  z.strictObject({ kind: z.literal('soak'), ...named, seconds, perSecond }),
  /** The peak stands in the middle. */
  z.strictObject({ kind: z.literal('spike'), ...named, seconds, perSecond, peakSeconds: seconds, peakPerSecond: perSecond }),
  z.strictObject({
    kind: z.literal('breakpoint'),
    ...named,
    stepSeconds: seconds,
    fromPerSecond: perSecond,
    toPerSecond: perSecond,
    /** Ends when the rate that held and the one that did not are so close, as a share of the former. */
    precision: z.number().min(0.01).max(1).default(0.1),
    /** Misses when the highest rate that holds is lower. */
    leastPerSecond: perSecond.optional(),
  }),
]);

export type Phase = z.infer<typeof phaseSchema>;
export type FixedPhase = Exclude<Phase, { kind: 'breakpoint' }>;
export type BreakpointPhase = Extract<Phase, { kind: 'breakpoint' }>;
export type Thresholds = z.infer<typeof thresholdsSchema>;

/** Settings of the platform that a scenario may change: none of them leads it off this machine. */
const SETTINGS = [
  'CAPP_RATE_LIMITS',
  'CAPP_COHORT_MAX',
  'CAPP_API_PROCESSES',
  'CAPP_CONNECTIONS_MAX',
  'CAPP_CONNECTIONS_PER_ADDRESS_MAX',
  'CAPP_SETTLEMENT_AGE_MS',
  'CAPP_HOUSEKEEPING_MS',
] as const;

const scenarioSchema = z
  .strictObject({
    name: z.string().min(1).max(80),
    about: z.string().max(1_000).optional(),
    seed: z.number().int().min(0).max(0xffff_ffff).default(1),
    /** From balance to balance within the platform, or from wallet to wallet over operators. */
    between: z.enum(['balances', 'wallets']).default('balances'),
    flaggedPercent: z.number().min(0).max(100).default(0),
    connections: z.number().int().min(1).max(BOUNDS.connectionsMax).default(100),
    batchRows: z.number().int().min(1).max(BOUNDS.batchRowsMax).default(100),
    listenSeconds: z.number().positive().max(600).default(10),
    spacing: z.enum(['even', 'random']).default('random'),
    /** Payments before anything is measured, which status polls can ask about. */
    warmUpPayments: z.number().int().min(30).max(100_000).default(1_000),
    mix: z.partialRecord(z.enum(KINDS), z.number().min(0).max(1_000_000)),
    phases: z.array(phaseSchema).min(1).max(50),
    thresholds: thresholdsSchema,
    settings: z.partialRecord(z.enum(SETTINGS), z.string().max(500)).default({}),
  })
  .superRefine((scenario, context) => {
    for (const { path, message } of outOfBounds(scenario)) context.addIssue({ code: 'custom', path: [...path], message });
  });

export type Scenario = z.infer<typeof scenarioSchema>;

/** The stretches of a phase, each with a rate that goes evenly. */
export function segmentsOf(phase: FixedPhase, index: number): Segment[] {
  const flat = (length: number, rate: number): Segment => ({ phase: index, seconds: length, fromPerSecond: rate, toPerSecond: rate });
  switch (phase.kind) {
    case 'ramp':
      return [{ ...flat(phase.seconds, phase.fromPerSecond), toPerSecond: phase.toPerSecond }];
    case 'soak':
      return [flat(phase.seconds, phase.perSecond)];
    case 'spike': {
      const side = flat((phase.seconds - phase.peakSeconds) / 2, phase.perSecond);
      return [side, flat(phase.peakSeconds, phase.peakPerSecond), side];
    }
  }
}

/** Steps of a search at most, however fine. */
export const STEPS_MAX = 24;

/** What a phase comes to at most. */
function mostOf(phase: Phase): { readonly seconds: number; readonly requests: number; readonly perSecond: number } {
  if (phase.kind === 'breakpoint') {
    const most = phase.stepSeconds * STEPS_MAX;
    return { seconds: most, requests: most * phase.toPerSecond, perSecond: phase.toPerSecond };
  }
  const segments = segmentsOf(phase, 0);
  return {
    seconds: phase.seconds,
    requests: segments.reduce((sum, segment) => sum + requestsIn(segment), 0),
    perSecond: Math.max(...segments.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond])),
  };
}

/** How much of a mix a kind is, 0 to 1. */
export function shareOf(mix: Mix, ...kinds: readonly (typeof KINDS)[number][]): number {
  const all = Object.values(mix).reduce((sum, each) => sum + each, 0);
  return all === 0 ? 0 : kinds.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0) / all;
}

/** Connections that the clients may have open at once: those of each crowd, and requests that are never finished. */
export function connectionsMost({ mix, phases, connections }: Pick<Scenario, 'mix' | 'phases' | 'connections'>): number {
  const requests = phases.reduce((sum, phase) => sum + mostOf(phase).requests, 0);
  return 2 * connections + Math.ceil(requests * shareOf(mix, 'unfinished'));
}

interface Objection {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What no single field shows. */
function outOfBounds(scenario: Pick<Scenario, 'mix' | 'phases' | 'batchRows' | 'listenSeconds'>): Objection[] {
  const { mix, phases, batchRows, listenSeconds } = scenario;
  const mosts = phases.map(mostOf);
  const sum = (of: 'seconds' | 'requests'): number => mosts.reduce((total, each) => total + each[of], 0);
  const requests = sum('requests');
  const payments = requests * (shareOf(mix, 'single', 'quoted', 'flood') + batchRows * shareOf(mix, 'batch', 'flagged'));
  const listeners = Math.max(...mosts.map((each) => each.perSecond)) * shareOf(mix, 'listen') * listenSeconds;
  const over = (value: number, most: number, what: string, ...path: string[]): Objection[] =>
    value > most ? [{ path, message: `comes to ${Math.ceil(value)} ${what}, more than ${most}` }] : [];
  return [
    ...(shareOf(mix, ...KINDS.filter((kind) => !isNeighbours(kind))) > 0
      ? []
      : [{ path: ['mix'], message: 'has no share above zero but for a neighbour' }]),
    ...over(sum('seconds'), BOUNDS.secondsMax, 'seconds', 'phases'),
    ...over(requests, BOUNDS.requestsMax, 'requests', 'phases'),
    ...over(payments, BOUNDS.paymentsMax, 'payments', 'phases'),
    ...over(requests * shareOf(mix, 'huge'), BOUNDS.hugeMax, 'batches of a million rows', 'mix', 'huge'),
    ...over(requests * shareOf(mix, 'unfinished'), BOUNDS.unfinishedMax, 'requests that are never finished', 'mix', 'unfinished'),
    ...over(listeners, BOUNDS.listenersMax, 'listeners at once', 'mix', 'listen'),
    ...phases.flatMap((phase, index): Objection[] => {
      const at = (field: string, message: string): Objection[] => [{ path: ['phases', index, field], message }];
      if (phase.kind === 'spike' && phase.peakSeconds >= phase.seconds) return at('peakSeconds', 'must be less than seconds');
      if (phase.kind === 'breakpoint' && phase.toPerSecond <= phase.fromPerSecond)
        return at('toPerSecond', 'must be more than fromPerSecond');
      return [];
    }),
  ];
}

/** Checks the text of a scenario file. Throws `malformed_body` when it is no JSON, `validation_failed` with the field that is wrong. */
export function parseScenario(text: string): Scenario {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fault('malformed_body', { detail: 'The scenario is not JSON.', cause });
  }
  const parsed = scenarioSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // A field that is not known is told of by the object that it stands in.
  const path = [...(issue?.path ?? []), ...(issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])];
  const field = path.map(String).join('.');
  const what = field === '' ? 'The scenario' : `${field} of the scenario`;
  throw fault('validation_failed', { field, detail: `${what} is not as it must be: ${issue?.message ?? 'unknown'}.` });
}

/** Reads a scenario. Throws `file_unreadable`, and what `parseScenario` throws. */
export async function readScenario(path: string): Promise<Scenario> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('file_unreadable', { detail: `${path} cannot be read.`, cause });
  });
  return parseScenario(text);
}
