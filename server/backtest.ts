/**
 * Back-tests over what there is: the decisions in a database, or the transactions of a file. A file is CSV or JSON
 * lines, gzipped or not, in the shape of PaySim, of AMLSim, or of CAPP itself (`id, at, from, to, amount, currency,
 * fromCountry, toCountry, isFraud?`).
 */
import { parse } from 'csv-parse/sync';
import { type Backtest, startBacktest } from '../agents/compliance/rules/backtest.ts';
import { createStoredRules } from '../agents/compliance/rules/live.ts';
import { type ReadyRuleSet, RULES_BEFORE_SETS, ruleSetOf } from '../agents/compliance/rules/rule-set.ts';
import type { RiskModel } from '../agents/compliance/risk/model.ts';
import { createFactStream, type StreamedTransaction } from '../agents/compliance/stream.ts';
import { COMPLIANCE_POLICY } from '../agents/compliance/policy.ts';
import type { ComplianceFacts } from '../agents/compliance/facts.ts';
import type { Pool } from '../db/connect.ts';
import { readFirstDecisions, type StreamPlace } from '../db/queries/activity.ts';
import { type Currency, isCurrency, minorPerMajor } from '../domain/currency.ts';
import { fault } from '../domain/errors.ts';
import { countryByCode } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import { readText } from '../evals/fraud/paysim.ts';

const PAGE = 2_000;

export interface HistoryOptions {
  readonly trial: ReadyRuleSet;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
}

/**
 * Replays the first decision of every payment that was decided in the time asked for, oldest first, as if nobody had released it: a
 * payment that waits is decided more than once, and after people have released it the rules that held it no longer change anything.
 */
export async function backtestHistory(pool: Pool, { trial, sinceMs, untilMs }: HistoryOptions): Promise<Backtest> {
  const rules = createStoredRules(pool);
  const run = startBacktest(trial);
  let after: StreamPlace | null = null;
  do {
    const { decisions, next } = await readFirstDecisions(pool, { agent: 'compliance', sinceMs, untilMs, after, limit: PAGE });
    const decided = decisions.map(({ paymentId, facts }) => ({ paymentId, facts: facts as ComplianceFacts }));
    await rules.load([...new Set(decided.flatMap(({ facts }) => facts.ruleSet ?? []))]);
    for (const { paymentId, facts } of decided)
      run.take({ id: paymentId, facts: { ...facts, released: null }, isFraud: null }, ruleSetOf(rules, facts.ruleSet ?? RULES_BEFORE_SETS));
    after = next;
  } while (after !== null);
  return run.result();
}

export interface FileOptions {
  readonly trial: ReadyRuleSet;
  readonly inForce: ReadyRuleSet;
  readonly risk: RiskModel;
  /** For files that name none. */
  readonly country: Country;
  /** Accounts with labels, for AMLSim: CSV with `nodeid` and `isFraud`. */
  readonly accountsPath: string | null;
}

/** Tries rules on the transactions of a file. Throws `config_invalid` naming the row. */
export async function backtestFile(path: string, { trial, inForce, risk, country, accountsPath }: FileOptions): Promise<Backtest> {
  const fraudulent = accountsPath === null ? null : await fraudulentAccounts(accountsPath);
  const records = recordsIn(await readText(path), path);
  const read = readerOf(records[0] ?? {}, country, path);
  const factsOf = createFactStream({ policy: COMPLIANCE_POLICY, risk, ruleSet: inForce.label });
  const run = startBacktest(trial);
  const rows = records.map((record, at) => read(record, at + 1)).sort((a, b) => a.atMs - b.atMs);
  for (const row of rows) {
    // A label of AMLSim stands on accounts: a transaction between two members of a ring is one of it.
    const isFraud = fraudulent === null ? row.isFraud : fraudulent.has(row.from) && fraudulent.has(row.to);
    run.take({ id: row.id, facts: factsOf(row), isFraud }, inForce);
  }
  return run.result();
}

type Cells = Readonly<Record<string, unknown>>;

function recordsIn(text: string, path: string): Cells[] {
  try {
    if (!text.trimStart().startsWith('{')) return parse(text, { columns: true, skip_empty_lines: true, bom: true });
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Cells);
  } catch (cause) {
    throw fault('config_invalid', { detail: `${path} is neither CSV nor JSON lines.`, cause });
  }
}

async function fraudulentAccounts(path: string): Promise<ReadonlySet<string>> {
  const rows = recordsIn(await readText(path), path);
  return new Set(rows.filter((row) => String(row['isFraud']) === '1').map((row) => String(row['nodeid'])));
}

interface ReadTransaction extends StreamedTransaction {
  readonly isFraud: boolean | null;
}

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 8, 1);

/** How the rows of a file are read, by the columns of its first. */
function readerOf(first: Cells, country: Country, path: string): (cells: Cells, row: number) => ReadTransaction {
  const refuse = (row: number, field: string) =>
    fault('config_invalid', { detail: `${path}, row ${row}: the field ${field} is missing or not of its form.` });
  const textOf = (cells: Cells, row: number, field: string): string => {
    const value = cells[field];
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') return String(value);
    throw refuse(row, field);
  };
  const labelOf = (cells: Cells): boolean | null => {
    const label = cells['isFraud'];
    return label === undefined || label === '' ? null : [1, '1', true, 'true', 'True'].some((each) => each === label);
  };
  const minorOf = (cells: Cells, row: number, field: string, currency: Currency): bigint => {
    const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(textOf(cells, row, field));
    if (match === null) throw refuse(row, field);
    // Files of simulations have more places than a currency; what is below a minor unit is cut.
    const scaled = BigInt(`${match[1] ?? '0'}${(match[2] ?? '').padEnd(9, '0')}`);
    return (scaled * BigInt(minorPerMajor(currency))) / 1_000_000_000n;
  };
  const local = countryByCode(country).currency;
  const shape =
    (names: { id: string; from: string; to: string; amount: string; time: string; hours: number }) => (cells: Cells, row: number) => {
      const time = Number(textOf(cells, row, names.time));
      if (!Number.isFinite(time)) throw refuse(row, names.time);
      return {
        id: typeof cells[names.id] === 'string' ? String(cells[names.id]) : `row ${row}`,
        atMs: START_MS + time * names.hours * HOUR_MS,
        from: textOf(cells, row, names.from),
        to: textOf(cells, row, names.to),
        amountMinor: minorOf(cells, row, names.amount, local),
        currency: local,
        fromCountry: country,
        toCountry: country,
        isFraud: labelOf(cells),
      };
    };
  if ('nameOrig' in first) return shape({ id: 'txn_id', from: 'nameOrig', to: 'nameDest', amount: 'amount', time: 'step', hours: 1 });
  if ('sourceNodeId' in first)
    return shape({ id: 'id', from: 'sourceNodeId', to: 'targetNodeId', amount: 'value', time: 'time', hours: 24 });
  return (cells, row) => {
    const currency = textOf(cells, row, 'currency');
    if (!isCurrency(currency)) throw refuse(row, 'currency');
    const atMs = Date.parse(textOf(cells, row, 'at'));
    if (Number.isNaN(atMs)) throw refuse(row, 'at');
    const [from, to] = [textOf(cells, row, 'from'), textOf(cells, row, 'to')];
    const [fromCountry, toCountry] = [textOf(cells, row, 'fromCountry'), textOf(cells, row, 'toCountry')];
    const amountMinor = minorOf(cells, row, 'amount', currency);
    return { id: textOf(cells, row, 'id'), atMs, from, to, amountMinor, currency, fromCountry, toCountry, isFraud: labelOf(cells) };
  };
}
