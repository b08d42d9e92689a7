/** Each rule of the house catches what it is for, and lets the rest be. */
import { describe, expect, test } from 'vitest';
import {
  checkConsole,
  checkFileLength,
  checkFunctionLength,
  checkLogCalls,
  checkMoney,
  checkPurity,
  checkUnfinished,
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  isPurePath,
} from './code.ts';
import { checkDeadFiles, checkFloors, FLOORS, mayImport } from './house.ts';
import { checkCodes, checkDecisions, checkLinks, underscoredWords } from './pages.ts';
import { parseSource, type Problem } from './source.ts';
import { checkTenantPools } from './tenants.ts';

const messages = (problems: readonly Problem[]): string[] => problems.map(({ line, message }) => `${line} ${message}`);
const source = (text: string, path = 'tools/sample.ts') => parseSource(path, text);

describe('floors', () => {
  test('a floor sees only what is below it', () => {
    expect(checkFloors(source("import { a } from '../domain/a.ts';\nimport type { B } from './b.ts';\nimport c from 'pg';"))).toEqual([]);
    expect(messages(checkFloors(source("import { a } from '../graph/a.ts';")))).toEqual(['1 tools/ may not import from graph/']);
  });

  test('types, re-exports and imports at run time count too', () => {
    const text = [
      "import type { A } from '../server/a.ts';",
      "export { b } from '../server/b.ts';",
      "export * from '../server/c.ts';",
      "const d = await import('../server/d.ts');",
      "type E = import('../server/e.ts').E;",
    ].join('\n');
    expect(checkFloors(source(text)).map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
  });

  test('folders on one floor do not see each other, and nothing reaches up', () => {
    for (const [index, floor] of FLOORS.entries()) {
      for (const from of floor) {
        for (const above of FLOORS.slice(index).flat()) expect(mayImport(from, above, false), `${from} > ${above}`).toBe(from === above);
      }
    }
  });

  test('the sandbox sees the domain only, and only tests see the sandbox', () => {
    expect(mayImport('sandbox', 'domain', false)).toBe(true);
    expect(mayImport('sandbox', 'tools', false)).toBe(false);
    for (const folder of FLOORS.flat()) expect(mayImport(folder, 'sandbox', false)).toBe(false);
    expect(mayImport('tools', 'sandbox', true)).toBe(true);
  });

  test('the SDK sees nothing, the console nothing but the SDK', () => {
    for (const folder of [...FLOORS.flat(), 'sandbox']) expect(mayImport('sdk', folder, false)).toBe(false);
    expect(mayImport('console', 'sdk', false)).toBe(true);
    expect(mayImport('console', 'domain', false)).toBe(false);
    expect(mayImport('server', 'sdk', false)).toBe(true);
  });

  test('an import of code has its ending', () => {
    expect(messages(checkFloors(source("import { a } from './a';")))).toEqual(['1 ./a lacks its ending']);
  });
});

describe('dead files', () => {
  const files = [
    source("import './used.ts';", 'server/main.ts'),
    source("spawn('./spawned.ts');", 'server/used.ts'),
    source('export {};', 'server/spawned.ts'),
    source("import './loop.ts';", 'server/dead.ts'),
    source("import './dead.ts';", 'server/loop.ts'),
    source("import './helper.ts';", 'server/a.test.ts'),
    source('export {};', 'server/helper.ts'),
  ];

  test('a file is alive when a script, a test or a live file leads to it', () => {
    expect(checkDeadFiles(files, ['node server/main.ts start']).map(({ path }) => path)).toEqual(['server/dead.ts', 'server/loop.ts']);
  });

  test('a name that only ends alike is not a mention', () => {
    expect(checkDeadFiles(files, ['node other-server/main.ts']).map(({ path }) => path)).toContain('server/main.ts');
  });
});

describe('size', () => {
  const lines = (count: number, line = '  work();') => Array(count).fill(line).join('\n');

  test('a function may have so many lines, with or without comments and blank lines', () => {
    const body = lines(FUNCTION_LINES_MAX - 2);
    expect(checkFunctionLength(source(`function short() {\n${body}\n}`))).toEqual([]);
    expect(checkFunctionLength(source(`function short() {\n${body}\n\n  // why\n  /* and\n     how */\n}`))).toEqual([]);
    expect(messages(checkFunctionLength(source(`\nconst long = () => {\n${body}\n  work();\n};`)))).toEqual([
      `2 a function of ${FUNCTION_LINES_MAX + 1} lines; at most ${FUNCTION_LINES_MAX}`,
    ]);
  });

  test('lines of functions inside are counted for themselves', () => {
    const inner = (name: string) => `  function ${name}() {\n${lines(50)}\n  }`;
    expect(checkFunctionLength(source(`function outer() {\n${inner('a')}\n${inner('b')}\n}`))).toEqual([]);
    expect(checkFunctionLength(source(`const o = { m() {\n${lines(80)}\n} };`))).toHaveLength(1);
  });

  test('a comment at the end of a line does not make the line free', () => {
    expect(checkFunctionLength(source(`function long() {\n${lines(FUNCTION_LINES_MAX - 1, '  work(); // why')}\n}`))).toHaveLength(1);
  });

  test('a file may have so many lines', () => {
    expect(checkFileLength(source(`${lines(FILE_LINES_MAX, 'f();')}\n`))).toEqual([]);
    expect(messages(checkFileLength(source(`${lines(FILE_LINES_MAX + 1, 'f();')}\n`)))).toEqual([
      `${FILE_LINES_MAX + 1} ${FILE_LINES_MAX + 1} lines; at most ${FILE_LINES_MAX}`,
    ]);
  });
});

describe('money', () => {
  test.each([
    'interface A { readonly amountMinor: number }',
    'function pay(amount: number) {}',
    'const balance: number | null = null;',
    'let feeAmount = Number(text);',
    'const x = { targetAmount: parseFloat(text) };',
    'const schema = z.object({ amount: z.number().int().min(1) });',
    'const row = { amount: z.coerce.number() };',
    'type T = { reserved_balance: readonly number[] };',
    'const amountMinor = 5;',
  ])('%s', (text) => {
    expect(checkMoney(source(text))).toHaveLength(1);
  });

  test.each([
    'interface A { readonly amountMinor: bigint; readonly amount: string; readonly balance: Money }',
    'const amounts: number = 3; const minority: number = 1; const amountCount: number = 2;',
    'const amountMinor = BigInt(text); const balance = 5n;',
    'type F = { readonly toAmount: (index: number) => bigint };',
    'const places = Number(text); const schema = z.object({ limit: z.number() });',
  ])('lets be: %s', (text) => {
    expect(checkMoney(source(text))).toEqual([]);
  });
});

describe('log calls', () => {
  test.each([
    "log.info({ phone }, 'x');",
    "deps.log.warn({ paymentId, payment: { sender: payment.sender } }, 'x');",
    "this.logger.error({ who: person.name }, 'x');",
    'log.debug(`sent to ${party.msisdn}`);',
    "log.child({ operator_handle: h }).info('x');",
    "options.log.error({ 'fullName': n }, 'x');",
    "log?.info({ body: text }, 'x');",
  ])('%s', (text) => {
    expect(checkLogCalls(source(text)).length).toBeGreaterThan(0);
  });

  test.each([
    "log.info({ paymentId, railId, durationMs }, 'payment.paid');",
    "log.warn({ kind: error.name, hint: job?.name }, 'x');",
    'catalog.info({ phone }); dialog.open({ name });',
    'store({ phone, name });',
  ])('lets be: %s', (text) => {
    expect(checkLogCalls(source(text))).toEqual([]);
  });
});

describe('purity', () => {
  test.each([
    'const now = Date.now();',
    'const at = new Date();',
    'const dice = Math.random();',
    'const id = randomUUID();',
    'const clock = { now: Date.now };',
    'const key = process.env.CAPP_KEY;',
    "const page = await fetch('https://example.com');",
  ])('%s', (text) => {
    expect(checkPurity(source(text)).length).toBeGreaterThan(0);
  });

  test.each(['const at = new Date(nowMs);', 'const now = clock.now();', 'const most = Math.max(1, 2);', 'const random = seeded(7);'])(
    'lets be: %s',
    (text) => {
      expect(checkPurity(source(text))).toEqual([]);
    },
  );

  test('holds for the domain and for deciding', () => {
    const pure = ['domain/money.ts', 'agents/compliance/policy.ts', 'agents/route-optimizer/decide.ts', 'agents/liquidity/policy-queue.ts'];
    const free = [
      'domain/clock.ts',
      'domain/money.test.ts',
      'agents/compliance/gather.ts',
      'tools/fx/policy.ts',
      'agents/policy/x.test.ts',
    ];
    expect(pure.filter(isPurePath)).toEqual(pure);
    expect(free.filter(isPurePath)).toEqual([]);
  });
});

test('console is found, and nothing that only sounds like it', () => {
  expect(messages(checkConsole(source("\nconsole.log('x');\nconst quiet = { error: console.error };")))).toHaveLength(2);
  expect(checkConsole(source("openConsole.log('x'); const text = 'console.log';"))).toEqual([]);
});

test('a route of clients takes no connection of the platform, however it gets at it', () => {
  const text = [
    'await withTransaction(deps.pool, act);',
    'await find(api.deps.pool, id);',
    'const { pool, clock } = api.deps;',
    'const { pool: own } = deps;',
    'await withTransaction(deps.tenants.writing(clientId), act);',
    'const made = { pool: deps.tenants.of(clientId), auditLog: deps.pool };',
    'const { pool: other } = made;',
  ].join('\n');
  const linesOf = (path: string) => checkTenantPools(source(text, path)).map(({ line }) => line);
  for (const path of ['server/api/routes/new.ts', 'server/api/new-desk.ts']) expect(linesOf(path)).toEqual([1, 2, 3, 4]);
  for (const path of ['server/api/routes/rules.ts', 'server/api/app.ts', 'tools/new.ts']) expect(linesOf(path)).toEqual([]);
});

test('words of unfinished work are found, some of them not in tests', () => {
  const words = ['TODO later', 'a fixme', 'not implemented', 'a placeholder', 'stub', 'good enough for now'];
  expect(checkUnfinished('tools/a.ts', `fine\n${words.join('\n')}`).map(({ line }) => line)).toEqual([2, 3, 4, 5, 6, 7]);
  expect(checkUnfinished('tools/a.test.ts', words.join('\n')).map(({ line }) => line)).toEqual([1, 2, 3]);
  expect(checkUnfinished('tools/a.ts', 'stubborn hackers dummyless')).toEqual([]);
});

describe('pages', () => {
  test('a decision has a number of its own', () => {
    expect(checkDecisions(['docs/decisions/0001-a.md', 'docs/decisions/0002-b.md'])).toEqual([]);
    expect(checkDecisions(['docs/decisions/0001-a.md', 'docs/decisions/0001-b.md', 'docs/decisions/notes.md'])).toHaveLength(2);
  });

  test('links lead to files that exist, from the folder of the page', () => {
    const text = ['[a](a.md#part)', '![b](../b.png "B")', '[c](https://example.com) [d](#here) [e](/absolute)', '```', '[f](f.md)', '```'];
    const asked: string[] = [];
    const exists = (path: string): boolean => {
      asked.push(path);
      return path === 'docs/a.md';
    };
    expect(messages(checkLinks('docs/page.md', text.join('\n'), exists))).toEqual(['2 there is no b.png']);
    expect(asked).toEqual(['docs/a.md', 'b.png']);
  });

  test('codes exist somewhere in the sources', () => {
    const known = underscoredWords(["fault('amount_too_precise')", 'create table payments (reference_id text)']);
    const isKnown = (word: string): boolean => known.has(word);
    expect(checkCodes('README.md', '`amount_too_precise` and `reference_id`, plain other_word, `single`', isKnown)).toEqual([]);
    expect(messages(checkCodes('README.md', 'x\n`amount_too_presice`', isKnown))).toEqual([
      '2 there is no amount_too_presice in the sources',
    ]);
  });
});
