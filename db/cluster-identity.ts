/** Who our own PostgreSQL server runs as: never root, but the owner of its files. */
import { existsSync } from 'node:fs';
import { chown, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fault } from '../domain/errors.ts';

/** Who the server runs as: nobody in particular (us), or another user because we are root. */
export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
}

/** As root: the owner of the files there are, else the system's `postgres`, else `nobody`. Otherwise: ourselves. */
export async function identityFor(directory: string): Promise<Identity> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(directory).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find((fields) => fields[0] === 'postgres') ?? users.find((fields) => fields[0] === 'nobody');
  if (user === undefined)
    throw fault('config_invalid', { detail: 'PostgreSQL does not run as root, and there is no user postgres or nobody.' });
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/**
 * The command to run as that user. Where the user cannot enter the folders above the files (a checkout under
 * /root), the server keeps one capability of root, the right to pass them; `setpriv` is part of util-linux.
 */
export async function commandAs(identity: Identity, command: readonly string[], folder: string): Promise<readonly string[]> {
  if (identity.uid === undefined) return command;
  const reachable = await Promise.all([mayEnter(identity, folder), mayEnter(identity, dirname(command[0] as string))]);
  if (reachable.every(Boolean)) return command;
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));
  if (setpriv === undefined) {
    throw fault('storage_unwritable', {
      detail: `PostgreSQL does not run as root, and user ${identity.uid} cannot enter ${folder}; set CAPP_DATA_DIR.`,
    });
  }
  const groups = [`--reuid=${identity.uid}`, `--regid=${identity.gid}`, '--clear-groups'];
  return [setpriv, ...groups, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', ...command];
}

async function mayEnter(identity: Identity, folder: string): Promise<boolean> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const { uid, gid, mode } = await stat(at);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** `setpriv` changes the user by itself; otherwise Node does it. */
export function spawnIdentity(identity: Identity, direct: boolean): Identity {
  return direct ? identity : {};
}

/** Makes files those of whoever the server runs as. */
export async function giveTo(identity: Identity, ...paths: readonly string[]): Promise<void> {
  if (identity.uid === undefined || identity.gid === undefined) return;
  for (const path of paths) await chown(path, identity.uid, identity.gid);
}
