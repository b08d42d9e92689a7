/** The line to Daraja, and what all its acknowledged calls have in common. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../../domain/clock.ts';
import type { Rail } from '../../../domain/rail.ts';
import { outcomeWithoutAnswer } from '../checks.ts';
import type { HttpAnswer } from '../http.ts';
import type { OperatorHandle, Outcome } from '../operator.ts';
import { parseObject, type ReadingObject, textOf } from '../reading.ts';
import { pending, unknown } from '../reasons.ts';
import { securityCredentialOf } from './fields.ts';
import { submitRefusal } from './outcomes.ts';
import type { MpesaProfile } from './profile.ts';

export interface Daraja {
  readonly rail: Rail;
  readonly profile: MpesaProfile;
  readonly clock: Clock;
  readonly key: KeyObject;
  readonly call: (path: string, body: Readonly<Record<string, string>>) => Promise<HttpAnswer>;
}

/** Initiator and credential of a call. */
export function initiatorOf({ profile, key }: Daraja): { Initiator: string; SecurityCredential: string } {
  const { initiatorName, initiatorPassword } = profile.b2c;
  return { Initiator: initiatorName, SecurityCredential: securityCredentialOf(initiatorPassword, key) };
}

/** An acknowledgement with its ids is pending; every other answer goes by its code. */
export function submitOutcome(answer: HttpAnswer, handleOf: (body: ReadingObject) => OperatorHandle | null): Outcome {
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  const body = parseObject(answer.body);
  if (answer.status !== 200 || body === undefined || textOf(body, 'ResponseCode') !== '0') return submitRefusal(answer.status, body);
  const handle = handleOf(body);
  return handle === null ? unknown('unreadable_answer') : pending(handle);
}
