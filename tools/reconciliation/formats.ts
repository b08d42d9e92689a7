/**
 * The forms of statements, as data: where each field stands, how moments and amounts are written, and what the
 * words for states and directions mean. A word that is not in here refuses the statement: a direction is never guessed.
 *
 * Operators publish no description of these exports. The columns are those of the portals' downloads and of the
 * documented list calls; what may differ by country is told in docs/operators.md.
 */
import type { Protocol } from '../../domain/rail.ts';

/** `iso`: year first · `day_first`: 25-11-2026 or 25/11/2026 · `epoch_ms`: milliseconds since 1970. What names no zone is in the country's time. */
export type MomentForm = 'iso' | 'day_first' | 'epoch_ms';

/** Names of a field, the first that is there counts: of a CSV its header, of JSON a dotted path. */
type Names = readonly string[];

export interface StatementFormat {
  readonly id: string;
  readonly protocol: Exclude<Protocol, 'on_us'>;
  readonly shape: { readonly kind: 'csv'; readonly delimiter: string } | { readonly kind: 'json'; readonly rows: readonly string[] };
  readonly fields: {
    readonly operatorReference: Names;
    readonly ourReference?: Names;
    readonly occurredAt: Names;
    /** Beside the day in a column of its own. */
    readonly occurredAtTime?: Names;
    readonly status: Names;
    /** Two columns that tell the direction, or one amount and a type. */
    readonly amountIn?: Names;
    readonly amountOut?: Names;
    readonly amount?: Names;
    readonly type?: Names;
    readonly fee?: Names;
    readonly balance?: Names;
    readonly currency?: Names;
    readonly details?: Names;
  };
  readonly moment: MomentForm;
  /** In `details`: our reference as the first group. */
  readonly ourReferenceInDetails?: RegExp;
  /** Rows whose details say so are charges, whatever column they stand in. */
  readonly feeInDetails?: RegExp;
  /** States in lower case: of movements that happened, and of those that did not. */
  readonly happened: readonly string[];
  readonly ignored: readonly string[];
  /** Types in lower case, where the amount has no column for each direction. */
  readonly directions?: Readonly<Record<'in' | 'out' | 'fee', readonly string[]>>;
}

export const STATEMENT_FORMATS: readonly StatementFormat[] = [
  {
    id: 'mpesa-organisation-csv',
    protocol: 'mpesa',
    shape: { kind: 'csv', delimiter: ',' },
    fields: {
      operatorReference: ['Receipt No.', 'Receipt No'],
      ourReference: ['A/C No.', 'A/C No'],
      occurredAt: ['Completion Time'],
      status: ['Transaction Status'],
      amountIn: ['Paid In'],
      amountOut: ['Withdrawn'],
      balance: ['Balance'],
      currency: ['Currency'],
      details: ['Details'],
    },
    moment: 'day_first',
    ourReferenceInDetails: /original conversation id is\s+([0-9A-Za-z-]+)/i,
    feeInDetails: /\bcharges?\b/i,
    happened: ['completed'],
    ignored: ['failed', 'declined', 'cancelled', 'expired', 'initiated', 'pending', 'authorized'],
  },
  {
    id: 'mtn-partner-csv',
    protocol: 'mtn_momo',
    shape: { kind: 'csv', delimiter: ',' },
    fields: {
      operatorReference: ['Id', 'Financial Transaction Id'],
      ourReference: ['External Transaction id', 'External id'],
      occurredAt: ['Date'],
      status: ['Status'],
      type: ['Type'],
      amount: ['Amount'],
      fee: ['Fee'],
      balance: ['Balance'],
      currency: ['Currency'],
    },
    moment: 'iso',
    happened: ['successful'],
    ignored: ['failed', 'pending', 'created', 'rejected', 'expired'],
    directions: {
      in: ['debit', 'payment', 'request to pay', 'requesttopay'],
      out: ['transfer', 'deposit', 'cash in', 'refund', 'remittance'],
      fee: ['fee', 'commission'],
    },
  },
  {
    id: 'airtel-summary-json',
    protocol: 'airtel',
    shape: { kind: 'json', rows: ['data.transactions'] },
    fields: {
      operatorReference: ['transaction.airtel_money_id', 'airtel_money_id'],
      ourReference: ['transaction.id', 'id'],
      occurredAt: ['transaction.created_at', 'created_at'],
      status: ['transaction.status', 'status'],
      type: ['service_type'],
      amount: ['transaction.amount', 'amount'],
      fee: ['charges.service'],
      currency: ['payee.currency', 'currency'],
    },
    moment: 'epoch_ms',
    happened: ['ts', 'transaction success', 'success'],
    ignored: ['tf', 'tip', 'ta', 'te', 'transaction failed', 'failed'],
    directions: { in: ['merchpay', 'collection'], out: ['disbursement', 'refund', 'b2c'], fee: ['charge'] },
  },
  {
    id: 'orange-merchant-csv',
    protocol: 'orange',
    shape: { kind: 'csv', delimiter: ';' },
    fields: {
      operatorReference: ['Référence', 'Reference'],
      ourReference: ['Référence externe', 'External reference'],
      occurredAt: ['Date'],
      occurredAtTime: ['Heure', 'Time'],
      status: ['Statut', 'Status'],
      amountIn: ['Crédit', 'Credit'],
      amountOut: ['Débit', 'Debit'],
      fee: ['Frais', 'Fees'],
      balance: ['Solde', 'Balance'],
    },
    moment: 'day_first',
    happened: ['succès', 'succes', 'success'],
    ignored: ['echec', 'échec', 'failed', 'annulé', 'en attente', 'expiré'],
  },
  {
    id: 'gsma-entries-json',
    protocol: 'gsma',
    shape: { kind: 'json', rows: ['', 'statementEntries'] },
    fields: {
      operatorReference: ['transactionReceipt', 'transactionReference'],
      ourReference: ['requestingOrganisationTransactionReference'],
      occurredAt: ['creationDate', 'modificationDate'],
      status: ['transactionStatus'],
      type: ['type', 'transactionType'],
      amount: ['amount'],
      currency: ['currency'],
      fee: ['fees.0.feeAmount'],
    },
    moment: 'iso',
    happened: ['completed'],
    ignored: ['pending', 'failed', 'declined', 'rejected', 'in progress'],
    directions: { in: ['merchantpay', 'billpay'], out: ['disbursement', 'deposit', 'transfer', 'reversal'], fee: ['adjustment'] },
  },
];

/** The forms that a rail's operator gives its statements in. */
export function formatsOf(protocol: Protocol): readonly StatementFormat[] {
  return STATEMENT_FORMATS.filter((format) => format.protocol === protocol);
}
