import { afterAll, beforeAll, expect, test } from 'vitest';
import { RAILS } from '../../domain/network.ts';
import { createSandbox, type Sandbox } from '../../sandbox/sandbox.ts';
import { runCli } from './program.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ rails: RAILS.filter(({ id }) => id === 'mtn-ug') });
});
afterAll(() => sandbox.close());

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = {
    env: { SANDBOX_URL: sandbox.url },
    isTty: false,
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
  };
  const code = await runCli(['sandbox', ...args], terminal as never, sandbox.fetch as never);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('writes fates, lists them, and forgets them', async () => {
  const made = await run('fate', '--phone', '+256772000111', '--fail', 'no_funds', '--times', '1');
  expect([made.code, JSON.parse(made.out)]).toMatchObject([
    0,
    { match: { phone: '256772000111' }, fate: { failure: 'no_funds' }, times: 1 },
  ]);
  expect(JSON.parse((await run('fates')).out)).toHaveLength(1);
  expect((await run('fates', '--clear')).out).toBe('[]');
});

test('changes how an operator behaves, and prints its books and statements', async () => {
  expect(JSON.parse((await run('rail', 'mtn-ug', '--mode', 'silent')).out)).toMatchObject({ railId: 'mtn-ug', mode: 'silent' });
  expect(JSON.parse((await run('rail', 'mtn-ug')).out)).toMatchObject({ mode: 'silent' });
  expect(JSON.parse((await run('books', 'mtn-ug')).out)).toMatchObject({ railId: 'mtn-ug', transactions: [] });
  expect((await run('statement', 'mtn-ug', '2026-11-25')).out).toContain('External id');
});

test('runs the operators unless told otherwise', async () => {
  expect(await run('--port', 'x')).toMatchObject({ code: 2, err: expect.stringContaining("'--port <port>' argument 'x' is invalid") });
});

test('says in one line what it was told wrongly, or that nothing answers', async () => {
  const refused = await run('fate', '--fail', 'bored', '--rail', 'mtn-ug');
  expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/^capp: usage_invalid: The sandbox refuses it/)]);
  expect(await run('fate', '--kind', 'refund')).toMatchObject({ code: 2 });
  const away = await runCli(
    ['sandbox', 'books', 'mtn-ug'],
    { env: {}, isTty: false, out: () => undefined, err: () => undefined } as never,
    () => Promise.reject(new TypeError('fetch failed')),
  );
  expect(away).toBe(2);
});
