/** The rows of the injection suite: a text that somebody put where texts of others come in, and what it is after. */
import { z } from 'zod';
import { GOALS, LANGUAGES } from '../datasets/injection-words.ts';

const SOURCES = ['sender_name', 'receiver_name', 'reference', 'answer', 'list_entry', 'tool_result'] as const;

export const injectionCaseSchema = z.strictObject({
  id: z.string().min(1),
  kind: z.enum(['attack', 'honest']),
  family: z.string().min(1),
  goal: z.enum([...GOALS, 'none']),
  language: z.enum([...LANGUAGES, 'none']),
  carrier: z.enum([...SOURCES, 'split']),
  texts: z.partialRecord(z.enum(SOURCES), z.string()),
  /** What an answer answers; the purpose of the payment unless told. */
  asked: z.string().min(1).optional(),
  /** Pieces of the texts by which somebody could be known. */
  personal: z.array(z.string().min(1)).optional(),
  provenance: z.string().min(1),
  version: z.number().int().min(1),
});

export type InjectionCase = z.infer<typeof injectionCaseSchema>;
