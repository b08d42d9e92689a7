/**
 * Pull Transactions: Safaricom's statement of a short code for the last 48 hours. It is the last resort
 * for a prompt whose answer was lost, for without the id of that answer the prompt cannot be queried.
 */
import { noteUnusable } from '../exchange.ts';
import { isObject, parseObject, readAmount, type Reading, type ReadingObject, textOf } from '../reading.ts';
import type { HttpAnswer } from '../http.ts';
import type { InquiryRequest, Outcome, StatedPayment } from '../operator.ts';
import { reachesWithinMs } from '../patience.ts';
import { failed, unknown } from '../reasons.ts';
import { succeededWith } from '../checks.ts';
import { accountReferenceOf, readAccountReference, statementTimeMs, statementTimeOf } from './fields.ts';
import type { MpesaProfile } from './profile.ts';

/** How far back the statement reaches. */
const WINDOW_MS = 48 * 3_600_000;
/** Clocks differ; the statement is read from a little before we sent. */
const CLOCK_SLACK_MS = 60_000;
/** A window with more pages than this is left for the next try rather than read for minutes. */
const PAGES_MAX = 50;

type Call = (path: string, body: Readonly<Record<string, string>>) => Promise<HttpAnswer>;

/**
 * What the statement says about a collection. With a row: succeeded. Without one: failed once the
 * prompt's lifetime and a margin are over, unknown before that.
 */
export async function inquireStatement(call: Call, profile: MpesaProfile, request: InquiryRequest): Promise<Outcome> {
  let isEmpty = false;
  for await (const rows of pagesOf(call, profile, request)) {
    if (typeof rows === 'string') return unknown(rows);
    const row = rows.find(isAbout(request));
    if (row !== undefined) return outcomeOfRow(row, request);
    isEmpty = rows.length === 0;
  }
  return isEmpty ? outcomeWithoutRow(profile, request) : unknown('statement_too_long');
}

/** Every payment in the statement that names the collection; null when it cannot be read to its end, or a row of it not at all. */
export async function statedPayments(call: Call, profile: MpesaProfile, request: InquiryRequest): Promise<readonly StatedPayment[] | null> {
  const found = new Map<string, StatedPayment>();
  let isEmpty = false;
  for await (const rows of pagesOf(call, profile, request)) {
    if (typeof rows === 'string') return null;
    for (const row of rows.filter(isAbout(request))) {
      const operatorReference = textOf(row, 'transactionId');
      const amount = readAmount(textOf(row, 'amount'), request.amount.currency);
      if (operatorReference === null || amount === null) return noSense();
      found.set(operatorReference, { operatorReference, amount, occurredAtMs: statementTimeMs(textOf(row, 'trxDate')) });
    }
    isEmpty = rows.length === 0;
  }
  return isEmpty ? [...found.values()] : null;
}

function isAbout({ requestId }: InquiryRequest): (row: ReadingObject) => boolean {
  const reference = accountReferenceOf(requestId);
  return (row) => readAccountReference(textOf(row, 'billreference')) === reference;
}

/** The statement since the collection was sent, page by page until an empty one; or why it cannot be read. */
async function* pagesOf(
  call: Call,
  profile: MpesaProfile,
  request: InquiryRequest,
): AsyncGenerator<readonly ReadingObject[] | 'statement_window_passed' | 'inquiry_failed'> {
  if (request.nowMs - request.sentAtMs > WINDOW_MS - CLOCK_SLACK_MS) return yield 'statement_window_passed';
  const query = {
    ShortCode: profile.stk.shortCode,
    StartDate: statementTimeOf(request.sentAtMs - CLOCK_SLACK_MS),
    EndDate: statementTimeOf(request.nowMs + 1000),
  };
  let offset = 0;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const rows = rowsOf(await call('/pulltransactions/v1/query', { ...query, OffSetValue: offset.toString() }));
    if (rows === null) return yield 'inquiry_failed';
    yield rows;
    if (rows.length === 0) return;
    offset += rows.length;
  }
}

function outcomeOfRow(row: ReadingObject, request: InquiryRequest): Outcome {
  const receipt = textOf(row, 'transactionId');
  const amount = readAmount(textOf(row, 'amount'), request.amount.currency);
  if (receipt === null || amount === null) return unknown('unreadable_answer');
  return succeededWith(receipt, amount, request.amount, { receipt });
}

function outcomeWithoutRow(profile: MpesaProfile, request: InquiryRequest): Outcome {
  return mayStillBePaid(profile, request) ? unknown('not_found_yet') : failed('no_payment_found');
}

/** Whether a prompt may still be answered, or its payment on its way into the statement. It lives from when it reached Daraja, at the latest. */
export function mayStillBePaid(profile: MpesaProfile, request: Pick<InquiryRequest, 'sentAtMs' | 'nowMs'>): boolean {
  const ageMs = request.nowMs - request.sentAtMs;
  return ageMs < reachesWithinMs(profile) + profile.promptLifetimeMs + profile.settleMarginMs;
}

/** The rows of a page, none for an empty one, null when the answer cannot be read. Rows come as a list in a list. */
function rowsOf(answer: HttpAnswer): readonly ReadingObject[] | null {
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const body = parseObject(answer.body);
  const code = textOf(body, 'ResponseCode');
  if (code === '1001') return [];
  const response = body?.['Response'];
  if (code !== '1000' || !Array.isArray(response)) return noSense();
  const rows = (response as readonly Reading[]).flat() as readonly Reading[];
  return rows.filter(isObject);
}

/** Null, and a note of it: the answer that came last is kept for people. */
function noSense(): null {
  noteUnusable('unreadable_answer');
  return null;
}
