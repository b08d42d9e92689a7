/** CPU time of a tree of processes, as the kernel counts it. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { startCpuMeter } from './cpu-time.ts';

test.runIf(process.platform === 'linux')('what a process under this one has used counts, also when it is gone', () => {
  const meter = startCpuMeter();
  const before = meter();
  spawnSync(process.execPath, ['-e', 'const end = process.cpuUsage().user + 500_000; while (process.cpuUsage().user < end);']);
  const after = meter();
  expect((after?.seconds ?? 0) - (before?.seconds ?? 0)).toBeGreaterThan(0.4);
  expect(after?.others).toBeGreaterThanOrEqual(0);
});
