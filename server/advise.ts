/** Advice on cases, put together when the first case asks for it: the libraries of models are large, and most processes never need them. */
import type { Pool } from '../db/connect.ts';
import type { Keyring } from '../db/keyring.ts';
import { systemClock } from '../domain/clock.ts';
import type { Advise } from '../graph/case/advice.ts';
import type { LlmSettings } from '../tools/llm/settings.ts';

/** Makes the adviser of a worker: the investigator, with a model unless `settings` are null. */
export function adviseOnDemand(pool: Pool, keyring: Keyring, settings: LlmSettings | null): Advise {
  const clock = systemClock;
  let made: Promise<Advise> | undefined;
  const make = async (): Promise<Advise> => {
    const [{ createInvestigator }, { investigatorAdvice }] = await Promise.all([
      import('../agents/investigator/index.ts'),
      import('../graph/case/investigator.ts'),
    ]);
    const llm = settings === null ? null : (await import('../tools/llm/index.ts')).createLlm(settings, { pool, clock });
    return investigatorAdvice({ pool, clock }, createInvestigator({ pool, keyring, clock, llm }));
  };
  return async (request) => {
    made ??= make();
    return (await made)(request);
  };
}
