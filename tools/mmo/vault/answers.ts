/** Answers that could not be used, in PostgreSQL: sealed before they are written, those that come together in one statement. */
import { createGroupCommit } from '../../../db/group-commit.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { ANSWER_CONTEXT, type NewAnswer, storeAnswers } from '../../../db/queries/operator-answers.ts';
import type { Queryable } from '../../../db/connect.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { KeepAnswer } from '../refused-answers.ts';

const GROUP_MAX = 200;

export interface AnswerKeeperDeps {
  readonly pool: Queryable;
  readonly keyring: Pick<Keyring, 'encrypt' | 'blindIndex'>;
  readonly clock: Clock;
  /** Hears why an answer could not be kept. */
  readonly onError: (error: unknown) => void;
}

/** Makes the keeper of one process. */
export function postgresAnswerKeeper({ pool, keyring, clock, onError }: AnswerKeeperDeps): KeepAnswer {
  const writer = createGroupCommit({
    flush: async (answers: readonly NewAnswer[]) => {
      await storeAnswers(pool, answers, clock.now());
      return answers.map(() => undefined);
    },
    groupMax: GROUP_MAX,
  });
  return async ({ body, ...answer }) => {
    try {
      const bodyDigest = keyring.blindIndex(body, ANSWER_CONTEXT);
      await writer.submit({ ...answer, body: keyring.encrypt(body, ANSWER_CONTEXT), bodyDigest });
    } catch (error) {
      onError(error);
    }
  };
}
