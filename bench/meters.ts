/** Meters of the machine, from Linux's /proc: what our processes and the database's use, and what others do meanwhile. */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { machineCpuSeconds, processIds, statOf, treeCpuSeconds } from '../server/cpu-time.ts';
import { spreadOf } from './finding.ts';

/** Kinds of processes that are metered, by what stands on their command line. */
const KINDS: Readonly<Record<string, RegExp>> = {
  api: /processes\/api\.ts/,
  worker: /processes\/worker\.ts/,
  operators: /sandbox\/main\.ts|bench\/slow-operators\.ts/,
  client: /bench\/load\/client\.ts/,
};

/** A child of this process that is of a known kind. */
export interface Metered {
  readonly pid: number;
  readonly kind: string;
}

/** The children of this process, by kind. */
export function meteredChildren(): Metered[] {
  const found: Metered[] = [];
  for (const name of processIds()) {
    if (statOf(Number(name))?.parent !== process.pid) continue;
    const line = textOf(`/proc/${name}/cmdline`).replaceAll('\0', ' ');
    const [kind] = Object.entries(KINDS).find(([, shape]) => shape.test(line)) ?? [];
    if (kind !== undefined) found.push({ pid: Number(name), kind });
  }
  return found;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** CPU seconds by kind of process. */
export type CpuByKind = Readonly<Record<string, number>>;

/**
 * Starts measuring the platform, its clients and the server. A process that has ended counts with what it was last seen to have
 * used, so `look` is called now and then.
 */
export function startKindMeter(postgresPid: number) {
  const startMs = performance.now();
  const machineStart = machineCpuSeconds();
  const ownStart = process.cpuUsage();
  const postgresStart = treeCpuSeconds(postgresPid);
  const cpuOf = (pid: number): number => {
    const stat = statOf(pid);
    return stat === null ? 0 : stat.own + stat.ended;
  };
  const seen = new Map(meteredChildren().map(({ pid, kind }) => [pid, { kind, from: cpuOf(pid), to: cpuOf(pid) }]));
  const look = (): void => {
    for (const { pid, kind } of meteredChildren()) {
      const known = seen.get(pid) ?? { kind, from: 0, to: 0 };
      seen.set(pid, { ...known, to: Math.max(known.to, cpuOf(pid)) });
    }
  };
  /** Looks, and says what has been used so far. */
  const read = (): CpuByKind => {
    look();
    const { user, system } = process.cpuUsage(ownStart);
    const cpu: Record<string, number> = { postgres: treeCpuSeconds(postgresPid) - postgresStart, bench: (user + system) / 1e6 };
    for (const { kind, from, to } of seen.values()) cpu[kind] = (cpu[kind] ?? 0) + to - from;
    return cpu;
  };
  return {
    look,
    read,
    stop: (): { readonly seconds: number; readonly cpu: CpuByKind; readonly others: number } => {
      const cpu = read();
      const machine = machineCpuSeconds();
      const all = machine.all - machineStart.all;
      const ours = Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0);
      const others = all === 0 ? 0 : Math.max(0, (machine.busy - machineStart.busy - ours) / all);
      return { seconds: (performance.now() - startMs) / 1000, cpu, others };
    },
  };
}

/** The most memory that each kind of process has held at once, megabytes of its largest process; none where there is no /proc. */
export function peakMegabytes(): Record<string, number> {
  const peaks: Record<string, number> = {};
  for (const { pid, kind } of meteredChildren()) {
    const kilobytes = Number(/VmHWM:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
    peaks[kind] = Math.max(peaks[kind] ?? 0, Math.round(kilobytes / 1024));
  }
  return peaks;
}

/** Memory of a process in megabytes: what it holds, and how much of that it may share with others. */
function memoryOf(pid: number): { readonly resident: number; readonly shared: number } {
  const status = textOf(`/proc/${pid}/status`);
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { resident: of('VmRSS'), shared: of('RssFile') + of('RssShmem') };
}

/**
 * The memory that each kind of process and the server hold now, megabytes of all processes of a kind together. What processes of the
 * server share counts once, as much of it as the one that has touched most.
 */
export function heldMegabytes(postgresPid: number): Record<string, number> {
  const held: Record<string, number> = {};
  for (const { pid, kind } of meteredChildren()) held[kind] = (held[kind] ?? 0) + memoryOf(pid).resident;
  const isServer = (pid: number): boolean => pid === postgresPid || statOf(pid)?.parent === postgresPid;
  const server = processIds().map(Number).filter(isServer).map(memoryOf);
  const own = server.reduce((sum, { resident, shared }) => sum + resident - shared, 0);
  return { ...held, postgres: own + Math.max(0, ...server.map(({ shared }) => shared)) };
}

export interface Reading {
  readonly seconds: number;
  /** CPU seconds of this process. */
  readonly node: number;
  /** CPU seconds of the database server. */
  readonly postgres: number;
  /** Share of the machine's CPU time that went to anybody else, 0 to 1. */
  readonly others: number;
}

/** Starts measuring; the result says what was used since. */
export function startMeter(postgresPid: number): () => Reading {
  const startMs = performance.now();
  const nodeStart = process.cpuUsage();
  const postgresStart = treeCpuSeconds(postgresPid);
  const machineStart = machineCpuSeconds();
  return () => {
    const { user, system } = process.cpuUsage(nodeStart);
    const node = (user + system) / 1e6;
    const postgres = treeCpuSeconds(postgresPid) - postgresStart;
    const machine = machineCpuSeconds();
    const all = machine.all - machineStart.all;
    const others = all === 0 ? 0 : Math.max(0, (machine.busy - machineStart.busy - node - postgres) / all);
    return { seconds: (performance.now() - startMs) / 1000, node, postgres, others };
  };
}

const FSYNC_TRIES = 50;
const PAGE_BYTES = 8_192;

/** How long this disk takes to make one page durable (write and fdatasync), median in microseconds. */
export function fsyncMicroseconds(folder: string): number {
  const file = openSync(join(folder, 'fsync.probe'), 'w');
  try {
    const page = Buffer.alloc(PAGE_BYTES, 1);
    const times: number[] = [];
    for (let index = 0; index < FSYNC_TRIES; index += 1) {
      const startMs = performance.now();
      writeSync(file, page, 0, PAGE_BYTES, 0);
      fdatasyncSync(file);
      times.push((performance.now() - startMs) * 1000);
    }
    return spreadOf(times).median;
  } finally {
    closeSync(file);
  }
}
