/** `capp privacy`: what is kept of a person, holding it, erasing it, and what retention did. Works on the database, beside whatever runs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { findPerson, liftHold, placeHold } from '../../../db/queries/privacy.ts';
import { listRetentionRuns } from '../../../db/queries/retention.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { ageLogs, erasePerson, exportSubject, findSubjects, RETENTION, runRetention } from '../../../tools/privacy/index.ts';
import { readConfig } from '../../config.ts';
import { ACTOR, type CommandContext, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { EXIT } from '../failure.ts';
import { renderTable } from '../table.ts';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Adds the command with its parts. */
export function registerPrivacy(program: Command, context: CommandContext): void {
  const privacy = program
    .command('privacy')
    .summary('what is kept of people: export, hold, erase, retention')
    .description('Personal data: what is kept of somebody, holding it, erasing it, and what retention did.');
  const erase = privacy
    .command('erase')
    .description(
      'Destroys the data keys of a person, and with them everything that could say who it was. Refused while the law keeps their records.',
    )
    .argument('<person>', 'their id, or their number with its +')
    .action((person: string) => onDatabase(context, (pool, { keyring }) => erasePeople(context, pool, keyring, person)));
  withExamples(erase, [['capp privacy erase +254712345678', 'whoever has that number, at every client']]);
  const exported = privacy
    .command('export')
    .description('Writes what is kept of a person, in clear, for themselves. That it was written is recorded.')
    .argument('<person>', 'their id, or their number with its +')
    .requiredOption('--out <file>', 'where to write it, readable by you only')
    .action((person: string, options: { readonly out: string }) =>
      onDatabase(context, (pool, { keyring }) => exportPeople(context, pool, keyring, person, options.out)),
    );
  withExamples(exported, [['capp privacy export +254712345678 --out amina.json', 'the answer to a request for access']]);
  registerHolds(privacy, context);
  const retention = privacy
    .command('retention')
    .description(
      'Lists the policies and what the nightly runs did; with --run, runs now. Exit code: 1 when that left somebody whose data does not open.',
    )
    .option('--run', 'delete and erase what is due now')
    .action((options: { readonly run?: true }) =>
      onDatabase(context, (pool, { keyring }) => showRetention(context, pool, keyring, options.run === true)),
    );
  withExamples(retention, [['capp privacy retention', 'policies and the last runs']]);
}

function registerHolds(privacy: Command, context: CommandContext): void {
  const hold = privacy
    .command('hold')
    .description('Holds the data of a person against erasure, for a court or an authority. Prints the id of the hold.')
    .argument('<person>', 'their id')
    .requiredOption('--reference <text>', 'the file number of whoever ordered it; no names')
    .action((person: string, options: { readonly reference: string }) =>
      onDatabase(context, (pool) => holdPerson(context, pool, person, options.reference)),
    );
  withExamples(hold, [['capp privacy hold 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --reference HC-2026-114', 'one person']]);
  const release = privacy
    .command('release')
    .description('Lifts a hold.')
    .argument('<hold>', 'its id')
    .action((id: string) => onDatabase(context, (pool) => releaseHold(context, pool, id)));
  withExamples(release, [['capp privacy release 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b22', 'one hold']]);
}

/** The ids that somebody means. Throws `not_found` when nobody is kept under it. */
async function idsOf(pool: Pool, keyring: Keyring, person: string): Promise<string[]> {
  if (ID.test(person)) return [person];
  const ids = await findSubjects({ pool, keyring }, numberOf(person));
  if (ids.length === 0) throw fault('not_found', { detail: 'Nobody is kept under that number.' });
  return ids;
}

function numberOf(text: string): string {
  if (!/^\+\d{7,15}$/.test(text.replaceAll(/[\s().-]/g, '')))
    throw fault('phone_invalid', { detail: 'Give an id, or a number with its + and country code.' });
  return text.replaceAll(/[\s().-]/g, '');
}

async function erasePeople(context: CommandContext, pool: Pool, keyring: Keyring, person: string): Promise<void> {
  for (const id of await idsOf(pool, keyring, person)) {
    const { cleared } = await erasePerson({ pool, keyring, clock: systemClock }, id, ACTOR);
    const traces = Object.values(cleared).reduce((sum, count) => sum + count, 0);
    context.terminal.out(`erased ${id}; ${traces} traces beside it`);
  }
}

async function exportPeople(context: CommandContext, pool: Pool, keyring: Keyring, person: string, out: string): Promise<void> {
  const files = [];
  for (const id of await idsOf(pool, keyring, person)) {
    files.push(await exportSubject({ pool, keyring }, id));
    const clientId = (await findPerson(pool, id))?.clientId ?? null;
    const event = { clientId, actor: ACTOR, action: 'person.exported', subject: `user:${id}` };
    await withTransaction(pool, (tx) => recordAuditEvents(tx, [event], systemClock.now()));
  }
  await writeFile(out, `${JSON.stringify(files, null, 2)}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw fault('config_invalid', {
      detail: error.code === 'EEXIST' ? `${out} is there already.` : `${out} cannot be written.`,
      cause: error,
    });
  });
  context.terminal.out(`${files.length} written to ${out}`);
}

async function holdPerson(context: CommandContext, pool: Pool, person: string, reference: string): Promise<void> {
  const found = ID.test(person) ? await findPerson(pool, person) : null;
  if (found === null || found.erasedAt !== null) throw fault('not_found', { detail: 'Nobody is kept under that id.' });
  const [id, nowMs] = [newId(), systemClock.now()];
  await withTransaction(pool, async (tx) => {
    if (!(await placeHold(tx, { id, userId: person, reference, actor: ACTOR, nowMs })))
      throw fault('not_found', { detail: 'Nobody is kept under that id.' });
    const event = {
      clientId: found.clientId,
      actor: ACTOR,
      action: 'person.held',
      subject: `user:${person}`,
      details: { holdId: id, reference },
    };
    await recordAuditEvents(tx, [event], nowMs);
  });
  context.terminal.out(id);
}

async function releaseHold(context: CommandContext, pool: Pool, id: string): Promise<void> {
  const nowMs = systemClock.now();
  const userId = await withTransaction(pool, async (tx) => {
    const lifted = ID.test(id) ? await liftHold(tx, id, ACTOR, nowMs) : null;
    if (lifted !== null) {
      const clientId = (await findPerson(tx, lifted))?.clientId ?? null;
      await recordAuditEvents(
        tx,
        [{ clientId, actor: ACTOR, action: 'person.released', subject: `user:${lifted}`, details: { holdId: id } }],
        nowMs,
      );
    }
    return lifted;
  });
  if (userId === null) throw fault('not_found', { detail: 'There is no such hold in force.' });
  context.terminal.out(`lifted; it held ${userId}`);
}

async function showRetention(context: CommandContext, pool: Pool, keyring: Keyring, run: boolean): Promise<void> {
  const { terminal } = context;
  if (run) {
    const report = await runRetention({ pool, keyring, clock: systemClock }, { intervalMs: 0 });
    if (report?.failures !== undefined) context.endWith(EXIT.wrong);
    const logs = await ageLogs(join(readConfig(terminal.env).dataDir, 'logs'), RETENTION.days.logs.days, systemClock.now());
    for (const failure of logs.failures) terminal.err(`a log could not be put aside: ${failure}`);
  }
  const records = Object.entries(RETENTION.records).map(([country, { years, source }]) => ['records', country, `${years} years`, source]);
  const days = Object.entries(RETENTION.days).map(([kind, each]) => [kind, 'all', `${each.days} days`, each.source]);
  terminal.out(
    renderTable(terminal, [{ title: 'kind' }, { title: 'country' }, { title: 'kept' }, { title: 'because' }], [...records, ...days]),
  );
  for (const { startedAt, finishedAt, report } of await listRetentionRuns(pool, 7)) {
    const { failures = [], ...counts } = report;
    const done = Object.entries(counts).map(([kind, count]) => `${kind} ${Number(count)}`);
    const whole = failures.length === 0 ? '' : 'not whole: ';
    terminal.out(`${startedAt.toISOString()}  ${finishedAt === null ? 'cut off' : `${whole}${done.join(', ')}`}`);
    for (const { userId, reason } of failures) terminal.out(`  ${userId}  ${reason}`);
  }
}
