/** One folder for all that the tests of a run keep in files: what they leave, a secret of a sandbox among it, goes with the run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** vitest calls this once before all tests of a run, and what it returns after them. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'capp-tests-'));
  // Read by `tmpdir()` in every process that is started from here.
  process.env['TMPDIR'] = folder;
  return () => rm(folder, { recursive: true, force: true });
}
