/** The small parts of the command line: faults, tables, progress. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError, InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import { fault } from '../../domain/errors.ts';
import { CappApiError, CappConnectionError } from '../../sdk/index.ts';
import { idOf } from './context.ts';
import { faultOf, reportFailure } from './failure.ts';
import { writeJson } from './files.ts';
import { createProgress, standingOf } from './progress.ts';
import { printable, renderTable } from './table.ts';
import { recordedTerminal } from './terminal.ts';

describe('faults', () => {
  const systemError = (code: string) => Object.assign(new Error(`${code}: /secret/path`), { code });

  test.each([
    [fault('quote_expired'), 'quote_expired'],
    [systemError('EADDRINUSE'), 'port_in_use'],
    [systemError('EROFS'), 'storage_unwritable'],
    [systemError('ENOSPC'), 'storage_unwritable'],
    [new CappConnectionError('service_unreachable', 'http://x does not answer.'), 'service_unreachable'],
    [new CappConnectionError('malformed_answer', 'x'), 'service_unreachable'],
    [new CappApiError({ status: 429, code: 'rate_limited' }, null), 'rate_limited'],
    [new CappApiError({ status: 418, code: 'http_418' }, null), 'internal'],
    [new TypeError('boom'), 'internal'],
    ['just a text', 'internal'],
  ] as const)('%s is %s', (error, code) => {
    expect(faultOf(error).code).toBe(code);
  });

  test('are one line, without what others wrote into their messages', () => {
    const terminal = recordedTerminal();
    expect(reportFailure(terminal, new TypeError('could not parse +254712345678'))).toBe(2);
    expect(reportFailure(terminal, fault('config_invalid', { detail: 'One\n  two.' }))).toBe(2);
    expect(terminal.errLines).toEqual([
      'capp: internal: Something went wrong on our side. Set CAPP_DEBUG=1 to see where.',
      'capp: config_invalid: One two.',
    ]);
  });

  test('show where they came from when asked, with their causes', () => {
    const terminal = recordedTerminal({ env: { CAPP_DEBUG: '1' } });
    reportFailure(terminal, fault('internal', { cause: new RangeError('below') }));
    expect(terminal.errLines.join('\n')).toMatch(/ at .*parts\.test\.ts[\s\S]*caused by RangeError: below/);
  });

  test('of usage have been told already; help is none', () => {
    const terminal = recordedTerminal();
    expect(reportFailure(terminal, new CommanderError(1, 'commander.unknownOption', 'x'))).toBe(2);
    expect(reportFailure(terminal, new CommanderError(0, 'commander.helpDisplayed', 'x'))).toBe(0);
    expect(terminal.errLines).toEqual([]);
  });
});

describe('tables', () => {
  const columns = [{ title: 'rail' }, { title: 'cost', align: 'right' }] as const;
  const rows = [
    ['mpesa-ke', '5'],
    ['hub', '120'],
  ];

  test('are plain columns for programs', () => {
    expect(renderTable({ isTty: false }, columns, rows)).toBe('rail      cost\nmpesa-ke     5\nhub        120');
  });

  test('have borders for people', () => {
    const table = renderTable({ isTty: true }, columns, rows);
    expect(table).toContain('│ mpesa-ke │    5 │');
    expect(table.split('\n')).toHaveLength(6);
  });

  test('cannot be made to move the cursor', () => {
    expect(renderTable({ isTty: false }, columns, [['\u001b[2Jx\u0007', '1']])).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(printable('Ésù 😀\n')).toBe('Ésù 😀?');
    expect(printable('Amina \u202eygaD\u202c Wan\u200bjiru')).toBe('Amina ?ygaD? Wan?jiru');
  });
});

describe('progress', () => {
  test('is a line at every tenth where nobody watches', () => {
    const terminal = recordedTerminal();
    const progress = createProgress(terminal, { label: 'payments', total: 50 });
    for (let done = 1; done <= 50; done += 1) progress.update(done, done === 50 ? 'paid 50' : '');
    progress.stop();
    expect(terminal.errLines).toHaveLength(10);
    expect(terminal.errLines[0]).toBe('payments 5/50');
    expect(terminal.errLines[9]).toBe('payments 50/50  paid 50');
    expect(terminal.outLines).toEqual([]);
  });

  test('counts are one short line without zeros', () => {
    expect(standingOf({ paid: 412, held: 0, failed: 3 })).toBe('paid 412 · failed 3');
    expect(standingOf({})).toBe('');
  });
});

test('an id that is none is refused by the name of what it was to be, and where that is shown', () => {
  const id = '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11';
  const findingIdOf = idOf('finding', 'capp findings list');
  expect(findingIdOf(id.toUpperCase())).toBe(id);
  for (const text of ['7', `${id}0`, ''])
    expect(() => findingIdOf(text)).toThrow(new InvalidArgumentError('It must be the id of a finding, as `capp findings list` shows it.'));
  expect(() => idOf('payment')('7')).toThrow('It must be the id of a payment.');
});

test('a file that a command leaves is for nobody else to read, and one that cannot be written is told of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-files-'));
  try {
    const file = join(folder, 'proof.json');
    await writeJson(file, { kind: 'capp-list-proof' });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ kind: 'capp-list-proof' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await expect(writeJson(folder, {})).rejects.toMatchObject({ code: 'storage_unwritable', detail: `${folder} cannot be written.` });
  } finally {
    await rm(folder, { recursive: true });
  }
});
