/**
 * Known weaknesses of the packages that the platform runs on: npm asks the registry about every one of the lock file. What a registry
 * that does not answer knows, nobody knows: then the part says that it was not checked, which is no pass. An advisory that does not
 * concern the platform is accepted in `advisories.json` with a reason, and until a day.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import accepted from './advisories.json' with { type: 'json' };
import { type PartReport, reportOf, type SecurityPart } from './part.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ASK_MS_MAX = 120_000;

export interface Advisory {
  /** Of the public database, as `GHSA-xxxx-xxxx-xxxx`; the registry's own address for one without. */
  readonly id: string;
  readonly packageName: string;
  readonly severity: string;
  readonly title: string;
}

export type Audit =
  | { readonly kind: 'answered'; readonly packages: number; readonly advisories: readonly Advisory[] }
  | { readonly kind: 'unanswered'; readonly why: string };

/** By the id of an advisory: why it does not concern the platform, and until which day (YYYY-MM-DD) that counts. */
export type Accepted = Readonly<Record<string, { readonly why: string; readonly until: string }>>;

interface Via {
  readonly name: string;
  readonly title: string;
  readonly url: string;
  readonly severity: string;
}

interface AuditJson {
  readonly auditReportVersion?: number;
  readonly message?: string;
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (string | Via)[] }>>;
  readonly metadata?: { readonly dependencies: { readonly prod: number } };
}

/** Reads what `npm audit --json` prints. What is no report of version 2 is no answer, whatever else it says. */
export function readAudit(text: string): Audit {
  let json: AuditJson;
  try {
    json = JSON.parse(text) as AuditJson;
  } catch {
    return { kind: 'unanswered', why: 'npm printed no report' };
  }
  const { auditReportVersion, vulnerabilities, metadata, message } = json;
  if (auditReportVersion !== 2 || vulnerabilities === undefined || metadata === undefined)
    return { kind: 'unanswered', why: message ?? 'npm printed a report of another kind' };
  // A package that is only weak by another names that one; the weakness itself is told once.
  const found = Object.values(vulnerabilities).flatMap(({ via }) => via.filter((each) => typeof each !== 'string'));
  const advisories = found.map(({ name, title, url, severity }) => ({ id: idOf(url), packageName: name, severity, title }));
  const once = new Map(advisories.map((advisory) => [`${advisory.id} ${advisory.packageName}`, advisory]));
  return { kind: 'answered', packages: metadata.dependencies.prod, advisories: [...once.values()] };
}

const idOf = (url: string): string => /GHSA(-[0-9a-z]{4}){3}/.exec(url)?.[0] ?? url;

/** What an audit comes to on a day (YYYY-MM-DD). */
export function judgeAudit(audit: Audit, exceptions: Accepted, today: string): PartReport {
  if (audit.kind === 'unanswered') return reportOf('advisories', {}, [], `the registry could not be reached (${audit.why})`);
  const isAccepted = ({ id }: Advisory): boolean => (exceptions[id]?.until ?? '') >= today;
  const open = audit.advisories.filter((advisory) => !isAccepted(advisory));
  const figures = { packages: audit.packages, advisories: audit.advisories.length, accepted: audit.advisories.length - open.length };
  return reportOf('advisories', figures, [
    ...(audit.packages > 0 ? [] : ['the registry was asked about no package']),
    ...open.map(({ id, packageName, severity, title }) => `${packageName}: ${severity}, ${title} (${id})`),
  ]);
}

/** Asks the registry that npm is configured for. The settings that would let npm answer without asking are turned off. */
function askRegistry(): Promise<string> {
  const command = ['audit', '--omit=dev', '--json', '--offline=false', '--audit=true', '--fetch-retries=1'];
  return new Promise((resolve) => {
    // npm ends with 1 for what it found and for what it could not ask: what it prints tells them apart.
    execFile('npm', command, { cwd: ROOT, maxBuffer: 64_000_000, timeout: ASK_MS_MAX }, (_error, stdout) => resolve(stdout));
  });
}

export const advisories: SecurityPart = {
  name: 'advisories',
  description: 'known weaknesses of the packages that run in production, asked of the registry',
  run: async () => judgeAudit(readAudit(await askRegistry()), accepted.accepted, new Date().toISOString().slice(0, 10)),
};
