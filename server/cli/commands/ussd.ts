/** `capp ussd`: the menu in a terminal, against a running API, over a gateway's own protocol. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { fault } from '../../../domain/errors.ts';
import { type GatewayName, GATEWAYS } from '../../../tools/notify/gateways/gateway.ts';
import { readConfig } from '../../config.ts';
import { MESSAGING_FILE } from '../../demo/messaging.ts';
import { readMessagingFile } from '../../messaging.ts';
import { type CommandContext, oneOf, ownUrl, withExamples } from '../context.ts';
import { numberOf } from './sms.ts';

interface SimulateOptions {
  readonly phone: string;
  readonly gateway: GatewayName;
  readonly code?: string;
  readonly type?: readonly string[];
  readonly url?: string;
}

export function registerUssd(program: Command, context: CommandContext): void {
  const ussd = program.command('ussd').summary('dial the USSD menu').description('Tools for the USSD menu.');
  const simulate = ussd
    .command('simulate')
    .summary('be a phone on a gateway')
    .description(
      'Dials the USSD menu of a running API as a gateway does, and shows its screens. Type what you would type on the phone; an empty line hangs up.',
    )
    .requiredOption('--phone <number>', 'who dials, with country code')
    .option('--gateway <name>', `over which gateway: ${GATEWAYS.join(' or ')}`, oneOf(GATEWAYS), 'africastalking')
    .option('--code <code>', 'the service code (default: the first of the settings)')
    .option('--type <inputs>', 'what to type, separated by commas, instead of asking', (text) => text.split(','))
    .option('--url <address>', 'where CAPP listens (default: CAPP_URL, or http://127.0.0.1:PORT)')
    .action((options: SimulateOptions) => dial(context, options));
  withExamples(simulate, [
    ['capp ussd simulate --phone 254712345678', 'dial from a Kenyan number'],
    ['capp ussd simulate --phone 254712345678 --gateway mtn --type 1,3,2', 'type three answers over the protocol of MTN'],
  ]);
}

async function dial(context: CommandContext, options: SimulateOptions): Promise<void> {
  const { env } = context.terminal;
  const config = readConfig(env);
  const path = config.messagingPath ?? join(config.dataDir, MESSAGING_FILE);
  const settings = (await readMessagingFile(path)).gateways[options.gateway];
  if (settings === undefined) throw fault('config_invalid', { detail: `${path} has no settings for ${options.gateway}.` });
  const url = `${options.url ?? env.CAPP_URL ?? ownUrl(config)}/v1/gateways/${options.gateway}/${settings.token}/ussd`;
  const serviceCode = options.code ?? settings.serviceCodes[0] ?? '*384#';
  const session = { id: `sim_${randomBytes(12).toString('hex')}`, phone: numberOf(options.phone), serviceCode };
  const inputs = options.type === undefined ? readInputs(context) : echoInputs(context, options.type);
  const typed: string[] = [];
  try {
    for (;;) {
      const screen = await ask(context, url, options.gateway, session, typed);
      context.terminal.out(screen.text);
      if (screen.ends) return;
      const { value: input } = await inputs.next();
      if (input === undefined || input === '') return;
      typed.push(input);
    }
  } finally {
    await inputs.return(undefined);
  }
}

/** What somebody types, line by line; the end of the input hangs up as an empty line does. */
async function* readInputs({ terminal }: CommandContext): AsyncGenerator<string, undefined> {
  const lines = createInterface({ input: terminal.input });
  const typed = lines[Symbol.asyncIterator]();
  try {
    for (;;) {
      terminal.ask('> ');
      const line = await typed.next();
      if (line.done === true) return;
      yield line.value.trim();
    }
  } finally {
    lines.close();
  }
}

async function* echoInputs({ terminal }: CommandContext, typed: readonly string[]): AsyncGenerator<string, undefined> {
  for (const input of typed) {
    terminal.out(`> ${input}`);
    yield input;
  }
}

interface Session {
  readonly id: string;
  readonly phone: string;
  readonly serviceCode: string;
}

async function ask(context: CommandContext, url: string, gateway: GatewayName, session: Session, typed: readonly string[]) {
  const response = await context.fetch(url, { method: 'POST', ...requestOf(gateway, session, typed) }).catch((cause: unknown) => {
    throw fault('service_unreachable', { detail: `CAPP does not answer at ${new URL(url).origin}. Is it running?`, cause });
  });
  const text = await response.text();
  if (response.status !== 200)
    throw fault('usage_invalid', { detail: `The gateway would show an error: ${codeOf(text) ?? response.status}.` });
  if (gateway === 'africastalking') return { text: text.slice(4), ends: text.startsWith('END ') };
  const { data } = JSON.parse(text) as { readonly data: { readonly inboundResponse: string; readonly userInputRequired: boolean } };
  return { text: data.inboundResponse, ends: !data.userInputRequired };
}

function requestOf(gateway: GatewayName, { id, phone, serviceCode }: Session, typed: readonly string[]): RequestInit {
  if (gateway === 'africastalking') {
    const fields = { sessionId: id, phoneNumber: phone, networkCode: '99999', serviceCode, text: typed.join('*') };
    return { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() };
  }
  const newest = typed.at(-1);
  const turn = newest === undefined ? { messageType: '0', ussdString: serviceCode } : { messageType: '1', ussdString: newest };
  return {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sessionId: id, msisdn: phone.slice(1), serviceCode, ...turn }),
  };
}

function codeOf(text: string): string | null {
  return /"code":"([a-z_]+)"/.exec(text)?.[1] ?? null;
}
