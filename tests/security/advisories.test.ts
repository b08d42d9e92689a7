/** What npm prints of an audit, read; a registry that does not answer is no pass. */
import { expect, test } from 'vitest';
import { judgeAudit, readAudit } from './advisories.ts';
import { exitCodeOf, reportOf } from './part.ts';

const VIA = {
  source: 1_096_470,
  name: 'qs',
  dependency: 'qs',
  title: 'Prototype pollution in qs',
  url: 'https://github.com/advisories/GHSA-hrpp-h998-j3pp',
  severity: 'high',
  range: '<6.5.3',
};
/** As npm 11 prints it, shortened: `body-parser` is weak only by `qs`. */
const FOUND = JSON.stringify({
  auditReportVersion: 2,
  vulnerabilities: {
    qs: {
      name: 'qs',
      severity: 'high',
      isDirect: false,
      via: [VIA],
      effects: ['body-parser'],
      range: '<6.5.3',
      nodes: ['node_modules/qs'],
    },
    'body-parser': { name: 'body-parser', severity: 'high', isDirect: true, via: ['qs'], effects: [], range: '<1.19', nodes: [] },
  },
  metadata: { vulnerabilities: { high: 2, total: 2 }, dependencies: { prod: 124, dev: 232, total: 402 } },
});
const NONE = JSON.stringify({ auditReportVersion: 2, vulnerabilities: {}, metadata: { dependencies: { prod: 124 } } });

test('a weakness fails the part, told once by the package that has it', () => {
  expect(judgeAudit(readAudit(FOUND), {}, '2026-11-27')).toMatchObject({
    passed: false,
    figures: { packages: 124, advisories: 1, accepted: 0 },
    failures: ['qs: high, Prototype pollution in qs (GHSA-hrpp-h998-j3pp)'],
  });
  expect(judgeAudit(readAudit(NONE), {}, '2026-11-27')).toMatchObject({ passed: true, figures: { packages: 124, advisories: 0 } });
});

test('one that is accepted counts again after its day', () => {
  const accepted = { 'GHSA-hrpp-h998-j3pp': { why: 'Nothing of ours parses queries with it.', until: '2026-12-31' } };
  expect(judgeAudit(readAudit(FOUND), accepted, '2026-12-31').passed).toBe(true);
  expect(judgeAudit(readAudit(FOUND), accepted, '2027-01-01').passed).toBe(false);
});

test.each([
  [
    'a registry that is not there',
    '{"message":"request to https://registry.npmjs.org/-/npm/v1/security/advisories/bulk failed","error":{}}',
  ],
  ['one that takes no audits', '{"message":"405 Method Not Allowed","statusCode":405,"body":"","error":{"summary":"","detail":""}}'],
  ['an npm that was stopped', ''],
  ['a report of another version', '{"auditReportVersion":1,"advisories":{}}'],
])('%s leaves it not checked, which is no pass and no failure', (_name, printed) => {
  const report = judgeAudit(readAudit(printed), {}, '2026-11-27');
  expect(report).toMatchObject({ passed: false, failures: [], unchecked: expect.stringContaining('could not be reached') });
  expect(exitCodeOf([reportOf('supply', {}, []), report])).toBe(3);
  expect(exitCodeOf([reportOf('supply', {}, ['a secret']), report])).toBe(1);
});

test('a report about no package at all is none', () => {
  const asked = JSON.stringify({ auditReportVersion: 2, vulnerabilities: {}, metadata: { dependencies: { prod: 0 } } });
  expect(judgeAudit(readAudit(asked), {}, '2026-11-27').passed).toBe(false);
});
