/** The risk model that a process works with: the one of the program, or another that its owner has trained. */
import { readFile } from 'node:fs/promises';
import { unlearntBy } from '../agents/compliance/risk/input.ts';
import { BUILT_IN_RISK_MODEL, createRiskModel, type RiskModel, riskModelSchema } from '../agents/compliance/risk/model.ts';
import { fault } from '../domain/errors.ts';

/**
 * Reads `CAPP_RISK_MODEL_PATH`; null gives the built-in model. Throws `config_invalid` for a file that cannot be read, is no model,
 * bears the version of the built-in one, or has learnt nothing of payments such as ours.
 */
export async function openRiskModel(path: string | null): Promise<RiskModel> {
  if (path === null) return BUILT_IN_RISK_MODEL;
  const refuse = (what: string, cause?: unknown) =>
    fault('config_invalid', { field: 'CAPP_RISK_MODEL_PATH', detail: `CAPP_RISK_MODEL_PATH: ${path} ${what}.`, cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse('cannot be read', cause);
  });
  const parsed = riskModelSchema.safeParse(valueIn(text, (cause) => refuse('is not JSON', cause)));
  if (!parsed.success)
    throw refuse(`is no risk model: the field ${parsed.error.issues[0]?.path.join('.') || '(all)'} is missing or not of its form`);
  const unlearnt = unlearntBy(parsed.data);
  if (unlearnt.length > 0) throw refuse(`has learnt from no payment of this kind: ${unlearnt.join(', ')}`);
  const model = createRiskModel(parsed.data);
  // Two models of one version could not be told apart in the decisions they had a part in.
  if (model.version === BUILT_IN_RISK_MODEL.version)
    throw refuse(`bears the version of the built-in model, ${model.version}: give it its own`);
  return model;
}

function valueIn(text: string, refuse: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse(cause);
  }
}
