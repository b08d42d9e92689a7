/** `capp operators`: for people who look at what an operator sent. */
import { type Command, Option } from 'commander';
import { type Currency, parseCurrency } from '../../../domain/currency.ts';
import { OPERATOR_NAMES, operatorNamed, readMessage } from '../../../tools/mmo/messages.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';
import { readText } from '../files.ts';
import { registerOperatorMessages } from './operator-messages.ts';
import { registerPayerRequests } from './payer-requests.ts';

/** MTN's products, each with an API user of its own. */
const MTN_PRODUCTS = ['collection', 'disbursement', 'remittance'] as const;

interface ParseOptions {
  readonly currency?: string;
}

export function registerOperators(program: Command, context: CommandContext): void {
  const operators = program
    .command('operators')
    .summary('read what operators send, and register our addresses')
    .description('Tools for the messages of operators, and for what is agreed with one once.');
  registerRegistration(operators, context);
  registerQuestions(operators, context);
  registerProvisioning(operators, context);
  registerPinLift(operators, context);
  registerOperatorMessages(operators, context);
  registerPayerRequests(operators, context);
  const parse = operators
    .command('parse')
    .summary('put a raw callback or answer into our words')
    .description(
      `Reads a raw callback, answer or error of an operator and prints the event it comes to as JSON. OPERATOR is ${OPERATOR_NAMES.join(', ')}, or a rail.`,
    )
    .argument('<operator>', 'whose message it is')
    .argument('<file>', 'file with the message as it came, or - for standard input')
    .option('--currency <code>', 'currency of amounts that name none (ISO 4217)')
    .action(async (word: string, path: string, options: ParseOptions) => {
      const { name, currency } = operatorNamed(word);
      const event = readMessage(name, await readText(path), currencyOf(options) ?? currency);
      context.terminal.out(JSON.stringify(event));
    });
  withExamples(parse, [
    ['capp operators parse mpesa callback.json', 'a callback of Daraja'],
    ['capp operators parse airtel-ug - < answer.json', 'an answer of Airtel Uganda'],
  ]);
}

/** What the commands work with, once one of them is run. */
function operatorWork() {
  return Promise.all([import('../../operators.ts'), import('../operator-work.ts')]);
}

function registerRegistration(operators: Command, context: CommandContext): void {
  const command = operators
    .command('register')
    .summary('tell operators our addresses')
    .description(
      'Registers the addresses at which M-Pesa asks and tells about payments that customers make by themselves (C2B): secret paths under ' +
        'CAPP_PUBLIC_URL, and for Pull Transactions, by which lost answers are settled. In production a short code is registered once. ' +
        'For Airtel it prints the secret address that you enter in its portal. Exit code: 0 when they stand, 2 when M-Pesa refuses them.',
    )
    .argument('<rail>', 'as mpesa-ke')
    .addOption(
      new Option('--without-answer <what>', 'what becomes of a payment that we do not answer for in time')
        .choices(['Cancelled', 'Completed'])
        .default('Cancelled'),
    )
    .action(async (railId: string, options: { readonly withoutAnswer: 'Cancelled' | 'Completed' }) => {
      const [{ portalAddress, registerAddresses }, { withOperators }] = await operatorWork();
      const { env, out } = context.terminal;
      const callbackUrl = await portalAddress(env, railId);
      if (callbackUrl !== null) return out(JSON.stringify({ railId, callbackUrl }));
      await withOperators(context, async (stores) => {
        const registration = await registerAddresses(env, railId, options.withoutAnswer, stores);
        out(JSON.stringify({ railId, ...registration }));
        if (Object.values(registration).some((each) => each !== 'registered' && each !== 'already')) context.endWith(EXIT.failed);
      });
    });
  withExamples(command, [
    ['capp operators register mpesa-ke', 'a payment that we cannot answer for is not made'],
    ['capp operators register airtel-ug', 'the address for the portal of Airtel Uganda'],
  ]);
}

function registerQuestions(operators: Command, context: CommandContext): void {
  const balance = operators
    .command('balance')
    .summary('ask an operator what our account holds')
    .description('Prints our balance at the operator of a rail as it tells it now. Exit code: 0 when it tells one, 2 when it does not.')
    .argument('<rail>', 'as mtn-ug')
    .action(async (railId: string) => {
      const [{ balanceAt, operatedRail }, { withOperators }] = await operatorWork();
      operatedRail(railId);
      await withOperators(context, async (stores) => {
        const told = await balanceAt(context.terminal.env, railId, stores);
        const shown = typeof told === 'string' ? null : { minor: told.minor.toString(), currency: told.currency };
        context.terminal.out(JSON.stringify({ railId, balance: shown }));
        if (told === 'no_message')
          context.terminal.err('The balance comes by a message to CAPP_PUBLIC_URL, and none told it in time: CAPP must be running there.');
        if (shown === null) context.endWith(EXIT.failed);
      });
    });
  withExamples(balance, [['capp operators balance mtn-ug', 'what MTN Uganda holds for us']]);
  const wallet = operators
    .command('wallet')
    .summary('ask an operator whether a wallet is there')
    .description(
      "Asks MTN or Airtel whether a wallet is active, inactive or absent. Prints neither its number nor its holder's name. Exit code: 0 when it can be told, 2 when not.",
    )
    .argument('<rail>', 'as airtel-ug')
    .argument('<phone>', 'its number, E.164 or as it is dialled in the country')
    .action(async (railId: string, phone: string) => {
      const [{ operatedRail, walletAt }, { withOperators }] = await operatorWork();
      operatedRail(railId);
      await withOperators(context, async (stores) => {
        const state = await walletAt(context.terminal.env, railId, phone, stores);
        context.terminal.out(JSON.stringify({ railId, wallet: state }));
        if (state === 'unknown') context.endWith(EXIT.failed);
      });
    });
  withExamples(wallet, [['capp operators wallet airtel-ug 0752000111', 'before a large payout']]);
}

function registerProvisioning(operators: Command, context: CommandContext): void {
  const command = operators
    .command('provision')
    .summary('make an API user at MTN’s sandbox')
    .description(
      'Makes the API user that the settings of a rail of MTN’s name for a product, and prints its key, which belongs into the settings. ' +
        'In production MTN’s partner portal does this. Exit code: 0 when it is made, 2 when MTN refuses.',
    )
    .argument('<rail>', 'as mtn-ug')
    .addOption(new Option('--product <product>', 'each has a user of its own').choices(MTN_PRODUCTS).default('collection'))
    .action(async (railId: string, options: { readonly product: (typeof MTN_PRODUCTS)[number] }) => {
      const [{ operatedRail, provisionAt }, { withOperators }] = await operatorWork();
      operatedRail(railId);
      await withOperators(context, async (stores) => {
        const made = await provisionAt(context.terminal.env, railId, options.product, stores);
        context.terminal.out(JSON.stringify({ railId, product: options.product, ...(made ?? { apiKey: null }) }));
        if (made === null) context.endWith(EXIT.failed);
      });
    });
  withExamples(command, [['capp operators provision mtn-ug --product disbursement', 'the user that payouts go out under']]);
}

function registerPinLift(operators: Command, context: CommandContext): void {
  const command = operators
    .command('lift-pin')
    .summary('try a refused PIN again')
    .description(
      'Says that the PIN in the settings of a rail is right, as after its operator has unlocked the account: payouts are tried with it again, ' +
        'one first. A new PIN in the settings needs no such word. Prints how many refused PINs were lifted.',
    )
    .argument('<rail>', 'as airtel-ug')
    .action(async (railId: string) => {
      const [{ operatedRail }, { onDatabase }, { liftRefusedPins }] = await Promise.all([
        import('../../operators.ts'),
        import('../database.ts'),
        import('../../../tools/mmo/vault/pins.ts'),
      ]);
      operatedRail(railId);
      await onDatabase(context, async (pool) =>
        context.terminal.out(JSON.stringify({ railId, lifted: await liftRefusedPins(pool, railId) })),
      );
    });
  withExamples(command, [['capp operators lift-pin airtel-ug', 'the account was unlocked, the PIN is right']]);
}

function currencyOf(options: ParseOptions): Currency | undefined {
  return options.currency === undefined ? undefined : parseCurrency(options.currency.toUpperCase());
}
