/** What the payer of a collection has to do, while it waits for them: answer a prompt, or open the operator's page. */
import { z } from '@hono/zod-openapi';
import type { Keyring } from '../../../db/keyring.ts';
import { HANDLE_CONTEXT } from '../../../db/queries/callbacks.ts';
import { walletById } from '../../../domain/network.ts';
import { idSchema } from './common.ts';

export const approvalSchema = z
  .object({
    attemptId: idSchema,
    kind: z.enum(['page', 'prompt']),
    url: z.url().nullable().openapi({
      description:
        'With `page`: the address to lead the payer to, and nobody else. It lives for some minutes; the payment no longer shows it after that.',
    }),
    dial: z
      .string()
      .nullable()
      .openapi({ description: 'With `prompt`: what the payer dials to approve when no prompt came.', example: '*165*8*3*1#' }),
  })
  .openapi('PayerApproval');

interface Waiting {
  readonly id: string;
  /** Ciphertext of what the operator gave for the attempt. */
  readonly handle: Buffer | null;
}

/** Of a collection that waits for its payer; null when none does. What is no web address is not shown as one. */
export function approvalOut(keyring: Keyring, waiting: Waiting | null, senderWallet: string): z.infer<typeof approvalSchema> | null {
  if (waiting === null) return null;
  const handle = waiting.handle === null ? {} : (JSON.parse(keyring.decrypt(waiting.handle, HANDLE_CONTEXT)) as Record<string, unknown>);
  const url = handle['paymentUrl'];
  if (typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    return { attemptId: waiting.id, kind: 'page', url, dial: null };
  return { attemptId: waiting.id, kind: 'prompt', url: null, dial: walletById(senderWallet).approvalUssd };
}
