/** From a net obligation to the terms that the contract binds, and the digest by which it knows them. */
import { createHash } from 'node:crypto';
import { AccountAddress, MoveVector, Serializer } from '@aptos-labs/ts-sdk';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import type { BatchTerms } from './functions.ts';
import type { ChainProfile } from './profile.ts';
import type { BatchProposal, ChainTerms } from './settlement-chain.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const HASH = /^[0-9a-f]{64}$/;
const U64_END = 1n << 64n;

/** The 16 bytes of a batch id, hex. Throws `settlement_terms_invalid` for what is no UUID. */
export function batchBytes(batchId: string): string {
  if (!UUID.test(batchId)) throw invalid('batchId', 'A batch id is a UUID.');
  return batchId.replaceAll('-', '');
}

/** The batch id of its 16 bytes. */
export function uuidOf(bytes: string): string {
  return bytes.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The terms of a proposal. Who owes pays: the partner from its account, or we from our treasury. Throws `settlement_terms_invalid`
 * for what the chain cannot settle: a net of zero, a partner without an account, a currency without an asset.
 */
export function termsOf(profile: ChainProfile, proposer: string, proposal: BatchProposal, disputeWindowSecs: number): BatchTerms {
  const { partner, currency, netMinor } = proposal.obligation;
  const asset = profile.assets[currency];
  const account = profile.partners[partner];
  if (asset === undefined) throw invalid('obligation.currency', 'The currency has no asset on the chain.');
  if (account === undefined) throw invalid('obligation.partner', 'The partner has no account on the chain.');
  if (netMinor === 0n) throw invalid('obligation.netMinor', 'A net of zero moves nothing: settle it on the books.');
  const owed = netMinor < 0n ? -netMinor : netMinor;
  if (owed >= U64_END) throw invalid('obligation.netMinor', 'The net is more than the chain can hold.');
  if (!HASH.test(proposal.merkleRoot)) throw invalid('merkleRoot', 'A root is 32 bytes in hex.');
  const [payer, recipient] = netMinor > 0n ? [account, profile.treasury] : [profile.treasury, account];
  return {
    batchId: batchBytes(proposal.batchId),
    asset,
    proposer,
    payer,
    recipients: [recipient],
    amounts: [owed],
    merkleRoot: proposal.merkleRoot,
    itemCount: BigInt(proposal.itemCount),
    approvalsNeeded: BigInt(proposal.approvalsNeeded),
    deadlineSecs: BigInt(Math.floor(proposal.deadlineMs / 1000)),
    disputeWindowSecs: BigInt(disputeWindowSecs),
  };
}

/** The proposal that terms were made from; null when they are not of a partner, currency and treasury of the profile. */
export function proposalOfTerms(profile: ChainProfile, terms: BatchTerms): BatchProposal | null {
  const currency = currencyOf(profile, terms.asset);
  const [recipient = ''] = terms.recipients;
  const isOwed = recipient === profile.treasury;
  const account = isOwed ? terms.payer : recipient;
  const partner = Object.entries(profile.partners).find(([, address]) => address === account)?.[0];
  const isOurs = terms.recipients.length === 1 && (isOwed || terms.payer === profile.treasury);
  if (currency === null || partner === undefined || !isOurs) return null;
  const owed = terms.amounts[0] ?? 0n;
  return {
    batchId: uuidOf(terms.batchId),
    obligation: { partner, currency, netMinor: isOwed ? owed : -owed },
    merkleRoot: terms.merkleRoot,
    itemCount: Number(terms.itemCount),
    approvalsNeeded: Number(terms.approvalsNeeded),
    deadlineMs: Number(terms.deadlineSecs) * 1000,
  };
}

/** Terms of the chain in our words. `digest`: what the contract says that approvals are for. */
export function chainTermsOf(profile: ChainProfile, terms: BatchTerms, digest: string): ChainTerms {
  const proposal = proposalOfTerms(profile, terms);
  const total = terms.amounts.reduce((sum, amount) => sum + amount, 0n);
  return {
    partner: proposal?.obligation.partner ?? null,
    currency: currencyOf(profile, terms.asset),
    netMinor: terms.payer === profile.treasury ? -total : total,
    merkleRoot: terms.merkleRoot,
    itemCount: Number(terms.itemCount),
    approvalsNeeded: Number(terms.approvalsNeeded),
    deadlineMs: Number(terms.deadlineSecs) * 1000,
    isDigestOfTerms: digest === digestOfTerms(profile.contract, terms),
  };
}

function currencyOf(profile: ChainProfile, asset: string): Currency | null {
  return CURRENCIES.find((code) => profile.assets[code] === asset) ?? null;
}

function invalid(field: string, detail: string): Error {
  return fault('settlement_terms_invalid', { field, detail });
}

const DIGEST_DOMAIN = 'capp.settlement.v1';

/** SHA-256 over BCS of domain, contract address and terms, as the contract computes it; hex. */
export function digestOfTerms(contract: string, terms: BatchTerms): string {
  const serializer = new Serializer();
  const bytes = (hex: string): void => serializer.serializeBytes(Buffer.from(hex, 'hex'));
  const address = (text: string): void => AccountAddress.fromString(text).serialize(serializer);
  serializer.serializeBytes(Buffer.from(DIGEST_DOMAIN, 'utf8'));
  address(contract);
  bytes(terms.batchId);
  for (const account of [terms.asset, terms.proposer, terms.payer]) address(account);
  serializer.serializeVector(terms.recipients.map((account) => AccountAddress.fromString(account)));
  MoveVector.U64([...terms.amounts]).serialize(serializer);
  bytes(terms.merkleRoot);
  for (const value of [terms.itemCount, terms.approvalsNeeded, terms.deadlineSecs, terms.disputeWindowSecs]) serializer.serializeU64(value);
  return createHash('sha256').update(serializer.toUint8Array()).digest('hex');
}
