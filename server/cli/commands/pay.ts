/** `capp pay FILE`: submits a file of payment intents. */
import { type Command, Option } from 'commander';
import { type ApiOptions, type CommandContext, openCapp, wholeNumber, withApiOptions, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';
import { formatOf, type IntentsFormat } from '../intents-file.ts';
import { type PayCounts, payFile } from '../pay.ts';
import { createProgress, standingOf } from '../progress.ts';

interface PayCommandOptions extends ApiOptions {
  readonly out?: string;
  readonly format?: IntentsFormat;
  readonly batch: number;
  readonly json?: true;
}

const DETAILS = `
The file is CSV with a header line, or NDJSON with one intent per line. Columns of the CSV:
  reference_id, amount, from_currency, to_currency,
  sender_name, sender_phone, sender_country, receiver_name, receiver_phone, receiver_country
and, if wanted: preference (cheapest, fastest, most_reliable), purpose, funding, delivery, quote_id,
and what else is known of the parties, for screening and the travel rule, with sender_ or receiver_ in front:
  type (person, organisation), date_of_birth, place_of_birth, nationality, address_line, address_town,
  address_postcode, address_country, document_type, document_number, document_country.
Others are ignored. An amount is in major units and is what the sender pays in all; a reference is
used once. An intent in NDJSON:
  {"referenceId":"inv-1","amount":"1250","fromCurrency":"KES","toCurrency":"UGX",
   "sender":{"name":"Wanjiru Kamau","phone":"0712345678","country":"KE"},
   "receiver":{"name":"Okello Moses","phone":"0772345678","country":"UG"}}

A row that is wrong is rejected with its line, field and code; the others go on. The results stand in
FILE.result.csv: line, reference_id, status (accepted, replayed, rejected), payment_id, codes, fields.
Submitting a file again is safe: rows that were accepted before are replayed, not paid again.

Exit code: 0 when every row was accepted, 1 when one was rejected, 2 when the file could not be submitted.`;

export function registerPay(program: Command, context: CommandContext): void {
  const command = program
    .command('pay')
    .summary('submit a CSV or NDJSON file of payment intents')
    .description('Submits a CSV or NDJSON file of payment intents, and writes what became of each row beside it.')
    .argument('<file>', 'the file to submit')
    .option('--out <file>', 'where the results go (default: FILE.result.csv)')
    .addOption(new Option('--format <format>', 'what the file is (default: by its ending)').choices(['csv', 'ndjson']))
    .option('--batch <rows>', 'rows per request', wholeNumber(1, 10_000), 1_000)
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', DETAILS)
    .action((file: string, options: PayCommandOptions) => pay(context, file, options));
  withExamples(withApiOptions(command), [
    ['capp pay examples/intents.csv', 'submit the example file'],
    ['capp pay salaries.ndjson --out done.csv', 'choose where the results go'],
    ['CAPP_KEY=… capp pay file.csv --url https://pay.example.com', 'submit to another machine'],
  ]);
}

async function pay(context: CommandContext, file: string, options: PayCommandOptions): Promise<void> {
  const { terminal } = context;
  const format = options.format ?? formatOf(file);
  const resultFile = options.out ?? `${file}.result.csv`;
  const capp = await openCapp(context, options);
  const progress = createProgress(terminal, { label: 'submitted', total: 0 });
  const standing = ({ rows: _rows, ...counts }: PayCounts) => standingOf(counts);
  const counts = await payFile(
    { capp },
    { file, format, resultFile, batchRows: options.batch, onProgress: (now) => progress.update(now.rows, standing(now)) },
  ).finally(progress.stop);
  if (options.json) terminal.out(JSON.stringify({ ...counts, resultFile }));
  else terminal.out(`${counts.rows} rows: ${standing(counts) || 'nothing to do'}\nresults: ${resultFile}`);
  context.endWith(counts.rejected === 0 ? EXIT.ok : EXIT.wrong);
}
