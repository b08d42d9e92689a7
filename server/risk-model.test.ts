import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import built from '../agents/compliance/data/risk-model.json' with { type: 'json' };
import { BUILT_IN_RISK_MODEL } from '../agents/compliance/risk/model.ts';
import { openRiskModel } from './risk-model.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-risk-model-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(text: string): Promise<string> {
  const path = join(folder, 'model.json');
  await writeFile(path, text);
  return path;
}

const LEAF = { base: 0, trees: [], calibration: [[0, 0.25]] };
const OWN = { version: 'risk-2027.01.1', trainedOn: 'our cases', learnt: built.learnt, withoutBalance: LEAF, withBalance: LEAF };

test('without a path the built-in model scores, with one the model of the file', async () => {
  expect(await openRiskModel(null)).toBe(BUILT_IN_RISK_MODEL);
  const model = await openRiskModel(await fileWith(JSON.stringify(OWN)));
  const input = { kind: 'transfer', amountRatio: 1, isRound: false, isMirrored: false, balanceShare: null } as const;
  expect([model.version, model.score(input)]).toEqual(['risk-2027.01.1', { model: 'risk-2027.01.1', score: 0.25, reasons: [] }]);
});

test.each([
  ['no JSON', '{', 'is not JSON'],
  ['another kind of JSON', '[]', 'is no risk model: the field (all)'],
  [
    'a model without its chances',
    JSON.stringify({ ...OWN, withBalance: { ...LEAF, calibration: [] } }),
    'the field withBalance.calibration',
  ],
  ['a model of cash-outs', JSON.stringify({ ...OWN, learnt: [[1, 0, 0, 9]] }), 'has learnt from no payment of this kind: transfer, '],
  [
    'a model under the name of the built-in one',
    JSON.stringify({ ...OWN, version: built.version }),
    'bears the version of the built-in model',
  ],
])('%s is refused, and says why', async (_, text, detail) => {
  await expect(openRiskModel(await fileWith(text))).rejects.toMatchObject({
    code: 'config_invalid',
    field: 'CAPP_RISK_MODEL_PATH',
    detail: expect.stringContaining(detail),
  });
});

test('a file that is not there is refused', async () => {
  await expect(openRiskModel(join(folder, 'none.json'))).rejects.toMatchObject({
    code: 'config_invalid',
    detail: expect.stringContaining('cannot be read'),
  });
});
