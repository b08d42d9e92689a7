/**
 * The meter of one run. Before a call its worst case is reserved, in the case's budget and in the day's,
 * which all processes share; after it the true figures take its place. A call that does not fit is not made.
 */
import type { Pool } from 'pg';
import { reserveSpending, settleSpending, type Spending } from '../../db/queries/llm.ts';
import type { Clock } from '../../domain/clock.ts';
import { LlmStop } from './outcomes.ts';
import type { LlmSettings } from './settings.ts';

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface Metered {
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: bigint;
}

export interface Meter {
  /**
   * Makes a call of at most so many characters of prompt. Throws `case_budget` or `day_budget` without making it. A call that
   * fails stays paid for at its worst case: the endpoint may have worked on it.
   */
  call<T>(promptCharacters: number, make: () => Promise<T>, usageOf: (answer: T) => Usage | null): Promise<T>;
  /** What was used so far. */
  used(): Metered;
}

/** Characters per token are 3 to 4 in most writing systems; 2 leaves room for those with fewer. */
const CHARACTERS_PER_TOKEN = 2;

type Budgets = Pick<
  LlmSettings,
  'callsMax' | 'answerTokensMax' | 'caseTokensMax' | 'dayTokensMax' | 'inputNanoUsd' | 'outputNanoUsd' | 'caseNanoUsdMax' | 'dayNanoUsdMax'
>;

/** Starts a meter for one case. */
export function startMeter(deps: { readonly pool: Pool; readonly clock: Clock }, budgets: Budgets): Meter {
  let used: Metered = { calls: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0n };
  const costOf = ({ inputTokens, outputTokens }: Usage): bigint =>
    BigInt(inputTokens) * budgets.inputNanoUsd + BigInt(outputTokens) * budgets.outputNanoUsd;
  const add = (usage: Usage): void => {
    used = {
      calls: used.calls,
      inputTokens: used.inputTokens + usage.inputTokens,
      outputTokens: used.outputTokens + usage.outputTokens,
      costNanoUsd: used.costNanoUsd + costOf(usage),
    };
  };
  const spendingOf = (usage: Usage): Spending => ({ tokens: usage.inputTokens + usage.outputTokens, costNanoUsd: costOf(usage) });

  return {
    call: async (promptCharacters, make, usageOf) => {
      const worst: Usage = {
        inputTokens: Math.ceil(promptCharacters / CHARACTERS_PER_TOKEN),
        outputTokens: budgets.answerTokensMax,
      };
      const reserved = spendingOf(worst);
      const overCase =
        used.calls >= budgets.callsMax ||
        used.inputTokens + used.outputTokens + reserved.tokens > budgets.caseTokensMax ||
        used.costNanoUsd + reserved.costNanoUsd > budgets.caseNanoUsdMax;
      if (overCase) throw new LlmStop('case_budget');
      const day = new Date(deps.clock.now()).toISOString().slice(0, 10);
      const limits = { tokens: budgets.dayTokensMax, costNanoUsd: budgets.dayNanoUsdMax };
      if (!(await reserveSpending(deps.pool, day, reserved, limits))) throw new LlmStop('day_budget');
      used = { ...used, calls: used.calls + 1 };
      let actual = worst;
      try {
        const answer = await make();
        actual = usageOf(answer) ?? worst;
        return answer;
      } finally {
        add(actual);
        if (actual !== worst) await settleSpending(deps.pool, day, reserved, spendingOf(actual));
      }
    },
    used: () => used,
  };
}
