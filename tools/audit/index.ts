/** The audit log: sealed off the payments' way, verified from its first block, exported with proofs. */
export { type AnchorDeps, type Anchored, type AnchorKeeper, anchorHead } from './anchor.ts';
export { checkProof, exportPayment, type PaymentProof, type ProofCheck } from './proof.ts';
export { type Sealed, type SealDeps, sealAudit } from './seal.ts';
export { type AuditFinding, type AuditReport, type Trusted, type TrustedBlock, verifyAudit } from './verify.ts';
