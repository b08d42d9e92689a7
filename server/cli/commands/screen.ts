/** `capp screen`: screens a file of names against the lists in force. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { fault } from '../../../domain/errors.ts';
import type { SanctionsList } from '../../../tools/sanctions/list.ts';
import { openSanctions } from '../../../tools/sanctions/live.ts';
import { loadSanctions } from '../../../tools/sanctions/load.ts';
import { ALERT_SCORE, explainMatch, type ScreeningMatch } from '../../../tools/sanctions/screening/screener.ts';
import type { Bytes } from '../../api/row.ts';
import { ROW_READERS } from '../../api/rows.ts';
import { readConfig } from '../../config.ts';
import { readChunks } from '../files.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';
import { type RefusedRow, readRow, type ScreenedRow } from './screen-rows.ts';

interface ScreenOptions {
  readonly input: string;
  readonly output: string;
  readonly lists?: string;
}

export function registerScreen(program: Command, context: CommandContext): void {
  const command = program
    .command('screen')
    .summary('screen a file of names against the lists in force')
    .description(
      'Screens lines of {"id", "name", "type"?, "dateOfBirth"?, "country"?, "documentNumber"?} and writes for each ' +
        '{"id", "hit", "score", "matches": [{"list", "entryId", "name", "score", "why"}]}. A row that cannot be ' +
        'screened gives {"line", "id", "code", "field", "error"}, and the others go on. Office holders are no hits: they stand under ' +
        '"peps". What was left out or is odd stands under "warnings".',
    )
    .requiredOption('--input <file>', 'JSON, one object a line')
    .requiredOption('--output <file>', 'where to write the answers')
    .option('--lists <path>', 'a list file or a folder of them (default: the lists in force)')
    .action((options: ScreenOptions) => screen(context, options));
  withExamples(command, [['capp screen --input customers.jsonl --output found.jsonl', 'all customers against the lists in force']]);
}

async function screen(context: CommandContext, options: ScreenOptions): Promise<void> {
  const config = readConfig(context.terminal.env);
  const { env: environment, dataDir, sanctionsPath, listsAllowShrunk: allowShrunk } = config;
  // Lists that are named here are in force nowhere: nothing is remembered of them.
  const lists =
    options.lists === undefined
      ? await openSanctions({ sanctionsPath, environment, dataDir, allowShrunk })
      : await loadSanctions({ sanctionsPath: options.lists, environment });
  const output = createWriteStream(options.output);
  const failed = new Promise<never>((_, reject) => {
    output.on('error', (cause) => reject(fault('storage_unwritable', { detail: `${options.output} cannot be written.`, cause })));
  });
  const counts = { screened: 0, hits: 0, refused: 0 };
  await Promise.race([failed, screenRows(lists, readChunks(options.input), output, counts)]);
  context.terminal.err(`${counts.screened} screened, ${counts.hits} hits, ${counts.refused} lines refused. ${lists.describe().text}`);
  if (counts.refused > 0) context.endWith(EXIT.wrong);
}

type Counts = { screened: number; hits: number; refused: number };

async function screenRows(lists: SanctionsList, input: Bytes, output: NodeJS.WritableStream, counts: Counts): Promise<void> {
  for await (const each of ROW_READERS['application/x-ndjson'](input)) {
    const row = readRow(each);
    const answer = isRefused(row) ? row : screenRow(lists, row);
    if (isRefused(row)) counts.refused += 1;
    else counts.screened += 1;
    if ('hit' in answer && answer.hit) counts.hits += 1;
    if (!output.write(`${JSON.stringify(answer)}\n`)) await new Promise((resolve) => output.once('drain', resolve));
  }
  output.end();
  await finished(output);
}

function isRefused(row: ScreenedRow | RefusedRow): row is RefusedRow {
  return 'code' in row;
}

function screenRow(lists: SanctionsList, { id, query, warnings }: ScreenedRow) {
  const matches = lists.screenParty(query, ALERT_SCORE);
  const describe = (match: ScreeningMatch) => ({
    list: match.entry.list,
    entryId: match.entry.entryId,
    name: match.listedName,
    score: Math.round(match.score * 10_000) / 10_000,
    why: explainMatch(match),
  });
  const hits = matches.filter((match) => match.entry.topic !== 'pep').map(describe);
  const peps = matches.filter((match) => match.entry.topic === 'pep').map(describe);
  const asides = { ...(peps.length > 0 ? { peps } : {}), ...(warnings.length > 0 ? { warnings } : {}) };
  return { id, hit: hits.length > 0, score: hits[0]?.score ?? 0, matches: hits, ...asides };
}
