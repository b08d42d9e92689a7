/** Held payments for tests and evals: real rows, real ciphertext, names and references as a test wants them. */
import type { Pool } from 'pg';
import type { Keyring } from '../../db/keyring.ts';
import { insertPayment } from '../../db/fixtures.ts';
import { newId } from '../../domain/ids.ts';

export interface HeldPayment {
  readonly senderName: string;
  readonly receiverName: string;
  readonly reference: string;
  readonly senderPhone?: string;
  readonly receiverPhone?: string;
}

export const SOMEBODY: HeldPayment = { senderName: 'Achieng Odhiambo', receiverName: 'Grace Nakato', reference: 'inv-1' };

/** Stores a held payment of a client and returns its id. References are unique per client. */
export async function insertHeldPayment(pool: Pool, keyring: Keyring, clientId: string, wanted: HeldPayment): Promise<string> {
  const parties = {
    sender: { name: wanted.senderName, phone: wanted.senderPhone ?? '+254712345678' },
    receiver: { name: wanted.receiverName, phone: wanted.receiverPhone ?? '+256772345678' },
  };
  const sealed = keyring.encrypt(JSON.stringify(parties), 'payments.parties');
  return insertPayment(pool, { clientId, status: 'held', referenceId: wanted.reference, parties: sealed });
}

/** Evidence of a possible match with a list, as compliance writes it. */
export function evidenceOfMatch(over: { readonly score?: number; readonly entryId?: string; readonly program?: string } = {}) {
  const hit = {
    party: 'sender',
    list: 'TEST',
    entryId: over.entryId ?? '7',
    program: over.program ?? 'TEST',
    how: 'similar',
    weak: false,
    score: over.score ?? 0.89,
    grounds: ['same', 'near 0.91'],
  };
  return {
    outcome: 'flag',
    facts: {
      hits: [hit],
      history: { count1h: 1, count24h: 1, truncated: false },
      thresholds: [],
      receiverSenders24h: 1,
      fatf: { from: 'grey', to: 'none' },
    },
  };
}

/** Opens a case on a payment and returns its id. */
export async function insertCase(
  pool: Pool,
  clientId: string,
  paymentId: string,
  over: { readonly priority?: number; readonly approvalsNeeded?: number; readonly evidence?: object } = {},
): Promise<string> {
  const caseId = newId();
  const reasons = [{ code: 'sanctions_possible_match', text: 'The sender may be entry 7 of TEST: similar names, score 0.89.' }];
  await pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, approvals_needed, due_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
    [
      caseId,
      clientId,
      paymentId,
      over.priority ?? 80,
      JSON.stringify(reasons),
      JSON.stringify(over.evidence ?? evidenceOfMatch()),
      'e'.repeat(64),
      over.approvalsNeeded ?? 1,
    ],
  );
  return caseId;
}
