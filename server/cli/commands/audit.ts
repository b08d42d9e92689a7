/** `capp audit`: verifies the audit log, and proves one payment's part of it to somebody without the database. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Pool } from '../../../db/connect.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { systemClock } from '../../../domain/clock.ts';
import {
  type AuditFinding,
  type AuditReport,
  checkProof,
  exportPayment,
  sealAudit,
  type TrustedBlock,
  verifyAudit,
} from '../../../tools/audit/index.ts';
import { assertIndexKeys } from '../../../tools/privacy/index.ts';
import { readConfig } from '../../config.ts';
import { readAnchored } from '../../anchors.ts';
import { type CommandContext, idOf, withExamples } from '../context.ts';
import { onStoredData } from '../database.ts';
import { EXIT } from '../failure.ts';
import { readJson, writeJson } from '../files.ts';
import { faultLines } from '../proofs.ts';
import { loadKeys } from '../../secrets.ts';

const SHOWN_MAX = 50;

interface VerifyOptions {
  readonly trust?: TrustedBlock;
  readonly offline?: true;
  readonly json?: true;
}

interface ExportOptions {
  readonly out?: string;
  readonly upTo?: bigint;
}

interface CheckOptions {
  readonly trust?: string;
  readonly json?: true;
}

export function registerAudit(program: Command, context: CommandContext): void {
  const audit = program
    .command('audit')
    .summary('verify the audit log, export and check proofs')
    .description(
      'Every act and every change of state is sealed into a chain of Merkle blocks. Verifies that chain and what it seals, whether CAPP runs or not.',
    );
  const verify = audit
    .command('verify')
    .description(
      'Verifies every block from the first, and every row it seals, and says which were changed, removed or put in; where there is a ' +
        'settlement chain, also that the blocks anchored there are in it as they were. ' +
        'Exit code: 0 when all is as it was sealed, 1 when not, 2 when the chain could not be asked, or its node lags behind.',
    )
    .option('--offline', 'do not ask the settlement chain')
    .option('--trust <block>', 'a block noted before, as NUMBER:HASH, which must still be in the chain', trustedBlockOf)
    .option('--json', 'print as JSON')
    .action((options: VerifyOptions) => onAuditLog(context, (pool, keyring) => verifyLog(context, { pool, keyring }, options)));
  withExamples(verify, [
    ['capp audit verify', 'the whole log'],
    ['capp audit verify --offline', 'the same without the anchors on the chain'],
    [`capp audit verify --trust 42:${'6b86b273ff34fce19d6b804eff5a3f57…'}`, 'and that nobody made it anew since block 42 was noted'],
  ]);
  const exporting = audit
    .command('export')
    .description(
      "Seals what waits, then writes one payment's rows of the log with the proof of each. The file is checked without the database.",
    )
    .argument('<payment>', 'its id', idOf('payment'))
    .option('--out <file>', 'where to write (default: audit-PAYMENT.json)')
    .option('--up-to <block>', 'carry the chain on to this later block, whose hash is known elsewhere', blockNumberOf)
    .action((paymentId: string, options: ExportOptions) =>
      onAuditLog(context, (pool, keyring) => exportOne(context, { pool, keyring }, paymentId, options)),
    );
  withExamples(exporting, [
    ['capp audit export 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'writes audit-019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11.json'],
    ['capp audit export 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --out proof.json --up-to 900', 'up to a block that was published'],
  ]);
  const check = audit
    .command('check')
    .description(
      'Checks a file that `capp audit export` wrote; needs nothing but the file. Exit code: 0 when every row is proven, 1 when not.',
    )
    .argument('<file>', 'the file')
    .option('--trust <hash>', 'the hash that its last block must have', hashOf)
    .option('--json', 'print as JSON')
    .action((file: string, options: CheckOptions) => checkFile(context, file, options));
  withExamples(check, [['capp audit check proof.json', 'offline']]);
}

const NOT_ASKED = { state: 'not_asked', blocks: [] } as const;

async function verifyLog(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly keyring: Keyring },
  options: VerifyOptions,
): Promise<void> {
  const anchored = options.offline === true ? NOT_ASKED : await readAnchored(readConfig(context.terminal.env));
  const report = await verifyAudit(deps, [...(options.trust === undefined ? [] : [options.trust]), ...anchored.blocks]);
  const { state, blocks } = anchored;
  const sentence = {
    none: [],
    not_asked: ['The settlement chain was not asked; its anchors were not looked at.'],
    unreachable: ['The settlement chain does not answer; its anchors were not looked at. With --offline they need not be.'],
    behind: ['The node lags behind the settlement chain; its anchors were not looked at. With --offline they need not be.'],
    read: [`${blocks.length} anchors on the settlement chain were held against it.`],
  };
  context.terminal.out(
    options.json
      ? JSON.stringify({ ...report, anchors: { state, blocks: blocks.length } })
      : [...sentencesOf(report), ...sentence[state]].join('\n'),
  );
  if (report.findings.length > 0) context.endWith(EXIT.wrong);
  // Whoever made the log anew would have the chain cut off as well, or show it as it was before.
  else if (state === 'unreachable' || state === 'behind') context.endWith(EXIT.failed);
}

/** A report in words. */
export function sentencesOf({ findings, blocks, rows, unsealed, head }: AuditReport): string[] {
  const looked = `${rows} rows in ${blocks} blocks`;
  const waiting = unsealed === 0 ? '' : ` ${unsealed} rows wait for the next block.`;
  const noted = head === null ? [] : [`The last block is ${head.number}:${head.hash}`];
  if (findings.length === 0) return [`The audit log is as it was sealed: ${looked}.${waiting}`, ...noted];
  const more = findings.length > SHOWN_MAX ? [`  and ${findings.length - SHOWN_MAX} more; see them all with --json`] : [];
  return [`${findings.length} faults in ${looked}:`, ...findings.slice(0, SHOWN_MAX).map((each) => `  ${lineOf(each)}`), ...more, ...noted];
}

function lineOf({ block, source, key, detail }: AuditFinding): string {
  const where = [block === null ? null : `block ${block}`, source, key].filter((part) => part !== null).join(', ');
  return where === '' ? detail : `${where}: ${detail}`;
}

async function exportOne(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly keyring: Keyring },
  paymentId: string,
  options: ExportOptions,
): Promise<void> {
  await sealAudit({ ...deps, clock: systemClock });
  const proof = await exportPayment(deps.pool, paymentId, options.upTo ?? null);
  const file = options.out ?? `audit-${paymentId}.json`;
  await writeJson(file, proof);
  const last = proof.blocks.at(-1);
  const waiting = proof.unsealed === 0 ? '' : `; ${proof.unsealed} more wait for the next block`;
  context.terminal.out(
    `${file}: ${proof.rows.length} rows${waiting}${last === undefined ? '' : `, up to block ${last.number}:${last.hash}`}`,
  );
}

async function checkFile(context: CommandContext, file: string, options: CheckOptions): Promise<void> {
  const { faults, rows, head } = checkProof(await readJson(file), options.trust ?? null);
  const noted = head === null ? '' : ` up to block ${head.number}:${head.hash}`;
  const sentence = faults.length === 0 ? `Every one of ${rows} rows is proven${noted}` : faultLines(faults);
  context.terminal.out(options.json ? JSON.stringify({ faults, rows, head }) : sentence);
  if (faults.length > 0) context.endWith(EXIT.wrong);
}

/** Runs work on the log, with the keys that seal it. */
async function onAuditLog(context: CommandContext, work: (pool: Pool, keyring: Keyring) => Promise<void>): Promise<void> {
  return onStoredData(context, async (pool, { dataDir }) => {
    const { keyring } = await loadKeys(context.terminal.env, dataDir);
    await assertIndexKeys(pool, keyring);
    return work(pool, keyring);
  });
}

function trustedBlockOf(text: string): TrustedBlock {
  const [, number, hash] = /^([1-9]\d{0,17}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number === undefined || hash === undefined) throw new InvalidArgumentError('It must be NUMBER:HASH, as capp audit verify prints it.');
  return { number, hash };
}

function hashOf(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 64 hex digits.');
}

function blockNumberOf(text: string): bigint {
  if (/^[1-9]\d{0,17}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError('It must be the number of a block.');
}
