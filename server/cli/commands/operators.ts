/** `capp operators`: for people who look at what an operator sent. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { type Currency, parseCurrency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { OPERATOR_NAMES, operatorNamed, readMessage } from '../../../tools/mmo/messages.ts';
import { type CommandContext, withExamples } from '../context.ts';

interface ParseOptions {
  readonly currency?: string;
}

export function registerOperators(program: Command, context: CommandContext): void {
  const operators = program.command('operators').summary('read what operators send').description('Tools for the messages of operators.');
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

function currencyOf(options: ParseOptions): Currency | undefined {
  return options.currency === undefined ? undefined : parseCurrency(options.currency.toUpperCase());
}

/** The text of a file, or of standard input for `-`. Throws `file_unreadable`. */
export async function readText(path: string): Promise<string> {
  if (path === '-') return readAll(process.stdin);
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('file_unreadable', { detail: `${path} cannot be read.`, cause });
  });
}
