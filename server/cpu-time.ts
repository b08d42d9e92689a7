/** CPU time of processes and of the machine, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts CPU time in hundredths of a second for every program on Linux. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  /** User and system time, of the process itself, seconds. */
  readonly own: number;
  /** The same of its children that have ended and been waited for. */
  readonly ended: number;
}

/** What the kernel knows of a process; null for one that is gone, and where there is no /proc. */
export function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in brackets and may hold anything; proc(5) numbers fields from 1.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = (field: number): number => Number(fields[field - 3]) / TICKS_PER_SECOND;
    return { parent: Number(fields[1]), own: ticks(14) + ticks(15), ended: ticks(16) + ticks(17) };
  } catch {
    return null;
  }
}

/** CPU seconds that a process and all under it, past and present, have used. Zero where there is no /proc. */
export function treeCpuSeconds(pid: number): number {
  const stats = new Map(
    processIds().flatMap((name) => {
      const stat = statOf(Number(name));
      return stat === null ? [] : [[Number(name), stat] as const];
    }),
  );
  const secondsUnder = (root: number): number => {
    const stat = stats.get(root);
    if (stat === undefined) return 0;
    const children = [...stats].filter(([, { parent }]) => parent === root);
    return children.reduce((sum, [child]) => sum + secondsUnder(child), stat.own + stat.ended);
  };
  return secondsUnder(pid);
}

/** CPU seconds that the machine has worked and that it has had. */
export function machineCpuSeconds(): { readonly busy: number; readonly all: number } {
  try {
    const fields = (readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '').split(/\s+/).slice(1, 9).map(Number);
    const all = fields.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
    const idle = ((fields[3] ?? 0) + (fields[4] ?? 0)) / TICKS_PER_SECOND;
    return { busy: all - idle, all };
  } catch {
    return { busy: 0, all: 0 };
  }
}

/** Ids of all processes there are; none where there is no /proc. */
export function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** What a run has used so far. */
export interface CpuReading {
  /** CPU seconds of this process and all under it. */
  readonly seconds: number;
  /** Share of the machine's CPU time that went to anybody else, 0 to 1. */
  readonly others: number;
}

/** Starts measuring this process and all under it; the result says what was used since, or null where there is no /proc. */
export function startCpuMeter(): () => CpuReading | null {
  const start = treeCpuSeconds(process.pid);
  const machineStart = machineCpuSeconds();
  return () => {
    const machine = machineCpuSeconds();
    const all = machine.all - machineStart.all;
    if (all <= 0) return null;
    const seconds = treeCpuSeconds(process.pid) - start;
    return { seconds, others: Math.max(0, (machine.busy - machineStart.busy - seconds) / all) };
  };
}
