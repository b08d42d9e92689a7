/** The report for build servers: one test case per threshold, and one for the comparison with the baseline. */
import { baselineSentence, figure, missSentence, type Report } from './report.ts';
import { escape } from './html.ts';

export function toJunit(report: Report): string {
  const { run, misses, baseline } = report;
  const cases = Object.entries(run.metrics).map(([metric, value]) => {
    const miss = misses.find((each) => each.metric === metric);
    const failure = miss === undefined ? '' : failureOf(missSentence(miss));
    return `  <testcase classname="evals.${escape(run.suite)}" name="${escape(metric)}">${failure}<system-out>${figure(value)}</system-out></testcase>`;
  });
  const missing = misses
    .filter(({ value }) => value === null)
    .map(
      (miss) =>
        `  <testcase classname="evals.${escape(run.suite)}" name="${escape(miss.metric)}">${failureOf(missSentence(miss))}</testcase>`,
    );
  const worse = baseline?.verdict === 'worse' ? failureOf(baselineSentence(report)) : '';
  const all = [...cases, ...missing, `  <testcase classname="evals.${escape(run.suite)}" name="baseline">${worse}</testcase>`];
  const failures = misses.length + (worse === '' ? 0 : 1);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="evals.${escape(run.suite)}" tests="${all.length}" failures="${failures}">\n${all.join('\n')}\n</testsuite>\n`;
}

function failureOf(message: string): string {
  return `<failure message="${escape(message)}"/>`;
}
