/** Folders on the disk: making them, and what is wrong when that fails, in the words of the catalogue. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fault } from '../domain/errors.ts';

/** What a file system answers where nothing can be written. ENOENT: the folder above is there and takes nothing, as under /proc. */
const UNWRITABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST', 'EDQUOT', 'ENOENT'];

/** Turns an error of the file system into `storage_unwritable`, naming the folder; gives others back. */
export function storageFault(error: unknown, folder: string): unknown {
  const code = (error as { code?: string }).code ?? '';
  if (!UNWRITABLE.includes(code)) return error;
  const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'is full' : 'cannot be written';
  return fault('storage_unwritable', { detail: `The data folder ${folder} ${why} (${code}).`, cause: error });
}

/**
 * Makes a folder and those above it; one that is there stays as it is. Node's own way to do so never ends where a folder is
 * there and yet answers ENOENT to whoever makes another in it. Throws what the file system answers.
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  let at = resolve(path);
  for (; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    await mkdir(folder, mode).catch(async (error: NodeJS.ErrnoException) => {
      // Somebody else made it in the same moment; or a file stands there, of which the next one down says that it is no folder.
      if (error.code !== 'EEXIST' || (folder === missing.at(-1) && !(await isFolder(folder)))) throw error;
    });
  }
}

/** Whether a folder is there. What stands in its place, and what may not be looked at, is for whoever makes it to find out. */
async function isFolder(path: string): Promise<boolean> {
  if (dirname(path) === path) return true;
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
