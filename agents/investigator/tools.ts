/**
 * What the adviser may look at. Every tool reads the brief that was gathered before the model was asked, so
 * none of them can reach another case, another client or anything outside; none of them writes.
 */
import { tool } from 'langchain';
import { z } from 'zod';
import type { CaseBrief } from './facts.ts';

export const READ_TOOLS = ['read_match', 'read_party', 'read_counts', 'read_linked_cases', 'read_text_marks'] as const;

const ROLES = ['sender', 'receiver'] as const;

/** The tools for one case. What they are called and said to do is the same for all. */
export function readToolsOf(brief: CaseBrief) {
  const refs = brief.hits.map((hit) => hit.ref);
  const asText = (value: unknown): string => JSON.stringify(value);
  return [
    tool(({ ref }: { ref: string }) => asText(brief.hits.find((hit) => hit.ref === ref) ?? null), {
      name: 'read_match',
      description: 'Reads one match with a list, by its reference.',
      schema: z.strictObject({ ref: z.enum((refs.length === 0 ? ['none'] : refs) as [string, ...string[]]) }),
    }),
    tool(({ role }: { role: (typeof ROLES)[number] }) => asText(brief[role]), {
      name: 'read_party',
      description: 'Reads the standing and history of the sender or the receiver.',
      schema: z.strictObject({ role: z.enum(ROLES) }),
    }),
    tool(
      () =>
        asText({
          ...brief.counts,
          thresholdsInBand: brief.thresholdsInBand,
          aboveTravelRule: brief.aboveTravelRule,
          paidEachOtherBefore: brief.paidEachOtherBefore,
          fatf: brief.fatf,
        }),
      {
        name: 'read_counts',
        description: 'Reads counts of recent payments, thresholds and the standing of the countries.',
        schema: z.strictObject({}),
      },
    ),
    tool(() => asText(brief.linked), {
      name: 'read_linked_cases',
      description: 'Reads other cases of the same sender or receiver.',
      schema: z.strictObject({}),
    }),
    tool(() => asText(brief.texts), {
      name: 'read_text_marks',
      description: 'Reads what is noticeable about texts that customers wrote, without the texts.',
      schema: z.strictObject({}),
    }),
  ];
}
