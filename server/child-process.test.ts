import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLog } from './child-process.ts';

test('a log that cannot be written loses its lines and nothing else, and is written again when it can be', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-log-'));
  const path = join(folder, 'later', 'worker.log');
  const log = openLog(path);
  // There is no folder yet: an error of the file system as any other.
  log.write(Buffer.from('lost\n'));
  await mkdir(join(folder, 'later'));
  await vi.waitFor(async () => {
    log.write(Buffer.from('kept\n'));
    expect(await readFile(path, 'utf8')).toContain('kept');
  });
  log.end();
  await rm(folder, { recursive: true, force: true });
});
