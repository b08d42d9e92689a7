/**
 * `npm run security -- [PART…]`: holds the platform against what its threat model promises. Prints what each part found, or with
 * `--json` one line of JSON; ends with 1 when a part does not hold, with 2 when there is no such part, with 3 when no part failed and one
 * could not be checked.
 */
import { exitCodeOf, type Figures, type PartReport, reportOf, type SecurityPart } from './part.ts';
import { PARTS } from './parts.ts';

async function runPart(part: SecurityPart, tell: (line: string) => void): Promise<PartReport> {
  try {
    return await part.run(tell);
  } catch (error) {
    return reportOf(part.name, {}, [`it broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`]);
  }
}

function linesOf(report: PartReport): string[] {
  const shown = (value: Figures[string]): string =>
    typeof value === 'object' ? value.join(', ') : typeof value === 'number' ? value.toLocaleString('en') : value;
  const figures = Object.entries(report.figures).map(([name, value]) => `  ${name}: ${shown(value)}`);
  const verdict = report.failures.length > 0 ? 'FAILED' : report.unchecked === null ? 'holds' : `not checked: ${report.unchecked}`;
  return [`${report.name}: ${verdict}`, ...figures, ...report.failures.map((failure) => `  FAILED: ${failure}`)];
}

const words = process.argv.slice(2);
const isJson = words.includes('--json');
const named = words.filter((word) => !word.startsWith('-'));
const unknown = named.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0 || words.some((word) => word.startsWith('-') && word !== '--json')) {
  const parts = PARTS.map(({ name, description }) => `  ${name.padEnd(10)} ${description}\n`).join('');
  process.stderr.write(`usage: npm run security -- [--json] [PART…]\n${parts}`);
  process.exitCode = 2;
} else {
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const reports: PartReport[] = [];
  for (const part of PARTS.filter(({ name }) => named.length === 0 || named.includes(name))) {
    tell(`${part.name}: ${part.description}`);
    const report = await runPart(part, tell);
    reports.push(report);
    if (!isJson) process.stdout.write(`${linesOf(report).join('\n')}\n`);
  }
  const exitCode = exitCodeOf(reports);
  if (isJson) process.stdout.write(`${JSON.stringify({ ok: exitCode === 0, parts: reports })}\n`);
  process.exitCode = exitCode;
}
