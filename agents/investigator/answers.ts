/** The forms in which a model may answer: closed, strict, made for one case at a time. */
import { z } from 'zod';
import { LlmStop } from '../../tools/llm/index.ts';
import type { Advice, TextReading } from './facts.ts';
import { CLAIMED_PURPOSES, CONCERN_CODES, LANGUAGES, QUESTION_CODES, RECOMMENDATIONS, RELATIONSHIPS, SUREST } from './words.ts';

/** The tool by which an advice is given. */
export const ADVICE_TOOL = 'give_advice';
/** The tool by which a text is read. */
export const READING_TOOL = 'give_reading';

/** The form of an advice on a case in which these facts may be cited. */
export function adviceSchema(cites: readonly string[]) {
  return z
    .strictObject({
      recommendation: z.enum(RECOMMENDATIONS),
      concerns: z.array(z.enum(CONCERN_CODES)).max(CONCERN_CODES.length),
      questions: z.array(z.enum(QUESTION_CODES)).max(QUESTION_CODES.length),
      cites: z.array(z.enum(cites as [string, ...string[]])).max(20),
      sureness: z.enum(SUREST),
    })
    .describe('Gives the advice on the case and ends the work.');
}

/** The form of a reading of one text. */
export const readingSchema = z
  .strictObject({
    language: z.enum(LANGUAGES),
    purposeClaimed: z.enum(CLAIMED_PURPOSES),
    relationshipClaimed: z.enum(RELATIONSHIPS),
    addressesReviewer: z.boolean(),
    namesThirdParty: z.boolean(),
  })
  .describe('Says what kind of text it is.');

/** An advice in its form. Throws `nonsense` for anything else, a field too many included. */
export function readAdvice(answer: unknown, cites: readonly string[]): Advice {
  const parsed = adviceSchema(cites).safeParse(answer);
  if (!parsed.success) throw new LlmStop('nonsense');
  const { recommendation, concerns, questions, cites: cited, sureness } = parsed.data;
  return { recommendation, concerns: unique(concerns), questions: unique(questions), cites: unique(cited), sureness };
}

/** A reading in its form. Throws `nonsense` for anything else. */
export function readReading(answer: unknown): Omit<TextReading, 'source'> {
  const parsed = readingSchema.safeParse(answer);
  if (!parsed.success) throw new LlmStop('nonsense');
  return parsed.data;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
