/** The recipe's operator passes the suite, and the page shows the code that does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRail } from '../../../sandbox/rail.ts';
import { smallProfileSchema, createSmallClient } from './client.ts';
import { serveSmall, SMALL_ACCOUNT, smallMessageOf } from './sandbox.ts';
import type { Adapter } from '../adapters.ts';
import { hold } from '../checks.ts';
import { BEHAVIOURS } from '../suite.ts';

const adapter: Adapter = {
  operator: 'gsma',
  // Any rail will do: the protocol is the recipe's own.
  railId: 'telkom-ke',
  moneyCall: /^POST \/payments$/,
  inquiryCall: /^GET \/payments\//,
  wirePhone: (e164) => e164.slice(1),
  clock: null,
  face: {
    operator: (deps) => createRail(deps, smallMessageOf),
    serve: serveSmall,
    profile: { baseUrl: 'http://small.invalid', ...SMALL_ACCOUNT, timeoutMs: 5_000, absentAfterMs: 12_000 },
    client: (deps, rail, profile) => createSmallClient(deps, rail, smallProfileSchema.parse(profile)),
  },
};

/** Its messages are its own: no reader of raw messages knows them yet. */
const READS_MESSAGES = 'clocks: the operator’s zone is read as what it is';

describe('the operator of the recipe', () => {
  it.each(BEHAVIOURS.filter(({ name }) => name !== READS_MESSAGES).map((behaviour) => [behaviour.name, behaviour] as const))(
    '%s',
    async (_name, behaviour) => {
      await hold(behaviour, adapter);
    },
  );
});

it.each(['client.ts', 'sandbox.ts'])('the page shows %s as it is', (file) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/recipes/add-an-operator.md'), 'utf8');
  expect(page).toContain(readFileSync(join(import.meta.dirname, file), 'utf8').trim());
});
