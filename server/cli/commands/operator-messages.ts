/** `capp operators refused` and `show`: what operators sent that was not used. What it says names people, so that whoever looks is written down. */
import type { Command } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { CALLBACK_CONTEXT, findCallbackBody, listQuarantined, type SealedMessage } from '../../../db/queries/callbacks.ts';
import { ANSWER_CONTEXT, findAnswerBody, listNewestAnswers } from '../../../db/queries/operator-answers.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { ACTOR, type CommandContext, oneOf, wholeNumber, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { printable, renderTable } from '../table.ts';

const COLUMNS = [
  { title: 'received' },
  { title: 'what' },
  { title: 'id' },
  { title: 'rail' },
  { title: 'product' },
  { title: 'reason' },
  { title: 'attempt' },
  { title: 'from' },
  { title: 'times' },
] as const;

const KINDS = ['callback', 'answer'] as const;
type Kind = (typeof KINDS)[number];

/** How each kind is found, and the place it was sealed for. */
const SEALED: Readonly<
  Record<Kind, { readonly find: (pool: Pool, id: string) => Promise<SealedMessage | null>; readonly context: string }>
> = {
  callback: { find: findCallbackBody, context: CALLBACK_CONTEXT },
  answer: { find: findAnswerBody, context: ANSWER_CONTEXT },
};

export function registerOperatorMessages(operators: Command, context: CommandContext): void {
  const refused = operators
    .command('refused')
    .summary('list what operators sent that was not used')
    .description('Lists quarantined callbacks and answers that could not be used, newest first. Bodies stay encrypted.')
    .option('--limit <count>', 'how many at most (default: 20)', wholeNumber(1, 1_000))
    .action((options: { readonly limit?: number }) =>
      onDatabase(context, async (pool) =>
        context.terminal.out(renderTable(context.terminal, COLUMNS, await rowsOf(pool, options.limit ?? 20))),
      ),
    );
  withExamples(refused, [['capp operators refused --limit 5', 'the last five']]);
  const show = operators
    .command('show')
    .summary('show what one of them says')
    .description(
      'Prints the body of a callback, or the head of an answer without the secrets that stood in it. It may name people: the audit log says that it was shown.',
    )
    .argument('<kind>', KINDS.join(' or '), oneOf(KINDS))
    .argument('<id>', 'as capp operators refused shows it', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action((kind: Kind, id: number) =>
      onDatabase(context, async (pool, { keyring }) => context.terminal.out(printable(await bodyOf(pool, keyring, kind, id.toString())))),
    );
  withExamples(show, [['capp operators show answer 17', 'what the operator answered']]);
}

async function rowsOf(pool: Pool, limit: number): Promise<string[][]> {
  const [callbacks, answers] = await Promise.all([listQuarantined(pool, limit), listNewestAnswers(pool, limit)]);
  const rows = [
    ...callbacks.map((each) => ({ ...each, kind: 'callback', at: each.receivedAt, product: '', times: 1 })),
    ...answers.map((each) => ({ ...each, kind: 'answer', at: each.lastReceivedAt, sourceAddress: '' })),
  ];
  return rows
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, limit)
    .map(({ at, kind, id, railId, product, reasonCode, attemptId, sourceAddress, times }) => [
      at.toISOString(),
      kind,
      id.toString(),
      railId,
      product,
      reasonCode ?? '',
      attemptId ?? '',
      sourceAddress,
      times.toString(),
    ]);
}

/** Opens a body, and writes down that it was opened. Throws `not_found`. */
async function bodyOf(pool: Pool, keyring: Keyring, kind: Kind, id: string): Promise<string> {
  const { find, context } = SEALED[kind];
  const found = await find(pool, id);
  if (found === null) throw fault('not_found', { detail: `There is no ${kind} ${id}.` });
  const { clientId, paymentId, body } = found;
  const shown = { clientId, actor: ACTOR, action: `operator_${kind}.shown`, subject: `operator_${kind}:${id}`, paymentId };
  await withTransaction(pool, (tx) => recordAuditEvents(tx, [shown], systemClock.now()));
  return keyring.decrypt(body, context);
}
