/** Models behind an OpenAI-compatible endpoint, with deadline, budgets and kill switch. */
export { createLlm, type Llm, type LlmDeps, type LlmRun, type LlmSession } from './llm.ts';
export type { Metered, Meter, Usage } from './meter.ts';
export { failureOf, LLM_OUTCOMES, type LlmFailure, type LlmOutcome, LlmStop } from './outcomes.ts';
export { assertNoTracing, type LlmSettings, nanoUsdOf } from './settings.ts';
