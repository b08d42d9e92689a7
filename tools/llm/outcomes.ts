/** How asking a model can end, as a closed set of words, and how an error of any library becomes one of them. */

export const LLM_OUTCOMES = [
  /** It answered in the form that was asked for. */
  'answered',
  /** No endpoint is configured. */
  'off',
  /** People turned the agent off, before or while it ran. */
  'switched_off',
  /** It did not answer within the deadline. */
  'timed_out',
  /** It declined to answer. */
  'refused',
  /** What it said is not of the form that was asked for. */
  'nonsense',
  /** It asked for a tool that it does not have, or with arguments that the tool does not take. */
  'forbidden_call',
  /** Calls, tokens or cost of the case are used up. */
  'case_budget',
  /** The same of the day. */
  'day_budget',
  /** The endpoint cannot be reached, or answers with an error. */
  'unavailable',
  /** It failed so often that it is left alone for a while. */
  'resting',
] as const;

export type LlmOutcome = (typeof LLM_OUTCOMES)[number];
export type LlmFailure = Exclude<LlmOutcome, 'answered'>;

/** Ends a run with a coded outcome; thrown through libraries that know nothing of it. */
export class LlmStop extends Error {
  readonly outcome: LlmFailure;

  constructor(outcome: LlmFailure, options?: ErrorOptions) {
    super(outcome, options);
    this.name = 'LlmStop';
    this.outcome = outcome;
  }
}

/** Names of errors that say a model's answer was not of its form. */
const FORM_ERRORS = /^(OutputParserException|ZodError)$/;
const CAUSES_MAX = 8;

/** The outcome that an error stands for: its own where it carries one, at any depth; `unavailable` for what nobody foresaw. */
export function failureOf(error: unknown): LlmFailure {
  let each = error;
  for (let depth = 0; depth < CAUSES_MAX && each instanceof Error; depth += 1) {
    if (each instanceof LlmStop) return each.outcome;
    if (FORM_ERRORS.test(each.name)) return 'nonsense';
    if (each.name === 'GraphRecursionError') return 'case_budget';
    if (/^(TimeoutError|APIConnectionTimeoutError)$/.test(each.name)) return 'timed_out';
    each = each.cause;
  }
  return 'unavailable';
}
