/** `capp corridors` and `capp rails`: what CAPP reaches, from the data it ships with. */
import type { Command } from 'commander';
import { type Corridor, listCorridors } from '../../../domain/corridor.ts';
import { formatAmount, money } from '../../../domain/money.ts';
import { RAILS } from '../../../domain/network.ts';
import type { Rail, RailLimits } from '../../../domain/rail.ts';
import { type CommandContext, countryOf, withExamples } from '../context.ts';
import { renderTable } from '../table.ts';

interface NetworkOptions {
  readonly country?: string;
  readonly json?: true;
}

export function registerNetwork(program: Command, context: CommandContext): void {
  const corridors = program
    .command('corridors')
    .summary('list the corridors and their fees')
    .description('Lists which country pays into which, and the fee of each corridor in the currency of the sender.')
    .option('--country <code>', 'only those from or to a country (ISO 3166-1, as in KE)', countryOf)
    .option('--json', 'print as JSON')
    .action((options: NetworkOptions) => {
      const wanted = listCorridors().filter(({ fromCountry, toCountry }) => fits(options, [fromCountry, toCountry]));
      if (options.json) context.terminal.out(JSON.stringify(wanted, plainJson));
      else context.terminal.out(renderTable(context.terminal, CORRIDOR_COLUMNS, wanted.map(corridorRow)));
    });
  withExamples(corridors, [
    ['capp corridors', 'all of them'],
    ['capp corridors --country KE', 'from and to Kenya'],
  ]);
  const rails = program
    .command('rails')
    .summary('list the rails, their limits and costs')
    .description('Lists the ways in which money gets into and out of wallets, with what each moves at once and what it costs.')
    .option('--country <code>', 'only those of a country (ISO 3166-1, as in KE)', countryOf)
    .option('--json', 'print as JSON')
    .action((options: NetworkOptions) => {
      const wanted = RAILS.filter((rail) => fits(options, [rail.country]));
      if (options.json) context.terminal.out(JSON.stringify(wanted, plainJson));
      else context.terminal.out(renderTable(context.terminal, RAIL_COLUMNS, wanted.map(railRow)));
    });
  withExamples(rails, [
    ['capp rails --country UG', 'the rails of Uganda'],
    ['capp rails --json', 'for programs'],
  ]);
}

function fits(options: NetworkOptions, countries: readonly string[]): boolean {
  return options.country === undefined || countries.includes(options.country);
}

/** Minor units leave as decimal strings. */
function plainJson(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

const CORRIDOR_COLUMNS = [
  { title: 'corridor' },
  { title: 'from' },
  { title: 'to' },
  { title: 'fixed', align: 'right' },
  { title: 'bps', align: 'right' },
  { title: 'least', align: 'right' },
  { title: 'most', align: 'right' },
] as const;

function corridorRow(corridor: Corridor): string[] {
  const { fee, fromCurrency } = corridor;
  const amount = (minor: bigint): string => formatAmount(money(minor, fromCurrency));
  return [
    corridor.id,
    fromCurrency,
    corridor.toCurrency,
    amount(fee.fixedMinor),
    String(fee.feeBps),
    amount(fee.minMinor),
    amount(fee.maxMinor),
  ];
}

const RAIL_COLUMNS = [
  { title: 'rail' },
  { title: 'protocol' },
  { title: 'currency' },
  { title: 'collects', align: 'right' },
  { title: 'pays out', align: 'right' },
  { title: 'bps', align: 'right' },
  { title: 'wallets' },
] as const;

function railRow(rail: Rail): string[] {
  const range = (limits: RailLimits | null): string => {
    if (limits === null) return 'never';
    const [min, max] = [limits.minMinor, limits.maxMinor].map((minor) => formatAmount(money(minor, rail.currency)));
    return `${min} to ${max}`;
  };
  return [rail.id, rail.protocol, rail.currency, range(rail.collection), range(rail.payout), String(rail.costBps), rail.wallets.join(' ')];
}
