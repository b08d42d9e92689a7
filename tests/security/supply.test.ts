import { expect, test } from 'vitest';
import { findSecrets } from './secrets.ts';
import { auditLicences, isAllowed, missingFrom, supply } from './supply.ts';
import licences from './licences.json' with { type: 'json' };

test('the tree, its packages and their bill of materials are in order', async () => {
  const { failures, figures, passed } = await supply.run(() => undefined);
  expect(failures).toEqual([]);
  expect(passed).toBe(true);
  expect(figures['packages']).toBeGreaterThan(100);
  expect(figures['filesScanned']).toBeGreaterThan(500);
});

test('a licence counts by what may be chosen and what must be borne', () => {
  const allowed = new Set(['MIT', 'Apache-2.0']);
  expect(isAllowed('(GPL-3.0 OR MIT)', allowed)).toBe(true);
  expect(isAllowed('GPL-3.0 AND MIT', allowed)).toBe(false);
  expect(isAllowed('AGPL-3.0', allowed)).toBe(false);
});

test('a package without a licence that is allowed, or without a digest, is named', () => {
  const packages = {
    '': { license: 'Apache-2.0' },
    'node_modules/good': { version: '1.0.0', license: 'MIT', integrity: 'sha512-AA==' },
    'node_modules/@a/b/node_modules/copyleft': { version: '2.0.0', license: 'AGPL-3.0', integrity: 'sha512-AA==' },
    'node_modules/lightningcss': { version: '1.0.0', license: 'MPL-2.0', integrity: 'sha512-AA==' },
    'node_modules/other': { version: '1.0.0', license: 'MPL-2.0' },
    'node_modules/elsewhere': { version: '1.0.0', license: 'MIT', optional: true },
  };
  expect(auditLicences(packages, licences)).toMatchObject({
    packages: 5,
    refused: ['copyleft@2.0.0 (AGPL-3.0)', 'other@1.0.0 (MPL-2.0)'],
    undigested: ['other'],
  });
  expect(missingFrom([{ name: 'good', version: '1.0.0' }], packages)).toContain('copyleft@2.0.0');
});

test.each([
  ['a private key', `-----BEGIN EC PRIVATE ${'KEY'}-----\n${'MHcCAQEEIBKx'.repeat(5)}\n`],
  ['an AWS key', `const id = 'AKIA${'QWERTYUIOPASDFGH'}';`],
  ['a GitHub token', `ghp_${'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'}`],
  ['a web token', `eyJ${'hbGciOiJFZERTQSJ9'}.eyJ${'zdWIiOiIxMjM0NTY3ODkwIn0'}.${'c2lnbmF0dXJlLW9mLXRoZS10b2tlbg'}`],
  ['a random value beside a telling name', `apiKey: '${'q8Xr2LmP0vTz6NcY4bKd1HsJ'}'`],
  ['a password in an address', `postgres://capp:${'hunter2hunter2'}@db.internal/capp`],
])('%s is found, and the line', (_name, secret) => {
  expect(findSecrets('some.ts', `first line\n${secret}`)).toMatchObject([{ path: 'some.ts', line: 2 }]);
});

test.each([
  ['a name of a setting', `const secret = 'CAPP_FIELD_KEY_OF_THE_PLATFORM';`],
  ['an address of this machine', 'postgres://capp:capp-password@localhost/capp'],
  ['a line that says why', `const secret = '${'q8Xr2LmP0vTz6NcY4bKd1HsJ'}'; // not-a-secret: from a specification`],
])('%s is none', (_name, text) => {
  expect(findSecrets('some.ts', text)).toEqual([]);
});
