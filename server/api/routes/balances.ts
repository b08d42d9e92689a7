/**
 * Where operators tell what our accounts hold (M-Pesa). Each question has a path of its own, which nobody can guess; the first message there
 * that can be read answers it. A balance moves nothing: it is held against the books.
 */
import { hash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { endQuestion, findQuestion } from '../../../db/queries/operator-balances.ts';
import { fault, isFault } from '../../../domain/errors.ts';
import type { BalanceAnswer } from '../../../tools/mmo/balances.ts';
import type { ApiDeps, BalanceDoor } from '../deps.ts';
import { type ApiContext } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { keepMessage, SECRET_PATH, takeIn } from './secret-paths.ts';

/** Mounts the addresses. */
export function mountBalances(api: Api): void {
  mount(
    api,
    {
      method: 'post',
      path: '/v1/balances/{token}',
      operationId: 'tellBalance',
      tag: 'Callbacks',
      summary: 'For operators: what an account of ours holds',
      description: 'The path is secret, one per question. The answer is the one the operator expects.',
      scope: null,
      params: z.object({ token: z.string() }),
      rawBody: { 'application/json': { schema: z.unknown() } },
      responses: {
        200: { description: "Stored. The body is the operator's own.", content: { 'application/json': { schema: z.unknown() } } },
      },
      refusals: ['callback_unknown', 'body_too_large'],
    },
    ({ c }) => take(api.deps, c),
  );
}

async function take(deps: ApiDeps, c: ApiContext): Promise<Response> {
  const token = c.req.param('token') ?? '';
  const [elseRailId = null] = deps.balanceDoors?.keys() ?? [];
  if (elseRailId === null || !SECRET_PATH.test(token)) throw fault('callback_unknown');
  const question = await findQuestion(deps.pool, hash('sha256', token, 'buffer'));
  const door = question === null ? undefined : deps.balanceDoors?.get(question.railId);
  const message = await takeIn(deps, c, door === undefined ? null : (question?.railId ?? null), elseRailId);
  if (question === null || door === undefined) throw fault('callback_unknown');
  c.set('logged', { railId: message.railId, known: true });
  if (!question.isOpen) await keepMessage(deps, message, { verdict: 'duplicate', reasonCode: null });
  else await answer(deps, door, message, question.id);
  const { body, status, contentType } = door.thanks;
  return c.body(body, status as 200, { 'Content-Type': contentType });
}

/** Kept before the question ends by it. One that cannot be read ends nothing. */
async function answer(deps: ApiDeps, door: BalanceDoor, message: Parameters<typeof keepMessage>[1], questionId: string): Promise<void> {
  const told = readWith(door, message.text);
  if (told === null) return keepMessage(deps, message, { verdict: 'quarantined', reasonCode: 'malformed_body' });
  const reasonCode = 'amount' in told ? null : told.reasonCode;
  await keepMessage(deps, message, { verdict: reasonCode === 'unreadable_answer' ? 'quarantined' : 'matched', reasonCode });
  await endQuestion(deps.pool, questionId, told, deps.clock.now());
}

function readWith(door: BalanceDoor, text: string): BalanceAnswer | null {
  try {
    return door.read(text);
  } catch (error) {
    if (isFault(error, 'malformed_body')) return null;
    throw error;
  }
}
