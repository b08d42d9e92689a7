/** What every command works with, and the options that many of them share. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { isCorridor } from '../../domain/corridor.ts';
import { COUNTRIES } from '../../domain/network.ts';
import { fault } from '../../domain/errors.ts';
import { type Capp, createCapp } from '../../sdk/index.ts';
import { type Config, readConfig } from '../config.ts';
import { readDemoKeys } from '../demo/keys.ts';
import { withSecretFiles } from '../secrets.ts';
import type { ExitCode } from './failure.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  /** With which code the program ends when the command comes back; 0 unless it says otherwise. */
  readonly endWith: (code: ExitCode) => void;
  readonly fetch: typeof fetch;
}

export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
  /** Of commands for people: whose demo key to use. */
  readonly as?: string;
}

/** The principal whose key the command line uses when it is given none. */
export const DEMO_PRINCIPAL = 'client:demo';

/** Whoever may run the command line next to the database; the audit log cannot know more. */
export const ACTOR = 'operator:command-line';

/** The same of commands for compliance officers. */
const DEMO_OFFICER = 'officer:amina';

/** Adds `--url` and `--key` to a command that talks to the API; `whose` says whose key is taken when none is given. */
export function withApiOptions(command: Command, whose = "the demo client's key"): Command {
  return command
    .option('--url <address>', 'where CAPP listens (default: CAPP_URL, or http://127.0.0.1:PORT)')
    .option('--key <key>', `API key (default: CAPP_KEY, or ${whose} under CAPP_DATA_DIR)`);
}

/** The same, and `--as`, to a command that people of the platform use: without a key it takes the demo key of `principal`. */
export function withPrincipal(command: Command, principal: string): Command {
  return withApiOptions(command, 'that of --as').option(
    '--as <principal>',
    `whose demo key to use, whatever CAPP_KEY says (default: ${principal})`,
    nameOf,
  );
}

/** What every command of the desk is told: whose key it uses, and how it prints. */
export interface OfficerOptions extends ApiOptions {
  readonly json?: true;
}

/** Adds to a command of compliance officers whose key it uses. */
export function withOfficer(command: Command): Command {
  return withPrincipal(command, DEMO_OFFICER);
}

/** The same, and `--json`. */
export function withDesk(command: Command): Command {
  return withOfficer(command).option('--json', 'print as JSON');
}

/**
 * The client a command uses: with the key it is given, or the one of whom it is told to act as, or that of the environment, or else
 * the demo key of `principal`. Throws `config_invalid` for a wrong address, or when no key is to be found.
 */
export async function openCapp(context: CommandContext, options: ApiOptions, principal: string = DEMO_PRINCIPAL): Promise<Capp> {
  const env = withSecretFiles(context.terminal.env);
  const config = readConfig(env);
  const baseUrl = options.url ?? env.CAPP_URL ?? ownUrl(config);
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
    throw fault('config_invalid', { detail: `${baseUrl} is not an address such as http://127.0.0.1:8080.` });
  }
  const ofEnvironment = options.as === undefined ? env.CAPP_KEY : undefined;
  const apiKey = options.key ?? ofEnvironment ?? (await readDemoKeys(config.dataDir))[options.as ?? principal];
  if (apiKey === undefined && options.as !== undefined) {
    throw fault('config_invalid', { detail: `There is no demo key of ${options.as} under ${config.dataDir}; give --key.` });
  }
  if (apiKey === undefined) {
    throw fault('config_invalid', { detail: 'No API key: give --key, set CAPP_KEY, or make one with: capp keys create' });
  }
  // What a header cannot carry would be reported as a dead connection.
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw fault('config_invalid', { detail: 'The API key has characters that no key has.' });
  return createCapp({ baseUrl, apiKey, fetch: context.fetch });
}

/** The client of a command of compliance officers. Throws as `openCapp` does. */
export function openDesk(context: CommandContext, options: ApiOptions): Promise<Capp> {
  return openCapp(context, options, DEMO_OFFICER);
}

/** Where the API of these settings listens. */
export function ownUrl(config: Config): string {
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host;
  return `${config.tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
}

/** Says in one line that there is nothing to work on, before anything is started. */
export function assertData({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>): void {
  if (databaseUrl === null && !existsSync(join(dataDir, 'postgres')))
    throw fault('not_found', { detail: `There is no data under ${dataDir}. Start CAPP first, or name its folder in CAPP_DATA_DIR.` });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads the id of something, as `idOf('case', 'capp cases list')`; without a command that shows it where none does. */
export function idOf(noun: string, shownBy?: string): (text: string) => string {
  return (text) => {
    if (UUID.test(text)) return text.toLowerCase();
    throw new InvalidArgumentError(`It must be the id of a ${noun}${shownBy === undefined ? '' : `, as \`${shownBy}\` shows it`}.`);
  };
}

/** Reads an option that is a whole number in a range, for commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Reads an argument or option that is one of some words, for commander. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`);
    return word;
  };
}

/** Reads an option that names a client or a principal, for commander. */
export function nameOf(text: string): string {
  if (/^[A-Za-z0-9._:-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 64 of A-Z a-z 0-9 . _ : -');
}

/** Reads an option that names a corridor, for commander. */
export function corridorOf(text: string): string {
  if (isCorridor(text)) return text;
  throw new InvalidArgumentError('It must be a corridor from one country to another, as KE-UG; see capp corridors.');
}

/** Reads an option that names a country, for commander. */
export function countryOf(text: string): string {
  const country = text.toUpperCase();
  if (COUNTRIES.some((each) => each.country === country)) return country;
  throw new InvalidArgumentError(`It must be one of ${COUNTRIES.map((each) => each.country).join(', ')}.`);
}

/** Examples at the end of a command's help. */
export function withExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
