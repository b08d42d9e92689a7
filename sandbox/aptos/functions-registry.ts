/** The functions of `capp::compliance_registry` as clients call them. */
import { optional, signed, view } from './declare.ts';
import * as registry from './registry.ts';
import { holderOf, nomineeOf } from './roles.ts';

export const REGISTRY_ENTRIES = {
  offer_role: signed(['u64', 'address'], registry.offer),
  withdraw_role_offer: signed(['u64'], registry.withdrawOffer),
  accept_role: signed(['u64'], registry.accept),
  pause: signed([], registry.pauseRegistry),
  resume: signed([], registry.resumeRegistry),
  add_issuer: signed(['address', 'u8'], registry.addIssuer),
  set_issuer_active: signed(['address', 'bool'], registry.setIssuerActive),
  attest: signed(['vector<u8>', 'u8', 'u64', 'vector<u8>'], registry.attest),
  renew: signed(['vector<u8>', 'u8', 'u64', 'vector<u8>'], registry.renew),
  revoke: signed(['vector<u8>', 'address', 'u8'], registry.revoke),
  publish_list: signed(['u64', 'vector<u8>', 'u64', 'vector<u8>'], registry.publishList),
  challenge_order: signed(
    ['u64', 'u64', 'u64', 'vector<u8>', 'vector<vector<u8>>', 'vector<u8>', 'vector<vector<u8>>'],
    (frame, by, list, version, index, entry, path, nextEntry, nextPath) =>
      registry.challengeOrder(frame, by, list, version, index, { entry, path }, { entry: nextEntry, path: nextPath }),
  ),
  file_report: signed(
    ['u8', 'u64', 'vector<u8>', 'u64', 'u128', 'vector<u8>'],
    (frame, reporter, kind, period, currency, count, amountMinor, document) =>
      registry.fileReport(frame, reporter, kind, period, currency, { count, amountMinor, document }),
  ),
  anchor_audit: signed(['u64', 'vector<u8>'], registry.anchorAudit),
};

export const REGISTRY_VIEWS = {
  is_paused: view([], ['bool'], (frame) => [registry.registryOf(frame).paused]),
  role_holder: view(['u64'], ['address'], (frame, role) => [holderOf(frame, registry.registryOf(frame).roles, role)]),
  role_nominee: view(['u64'], ['option<address>'], (frame, role) => [optional(nomineeOf(frame, registry.registryOf(frame).roles, role))]),
  issuer: view(['address'], ['bool', 'u8'], (frame, account) => {
    const issuer = registry.issuerOf(frame, account);
    return [issuer.active, issuer.tierMax];
  }),
  attestation: view(['vector<u8>', 'address'], ['u8', 'u64', 'u64', 'u64', 'u8'], (frame, subject, issuer) => {
    const found = registry.attestationOf(frame, subject, issuer);
    return found === undefined ? [0n, 0n, 0n, 0n, 0n] : [found.tier, found.issuedAt, found.expiresAt, found.revokedAt, found.reason];
  }),
  is_attested: view(['vector<u8>', 'address', 'u8'], ['bool'], (frame, subject, issuer, tier) => [
    registry.isAttested(frame, subject, issuer, tier),
  ]),
  latest_version: view(['u64'], ['u64'], (frame, list) => [registry.latestVersion(frame, list)]),
  list_version: view(['u64', 'u64'], ['vector<u8>', 'u64', 'vector<u8>', 'u64', 'bool'], (frame, list, version) => {
    const found = registry.knownList(frame, list, version);
    return [found.root, found.count, found.source, found.publishedAt, found.isVoid];
  }),
  is_listed: view(['u64', 'u64', 'vector<u8>', 'u64', 'vector<vector<u8>>'], ['bool'], (frame, list, version, entry, index, path) => [
    registry.isListed(frame, list, version, index, { entry, path }),
  ]),
  is_not_listed: view(
    ['u64', 'u64', 'vector<u8>', 'u64', 'vector<u8>', 'vector<vector<u8>>', 'vector<u8>', 'vector<vector<u8>>'],
    ['bool'],
    (frame, list, version, entry, index, before, beforePath, after, afterPath) => [
      registry.isNotListed(frame, list, version, entry, index, { entry: before, path: beforePath }, { entry: after, path: afterPath }),
    ],
  ),
  report_revision: view(['u8', 'u64', 'vector<u8>'], ['u64'], (frame, kind, period, currency) => [
    registry.reportRevision(frame, kind, period, currency),
  ]),
  report: view(['u8', 'u64', 'vector<u8>', 'u64'], ['u64', 'u128', 'vector<u8>', 'u64'], (frame, kind, period, currency, revision) => {
    const found = registry.reportOf(frame, kind, period, currency, revision);
    return [found.count, found.amountMinor, found.document, found.filedAt];
  }),
  anchor_count: view([], ['u64'], (frame) => [registry.registryOf(frame).anchorCount]),
  anchor: view(['u64'], ['u64', 'vector<u8>', 'u64'], (frame, index) => {
    const found = registry.anchorOf(frame, index);
    return [found.block, found.head, found.anchoredAt];
  }),
};
