/** Advice on cases, put together when the first case asks for it: the libraries of models are large, and most processes never need them. */
import type { Advise } from '../graph/case/advice.ts';
import { systemClock } from '../domain/clock.ts';
import type { Foundation } from './compose.ts';

/** Makes the adviser of a worker: the investigator, with a model where one is configured. */
export function adviseOnDemand({ pool, keys, config }: Pick<Foundation, 'pool' | 'keys' | 'config'>): Advise {
  const clock = systemClock;
  let made: Promise<Advise> | undefined;
  const make = async (): Promise<Advise> => {
    const [{ createInvestigator }, { investigatorAdvice }] = await Promise.all([
      import('../agents/investigator/index.ts'),
      import('../graph/case/investigator.ts'),
    ]);
    const llm = config.llm === null ? null : (await import('../tools/llm/index.ts')).createLlm(config.llm, { pool, clock });
    return investigatorAdvice({ pool, clock }, createInvestigator({ pool, keyring: keys.keyring, clock, llm }));
  };
  return async (request) => {
    made ??= make();
    return (await made)(request);
  };
}
