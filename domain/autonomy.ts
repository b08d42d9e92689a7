/**
 * The autonomy dial: how far an agent that asks a model may go, for the whole platform, one client, one corridor, or one client's
 * corridor. The lowest dial that applies holds. One person turns it down, at once; two turn it up.
 */
import type { AgentName } from './decision.ts';

/**
 * From least to most. `off`: no model is asked · `explain`: what it says stands beside the evidence · `rank`: it may also make a case
 * more pressing · `tighten`: it may also make an advice stricter and ask for a second officer. None lets a model loosen anything.
 */
export const AUTONOMY_LEVELS = ['off', 'explain', 'rank', 'tighten'] as const;
export type AutonomyLevel = (typeof AUTONOMY_LEVELS)[number];

/** What holds where nobody ever turned a dial. */
export const AUTONOMY_FULL: AutonomyLevel = 'tighten';

/**
 * Agents that ask a model; the others decide by their policies alone and have no dial. The score that compliance reads is none of a model
 * that is asked: its effect is that of rules which two people brought to life, and takes two to end.
 */
export const DIALLED_AGENTS = ['investigator'] as const satisfies readonly AgentName[];
export type DialledAgent = (typeof DIALLED_AGENTS)[number];

/** How long a wish to turn a dial up waits for a second person, milliseconds. */
export const RAISE_WAITS_MS = 86_400_000;

/** The name of one dial; null stands for every client, or every corridor. The first two are the names of the agent's switches as well. */
export function dialScope(agent: DialledAgent, clientId: string | null, corridor: string | null): string {
  if (corridor === null) return clientId === null ? agent : `${agent}/${clientId}`;
  return `${agent}/${clientId ?? ''}/${corridor}`;
}

/** The names of all dials that apply to one client's payments over one corridor. */
export function dialScopes(agent: DialledAgent, clientId: string, corridor: string): string[] {
  return [
    dialScope(agent, null, null),
    dialScope(agent, clientId, null),
    dialScope(agent, null, corridor),
    dialScope(agent, clientId, corridor),
  ];
}

/** Whether a level lets through what needs another one at least. */
export function permits(level: AutonomyLevel, needed: AutonomyLevel): boolean {
  return AUTONOMY_LEVELS.indexOf(level) >= AUTONOMY_LEVELS.indexOf(needed);
}

/** The lowest of some levels; the fullest when there are none. */
export function lowestLevel(levels: readonly AutonomyLevel[]): AutonomyLevel {
  return AUTONOMY_LEVELS.find((level) => levels.includes(level)) ?? AUTONOMY_FULL;
}

/** A dial as far as a wish to turn it up needs it. */
export interface DialStanding {
  readonly level: AutonomyLevel;
  readonly pendingLevel: AutonomyLevel | null;
  readonly pendingBy: string | null;
  readonly pendingAtMs: number | null;
}

/** A wish to turn a dial up. */
export interface Raise {
  readonly level: AutonomyLevel;
  readonly by: string;
  readonly atMs: number;
}

/** The wish to turn a dial up that waits for a second person; null when there is none, or its time is over. */
export function waitingRaise({ pendingLevel: level, pendingBy: by, pendingAtMs: atMs }: DialStanding, nowMs: number): Raise | null {
  return level === null || by === null || atMs === null || nowMs - atMs > RAISE_WAITS_MS ? null : { level, by, atMs };
}

export type RaiseStep = 'ask' | 'raise' | 'switch_unchanged' | 'maker_is_checker';

/** Pure: what becomes of somebody's wish to turn a dial up: it waits for another person, is the second voice for the same level, or is refused. */
export function raiseStep(dial: DialStanding, wanted: AutonomyLevel, principal: string, nowMs: number): RaiseStep {
  if (permits(dial.level, wanted)) return 'switch_unchanged';
  const wish = waitingRaise(dial, nowMs);
  if (wish?.level !== wanted) return 'ask';
  return wish.by === principal ? 'maker_is_checker' : 'raise';
}
