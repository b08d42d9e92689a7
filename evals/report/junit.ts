/** The report for build servers: one test case per threshold, and one for the comparison with the baseline. */
import { baselineSentence, figure, type Report } from './report.ts';
import { escape } from './html.ts';

export function toJunit(report: Report): string {
  const { run, misses, baseline } = report;
  const cases = Object.entries(run.metrics).map(([metric, value]) => {
    const miss = misses.find((each) => each.metric === metric);
    const failure = miss === undefined ? '' : `<failure message="${escape(`${metric} is ${figure(value)}, and must be ${miss.bound}`)}"/>`;
    return `  <testcase classname="evals.${escape(run.suite)}" name="${escape(metric)}">${failure}<system-out>${figure(value)}</system-out></testcase>`;
  });
  const worse = baseline?.verdict === 'worse' ? `<failure message="${escape(baselineSentence(report))}"/>` : '';
  const all = [...cases, `  <testcase classname="evals.${escape(run.suite)}" name="baseline">${worse}</testcase>`];
  const failures = misses.length + (worse === '' ? 0 : 1);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="evals.${escape(run.suite)}" tests="${all.length}" failures="${failures}">\n${all.join('\n')}\n</testsuite>\n`;
}
