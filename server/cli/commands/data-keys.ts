/** `capp keys …` for the keys that personal data is encrypted with: where they stand, and their rotation while payments run. */
import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import type { Keyring, Keys } from '../../../db/keyring.ts';
import { countTextKeys } from '../../../db/queries/text-keys.ts';
import { countPersonKeys, type KeyJobKind, listKeyJobs } from '../../../db/queries/key-jobs.ts';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { type KeyProvider, openKeyProvider, PROVIDERS } from '../../../tools/kms/index.ts';
import {
  countPlaces,
  dropOldKeys,
  type IndexKeyStates,
  indexKeyStates,
  rotateKeys,
  type RotateResult,
  type SealedCount,
} from '../../../tools/privacy/index.ts';
import { withSecretFiles } from '../../secrets.ts';
import { ACTOR, type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { renderTable } from '../table.ts';

interface RotateOptions {
  readonly page: number;
  readonly pages?: number;
}

interface Rotation {
  readonly name: string;
  readonly kind: KeyJobKind;
  readonly description: string;
}

const ROTATIONS: readonly Rotation[] = [
  {
    name: 'rotate-kek',
    kind: 'wrap',
    description:
      'Wraps the data key of every person and text by the first key of CAPP_FIELD_KEY, and seals by it what field keys seal by themselves. ' +
      'Every process must know that key before.',
  },
  {
    name: 'rotate-data',
    kind: 'data',
    description:
      'Gives every person a new data key and seals their row and their side of every payment under it; rows from before people had keys go ' +
      'over too. Older data keys are dropped hours later, once nothing is sealed under them.',
  },
  {
    name: 'rotate-index',
    kind: 'index',
    description: 'Makes the index by which each person is found anew, by the first key of CAPP_INDEX_KEY.',
  },
];

/** Adds the commands to `capp keys`. */
export function registerDataKeys(keys: Command, context: CommandContext): void {
  for (const rotation of ROTATIONS) {
    const command = keys
      .command(rotation.name)
      .description(`${rotation.description} Payments go on meanwhile; a job that was cut off goes on where it was.`)
      .addOption(new Option('--page <n>', 'people at a time').default(200).argParser(wholeNumber(1, 5_000)))
      .option('--pages <n>', 'stop after so many pages; the next call goes on', wholeNumber(1, 1_000_000))
      .action((options: RotateOptions) => onDatabase(context, (pool, loaded) => rotate(context, pool, loaded, rotation, options)));
    withExamples(command, [[`capp keys ${rotation.name}`, 'everybody']]);
  }
  const state = keys
    .command('state')
    .description('Says by which key the data keys of people are wrapped, which index keys the database knows, and how far rotations are.')
    .option('--json', 'print as JSON')
    .action((options: { readonly json?: true }) =>
      onDatabase(context, (pool, { keyring }) => showState(context, pool, keyring, options), { anyIndexKeys: true }),
    );
  withExamples(state, [['capp keys state', 'all of them']]);
  const wrap = keys
    .command('wrap')
    .description(
      'Makes a key, has it wrapped by a key management service, and prints what goes into a setting. The key itself is shown to nobody.',
    )
    .addOption(new Option('--provider <name>', 'who keeps the key that wraps it').choices(PROVIDERS).makeOptionMandatory())
    .action((options: { readonly provider: KeyProvider['name'] }) => wrapKey(context, options.provider));
  withExamples(wrap, [['CAPP_KMS_KEY=capp VAULT_ADDR=… VAULT_TOKEN_FILE=… capp keys wrap --provider vault', 'a key for CAPP_FIELD_KEY']]);
}

async function rotate(context: CommandContext, pool: Pool, { keyring }: Keys, rotation: Rotation, options: RotateOptions): Promise<void> {
  const deps = { pool, keyring, clock: systemClock };
  const { terminal } = context;
  if (rotation.kind === 'data') {
    const dropped = await dropOldKeys(deps);
    if (dropped > 0) terminal.err(`${dropped} people lost a data key that was followed by another before`);
  }
  let shownMs = systemClock.now();
  const onPage = ({ looked }: RotateResult): void => {
    if (systemClock.now() - shownMs < 2_000) return;
    shownMs = systemClock.now();
    terminal.err(`${looked} people`);
  };
  const { page, pages } = options;
  const result = await rotateKeys(deps, rotation.kind, { page, onPage, ...(pages === undefined ? {} : { pages }) });
  if (result.state === 'busy') throw fault('overloaded', { detail: 'Another process has this rotation in hand.' });
  const event = { clientId: null, actor: ACTOR, action: `keys.${rotation.name.replace('-', '_')}`, subject: `key:${keyring.currentId}` };
  await withTransaction(pool, (tx) =>
    recordAuditEvents(
      tx,
      [{ ...event, details: { looked: result.looked, changed: result.changed, state: result.state } }],
      systemClock.now(),
    ),
  );
  terminal.out(`${result.changed} changed, ${result.looked} looked at: ${result.state === 'done' ? 'done' : 'goes on with the next call'}`);
}

const FATES: Readonly<Record<SealedCount['fate'], string>> = {
  rewrapped: 'sealed anew by rotate-kek',
  renewed: 'sealed anew by rotate-data',
  ages: 'deleted by age',
  stays: 'kept as it is',
};

async function showState(context: CommandContext, pool: Pool, keyring: Keyring, options: { readonly json?: true }): Promise<void> {
  const { currentId } = keyring;
  const [indexKeys, places] = [await indexKeyStates(pool, keyring), await countPlaces(pool)];
  const [counts, texts, jobs] = [await countPersonKeys(pool), await countTextKeys(pool), await listKeyJobs(pool)];
  const { terminal } = context;
  if (options.json) {
    const plain = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
    return terminal.out(JSON.stringify({ currentId, people: counts, texts, places, indexKeys, jobs }, plain));
  }
  const nameOf = (id: number | null): string => (id === null ? 'none yet' : id === currentId ? `${id} (in use)` : String(id));
  const rows = counts.map(({ wrappedBy, people, withOlder }) => [nameOf(wrappedBy), people.toString(), withOlder.toString()]);
  terminal.out(
    renderTable(
      terminal,
      [{ title: 'wrapped by' }, { title: 'people', align: 'right' }, { title: 'with an older data key', align: 'right' }],
      rows,
    ),
  );
  for (const { wrappedBy, texts: count } of texts)
    terminal.out(`texts: ${count} ${wrappedBy === null ? 'destroyed' : `wrapped by ${nameOf(wrappedBy)}`}`);
  for (const { place, keyId, sealed, fate } of places) terminal.out(`${place}: ${sealed} sealed by ${nameOf(keyId)}, ${FATES[fate]}`);
  for (const line of indexKeyLines(indexKeys)) terminal.out(line);
  for (const job of jobs) {
    const stands = job.finishedAt === null ? 'under way' : `done ${job.finishedAt.toISOString()}`;
    terminal.out(`${job.kind}: ${job.looked} looked at, ${job.changed} changed, pass ${job.passes}, ${stands}`);
  }
}

function indexKeyLines({ keys, refusal }: IndexKeyStates): string[] {
  const lines = keys.map(({ name, place, namedAt, retiredAt }) => {
    const where = place === null ? 'not named' : place === 1 ? 'in use' : `named as number ${place}`;
    const since = namedAt === null ? 'new to the database' : `known since ${namedAt.toISOString()}`;
    return `index key ${name}: ${where}, ${since}${retiredAt === null ? '' : `, retired ${retiredAt.toISOString()}`}`;
  });
  return refusal === null ? lines : [...lines, `No start with these index keys: ${refusal}`];
}

async function wrapKey(context: CommandContext, name: KeyProvider['name']): Promise<void> {
  const env = withSecretFiles(context.terminal.env);
  const provider = openKeyProvider(name, env, { fetch: (url, init) => context.fetch(url, init), clock: systemClock });
  const key = randomBytes(32);
  const wrapped = await provider.wrap(key);
  if (!(await provider.unwrap(wrapped)).equals(key))
    throw fault('key_provider_unavailable', { detail: `${name} does not give back what it wrapped.` });
  context.terminal.out(`${name}:${wrapped}`);
}
