/** The registry is told of reports by month, kind and currency, on the sandbox chain over its socket, once, whatever dies on the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyDatabase } from '../../agents/testing.ts';
import { DEMO_CLIENT_ID, seedClients } from '../../db/seed.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { Died, mortal } from '../../graph/settlement/mortal.ts';
import { databaseSent } from '../../tools/aptos/database-sent.ts';
import { createAptosNode } from '../../tools/aptos/node.ts';
import { readReports, type Registrars, registryKeeper } from '../../tools/aptos/registry.ts';
import { publishDue, type PublishDeps } from '../../tools/registry/publish.ts';
import { documentOf, REPORT_KINDS } from '../../tools/registry/reports.ts';
import { type ChainWorld, createChainWorld, START_MS } from './world.ts';

let database: TestDatabase;
let world: ChainWorld;
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
const open = async (): Promise<void> => {
  await emptyDatabase(database.pool);
  await database.pool.query('truncate chain_transactions, registry_records, registry_subjects');
  await seedClients(database.pool, Buffer.alloc(32, 1));
  world = await createChainWorld({ port: 0 }, (url, init) => fetch(url, init));
};
beforeEach(open);
afterEach(() => world?.sandbox.close());

const JANUARY = { from: '2026-01-01', to: '2026-01-04' };

interface Filed {
  readonly kind: keyof typeof REPORT_KINDS | 'travel_rule';
  readonly totals?: readonly { readonly currency: string; readonly payments: number; readonly amountMinor: string }[];
  readonly filedAtMs?: number | null;
  readonly period?: { readonly from: string; readonly to: string } | null;
}

/** A report that was made, and filed unless told; gives the hash of its file. */
async function report({ kind, totals, filedAtMs = START_MS, period = null }: Filed): Promise<string> {
  const id = newId();
  const digest = digestOf(id);
  await database.pool.query(
    `insert into reports (id, client_id, kind, country, period_from, period_to, media_type, file_name, content, content_digest, details, made_by,
       filed_by, filed_at) values ($1, $2, $3, 'KE', $4, $5, 'text/csv', 'file', '\\x00', $6, $7, 'officer:amina', $8, $9)`,
    [
      id,
      DEMO_CLIENT_ID,
      kind,
      period?.from ?? null,
      period?.to ?? null,
      digest,
      JSON.stringify(totals === undefined ? {} : { totals }),
      filedAtMs === null ? null : 'officer:amina',
      filedAtMs === null ? null : new Date(filedAtMs),
    ],
  );
  return digest;
}

const kes = (payments: number, amountMinor: string) => ({ currency: 'KES', payments, amountMinor });

function processOf(life = mortal(Number.POSITIVE_INFINITY, 'before'), registrars: Partial<Registrars> = {}): PublishDeps {
  const wire: typeof world.sandbox.fetch = (url, init) => {
    const exchange = (): Promise<Response> => fetch(url, init);
    return url.endsWith('/transactions') ? life.act(exchange) : life.pass(exchange);
  };
  const pool = life.pool(database.pool, (text) => /^\s*(commit|insert|update|delete)/i.test(text));
  const node = createAptosNode({ profile: world.profile, fetch: wire, clock: world.scheduler });
  const reporter = world.account(world.keys.reporter);
  const keeper = registryKeeper(
    { ...world.deps, node, sent: databaseSent(pool) },
    { regulator: null, issuer: null, reporter, ...registrars },
  );
  return { pool, clock: world.scheduler, keeper, rolls: () => [] };
}

async function tellAll(): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    const { put, failed } = await publishDue(processOf());
    const left = await database.pool.query(`select from registry_records where state <> 'there'`);
    if (put === 0 && failed.length === 0 && left.rowCount === 0) return;
    await world.scheduler.advance(20_000);
  }
}

const told = (kind: keyof typeof REPORT_KINDS, period: bigint, currency = 'KES') =>
  readReports(world.node, { kind: REPORT_KINDS[kind], period, currency });

describe('threshold reports', () => {
  it('are told by month and currency once they are filed; what is filed later is a revision', async () => {
    const first = await report({
      kind: 'ctr',
      totals: [kes(3, '4500000'), { currency: 'USD', payments: 1, amountMinor: '1500000' }],
      period: JANUARY,
    });
    await report({ kind: 'ctr', totals: [kes(9, '9')], period: JANUARY, filedAtMs: null });
    await report({ kind: 'ctr', totals: [], period: JANUARY });
    await report({ kind: 'ctr', period: JANUARY });
    await report({ kind: 'travel_rule', totals: [kes(1, '1')] });
    await tellAll();
    expect(await told('ctr', 202_601n)).toMatchObject({ revision: 1n, count: 3n, amountMinor: 4_500_000n, document: documentOf([first]) });
    expect(await told('ctr', 202_601n, 'USD')).toMatchObject({ revision: 1n, count: 1n, amountMinor: 1_500_000n });
    const second = await report({ kind: 'ctr', totals: [kes(2, '3000000')], period: JANUARY });
    await tellAll();
    await tellAll();
    expect(await told('ctr', 202_601n)).toMatchObject({
      revision: 2n,
      count: 5n,
      amountMinor: 7_500_000n,
      document: documentOf([second, first]),
    });
    expect(await world.executions('compliance_registry::file_report')).toBe(3);
  });

  it('are told of nowhere without a key of the reporter', async () => {
    await report({ kind: 'ctr', totals: [kes(3, '4500000')], period: JANUARY });
    expect(await publishDue(processOf(undefined, { reporter: null }))).toEqual({ put: 0, failed: [] });
    expect(await told('ctr', 202_601n)).toBeNull();
  });
});

describe('suspicions', () => {
  it('are told of once their month is over, so that nobody learns when one was filed', async () => {
    const digests = [
      await report({ kind: 'str', totals: [kes(1, '150000')] }),
      await report({ kind: 'str', totals: [kes(2, '50000')], filedAtMs: START_MS + 86_400_000 }),
    ];
    await report({ kind: 'sar', totals: [] });
    await tellAll();
    expect(await told('str', 202_601n)).toBeNull();
    await world.scheduler.advance(Date.UTC(2026, 1, 1) - START_MS);
    await tellAll();
    expect(await told('str', 202_601n)).toMatchObject({ revision: 1n, count: 3n, amountMinor: 200_000n, document: documentOf(digests) });
    expect(await told('sar', 202_601n)).toBeNull();
    expect(await world.executions('compliance_registry::file_report')).toBe(1);
  });
});

describe.each(['before', 'after'] as const)('dying %s any operation', (when) => {
  it('leaves a month told once', async () => {
    let deaths = 0;
    for (let dieAt = 1; ; dieAt += 1) {
      if (dieAt > 1) {
        await world.sandbox.close();
        await open();
      }
      await report({ kind: 'ctr', totals: [kes(3, '4500000')], period: JANUARY });
      const life = mortal(dieAt, when);
      await publishDue(processOf(life)).catch((error: unknown) => {
        if (!(error instanceof Died) && !life.isDead()) throw error;
      });
      await world.scheduler.advance(20_000);
      await tellAll();
      expect(await told('ctr', 202_601n)).toMatchObject({ revision: 1n, count: 3n });
      if (!life.isDead()) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(3);
  });
});

it.each(['lost_answer', 'dropped', 'hidden', 'slow', 'full'] as const)('%s: told once', async (fate) => {
  await report({ kind: 'ctr', totals: [kes(3, '4500000')], period: JANUARY });
  world.next(fate);
  await tellAll();
  expect(await told('ctr', 202_601n)).toMatchObject({ revision: 1n, count: 3n });
});
