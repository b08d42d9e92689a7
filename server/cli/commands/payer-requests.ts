/** `capp operators consent` and `notify`: what people ask of a payer, and tell them, through their operator. */
import { type Command, Option } from 'commander';
import type { PayerRequests } from '../../payer-requests.ts';
import { ACTOR, type CommandContext, idOf, wholeNumber, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';

const REQUEST = 'as capp operators consent request printed it';

/** Opens what the requests need, does them, and prints what came of it; ends with 2 when the operator does not say what was asked of it. */
async function onRail(
  context: CommandContext,
  railId: string,
  work: (requests: PayerRequests) => Promise<{ readonly told: object; readonly isDone: boolean }>,
): Promise<void> {
  const { withOperators } = await import('../operator-work.ts');
  const { env, out } = context.terminal;
  await withOperators(context, async (stores, pool) => {
    const { told, isDone } = await work({ env, railId, pool, stores, actor: ACTOR });
    out(JSON.stringify({ railId, ...told }));
    if (!isDone) context.endWith(EXIT.failed);
  });
}

export function registerPayerRequests(operators: Command, context: CommandContext): void {
  const consent = operators
    .command('consent')
    .summary('ask payers of MTN for their consent to later collections')
    .description(
      'MTN’s pre-approvals: who consents is not prompted for each collection while the consent lasts. The payer is asked on their handset. ' +
        'Prints no number. Exit code: 0 when MTN says so, 2 when it does not.',
    );
  withExamples(consent, [['capp operators consent request mtn-ug 0772000111', 'asks for thirty days']]);
  registerConsent(consent, context);
  const notify = operators
    .command('notify')
    .summary('have MTN send a payer a text after a collection')
    .description(
      'MTN’s delivery notifications: a text to the payer of a collection that succeeded, letters and digits, at most 160 of them, without a ' +
        'messaging contract. Exit code: 0 when MTN takes it, 2 when it does not.',
    )
    .argument('<rail>', 'as mtn-ug')
    .argument('<attempt>', 'the collection', idOf('attempt'))
    .argument('<text>', 'what they are told; no names')
    .addOption(new Option('--language <language>', 'which it is in').choices(['en', 'fr', 'sw']))
    .action((railId: string, attemptId: string, text: string, options: { readonly language?: string }) =>
      onRail(context, railId, async (requests) => {
        const { notifyPayer } = await import('../../payer-requests.ts');
        const notified = await notifyPayer(requests, attemptId, text, options.language);
        return { told: { attemptId, notified }, isDone: notified };
      }),
    );
  withExamples(notify, [
    ['capp operators notify mtn-ug 019a3f5c-7c1e-4b52-9d0a-3f1f6f0c2b11 "Thank you, your order is on its way"', 'one payer'],
  ]);
}

function registerConsent(consent: Command, context: CommandContext): void {
  const request = consent
    .command('request')
    .description('Asks a payer. Prints the id of the request, by which its state is asked for.')
    .argument('<rail>', 'as mtn-ug')
    .argument('<phone>', 'of the payer, E.164 or as it is dialled in the country')
    .option('--days <count>', 'how long the consent lasts', wholeNumber(1, 365), 30)
    .option('--note <text>', 'what the prompt says', 'CAPP payments')
    .action((railId: string, phone: string, options: { readonly days: number; readonly note: string }) =>
      onRail(context, railId, async (requests) => {
        const { requestConsent } = await import('../../payer-requests.ts');
        const { requestId, isTaken } = await requestConsent(requests, { phone, ...options });
        return { told: { requestId, taken: isTaken }, isDone: isTaken };
      }),
    );
  withExamples(request, [['capp operators consent request mtn-ug 0772000111 --days 90', 'for three months']]);
  const state = consent
    .command('state')
    .description('Tells what became of a request: pending, approved or refused.')
    .argument('<rail>', 'as mtn-ug')
    .argument('<request>', REQUEST, idOf('request'))
    .action((railId: string, requestId: string) =>
      onRail(context, railId, async (requests) => {
        const { consentState } = await import('../../payer-requests.ts');
        const known = await consentState(requests, requestId);
        return { told: { requestId, state: known }, isDone: known !== null };
      }),
    );
  withExamples(state, [['capp operators consent state mtn-ug 3f1f6f0c-7c1e-4b52-9d0a-019a3f5c2b11', 'has the payer answered?']]);
  const cancel = consent
    .command('cancel')
    .description('Takes a consent back.')
    .argument('<rail>', 'as mtn-ug')
    .argument('<request>', REQUEST, idOf('request'))
    .action((railId: string, requestId: string) =>
      onRail(context, railId, async (requests) => {
        const { cancelConsent } = await import('../../payer-requests.ts');
        const isCancelled = await cancelConsent(requests, requestId);
        return { told: { requestId, cancelled: isCancelled }, isDone: isCancelled };
      }),
    );
  withExamples(cancel, [['capp operators consent cancel mtn-ug 3f1f6f0c-7c1e-4b52-9d0a-019a3f5c2b11', 'prompts from now on']]);
}
