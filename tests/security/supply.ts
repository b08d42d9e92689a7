/**
 * What the platform is built from: the licence of every package of the lock file, a bill of materials that lists them all, and no
 * secret in the tree. Works offline, from the lock file and what is installed.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reportOf, type SecurityPart } from './part.ts';
import licences from './licences.json' with { type: 'json' };
import { findSecrets, type SecretFinding } from './secrets.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SKIPPED = new Set(['node_modules', '.git', '.capp', 'coverage', 'dist']);
const TEXT_BYTES_MAX = 4_000_000;

interface Locked {
  readonly version?: string;
  readonly license?: string | { readonly type?: string };
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly link?: boolean;
}

interface Component {
  readonly purl?: string;
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly content: string }[];
}

export interface LicenceAudit {
  readonly packages: number;
  readonly byLicence: Readonly<Record<string, number>>;
  /** Packages whose licence is neither allowed nor excepted. */
  readonly refused: readonly string[];
  /** Packages without a digest that are not skipped on this machine. */
  readonly undigested: readonly string[];
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Whether an SPDX expression can be met: one side of an OR, both sides of an AND. */
export function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const bare = expression.replace(/^\(|\)$/g, '');
  if (/ OR /.test(bare)) return bare.split(' OR ').some((part) => isAllowed(part.trim(), allowed));
  if (/ AND /.test(bare)) return bare.split(' AND ').every((part) => isAllowed(part.trim(), allowed));
  return allowed.has(bare);
}

/** Holds every package of a lock file against the list of licences. */
export function auditLicences(packages: Readonly<Record<string, Locked>>, rules: typeof licences): LicenceAudit {
  const allowed = new Set(rules.allowed);
  const byLicence: Record<string, number> = {};
  const refused: string[] = [];
  const undigested: string[] = [];
  const locked = Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true);
  for (const [path, { license, version, integrity, optional }] of locked) {
    const name = nameOf(path);
    const licence = (typeof license === 'string' ? license : license?.type) ?? 'NONE';
    byLicence[licence] = (byLicence[licence] ?? 0) + 1;
    const exception = rules.exceptions[licence as keyof typeof rules.exceptions];
    const isExcepted = exception !== undefined && new RegExp(exception.packages).test(name);
    if (!isAllowed(licence, allowed) && !isExcepted) refused.push(`${name}@${version ?? '?'} (${licence})`);
    // Builds for other machines are locked by version alone until one of those machines installs them.
    if (integrity === undefined && optional !== true) undigested.push(name);
  }
  return { packages: locked.length, byLicence, refused, undigested };
}

/** The bill of materials, CycloneDX 1.5, as npm makes it from the lock file. */
export async function billOfMaterials(): Promise<{ readonly bomFormat: string; readonly components: readonly Component[] }> {
  const run = promisify(execFile);
  const command = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const { stdout } = await run('npm', command, { cwd: ROOT, maxBuffer: 64_000_000 });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof billOfMaterials>>;
}

/** Packages of the lock file that a bill of materials does not list. */
export function missingFrom(components: readonly Component[], packages: Readonly<Record<string, Locked>>): string[] {
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  // One package that stands under two names is listed once, by its content.
  const digests = new Set(components.flatMap(({ hashes = [] }) => hashes.map(({ content }) => content)));
  const digestOf = (integrity = ''): string => Buffer.from(integrity.slice(integrity.indexOf('-') + 1), 'base64').toString('hex');
  return Object.entries(packages)
    .filter(([path, { link, integrity }]) => path !== '' && link !== true && !digests.has(digestOf(integrity)))
    .map(([path, { version }]) => `${nameOf(path)}@${version}`)
    .filter((each) => !listed.has(each));
}

function scanTree(): { readonly files: number; readonly bytes: number; readonly findings: readonly SecretFinding[] } {
  let [files, bytes] = [0, 0];
  const findings: SecretFinding[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (SKIPPED.has(entry.name)) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile() && path !== 'package-lock.json' && statSync(join(ROOT, path)).size <= TEXT_BYTES_MAX) {
        const content = readFileSync(join(ROOT, path));
        files += 1;
        bytes += content.length;
        if (!content.subarray(0, 8_000).includes(0)) findings.push(...findSecrets(path, content.toString('utf8')));
      }
    }
  };
  visit('');
  return { files, bytes, findings };
}

export const supply: SecurityPart = {
  name: 'supply',
  description: 'licences of all packages, a bill of materials, and no secret in the tree; offline',
  run: async () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
    const { packages, byLicence, refused, undigested } = auditLicences(lock.packages, licences);
    const bill = await billOfMaterials();
    const installed = existsSync(join(ROOT, 'node_modules'));
    const missing = missingFrom(bill.components, lock.packages);
    const { files, bytes, findings } = scanTree();
    return reportOf(
      'supply',
      {
        packages,
        licences: Object.entries(byLicence).map(([licence, count]) => `${licence} ${count}`),
        bill: `${bill.bomFormat}, ${bill.components.length} components`,
        filesScanned: files,
        bytesScanned: bytes,
        secretsFound: findings.length,
      },
      [
        ...(installed ? [] : ['the packages are not installed']),
        ...refused.map((each) => `no licence that is allowed: ${each}`),
        ...undigested.map((each) => `without a digest in the lock file: ${each}`),
        ...missing.map((each) => `not in the bill of materials: ${each}`),
        ...findings.map(({ path, line, kind }) => `${path}:${line} looks like a secret: ${kind}`),
      ],
    );
  },
};
