/** How many connections a process can hold with the files that the system lets it open: each takes one. */

/** What else a process has open: connections to the database, to Redis and to operators, logs, lists. */
const KEPT_FILES = 256;

interface UserLimits {
  readonly userLimits: { readonly open_files: { readonly soft: number | 'unlimited' } };
}

/** Files that this process may have open. Node raises its own bound as far as it may when it starts. */
export function openFilesMax(): number {
  // Who the connections lead to is not asked: that would look names up.
  Object.assign(process.report, { excludeNetwork: true });
  const { soft } = (process.report.getReport() as UserLimits).userLimits.open_files;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : soft;
}

/** As many connections as wanted, or as there are files for. */
export function connectionsWithin(wanted: number, filesMax: number): number {
  return Math.max(1, Math.min(wanted, filesMax - KEPT_FILES));
}
