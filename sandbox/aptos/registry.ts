/** `capp::compliance_registry`. By the rules of `move/sources/compliance_registry.move`. */
import { emptyRoot, isHash, leafHash, verifyPath } from './merkle.ts';
import { acceptRole, holds, newRoles, offerRole, type Roles, withdrawRoleOffer } from './roles.ts';
import { type Assert, assertIn, type Frame, type Key } from './vm.ts';

const MODULE = 'compliance_registry';
const check: Assert = assertIn(MODULE);

const E = {
  NOT_ADMIN: 1,
  NOT_REGULATOR: 2,
  NOT_REPORTER: 3,
  NOT_ISSUER: 4,
  ISSUER_EXISTS: 5,
  NO_ISSUER: 6,
  ISSUER_UNCHANGED: 7,
  HASH_LENGTH: 8,
  TIER: 9,
  EXPIRY: 10,
  ATTESTATION_STANDS: 11,
  NO_ATTESTATION: 12,
  REVOKED: 13,
  MAY_NOT_REVOKE: 14,
  REASON: 15,
  EMPTY_LIST: 16,
  NO_LIST: 17,
  LIST_VOID: 18,
  BAD_PROOF: 19,
  IN_ORDER: 20,
  PERIOD: 21,
  CURRENCY: 22,
  REPORT_KIND: 23,
  NO_REPORT: 24,
  ANCHOR_ORDER: 25,
  NO_ANCHOR: 26,
  PAUSED: 27,
  NOT_PAUSED: 28,
} as const;

const ADMIN = 0n;
const REGULATOR = 1n;
const REPORTER = 2n;
const ROLE_COUNT = 3;
const ROLE_SCOPE = 3n;
const TIER_MAX = 4n;
const ATTESTATION_SECS_MAX = 63_072_000n;
const REASON_MAX = 5n;
const REPORT_KIND_MAX = 4n;

type Registry = { readonly roles: Roles; readonly paused: boolean; readonly anchorCount: bigint };
type Issuer = { readonly active: boolean; readonly tierMax: bigint };
type Attestation = {
  readonly tier: bigint;
  readonly issuedAt: bigint;
  readonly expiresAt: bigint;
  readonly evidence: string;
  readonly revokedAt: bigint;
  readonly reason: bigint;
};
type ListVersion = {
  readonly root: string;
  readonly count: bigint;
  readonly source: string;
  readonly publishedAt: bigint;
  readonly isVoid: boolean;
};
type Report = { readonly count: bigint; readonly amountMinor: bigint; readonly document: string; readonly filedAt: bigint };
type Anchor = { readonly block: bigint; readonly head: string; readonly anchoredAt: bigint };

const registryKey: Key<Registry> = { path: 'registry' };
const issuerKey = (issuer: string): Key<Issuer> => ({ path: `registry/issuer/${issuer}` });
const attestationKey = (subject: string, issuer: string): Key<Attestation> => ({ path: `registry/attestation/${subject}/${issuer}` });
const latestKey = (list: bigint): Key<bigint> => ({ path: `registry/latest/${list}` });
const listKey = (list: bigint, version: bigint): Key<ListVersion> => ({ path: `registry/list/${list}/${version}` });
const revisionKey = (kind: bigint, period: bigint, currency: string): Key<bigint> => ({
  path: `registry/revision/${kind}/${period}/${currency}`,
});
const reportKey = (kind: bigint, period: bigint, currency: string, revision: bigint): Key<Report> => ({
  path: `registry/report/${kind}/${period}/${currency}/${revision}`,
});
const anchorKey = (index: bigint): Key<Anchor> => ({ path: `registry/anchor/${index}` });

export function initRegistry(frame: Frame): void {
  frame.write(registryKey, { roles: newRoles(ROLE_SCOPE, frame.contract, ROLE_COUNT), paused: false, anchorCount: 0n });
}

export function registryOf(frame: Frame): Registry {
  const registry = frame.read(registryKey);
  if (registry === undefined) throw new Error('the contracts are not published');
  return registry;
}

/** A struct of the events: `Hash32` has one field. */
const struct32 = (bytes: string): { bytes: string } => ({ bytes });

function hash32(frame: Frame, bytes: string): string {
  check(frame, isHash(bytes), 'invalid_argument', E.HASH_LENGTH);
  return bytes;
}

export function offer(frame: Frame, by: string, role: bigint, nominee: string): void {
  const registry = registryOf(frame);
  frame.write(registryKey, { ...registry, roles: offerRole(frame, registry.roles, by, role, nominee) });
}

export function withdrawOffer(frame: Frame, by: string, role: bigint): void {
  const registry = registryOf(frame);
  frame.write(registryKey, { ...registry, roles: withdrawRoleOffer(frame, registry.roles, by, role) });
}

export function accept(frame: Frame, by: string, role: bigint): void {
  const registry = registryOf(frame);
  frame.write(registryKey, { ...registry, roles: acceptRole(frame, registry.roles, by, role) });
}

export function pauseRegistry(frame: Frame, by: string): void {
  const registry = registryOf(frame);
  const isAllowed = holds(registry.roles, REGULATOR, by) || holds(registry.roles, ADMIN, by);
  check(frame, isAllowed, 'permission_denied', E.NOT_REGULATOR);
  check(frame, !registry.paused, 'invalid_state', E.PAUSED);
  frame.write(registryKey, { ...registry, paused: true });
  frame.emit(MODULE, 'PauseChanged', { paused: true, by });
}

function forAdmin(frame: Frame, account: string): Registry {
  const registry = registryOf(frame);
  check(frame, holds(registry.roles, ADMIN, account), 'permission_denied', E.NOT_ADMIN);
  return registry;
}

function assertRole(frame: Frame, account: string, role: bigint, reason: number): Registry {
  const registry = registryOf(frame);
  check(frame, holds(registry.roles, role, account), 'permission_denied', reason);
  return registry;
}

export function resumeRegistry(frame: Frame, admin: string): void {
  const registry = forAdmin(frame, admin);
  check(frame, registry.paused, 'invalid_state', E.NOT_PAUSED);
  frame.write(registryKey, { ...registry, paused: false });
  frame.emit(MODULE, 'PauseChanged', { paused: false, by: admin });
}

export function addIssuer(frame: Frame, admin: string, issuer: string, tierMax: bigint): void {
  forAdmin(frame, admin);
  check(frame, tierMax > 0n && tierMax <= TIER_MAX, 'invalid_argument', E.TIER);
  check(frame, frame.read(issuerKey(issuer)) === undefined, 'already_exists', E.ISSUER_EXISTS);
  frame.write(issuerKey(issuer), { active: true, tierMax });
  frame.emit(MODULE, 'IssuerChanged', { issuer, active: true, tier_max: tierMax });
}

export function setIssuerActive(frame: Frame, regulator: string, issuer: string, active: boolean): void {
  assertRole(frame, regulator, REGULATOR, E.NOT_REGULATOR);
  const entry = frame.read(issuerKey(issuer));
  check(frame, entry !== undefined, 'not_found', E.NO_ISSUER);
  check(frame, entry.active !== active, 'invalid_state', E.ISSUER_UNCHANGED);
  frame.write(issuerKey(issuer), { ...entry, active });
  frame.emit(MODULE, 'IssuerChanged', { issuer, active, tier_max: entry.tierMax });
}

function checkedAttestation(frame: Frame, issuer: string, tier: bigint, expiresAt: bigint, evidence: string): Attestation {
  check(frame, !registryOf(frame).paused, 'invalid_state', E.PAUSED);
  const entry = frame.read(issuerKey(issuer));
  check(frame, entry?.active === true, 'permission_denied', E.NOT_ISSUER);
  check(frame, tier > 0n && entry !== undefined && tier <= entry.tierMax, 'invalid_argument', E.TIER);
  const isInTime = expiresAt > frame.nowSecs && expiresAt <= frame.nowSecs + ATTESTATION_SECS_MAX;
  check(frame, isInTime, 'invalid_argument', E.EXPIRY);
  return { tier, issuedAt: frame.nowSecs, expiresAt, evidence: hash32(frame, evidence), revokedAt: 0n, reason: 0n };
}

function keepAttestation(frame: Frame, subject: string, issuer: string, attestation: Attestation): void {
  frame.write(attestationKey(subject, issuer), attestation);
  const { tier, expiresAt, evidence } = attestation;
  frame.emit(MODULE, 'Attested', { subject: struct32(subject), issuer, tier, expires_at: expiresAt, evidence: struct32(evidence) });
}

export function attest(frame: Frame, issuer: string, subject: string, tier: bigint, expiresAt: bigint, evidence: string): void {
  hash32(frame, subject);
  const attestation = checkedAttestation(frame, issuer, tier, expiresAt, evidence);
  const earlier = frame.read(attestationKey(subject, issuer));
  const isOver = earlier === undefined || earlier.revokedAt > 0n || earlier.expiresAt <= attestation.issuedAt;
  check(frame, isOver, 'already_exists', E.ATTESTATION_STANDS);
  keepAttestation(frame, subject, issuer, attestation);
}

export function renew(frame: Frame, issuer: string, subject: string, tier: bigint, expiresAt: bigint, evidence: string): void {
  hash32(frame, subject);
  const attestation = checkedAttestation(frame, issuer, tier, expiresAt, evidence);
  const earlier = frame.read(attestationKey(subject, issuer));
  check(frame, earlier !== undefined, 'not_found', E.NO_ATTESTATION);
  check(frame, earlier.revokedAt === 0n, 'invalid_state', E.REVOKED);
  keepAttestation(frame, subject, issuer, attestation);
}

export function revoke(frame: Frame, by: string, subject: string, issuer: string, reason: bigint): void {
  const { roles } = registryOf(frame);
  check(frame, by === issuer || holds(roles, REGULATOR, by), 'permission_denied', E.MAY_NOT_REVOKE);
  check(frame, reason > 0n && reason <= REASON_MAX, 'invalid_argument', E.REASON);
  const attestation = frame.read(attestationKey(hash32(frame, subject), issuer));
  check(frame, attestation !== undefined, 'not_found', E.NO_ATTESTATION);
  check(frame, attestation.revokedAt === 0n, 'invalid_state', E.REVOKED);
  frame.write(attestationKey(subject, issuer), { ...attestation, revokedAt: frame.nowSecs, reason });
  frame.emit(MODULE, 'AttestationRevoked', { subject: struct32(subject), issuer, by, reason });
}

export function publishList(frame: Frame, regulator: string, list: bigint, root: string, count: bigint, source: string): void {
  assertRole(frame, regulator, REGULATOR, E.NOT_REGULATOR);
  hash32(frame, root);
  hash32(frame, source);
  check(frame, (count === 0n) === (root === emptyRoot()), 'invalid_argument', E.EMPTY_LIST);
  const version = latestVersion(frame, list) + 1n;
  frame.write(latestKey(list), version);
  frame.write(listKey(list, version), { root, count, source, publishedAt: frame.nowSecs, isVoid: false });
  frame.emit(MODULE, 'ListPublished', { list, version, root: struct32(root), count, source: struct32(source) });
}

export function latestVersion(frame: Frame, list: bigint): bigint {
  return frame.read(latestKey(list)) ?? 0n;
}

export function knownList(frame: Frame, list: bigint, version: bigint): ListVersion {
  const found = frame.read(listKey(list, version));
  check(frame, found !== undefined, 'not_found', E.NO_LIST);
  return found;
}

function standingList(frame: Frame, list: bigint, version: bigint): ListVersion {
  const found = knownList(frame, list, version);
  check(frame, !found.isVoid, 'invalid_state', E.LIST_VOID);
  return found;
}

/** Entries have 32 bytes, so that nothing else than an entry can be the data of a leaf. */
function hasEntry(version: ListVersion, entry: string, index: bigint, path: readonly string[]): boolean {
  return isHash(entry) && verifyPath(leafHash(entry), index, version.count, path, version.root);
}

/** One entry with its proof. */
export interface ListProof {
  readonly entry: string;
  readonly path: readonly string[];
}

export function challengeOrder(
  frame: Frame,
  by: string,
  list: bigint,
  version: bigint,
  index: bigint,
  first: ListProof,
  next: ListProof,
): void {
  const found = standingList(frame, list, version);
  // Hex of bytes sorts as the bytes do.
  check(frame, !(first.entry < next.entry), 'invalid_argument', E.IN_ORDER);
  const isShown =
    hasEntry(found, first.entry, index, first.path) && found.count - 1n > index && hasEntry(found, next.entry, index + 1n, next.path);
  check(frame, isShown, 'invalid_argument', E.BAD_PROOF);
  frame.write(listKey(list, version), { ...found, isVoid: true });
  frame.emit(MODULE, 'ListVoided', { list, version, by });
}

export function isListed(frame: Frame, list: bigint, version: bigint, index: bigint, proof: ListProof): boolean {
  return hasEntry(standingList(frame, list, version), proof.entry, index, proof.path);
}

export function isNotListed(
  frame: Frame,
  list: bigint,
  version: bigint,
  entry: string,
  index: bigint,
  before: ListProof,
  after: ListProof,
): boolean {
  const found = standingList(frame, list, version);
  if (!isHash(entry) || index > found.count) return false;
  const isNone = ({ entry: bytes, path }: ListProof): boolean => bytes === '' && path.length === 0;
  const beforeHolds = index === 0n ? isNone(before) : before.entry < entry && hasEntry(found, before.entry, index - 1n, before.path);
  const afterHolds = index === found.count ? isNone(after) : entry < after.entry && hasEntry(found, after.entry, index, after.path);
  return beforeHolds && afterHolds;
}

/** What a report says of its month and currency. */
export interface Filing {
  readonly count: bigint;
  readonly amountMinor: bigint;
  readonly document: string;
}

export function fileReport(frame: Frame, reporter: string, kind: bigint, period: bigint, currency: string, filing: Filing): void {
  assertRole(frame, reporter, REPORTER, E.NOT_REPORTER);
  check(frame, kind > 0n && kind <= REPORT_KIND_MAX, 'invalid_argument', E.REPORT_KIND);
  const [year, month] = [period / 100n, period % 100n];
  const isPeriod = year >= 2000n && year <= 2999n && month >= 1n && month <= 12n;
  check(frame, isPeriod, 'invalid_argument', E.PERIOD);
  const isCurrency = /^[A-Z]{3}$/.test(Buffer.from(currency, 'hex').toString('latin1'));
  check(frame, isCurrency, 'invalid_argument', E.CURRENCY);
  hash32(frame, filing.document);
  const revision = reportRevision(frame, kind, period, currency) + 1n;
  frame.write(revisionKey(kind, period, currency), revision);
  frame.write(reportKey(kind, period, currency, revision), { ...filing, filedAt: frame.nowSecs });
  const { count, amountMinor, document } = filing;
  frame.emit(MODULE, 'ReportFiled', { kind, period, currency, revision, count, amount_minor: amountMinor, document: struct32(document) });
}

export function reportRevision(frame: Frame, kind: bigint, period: bigint, currency: string): bigint {
  return frame.read(revisionKey(kind, period, currency)) ?? 0n;
}

export function reportOf(frame: Frame, kind: bigint, period: bigint, currency: string, revision: bigint): Report {
  const found = frame.read(reportKey(kind, period, currency, revision));
  check(frame, found !== undefined, 'not_found', E.NO_REPORT);
  return found;
}

export function anchorAudit(frame: Frame, reporter: string, block: bigint, head: string): void {
  const registry = assertRole(frame, reporter, REPORTER, E.NOT_REPORTER);
  hash32(frame, head);
  const index = registry.anchorCount;
  const last = index === 0n ? undefined : frame.read(anchorKey(index - 1n));
  check(frame, last === undefined || last.block < block, 'invalid_argument', E.ANCHOR_ORDER);
  frame.write(anchorKey(index), { block, head, anchoredAt: frame.nowSecs });
  frame.write(registryKey, { ...registry, anchorCount: index + 1n });
  frame.emit(MODULE, 'AuditAnchored', { index, block, head: struct32(head) });
}

export function anchorOf(frame: Frame, index: bigint): Anchor {
  const found = frame.read(anchorKey(index));
  check(frame, found !== undefined && index < registryOf(frame).anchorCount, 'not_found', E.NO_ANCHOR);
  return found;
}

export function issuerOf(frame: Frame, account: string): Issuer {
  return frame.read(issuerKey(account)) ?? { active: false, tierMax: 0n };
}

export function attestationOf(frame: Frame, subject: string, issuer: string): Attestation | undefined {
  return frame.read(attestationKey(hash32(frame, subject), issuer));
}

export function isAttested(frame: Frame, subject: string, issuer: string, tier: bigint): boolean {
  const found = attestationOf(frame, subject, issuer);
  if (found === undefined || !issuerOf(frame, issuer).active) return false;
  return found.revokedAt === 0n && frame.nowSecs < found.expiresAt && found.tier >= tier;
}
