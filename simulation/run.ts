/** One run: a platform, its operators and its clients under one seed, to the end of every payment, and what is wrong then. */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { withTransaction } from '../db/connect.ts';
import { windowOf } from '../db/queries/settlement-windows.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { insertEndpoint } from '../db/queries/webhooks.ts';
import { DEMO_CLIENT_ID, seedClients } from '../db/seed.ts';
import { demoFloatMinor } from '../domain/demo-float.ts';
import { drawIdsFrom } from '../domain/ids.ts';
import { TERMINAL_STATUSES } from '../domain/lifecycle.ts';
import { money } from '../domain/money.ts';
import { countryByCode, RAILS } from '../domain/network.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { fundClient, seedBooks } from '../tools/ledger/index.ts';
import { SECRET_CONTEXT } from '../tools/notify/webhooks/deliver.ts';
import type { ListRoll } from '../tools/sanctions/roll.ts';
import { loadSanctions } from '../tools/sanctions/load.ts';
import { takeNoTurns } from '../tools/turns.ts';
import { CHAIN_WINDOW_MS, createSimulatedChain, DISPUTE_LIMIT_SECS, PARTNERS, type SimulatedChain } from './chain.ts';
import { type Balances, type ChainSummary, judgeChain, readBalances, settlementLines } from './chain-verdict.ts';
import { createDatabase } from './database.ts';
import { createFaults, type Fault, type FaultGroup, type Faults } from './faults.ts';
import { createHints } from './hints.ts';
import { makeWishes, MANY, type Wish } from './intents.ts';
import { createNetwork } from './network.ts';
import { type ClientDeps, createClient, startOfficer } from './people.ts';
import { type Platform, startPlatform } from './platform.ts';
import type { Script } from './script.ts';
import type { RunDatabase } from './server.ts';
import { seedChecked } from './registry-people.ts';
import { APPROVERS, ARBITERS, startArbiter, startTreasurer } from './settlement-people.ts';
import { createStage, type Stage } from './stage.ts';
import { areMostDone, areMostSettled, createTrouble } from './trouble.ts';
import { findViolations, stateLines } from './verdict.ts';

export interface RunOptions {
  readonly script: Script;
  /** A migrated database with nothing in it, of this run alone. */
  readonly database: RunDatabase;
  /** Hears the history, line by line. */
  readonly trace?: (line: string) => void;
}

export interface RunResult {
  readonly violations: readonly string[];
  /** SHA-256 over history and final state: the same seed gives the same. */
  readonly digest: string;
  readonly steps: number;
  /** Virtual time from the first wish to rest, seconds. */
  readonly virtualSeconds: number;
  /** What went wrong, in order. */
  readonly struck: readonly Fault[];
  /** Payments by the status they ended in. */
  readonly ends: Readonly<Record<string, number>>;
  readonly refused: number;
  readonly starts: { readonly api: number; readonly workers: number };
  /** What processes logged as errors, by message. */
  readonly problems: Readonly<Record<string, number>>;
  /** What settlement came to, where it went over the chain. */
  readonly settlement?: ChainSummary;
}

const START_MS = Date.UTC(2026, 10, 2, 9);
/** Wishes come at this rate, or faster where they are many; trouble lasts a while longer than they do. */
const WISHES_PER_SECOND = 10;
const WISHES_WITHIN_MS_MAX = 150_000;
const TROUBLE_AFTER_MS = 60_000;
/** What has not come to rest so long after the trouble never will. */
const REST_WITHIN_MS = 90 * 60_000;
/** Where wishes are many the database is as slow as it is under load, so that work travels together, and clients hear of ends only. */
const SLOWNESS_UNDER_LOAD = 12;
/** Many payments take many steps, at each of which a process can be stopped: longer than any lease, yet not so long that all of them always are. */
const PAUSE_UNDER_LOAD_MS_MAX = 60_000;
const LOOK_EVERY_MS = 2_500;
/** So many payments are many where they are settled over the chain: a worker lives for minutes, as its batches take. */
const MANY_OVER_CHAIN = 100;
const FUNDS_MINOR = 10n ** 12n;

/** Runs a script. Throws only for what is wrong with the simulation itself. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { script } = options;
  const stage = createStage({ seed: script.seed, startMs: START_MS, ...(options.trace === undefined ? {} : { trace: options.trace }) });
  const undraw = drawIdsFrom(idSource(stage));
  const turnAgain = takeNoTurns();
  try {
    return await play(options, stage);
  } finally {
    turnAgain();
    undraw();
  }
}

/** Time-ordered UUIDs of the seed. */
function idSource(stage: Stage): () => string {
  let drawn = 0;
  return () => {
    drawn += 1;
    const time = stage.now().toString(16).padStart(12, '0');
    const count = (drawn % 0x1000).toString(16).padStart(3, '0');
    const rest = stage.chance.text('0123456789abcdef', 15, 'id', drawn);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-a${rest.slice(0, 3)}-${rest.slice(3)}`;
  };
}

async function play({ script, database }: RunOptions, stage: Stage): Promise<RunResult> {
  const secrets = secretsOf(script.seed);
  const keys = await prepare(database.pool, secrets, { nowMs: stage.now(), topics: script.payments < MANY ? [] : ENDS });
  const wishes = chosenWishes(script, stage);
  const lastWishMs = wishes.reduce((latest, wish) => Math.max(latest, wish.atMs), 0);
  const areMost = script.chain === true ? areMostSettled : areMostDone;
  const isMostDone = async (): Promise<boolean> => client.answers.size === wishes.length && areMost(database.pool, wishes.length);
  const trouble = createTrouble({
    nowMs: stage.now,
    untilMs: START_MS + lastWishMs + TROUBLE_AFTER_MS,
    isMostDone: script.payments < MANY && script.chain !== true ? null : isMostDone,
  });
  const faults = createFaults({
    chance: stage.chance,
    groups: script.groups,
    isOver: trouble.isOver,
    share: (group) => shareOf(script, group),
    ...(script.faults === undefined ? {} : { only: script.faults }),
    tell: ({ kind, point }) => stage.note(`! ${kind} at ${point}`),
  });
  const world = await openWorld({ script, database, stage, faults, secrets, isCalm: trouble.isCalm });
  const client = createClient({ stage, network: world.network, key: keys['client:demo'] ?? '' });
  client.start(wishes);
  startStaff(script, { stage, network: world.network }, keys);
  // A script is over once the last of its faults has struck; without one, faults come as long as the trouble lasts.
  const isTroubleOver = (): boolean => trouble.isOver() || faults.struck.length === script.faults?.length;
  const isDone = async (): Promise<boolean> => {
    await trouble.look();
    return client.answers.size === wishes.length && isTroubleOver() && (await isAtRest(database.pool));
  };
  try {
    await stage.play(isDone, { untilMs: trouble.untilMsMax + REST_WITHIN_MS, lookEveryMs: LOOK_EVERY_MS });
  } finally {
    await world.end();
  }
  const virtualSeconds = Math.round((stage.now() - START_MS) / 1_000);
  const violations = await findViolations({
    ...secrets,
    pool: database.pool,
    sandbox: world.sandbox,
    wishes,
    answers: client.answers,
    received: world.received,
  });
  for (const line of await stateLines(database.pool)) stage.note(line);
  const settlement = await judgeSettlement(world, stage, database.pool, secrets.keyring);
  return {
    violations: [...violations, ...(settlement?.violations ?? [])],
    digest: stage.digest(),
    steps: stage.steps(),
    virtualSeconds,
    struck: faults.struck,
    ends: await countEnds(database.pool),
    refused: [...client.answers.values()].filter((answer) => 'refusal' in answer).length,
    starts: world.platform.starts,
    problems: world.problems,
    ...(settlement === null ? {} : { settlement: settlement.summary }),
  };
}

/**
 * Twice as many payments take twice as many steps: about as many faults strike, wherever they are many. A batch over the chain takes
 * some dozens of steps of its own, so that there are many sooner; what befalls the chain stands to its requests, however many they are.
 */
function shareOf({ chain, payments }: Script, group: FaultGroup): number {
  if (chain !== true) return Math.min(1, MANY / payments);
  return group === 'chain' ? 1 : Math.min(1, MANY_OVER_CHAIN / payments);
}

/** Officers, and where batches go over the chain those who approve, dispute and judge them. */
function startStaff(script: Script, place: Pick<ClientDeps, 'stage' | 'network'>, keys: Readonly<Record<string, string>>): void {
  const person = (name: string, everyMs: number) => ({ ...place, name, key: keys[name] ?? '', everyMs });
  for (const [index, name] of ['officer:amina', 'officer:kofi'].entries()) startOfficer(person(name, 20_000 + 7_000 * index));
  if (script.chain !== true) return;
  for (const [index, name] of APPROVERS.entries()) startTreasurer(person(name, 9_000 + 4_000 * index));
  for (const [index, name] of ARBITERS.entries()) startArbiter(person(name, 15_000 + 5_000 * index));
}

async function judgeSettlement(world: World, stage: Stage, pool: Pool, keyring: Keyring) {
  if (world.chain === null) return null;
  for (const line of await settlementLines(pool)) stage.note(line);
  const { sandbox, chain, rolls, balances: before } = world;
  const { profile, keyNames, issuer } = chain;
  const { chance } = stage;
  return judgeChain({ pool, keyring, sandbox, profile, keyNames, issuer, rolls, clock: stage, chance, before });
}

interface Secrets {
  readonly keyring: Keyring;
  readonly quoteKey: Buffer;
  readonly pepper: Buffer;
}

function secretsOf(seed: string): Secrets {
  const key = (use: string): Buffer => createHash('sha256').update(`${use} of ${seed}`).digest();
  return { keyring: createKeyring([{ id: 1, master: key('field') }]), quoteKey: key('quotes'), pepper: key('keys') };
}

/** Opens the books as a start does, funds the client's balances, and names its webhook endpoint. */
async function prepare(
  pool: Pool,
  { keyring, pepper }: Secrets,
  news: { readonly nowMs: number; readonly topics: readonly string[] },
): Promise<Readonly<Record<string, string>>> {
  const { keys } = await seedClients(pool, pepper);
  await seedBooks(pool);
  await withTransaction(pool, async (tx) => {
    for (const currency of new Set(RAILS.map((rail) => countryByCode(rail.country).currency))) {
      await fundClient(tx, DEMO_CLIENT_ID, money(FUNDS_MINOR, currency), `opening ${currency}`);
    }
  });
  const secret = keyring.encrypt(`whsec_${Buffer.alloc(24, 5).toString('base64')}`, SECRET_CONTEXT);
  const endpoint = {
    id: '00000000-0000-7000-a000-000000000001',
    clientId: DEMO_CLIENT_ID,
    url: 'https://client.simulation/hooks',
    secret,
    actor: 'client:demo',
    ...news,
  };
  await insertEndpoint(pool, endpoint, 1);
  return keys;
}

function chosenWishes(script: Script, stage: Stage): Wish[] {
  const all = makeWishes(stage.chance, script.payments, Math.min(WISHES_WITHIN_MS_MAX, (script.payments * 1_000) / WISHES_PER_SECOND));
  if (script.wishes === undefined) return all;
  const chosen = new Set(script.wishes);
  return all.filter((wish) => chosen.has(wish.index));
}

interface WorldDeps {
  readonly script: Script;
  readonly database: RunDatabase;
  readonly stage: Stage;
  readonly faults: Faults;
  readonly secrets: Secrets;
  readonly isCalm: () => boolean;
}

interface World {
  readonly sandbox: Sandbox;
  readonly network: ReturnType<typeof createNetwork>;
  readonly platform: Platform;
  readonly received: ReadonlyMap<string, string>;
  readonly problems: Record<string, number>;
  readonly chain: SimulatedChain | null;
  /** What everybody held on the chain before the first step. */
  readonly balances: Balances;
  /** The lists in force. */
  readonly rolls: readonly ListRoll[];
  end(): Promise<void>;
}

async function openWorld({ script, database, stage, faults, secrets, isCalm }: WorldDeps): Promise<World> {
  const received = new Map<string, string>();
  const problems: Record<string, number> = {};
  const timeouts = new Map<string, number>();
  let platform: Platform | null = null;
  const network = createNetwork({
    stage,
    faults,
    sandbox: () => sandbox,
    timeoutMsOf: (railId) => timeouts.get(railId) ?? 5_000,
    api: () => platform?.api() ?? null,
  });
  const sandbox = await createSandbox({
    seed: script.seed,
    scheduler: stage,
    openings: Object.fromEntries(RAILS.map((rail) => [rail.id, demoFloatMinor(rail)])),
    send: network.callBack,
    ...(script.chain === true
      ? { chain: { faults: script.groups.includes('chain') ? PARTNERS : {}, disputeLimitSecs: DISPUTE_LIMIT_SECS } }
      : {}),
  });
  const sanctions = await loadSanctions({});
  if (script.chain === true) await seedChecked(database.pool, stage.now());
  const chain =
    script.chain === true
      ? createSimulatedChain({ stage, faults, sandbox, payments: script.payments, rolls: () => sanctions.rolls() })
      : null;
  const balances: Balances = chain === null ? new Map() : await readBalances({ sandbox, profile: chain.profile, clock: stage });
  const profiles = Object.fromEntries(Object.entries(sandbox.profiles()).map(([railId, profile]) => [railId, withPatience(profile)]));
  for (const [railId, profile] of Object.entries(profiles)) timeouts.set(railId, (profile as { timeoutMs: number }).timeoutMs);
  const slowness = script.payments < MANY ? 1 : SLOWNESS_UNDER_LOAD;
  const gate = createDatabase({ stage, faults, monitor: database.monitor, slowness });
  platform = startPlatform(
    {
      ...secrets,
      stage,
      faults,
      network,
      profiles,
      database: gate,
      hints: createHints({ stage, faults }),
      pool: database.pool,
      sanctions,
      settings: chain === null ? {} : { settlementAgeMs: CHAIN_WINDOW_MS },
      chain,
      isCalm,
      pauseMsMax: script.payments < MANY ? null : PAUSE_UNDER_LOAD_MS_MAX,
      receive: (eventId, body) => {
        received.set(eventId, body);
        return 204;
      },
      problem: (actor, message, fields) => {
        problems[message] = (problems[message] ?? 0) + 1;
        stage.note(`${actor} logs ${message} ${JSON.stringify(fields)}`);
      },
    },
    script.workers,
  );
  const started = platform;
  return {
    sandbox,
    network,
    platform: started,
    received,
    problems,
    chain,
    balances,
    rolls: sanctions.rolls(),
    end: async () => {
      started.end();
      // What the dead held is let go of, and what they waited for comes to nothing.
      await gate.settle();
      stage.stop();
    },
  };
}

/**
 * What is absent counts as never sent, and a page as dead, only after longer than any clock of ours is wrong;
 * in production it is half an hour.
 */
const PATIENCE = { absentAfterMs: 300_000, unpaidAfterMs: 300_000, promptLifetimeMs: 150_000 };

function withPatience(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      Object.hasOwn(PATIENCE, name) ? PATIENCE[name as keyof typeof PATIENCE] : withPatience(inner),
    ]),
  );
}

const ENDS = TERMINAL_STATUSES.map((status) => `payment.${status}`);

/** Says whether nothing is left to do: every payment has ended, settled and been told of, and no attempt or callback is open. */
async function isAtRest(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ busy: boolean }>({
    name: 'simulation_at_rest',
    text: `select exists(select 1 from payments where status <> all($1::text[]))
        or exists(select 1 from attempts where state not in ('succeeded', 'failed') or not applied)
        or exists(select 1 from operator_callbacks where processed_at is null)
        or exists(select 1 from outbox where planned_at is null)
        or exists(select 1 from webhook_deliveries where state = 'waiting')
        or exists(select 1 from registry_records where state <> 'there')
        or exists(select 1 from users u where u.kyc_status = 'verified'
          and not exists (select 1 from registry_subjects r where r.user_id = u.id and r.tier is not null))
        or exists(select 1 from settlement_batches where method = 'chain' and status <> all($2::text[]))
        or exists(select 1 from payments p where p.status = 'paid' and ${windowOf('p.id')} is null) as busy`,
    values: [TERMINAL_STATUSES, ['settled', 'expired', 'mismatched']],
  });
  return rows[0]?.busy === false;
}

async function countEnds(pool: Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ status: string; count: number }>(
    'select status, count(*)::int as count from payments group by status order by status',
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
