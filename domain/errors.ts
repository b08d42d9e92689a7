/**
 * The error catalogue. Every error CAPP tells anybody has a stable code, an HTTP status, a public
 * sentence, and says whether asking again can help. A code that is not in the table does not compile.
 */

/** `never`: the same request will fail again · `later`: try again after a while · `after_change`: correct it first. */
export type Retry = 'never' | 'later' | 'after_change';

export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  readonly retry: Retry;
}

function entry(status: number, retry: Retry, title: string): ErrorEntry {
  return { status, retry, title };
}

export const ERRORS = {
  // The request.
  malformed_body: entry(400, 'after_change', 'The body is not valid JSON, NDJSON or CSV.'),
  validation_failed: entry(422, 'after_change', 'A field is missing or not of its form.'),
  request_unfinished: entry(408, 'later', 'The request did not arrive whole.'),
  body_too_large: entry(413, 'after_change', 'The body is larger than this route takes.'),
  row_too_large: entry(413, 'after_change', 'The row is larger than a payment intent may be.'),
  too_many_rows: entry(413, 'after_change', 'The batch has more rows than one request may carry.'),
  unsupported_media_type: entry(415, 'after_change', 'The content type is not one this route takes.'),
  unauthenticated: entry(401, 'after_change', 'No valid API key was presented.'),
  signature_invalid: entry(401, 'after_change', 'The request is not signed as its key asks for, or was sent before.'),
  step_up_needed: entry(401, 'after_change', 'Show the second factor again before this.'),
  forbidden: entry(403, 'never', 'The API key does not carry the scope this route needs.'),
  not_found: entry(404, 'never', 'There is no such resource.'),
  method_not_allowed: entry(405, 'never', 'The route does not take this method.'),
  rate_limited: entry(429, 'later', 'Too many requests.'),
  overloaded: entry(503, 'later', 'The platform has all the work it can hold right now.'),
  idempotency_key_reused: entry(422, 'never', 'The idempotency key was used before with another request.'),
  idempotency_in_progress: entry(409, 'later', 'A request with this idempotency key is still being worked on.'),
  invalid_cursor: entry(400, 'after_change', 'The cursor was not made by this list.'),

  // The intent.
  unknown_currency: entry(422, 'after_change', 'The currency is not one CAPP moves.'),
  currency_mismatch: entry(422, 'after_change', 'The currency is not the one of the country or wallet.'),
  amount_malformed: entry(422, 'after_change', 'The amount is not a plain decimal number.'),
  amount_not_positive: entry(422, 'after_change', 'The amount must be more than zero.'),
  amount_too_precise: entry(422, 'after_change', 'The amount has more decimal places than its currency.'),
  amount_out_of_range: entry(422, 'after_change', 'The amount is outside what CAPP can hold.'),
  rate_malformed: entry(422, 'after_change', 'The rate is not a positive decimal number.'),
  phone_invalid: entry(422, 'after_change', 'The number is not a mobile number of that country.'),
  phone_country_mismatch: entry(422, 'after_change', 'The number belongs to another country than the one given.'),
  wallet_unknown: entry(422, 'after_change', 'No mobile-money operator CAPP reaches serves this number.'),
  name_missing: entry(422, 'after_change', 'The full name of both parties is required.'),
  name_invalid: entry(422, 'after_change', 'The name has characters a name cannot have, or is too long.'),
  date_of_birth_invalid: entry(422, 'after_change', 'The date of birth is not a day of the calendar on which a living person was born.'),
  country_code_invalid: entry(422, 'after_change', 'The country is not an ISO 3166-1 alpha-2 code in use.'),
  address_invalid: entry(422, 'after_change', 'The address or place has characters it cannot have, lacks its town, or is too long.'),
  document_invalid: entry(422, 'after_change', 'The document has no number that can be one, or is not of the kind of its holder.'),
  same_party: entry(422, 'after_change', 'Sender and receiver are the same wallet.'),
  reference_missing: entry(422, 'after_change', 'Each intent needs a reference of its own.'),
  duplicate_reference: entry(409, 'never', 'The reference was used before for another payment.'),
  corridor_unavailable: entry(422, 'never', 'No corridor connects these two countries and currencies.'),

  // Quotes.
  quote_not_found: entry(404, 'never', 'There is no such quote.'),
  quote_expired: entry(409, 'after_change', 'The quote has expired.'),
  quote_used: entry(409, 'never', 'The quote was used for another payment.'),
  quote_altered: entry(409, 'never', 'The quote does not carry our signature.'),
  quote_mismatch: entry(422, 'after_change', 'The intent does not match its quote.'),
  rate_unavailable: entry(503, 'later', 'No trustworthy exchange rate is available for this pair.'),
  rate_source_failed: entry(502, 'later', 'A source of exchange rates gave no usable answer.'),

  // What becomes of a payment.
  amount_below_minimum: entry(422, 'after_change', 'The amount is below what the operators move at once.'),
  amount_above_maximum: entry(422, 'after_change', 'The amount is above what the operators move at once.'),
  amount_granularity: entry(422, 'after_change', 'The operator moves whole units only.'),
  sanctions_match: entry(422, 'never', 'The payment cannot be made.'),
  compliance_refused: entry(422, 'never', 'The payment cannot be made.'),
  compliance_review: entry(409, 'later', 'The payment is being looked at.'),
  limit_exceeded: entry(422, 'later', 'The payment would pass a limit of the wallet or its tier.'),
  no_route: entry(422, 'later', 'No route reaches the wallet at the moment.'),
  liquidity_timeout: entry(503, 'later', 'No liquidity became free in time.'),
  insufficient_funds: entry(402, 'after_change', 'The balance does not cover the payment.'),
  collection_refused: entry(422, 'after_change', 'The sender did not approve, or could not pay.'),
  collection_failed: entry(502, 'later', 'The collection did not succeed at any operator.'),
  payout_failed: entry(502, 'later', 'The payout did not succeed at any operator; the money goes back.'),
  illegal_transition: entry(409, 'never', 'The payment is past the point where this is possible.'),
  not_cancellable: entry(409, 'never', 'The payment can no longer be cancelled.'),
  not_refundable: entry(409, 'never', 'The payment cannot be refunded.'),
  payment_busy: entry(409, 'later', 'The payment is being worked on at this very moment.'),

  // Cases.
  case_not_open: entry(409, 'never', 'The case has been decided or closed.'),
  case_claimed: entry(409, 'later', 'Another officer holds the case.'),
  case_not_claimed: entry(409, 'after_change', 'Claim the case before deciding it.'),
  evidence_stale: entry(409, 'after_change', 'The evidence changed since it was read; read it again.'),
  verdict_not_applicable: entry(409, 'never', 'The case is not of the kind that this verdict ends.'),
  maker_is_checker: entry(409, 'never', 'The person who made a decision cannot approve it.'),
  approval_differs: entry(409, 'after_change', 'The approval that waits is for another action; agree to the same one, or reject.'),
  approval_expired: entry(409, 'later', 'The approval that waited has expired; the officers are asked anew.'),
  senior_needed: entry(403, 'never', 'An escalated case is decided with a senior officer.'),
  snooze_limit: entry(409, 'never', 'The case was put off as often as it may be.'),
  question_closed: entry(409, 'never', 'The question has been answered, or its case is closed.'),
  detail_given: entry(409, 'after_change', 'This was said of the party already, and otherwise; what was said first stands.'),
  rule_invalid: entry(422, 'after_change', 'The rule is not of the form that rules have.'),
  rule_step_refused: entry(409, 'never', 'The rule is not at a step from which this is possible.'),

  // Mandates.
  mandate_missing: entry(403, 'after_change', 'No mandate in force lets you spend.'),
  mandate_exceeded: entry(422, 'after_change', 'The payment is outside what the mandate allows.'),
  mandate_wider: entry(422, 'after_change', 'A mandate that is handed on must be within its parent.'),

  switch_unchanged: entry(409, 'never', 'The switch stands so already.'),

  // Reports.
  report_country_unknown: entry(422, 'after_change', 'No reporting rules are known for that country.'),
  report_form_unavailable: entry(422, 'never', 'The form of that country is not public; file on its own portal.'),
  report_period_invalid: entry(422, 'after_change', 'The period must be one to 366 days, the first not after the last.'),
  report_too_large: entry(422, 'after_change', 'The report has more rows than one file may hold; take a shorter period.'),
  report_invalid: entry(500, 'after_change', 'The report does not hold against its schema.'),
  report_filed: entry(409, 'never', 'The report was filed before.'),
  reporting_entity_missing: entry(409, 'after_change', 'Nobody is named who reports in that country; see CAPP_REPORTING_PATH.'),

  // Settlement.
  proof_not_ready: entry(409, 'later', 'The payment is in no settlement batch yet.'),
  proof_too_long: entry(409, 'never', 'The payment was carried through more batches than one proof holds.'),
  settlement_already_disputed: entry(409, 'never', 'The batch was disputed before.'),
  settlement_already_voted: entry(409, 'never', 'This is your last vote already.'),
  settlement_arbiter_involved: entry(403, 'never', 'Whoever approved the batch or asked for its dispute does not judge it.'),
  settlement_already_approved: entry(409, 'never', 'You, or your key, have approved this batch before.'),
  settlement_no_key: entry(403, 'never', 'No key on the settlement chain is kept for you.'),
  settlement_key_kept_here: entry(409, 'after_change', 'Your key is kept here: approve without a signature.'),
  settlement_key_elsewhere: entry(409, 'after_change', 'You keep your key yourself: sign the approval request, and hand that in.'),
  settlement_approval_malformed: entry(422, 'after_change', 'This is no signed approval that can be read.'),
  settlement_approval_differs: entry(422, 'after_change', 'This is not the approval of the batch by your account, and nothing else.'),
  settlement_approval_gas: entry(422, 'after_change', 'The approval offers more for gas than is paid for one.'),
  settlement_approval_expiry: entry(422, 'after_change', 'The approval has expired, or would be good for too long; sign a new request.'),
  settlement_approval_sequence: entry(409, 'after_change', 'The approval is not the next transaction of its account; sign a new request.'),
  settlement_not_disputable: entry(409, 'never', 'The batch is not executed, or has no dispute window.'),
  settlement_not_disputed: entry(409, 'never', 'The batch is not in dispute.'),
  settlement_time_over: entry(409, 'never', 'The time to dispute the batch, or to judge its dispute, is over.'),
  settlement_not_open: entry(409, 'never', 'The batch does not wait for approvals.'),
  settlement_proposal_expired: entry(409, 'never', 'The deadline of the proposal has passed.'),
  settlement_proposal_stale: entry(409, 'after_change', 'The batch has another proposal than the one you read; read it again.'),

  // Operators and callbacks.
  operator_unavailable: entry(503, 'later', 'The operator cannot be reached.'),
  operator_refused: entry(502, 'never', 'The operator refused the request.'),
  operator_unknown: entry(422, 'after_change', 'There is no operator of that name.'),
  callback_unverified: entry(401, 'never', 'The callback does not carry the proof of its sender.'),
  callback_unknown: entry(404, 'never', 'No attempt belongs to this callback.'),

  // Reconciliation.
  statement_malformed: entry(422, 'after_change', 'The statement is not of a form that the operator gives.'),
  statement_missing: entry(404, 'after_change', 'There is no statement of that day, and the operator tells no balance.'),
  break_not_open: entry(409, 'never', 'The break has ended, or waits for another step.'),
  entries_invalid: entry(422, 'after_change', 'The entries are not ones that may correct the books.'),
  entries_stale: entry(409, 'after_change', 'The entries are not those proposed last; read the break again.'),

  // Messaging gateways.
  gateway_unknown: entry(404, 'never', 'No messaging gateway posts to this address.'),
  ussd_session_unknown: entry(404, 'never', 'No USSD session of this id is open.'),
  ussd_session_mismatch: entry(403, 'never', 'The USSD session belongs to another number.'),
  ussd_step_stale: entry(409, 'never', 'The USSD session is past this step.'),

  // Webhooks out.
  webhook_target_refused: entry(422, 'after_change', 'Webhooks are not sent to this address.'),
  webhook_endpoints_full: entry(409, 'after_change', 'The client has as many webhook endpoints as it may have.'),
  webhook_endpoint_disabled: entry(409, 'after_change', 'The webhook endpoint is disabled; enable it first.'),
  webhook_delivery_waiting: entry(409, 'later', 'The delivery is on its way already.'),

  // The settlement chain.
  chain_unavailable: entry(503, 'later', 'The settlement chain cannot be reached.'),
  chain_mismatch: entry(500, 'after_change', 'The node belongs to another chain than the one configured.'),
  chain_behind: entry(503, 'later', 'The node lags behind its chain.'),
  chain_busy: entry(503, 'later', 'The settlement chain takes no more transactions right now.'),
  chain_refused: entry(409, 'never', 'The settlement chain refused the transaction.'),
  chain_transaction_expired: entry(409, 'after_change', 'The transaction expired before the settlement chain took it in; make it anew.'),
  chain_transaction_used: entry(409, 'never', 'The settlement chain has had this very transaction before.'),
  chain_signer_refused: entry(403, 'never', 'The key that signed may not do this on the settlement chain.'),
  chain_funds_short: entry(402, 'later', 'The account on the settlement chain does not hold enough.'),
  chain_outcome_unknown: entry(409, 'later', 'A transaction was sent whose outcome is not known yet.'),
  settlement_paused: entry(409, 'later', 'Settlement is paused.'),
  settlement_terms_invalid: entry(422, 'after_change', 'The batch is not one that the contract settles.'),
  settlement_batch_altered: entry(409, 'never', 'The batch on the chain has other content.'),
  settlement_approvers_differ: entry(409, 'never', 'The chain counts approvals that were not given here.'),
  settlement_batch_expired: entry(409, 'never', 'The deadline of the batch has passed.'),
  settlement_batch_unfunded: entry(409, 'later', 'The batch has not been funded.'),
  settlement_batch_closed: entry(409, 'never', 'The batch is past the point where this is possible.'),
  settlement_approvals_missing: entry(409, 'later', 'Too few signers have approved the batch.'),
  settlement_approval_replayed: entry(409, 'never', 'The signer has approved the batch before.'),
  settlement_approval_absent: entry(409, 'never', 'The signer has not approved the batch.'),
  settlement_approver_unknown: entry(403, 'never', 'The signer is not among the approvers that the contract knows.'),
  settlement_approver_involved: entry(403, 'never', 'Whoever proposed the batch or is paid by it does not approve it.'),
  settlement_key_silent: entry(503, 'later', 'A key that approves settlements does not sign.'),
  settlement_arbiter_unknown: entry(403, 'never', 'The signer is not among the arbiters that the contract knows.'),
  settlement_reversal_too_high: entry(422, 'after_change', 'More would be given back than the batch pays.'),
  settlement_batch_too_large: entry(422, 'after_change', 'The batch comes to more than the contract settles at once in its asset.'),
  settlement_batch_unexpired: entry(409, 'later', 'The deadline of the batch has not passed yet.'),
  settlement_batch_funded: entry(409, 'never', 'The batch has been funded before.'),
  settlement_batch_unpayable: entry(409, 'later', 'The batch cannot be paid out in this state, or not yet.'),
  registry_paused: entry(409, 'later', 'The compliance registry takes no attestations at present.'),
  registry_entry_invalid: entry(422, 'after_change', 'The compliance registry does not take such an entry.'),
  registry_attestation_stands: entry(409, 'never', 'The issuer has attested this subject before, and the attestation stands.'),
  registry_attestation_absent: entry(404, 'never', 'The issuer has not attested this subject.'),
  registry_attestation_revoked: entry(409, 'never', 'The attestation was revoked before.'),
  registry_proof_unready: entry(409, 'later', 'What is to be proven is not on the settlement chain yet.'),
  pool_paused: entry(409, 'later', 'The liquidity pool is paused.'),
  pool_short: entry(409, 'later', 'The liquidity pool does not have enough free.'),

  // The ledger.
  account_not_found: entry(500, 'never', 'An account is missing from the books.'),
  floor_passed: entry(409, 'later', 'An account would pass its floor.'),
  erasure_refused: entry(409, 'later', 'The data of the person must be kept still.'),
  transfer_conflict: entry(409, 'never', 'A transfer with this id exists with other content.'),
  transfer_not_pending: entry(409, 'never', 'The pending transfer was posted, voided or has expired.'),

  // The platform.
  config_invalid: entry(500, 'after_change', 'A setting is missing or wrong.'),
  index_key_mismatch: entry(500, 'after_change', 'The index keys are not those that the database was written with.'),
  key_provider_unavailable: entry(503, 'later', 'The keys cannot be unwrapped now.'),
  database_unavailable: entry(503, 'later', 'The database cannot be reached.'),
  queue_unavailable: entry(503, 'later', 'The queue cannot be reached.'),
  database_newer: entry(500, 'after_change', 'The database was made by a newer version of CAPP.'),
  database_diverged: entry(500, 'after_change', 'The database was made by another edition of the same migration.'),
  already_running: entry(409, 'after_change', 'Another instance of CAPP works on this data folder.'),
  storage_unwritable: entry(500, 'after_change', 'The data folder cannot be written.'),
  port_in_use: entry(500, 'after_change', 'The port is taken by another program.'),
  lease_lost: entry(409, 'later', 'Another worker has taken over the work.'),
  internal: entry(500, 'later', 'Something went wrong on our side.'),

  // The command line.
  usage_invalid: entry(400, 'after_change', 'The command was not understood.'),
  file_unreadable: entry(400, 'after_change', 'The file cannot be read.'),
  service_unreachable: entry(503, 'later', 'CAPP does not answer at that address.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** What whoever was asked will refuse again, however long one waits; what is wrong on our own side may be mended meanwhile. */
export const FINAL_CODES: readonly ErrorCode[] = (Object.keys(ERRORS) as ErrorCode[]).filter(
  (code) => ERRORS[code].retry !== 'later' && ERRORS[code].status < 500,
);

export interface FaultDetails {
  /** A sentence for whoever asked; never carries personal data. Defaults to the title of the code. */
  readonly detail?: string;
  /** For our logs only; never carries personal data. */
  readonly internal?: string;
  /** The field that is at fault, as a dotted path. */
  readonly field?: string;
  readonly cause?: unknown;
}

/** An error with a code of the catalogue. The only class CAPP throws on purpose. */
export class Fault extends Error {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly internal: string | undefined;
  readonly field: string | undefined;

  constructor(code: ErrorCode, details: FaultDetails = {}) {
    const detail = details.detail ?? ERRORS[code].title;
    super(`${code}: ${detail}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Fault';
    this.code = code;
    this.detail = detail;
    this.internal = details.internal;
    this.field = details.field;
  }
}

/** Makes a fault to throw: `throw fault('quote_expired')`. */
export function fault(code: ErrorCode, details?: FaultDetails): Fault {
  return new Fault(code, details);
}

/** Says whether an error is a fault, of the given code if one is named. */
export function isFault(error: unknown, code?: ErrorCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}
