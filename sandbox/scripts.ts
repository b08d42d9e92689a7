/**
 * Fates that somebody has written for payments to come: which payments, and what befalls them. They come before what
 * a number's ending says and before chance. The newest script that fits counts; one with a number of times is used up.
 */
import { z } from 'zod';
import { ANSWERS, CALLBACK_FATES, type Fate, FAILURES, type Kind, NEVER_SLOWNESS } from './fates.ts';

const matchSchema = z
  .strictObject({
    railId: z.string().max(40).optional(),
    kind: z.enum(['collection', 'disbursement']).optional(),
    /** E.164, with or without plus. */
    phone: z
      .string()
      .regex(/^\+?\d{8,15}$/)
      .transform((text) => text.replace('+', ''))
      .optional(),
    /** Minor units. */
    amountMinor: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
    /** What we call it at the operator. */
    reference: z.string().max(100).optional(),
  })
  .refine((match) => Object.values(match).some((value) => value !== undefined), 'must name at least one thing');

const fateSchema = z
  .strictObject({
    /** How it ends; null ends well, whatever its number says. */
    failure: z.enum(FAILURES).nullable().optional(),
    /** The operator's own code for the failure in place of the usual one: one that nobody knows leaves clients in doubt. */
    code: z
      .string()
      .regex(/^[\x21-\x7e]{1,64}$/)
      .optional(),
    /** The operator acts, and its answer is lost: short for the answer `lost_after`. */
    answerLost: z.boolean().optional(),
    answer: z.enum(ANSWERS).optional(),
    callback: z.enum(CALLBACK_FATES).optional(),
    wrongAmount: z.boolean().optional(),
    flips: z.boolean().optional(),
    /** How many times slower than usual people and operator are; `never`: it stays pending. */
    slowness: z.union([z.number().positive().max(NEVER_SLOWNESS), z.literal('never')]).optional(),
  })
  .refine(({ failure, code }) => code === undefined || typeof failure === 'string', 'a code goes with a failure')
  .refine(({ answer, answerLost }) => answer === undefined || answerLost === undefined, 'one of answer and answerLost is enough');

export const scriptSchema = z.strictObject({
  match: matchSchema,
  fate: fateSchema,
  /** For so many payments; for all that fit unless given. */
  times: z.number().int().min(1).max(1_000_000).optional(),
});

export type FateScript = z.infer<typeof scriptSchema>;

/** What is known of a transaction when its fate is asked for. */
export interface Subject {
  readonly railId: string;
  readonly kind: Kind;
  readonly phone: string;
  readonly amountMinor?: bigint;
  readonly reference?: string;
}

export interface FateScripts {
  /** Adds a script; gives its number. */
  add(script: FateScript): number;
  list(): readonly (FateScript & { readonly id: number; readonly left: number | null })[];
  clear(): void;
  /** A fate as scripts change it. `use` counts one of a script's times. */
  apply(subject: Subject, fate: Fate, use: boolean): Fate;
}

/** Makes an empty set of scripts. They live in memory: a restart forgets them. */
export function createScripts(): FateScripts {
  let scripts: { id: number; script: FateScript; left: number | null }[] = [];
  let count = 0;
  return {
    add(script) {
      count += 1;
      scripts.unshift({ id: count, script, left: script.times ?? null });
      return count;
    },
    list: () => scripts.map(({ id, script, left }) => ({ ...script, id, left })),
    clear() {
      scripts = [];
    },
    apply(subject, fate, use) {
      const found = scripts.find(({ script, left }) => left !== 0 && fits(script, subject));
      if (found === undefined) return fate;
      if (use && found.left !== null) found.left -= 1;
      if (found.left === 0) scripts = scripts.filter((each) => each !== found);
      return written(found.script, fate);
    },
  };
}

function fits({ match }: FateScript, subject: Subject): boolean {
  const { railId, kind, phone, amountMinor, reference } = match;
  return (
    (railId === undefined || railId === subject.railId) &&
    (kind === undefined || kind === subject.kind) &&
    (phone === undefined || phone === subject.phone) &&
    // Before a request is read only its number is known: what it cannot be told by does not fit yet.
    (amountMinor === undefined || amountMinor === subject.amountMinor?.toString()) &&
    (reference === undefined || reference === subject.reference)
  );
}

function written({ fate: told }: FateScript, fate: Fate): Fate {
  const { failure, answerLost, slowness } = told;
  return {
    failure: failure === undefined ? fate.failure : failure,
    code: failure === undefined ? fate.code : (told.code ?? null),
    answerLost: answerLost ?? fate.answerLost,
    answer: told.answer ?? fate.answer,
    callback: told.callback ?? fate.callback,
    lies: {
      ...fate.lies,
      ...(told.wrongAmount === undefined ? {} : { wrongAmount: told.wrongAmount }),
      ...(told.flips === undefined ? {} : { flips: told.flips }),
    },
    slowness: slowness === 'never' ? NEVER_SLOWNESS : (slowness ?? fate.slowness),
  };
}
