/**
 * `npm run move:test [-- FILTER]`: compiles the Move package, runs its tests, and prints their count and, without
 * a filter, how far they reach. Exit code 1 if anything does not compile, warns, fails, or if no test or not every function
 * that others may call was reached.
 */
import { moveCoverage, runMoveTests } from './harness.ts';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

try {
  const filter = process.argv[2] ?? '';
  const startedMs = performance.now();
  const report = await runMoveTests({ filter });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (report.failed > 0) print(report.output);
  for (const warning of report.warnings) print(warning);
  print(`${report.tests} tests, ${report.passed} passed, ${report.failed} failed, ${report.warnings.length} warnings, ${seconds} s`);
  if (report.tests === 0 || report.failed > 0 || report.warnings.length > 0) process.exitCode = 1;
  else if (filter === '') {
    print('\nmodule                coverage  functions reached');
    for (const { module, percent, functions, unreached } of await moveCoverage()) {
      const missing = unreached.length > 0 ? `, not: ${unreached.join(', ')}` : '';
      const reach = `${functions.length - unreached.length} of ${functions.length}${missing}`;
      print(`${module.padEnd(22)}${`${percent.toFixed(2)} %`.padStart(8)}  ${reach}`);
      if (unreached.length > 0) process.exitCode = 1;
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
