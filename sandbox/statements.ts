/**
 * Statements of an operator's books, in the form in which each protocol's operator gives them: what moved on our
 * account on one day of its country. As a program, `node sandbox/statements.ts FOLDER RAIL DAY` prints one from the
 * journals, whether or not the sandbox runs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { boundsOfDay, offsetMsOf } from '../domain/days.ts';
import { railById } from '../domain/network.ts';
import type { Rail } from '../domain/rail.ts';
import { textOfMinor } from './amounts.ts';
import { type Opening, replayJournal, type Transaction } from './journal.ts';
import { type Chance, createChance } from './random.ts';

export interface StatementBooks {
  readonly rail: Rail;
  readonly opening: Opening;
  readonly transactions: readonly Transaction[];
  readonly chance: Chance;
}

/** A movement with what the account held after it. */
interface Movement {
  readonly transaction: Transaction;
  readonly atMs: number;
  readonly balanceMinor: bigint;
}

/** The statement of a day. */
export function statementOf(books: StatementBooks, day: string): string {
  const movements = movementsOf(books, day);
  switch (books.rail.protocol) {
    case 'mpesa':
      return mpesaCsv(books, movements);
    case 'mtn_momo':
      return mtnCsv(books, movements);
    case 'airtel':
      return airtelJson(books, movements);
    case 'orange':
      return orangeCsv(books, movements);
    default:
      return gsmaJson(books, movements);
  }
}

function movementsOf({ rail, opening, transactions }: StatementBooks, day: string): readonly Movement[] {
  const { fromMs, untilMs } = boundsOfDay(rail.country, day);
  const moved = transactions
    .filter(({ state, settledAtMs }) => state === 'succeeded' && settledAtMs !== null)
    .map((transaction) => ({ transaction, atMs: transaction.settledAtMs ?? 0 }))
    .toSorted((a, b) => a.atMs - b.atMs || (a.transaction.id < b.transaction.id ? -1 : 1));
  let balanceMinor = opening.openingMinor;
  const told: Movement[] = [];
  for (const { transaction, atMs } of moved) {
    balanceMinor += transaction.kind === 'collection' ? transaction.amountMinor : -transaction.amountMinor;
    if (atMs >= fromMs && atMs < untilMs) told.push({ transaction, atMs: Math.floor(atMs), balanceMinor });
  }
  return told;
}

/** A cell of a CSV. */
function cell(text: string): string {
  return /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function table(rows: readonly (readonly string[])[], delimiter: string): string {
  return `${rows.map((cells) => cells.map(cell).join(delimiter)).join('\r\n')}\r\n`;
}

/** "2026-11-25 12:30:00" in the country of the rail. */
function localTime(rail: Rail, atMs: number): string {
  return new Date(atMs + offsetMsOf(rail.country)).toISOString().slice(0, 19).replace('T', ' ');
}

function dayFirst(local: string): string {
  const [date = '', time = ''] = local.split(' ');
  return `${date.split('-').toReversed().join('-')} ${time}`;
}

function withCommas(text: string): string {
  const [whole = '', places] = text.split('.');
  return `${whole.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')}${places === undefined ? '' : `.${places}`}`;
}

function isIn({ transaction }: Movement): boolean {
  return transaction.kind === 'collection';
}

/** The organisation portal's export: titles first, the newest movement first, numbers masked. */
function mpesaCsv({ rail }: StatementBooks, movements: readonly Movement[]): string {
  const header =
    'Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.,Currency';
  const rows = movements.toReversed().map((movement) => {
    const { transaction, atMs, balanceMinor } = movement;
    const amount = withCommas(textOfMinor(transaction.amountMinor, rail.currency));
    const masked = `${transaction.phone.slice(0, 5)}*****${transaction.phone.slice(-3)}`;
    const details = isIn(movement)
      ? `Pay Bill from ${masked} Acc. ${transaction.ourReference}`
      : `Business Payment to ${masked} via API. Original conversation ID is ${transaction.ourReference}`;
    return [
      transaction.id,
      dayFirst(localTime(rail, atMs)),
      dayFirst(localTime(rail, transaction.atMs)),
      details,
      'Completed',
      isIn(movement) ? amount : '',
      isIn(movement) ? '' : `-${amount}`,
      withCommas(textOfMinor(balanceMinor, rail.currency)),
      'true',
      isIn(movement) ? 'Pay Bill Online' : 'Business Payment',
      `${masked} - Sandbox`,
      '',
      isIn(movement) ? transaction.ourReference : '',
      rail.currency,
    ];
  });
  return table([['Short Code:', '174379'], ['Organization:', 'CAPP'], header.split(','), ...rows], ',');
}

/** The partner portal's export: "Currency" stands behind every amount. */
function mtnCsv({ rail, chance }: StatementBooks, movements: readonly Movement[]): string {
  const header = 'Id,External id,Date,Status,Type,Provider Category,Information,From,To,Amount,Currency,Fee,Currency,Balance,Currency';
  const rows = movements.map((movement) => {
    const { transaction, atMs, balanceMinor } = movement;
    const customer = `FRI:${transaction.phone.slice(0, 5)}*****/MSISDN`;
    const ours = 'FRI:capp/USER';
    const [from, to] = isIn(movement) ? [customer, ours] : [ours, customer];
    const type = isIn(movement) ? 'Debit' : transaction.notes['refunds'] === undefined ? 'Transfer' : 'Refund';
    return [
      chance.text('0123456789', 11, 'financial', transaction.id),
      transaction.ourReference,
      localTime(rail, atMs),
      'Successful',
      type,
      'None',
      '',
      from,
      to,
      textOfMinor(transaction.amountMinor, rail.currency),
      rail.currency,
      '0',
      rail.currency,
      textOfMinor(balanceMinor, rail.currency),
      rail.currency,
    ];
  });
  return table([header.split(','), ...rows], ',');
}

/** The answer of the transaction summary. */
function airtelJson({ rail }: StatementBooks, movements: readonly Movement[]): string {
  const transactions = movements.map((movement) => ({
    charges: { service: 0 },
    payee: { currency: rail.currency, msisdn: isIn(movement) ? null : `*****${movement.transaction.phone.slice(-3)}` },
    service_type: isIn(movement) ? 'MERCHPAY' : movement.transaction.names['refund'] === undefined ? 'DISBURSEMENT' : 'REFUND',
    status: 'Transaction Success',
    transaction: {
      airtel_money_id: movement.transaction.names['airtelMoneyId'],
      amount: textOfMinor(movement.transaction.amountMinor, rail.currency),
      created_at: movement.atMs,
      id: movement.transaction.ourReference,
    },
  }));
  return JSON.stringify({
    data: { count: transactions.length, transactions },
    status: { code: '200', message: 'SUCCESS', result_code: 'ESB000010', success: true },
  });
}

/** The merchant portal's export, in French: a comma before the places, blanks between thousands. */
function orangeCsv({ rail }: StatementBooks, movements: readonly Movement[]): string {
  const french = (minor: bigint) => withCommas(textOfMinor(minor, rail.currency)).replace('.', '#').replaceAll(',', ' ').replace('#', ',');
  const rows = movements.map((movement, index) => {
    const { transaction, atMs, balanceMinor } = movement;
    const [date = '', time = ''] = dayFirst(localTime(rail, atMs)).replaceAll('-', '/').split(' ');
    const receipt = transaction.names['transactionId'] ?? `${isIn(movement) ? 'MP' : 'CI'}${transaction.id}`;
    const amount = french(transaction.amountMinor);
    return [
      String(index + 1),
      date,
      time,
      receipt,
      transaction.notes['orderId'] ?? transaction.ourReference,
      isIn(movement) ? 'Merchant Payment' : 'Cash in',
      'Succès',
      isIn(movement) ? '' : amount,
      isIn(movement) ? amount : '',
      '0',
      french(balanceMinor),
    ];
  });
  const header = ['N°', 'Date', 'Heure', 'Référence', 'Référence externe', 'Service', 'Statut', 'Débit', 'Crédit', 'Frais', 'Solde'];
  return table([header, ...rows], ';');
}

/** The statement entries of the GSMA Mobile Money API. */
function gsmaJson({ rail }: StatementBooks, movements: readonly Movement[]): string {
  return JSON.stringify(
    movements.map((movement) => ({
      transactionReference: movement.transaction.names['transactionReference'],
      transactionReceipt: movement.transaction.id,
      requestingOrganisationTransactionReference: movement.transaction.notes['ours'] ?? movement.transaction.ourReference,
      transactionStatus: 'completed',
      type: movement.transaction.notes['type'] ?? (isIn(movement) ? 'merchantpay' : 'disbursement'),
      amount: textOfMinor(movement.transaction.amountMinor, rail.currency),
      currency: rail.currency,
      creationDate: new Date(movement.atMs).toISOString(),
    })),
  );
}

/** The statement of a rail's journal on disk; null when there is none. */
export function statementFromJournal(dir: string, railId: string, day: string, seed: string): string | null {
  const path = join(dir, `${railId}.jsonl`);
  if (!existsSync(path)) return null;
  const { opening, transactions } = replayJournal(readFileSync(path));
  if (opening === null) return null;
  return statementOf({ rail: railById(railId), opening, transactions, chance: createChance(seed) }, day);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , dir = '.capp/sandbox', railId = '', day = ''] = process.argv;
  const text = statementFromJournal(dir, railId, day, process.env['SANDBOX_SEED'] ?? '1');
  if (text === null) process.exitCode = 1;
  else process.stdout.write(text);
}
