/** Runs the contracts' own tests, and holds them against what the rest of the platform computes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeLeaf, hashLeaf, merkleProof, merkleRoot, type SettlementLeaf } from '../tools/aptos/merkle.ts';
import { moveAbi, runMoveTests, warningsIn } from './harness.ts';

const EXAMPLE: SettlementLeaf = {
  batchId: '0190a0b0-0000-7000-8000-000000000001',
  paymentId: '0190a0b0-0000-7000-8000-0000000000ff',
  leg: 'payout',
  amountMinor: 125_050n,
  currency: 'KES',
};

const sourcesIn = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(join(import.meta.dirname, folder))
      .filter((name) => name.endsWith('.move'))
      .map((name) => [name, readFileSync(join(import.meta.dirname, folder, name), 'utf8')]),
  );

/** A Move test in which proofs made by the platform must verify, and must not for another leaf. */
function platformProofs(sizes: readonly number[]): string {
  const bytes = (hash: string): string => `x"${hash}"`;
  const checks = sizes.flatMap((size) => {
    const leaves = Array.from({ length: size }, (_, index) => hashLeaf({ ...EXAMPLE, amountMinor: BigInt(index + 1) }));
    const root = bytes(merkleRoot(leaves));
    const other = bytes(hashLeaf(EXAMPLE));
    return leaves.flatMap((leaf, index) => {
      const path = `&vector<vector<u8>>[${merkleProof(leaves, index).path.map(bytes).join(', ')}]`;
      return [
        `assert!(merkle::verify(${bytes(leaf)}, ${index}, ${size}, ${path}, &${root}));`,
        `assert!(!merkle::verify(${other}, ${index}, ${size}, ${path}, &${root}));`,
      ];
    });
  });
  return `#[test_only]\nmodule capp::platform_tests {\n use capp::merkle;\n #[test]\n fun proofs_of_the_platform_verify() {\n${checks.join('\n')}\n }\n}\n`;
}

it('the contracts compile without a warning and pass their tests, the proofs of the platform among them', {
  timeout: 240_000,
}, async () => {
  const report = await runMoveTests({ extraTests: { 'platform_tests.move': platformProofs([1, 2, 3, 5, 8, 13]) } });
  expect(report.warnings).toEqual([]);
  expect(report.output.split('\n').filter((line) => /\[ (FAIL|TIMEOUT)/.test(line))).toEqual([]);
  expect(report.output).toContain('platform_tests::proofs_of_the_platform_verify');
  expect(report.failed).toBe(0);
  expect(report.passed).toBe(report.tests);
  expect(report.tests).toBeGreaterThanOrEqual(368);
});

it('the leaf in the settlement tests is the one of the platform', () => {
  expect(sourcesIn('tests').get('settlement_tests.move')).toContain(`leaf_hash(x"${encodeLeaf(EXAMPLE).toString('hex')}")`);
});

const CATEGORIES: Readonly<Record<string, number>> = {
  invalid_argument: 0x1,
  out_of_range: 0x2,
  invalid_state: 0x3,
  unauthenticated: 0x4,
  permission_denied: 0x5,
  not_found: 0x6,
  already_exists: 0x8,
  resource_exhausted: 0x9,
  unavailable: 0xd,
};

/** Every code a module can abort with, as `module 0xCODE`. */
function abortCodes(module: string, source: string): string[] {
  const reasons = new Map([...source.matchAll(/const (E_\w+): u64 = (\d+);/g)].map(([, name, value]) => [name, Number(value)]));
  const raised = [...source.matchAll(/error::(\w+)\((E_\w+)\)/g)];
  expect([...reasons.keys()].filter((name) => !raised.some(([, , used]) => used === name))).toEqual([]);
  const codes = raised.map(([, category = '', name]) => ((CATEGORIES[category] ?? Number.NaN) << 16) + (reasons.get(name) ?? Number.NaN));
  return [...new Set(codes)].map((code) => `${module} 0x${code.toString(16).toUpperCase()}`);
}

it('every abort code of every module is expected by a test', () => {
  const tests = [...sourcesIn('tests').values(), ...sourcesIn('testing/tests').values()].join('\n');
  const expected = new Set(
    [...tests.matchAll(/abort_code = (0x[0-9A-F]+), location = capp::(\w+)/g)].map(([, code, module]) => `${module} ${code}`),
  );
  const codes = [...sourcesIn('sources')].flatMap(([name, source]) => abortCodes(name.replace('.move', ''), source));
  expect(codes.length).toBeGreaterThan(110);
  expect(codes.filter((code) => !expected.has(code))).toEqual([]);
});

it('an abort without a category is not written', () => {
  for (const source of sourcesIn('sources').values()) {
    const bare = [...source.matchAll(/(abort\b|assert!\([^;]*?;)/gs)].filter(([text]) => !text.includes('error::'));
    expect(bare.map(([text]) => text)).toEqual([]);
  }
});

it('the registry has no field for words about a person', { timeout: 120_000 }, async () => {
  const abi = await moveAbi();
  const structs = abi.compliance_registry?.structs ?? [];
  const wordy = structs.flatMap(({ name, fields }) =>
    fields.filter(({ type }) => /String|vector/.test(type)).map((field) => `${name}.${field.name}`),
  );
  // Bytes of a hash are 32, a currency is three capital letters; everything else is a number, a time or an address.
  expect(wordy.toSorted()).toEqual(['Hash32.bytes', 'ReportFiled.currency', 'ReportKey.currency']);
  expect(abi.settlement?.exposed_functions.find(({ name }) => name === 'approve')?.params).toEqual([
    '&signer',
    expect.stringMatching(/^0x1::object::Object<.*::settlement::Batch>$/),
    'vector<u8>',
  ]);
});

it('warnings of manifest and code are seen', () => {
  expect(warningsIn('BUILDING\nWarning: unknown field\nwarning: unused alias\n  no warning: here')).toHaveLength(2);
});
