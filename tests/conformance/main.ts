/**
 * `npm run conformance -- [OPERATOR]`: holds the adapters against the behaviours every operator client must
 * show, on sandbox operators in virtual time. Prints a table, or with `--json` the verdicts; ends with 1 when
 * a behaviour does not hold, with 2 when there is no such operator.
 */
import { ADAPTERS, adaptersNamed } from './adapters.ts';
import { runSuite, tableOf } from './suite.ts';

const words = process.argv.slice(2);
const isJson = words.includes('--json');
const named = words.filter((word) => word !== '--json');
const adapters = named.length > 1 ? [] : adaptersNamed(named[0]);
if (adapters.length === 0) {
  const names = [...new Set(ADAPTERS.map(({ operator }) => operator))].join(', ');
  process.stderr.write(`conformance: operator_unknown: There is no adapter of that name; there are ${names}, and their rails.\n`);
  process.exitCode = 2;
} else {
  const verdicts = await runSuite(adapters);
  process.stdout.write(`${isJson ? JSON.stringify(verdicts) : tableOf(verdicts)}\n`);
  process.exitCode = verdicts.some(({ failure }) => failure !== null) ? 1 : 0;
}
