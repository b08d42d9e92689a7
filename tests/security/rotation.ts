/**
 * Rotation of keys of 10,000 people while payments run on a platform as it is started: an API takes them, a worker completes them, some
 * over operators. First everybody's data key is wrapped by another key, then everybody gets another data key and all that is theirs is
 * sealed under it, then they are indexed by another key. An older process goes on beside, which still wraps and indexes by the old keys.
 * Then the old field key is dropped: a start that forgot that indexes are made by it must be refused, and one that names it for them alone
 * must let people log in and sign webhooks. Afterwards every payment is opened and compared with what was handed in, and everybody looked
 * up by their number, by a keyring that has forgotten the old keys.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { countUnfinished } from '../../bench/load/run.ts';
import { type BenchPlatform, fundBalances, openPlatform } from '../../bench/platform.ts';
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { connectToWork } from '../../db/migrate.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { systemClock } from '../../domain/clock.ts';
import { isFault } from '../../domain/errors.ts';
import type { PaymentIntent } from '../../domain/intent.ts';
import { createCapp } from '../../sdk/index.ts';
import { createIntake } from '../../server/intake.ts';
import { assertIndexKeys, dropOldKeys, rotateKeys, type RotateResult } from '../../tools/privacy/index.ts';
import { reportOf, type SecurityPart } from './part.ts';
import { createCrowd, type CrowdIntent } from './rotation-crowd.ts';
import { createKeys, OLD_ID } from './rotation-keys.ts';
import { countPaid, countUnder, type Found, lookAtAll } from './rotation-look.ts';
import { type LeftSecrets, leaveSecrets } from './rotation-secrets.ts';

export interface RotationScale {
  readonly people: number;
  /** Payments that come in during each rotation at least. */
  readonly meanwhile: number;
}

const FULL: RotationScale = { people: 10_000, meanwhile: 2_000 };
const BURST = 100;
/** How fast payments come in at most; the more of them there are, the more there is to seal anew. */
const PER_SECOND_MAX = 200;
const REST_MS_MAX = 600_000;
const POLL_MS = 250;
const KINDS = ['wrap', 'data', 'index'] as const;
/** How long a webhook may be on its way. */
const SEND_MS_MAX = 60_000;
/** What the field keys themselves seal and everybody depends on. */
const SECRETS = ['logins.totp_secret', 'signing_keys.private_key', 'webhook_endpoints.secret'] as const;
const SETTINGS = {
  // Customers are ten times as fast as people are: how long they take is not what is looked at.
  SANDBOX_SPEED: '10',
  // The receiver of webhooks is on this machine.
  CAPP_WEBHOOK_ALLOW_PRIVATE: '1',
};

/** Rotates on a platform of its own; the figures, and what is wrong. */
export async function rotateUnderLoad(
  scale: RotationScale,
  tell: (line: string) => void,
): Promise<{ figures: Record<string, number>; failures: string[] }> {
  const keys = createKeys();
  const before = await openPlatform({ ...SETTINGS, ...keys.settings.older }, tell);
  let secrets: LeftSecrets | null = null;
  try {
    secrets = await leaveSecrets(before, keys.older);
    await fundBalances(before);
    const underOld = await countUnder(before.pool, OLD_ID);
    const bench = await before.restart(keys.settings.now);
    const crowd = createCrowd(scale.people);
    const load = openLoad(bench, keys.older);
    for (let at = 0; at < scale.people; at += 2 * BURST) await load.byOlder(crowd.pairs(at, BURST));
    await until(async () => (await countPaid(bench.pool)) > 0);
    tell(`${scale.people} people are stored under the old keys`);
    const rotated = await onWork(bench, (pool) =>
      rotateAll(bench, { pool, keyring: keys.now, clock: systemClock }, { scale, crowd, load, tell }),
    );
    const refused = await codeOf(bench.restart(keys.settings.forgetful));
    tell(`a start without the key of the indexes ends in ${refused}`);
    const after = await bench.restart(keys.settings.retired(await nextSecond()));
    const used = await useSecrets(after, secrets);
    const withoutOld = await onWork(after, (pool) => dropOldIndexKey(pool, keys));
    const found = await lookAtAll(after, keys.alone, load.given, crowd.phones);
    const violations = await after.verify();
    const kept = { underOld, refused, used, withoutOld };
    return judged(scale, load.given.size, { ...rotated, ...found, ...kept, violations: violations.length });
  } finally {
    await secrets?.close();
    await before.close();
  }
}

/** Works over connections with the rights of the processes, as commands do. */
async function onWork<Result>({ platform }: BenchPlatform, work: (pool: Pool) => Promise<Result>): Promise<Result> {
  const pool = await connectToWork({ url: platform.databaseUrl, applicationName: 'capp security' });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

interface Loaded {
  readonly scale: RotationScale;
  readonly crowd: ReturnType<typeof createCrowd>;
  readonly load: ReturnType<typeof openLoad>;
  readonly tell: (line: string) => void;
}

/** Each rotation while payments run, and once more when the older process has ended. */
async function rotateAll(bench: BenchPlatform, deps: Parameters<typeof rotateKeys>[0], { scale, crowd, load, tell }: Loaded) {
  const rounds: Record<string, Round> = {};
  for (const kind of KINDS) {
    rounds[kind] = await during(
      bench.pool,
      () => rotateKeys(deps, kind),
      scale.meanwhile,
      () => load.byBoth(crowd.random(BURST)),
    );
    tell(`${kind}: ${rounds[kind].result.changed} changed while ${rounds[kind].paid} payments were paid`);
  }
  await until(async () => (await countUnfinished(bench.pool)) === 0);
  // The older process knows its keys only as long as it runs: what it wrapped and indexed last goes over in one more pass.
  const rest = { wrap: await rotateKeys(deps, 'wrap'), index: await rotateKeys(deps, 'index') };
  return { rounds, rest, dropped: await dropAll(deps) };
}

/** A full second that came after everything before, in ms since 1970: retirements are named to the second. */
async function nextSecond(): Promise<number> {
  await delay(1_000 - (systemClock.now() % 1_000));
  return systemClock.now();
}

/** The code that something fails with; `none` when it does not. Throws what has none. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.code;
  }
}

/** Logs in, and has a webhook sent, where the old field key is known to nobody. */
async function useSecrets(bench: BenchPlatform, secrets: LeftSecrets): Promise<UsedSecrets> {
  const entered = await secrets.logIn(bench.platform.url);
  await secrets.askForEvent(bench);
  await until(async () => secrets.events.signed + secrets.events.unsigned > 0, SEND_MS_MAX);
  return { ...entered, ...secrets.events };
}

type UsedSecrets = Awaited<ReturnType<LeftSecrets['logIn']>> & LeftSecrets['events'];

/** Rotates indexes once more, now that the old key is retired: what a start says that leaves it out, before and after. */
async function dropOldIndexKey(
  pool: Pool,
  keys: ReturnType<typeof createKeys>,
): Promise<{ readonly before: string; readonly after: string }> {
  const dropped = (): Promise<string> => codeOf(assertIndexKeys(pool, keys.alone));
  const before = await dropped();
  await rotateKeys({ pool, keyring: keys.alone, clock: systemClock }, 'index');
  return { before, after: await dropped() };
}

/** Two ways in: the API as it runs now, and an intake of a process from before. */
function openLoad({ platform, pool }: BenchPlatform, older: Keyring) {
  const given = new Map<string, PaymentIntent>();
  const capp = createCapp({ baseUrl: platform.url, apiKey: platform.keys['client:demo'] ?? '' });
  const intake = createIntake({ pool, keyring: older, clock: systemClock, notify: () => undefined });
  const byOlder = async (intents: readonly CrowdIntent[]): Promise<void> => {
    await Promise.all(intents.map(async ({ intent }) => void given.set((await intake.submit(DEMO_CLIENT_ID, intent)).paymentId, intent)));
  };
  const byApi = async (intents: readonly CrowdIntent[]): Promise<void> => {
    const { rows } = await capp.batches.submit(intents.map(({ input }) => input));
    for (const [at, { paymentId }] of rows.entries()) {
      if (paymentId === undefined || paymentId === null) throw new Error('the API refused a payment');
      given.set(paymentId, (intents[at] as CrowdIntent).intent);
    }
  };
  return {
    given: given as ReadonlyMap<string, PaymentIntent>,
    byOlder,
    byBoth: async (intents: readonly CrowdIntent[]) => {
      const half = Math.ceil(intents.length / 2);
      await Promise.all([byOlder(intents.slice(0, half)), byApi(intents.slice(half))]);
    },
  };
}

interface Round {
  readonly result: RotateResult;
  /** Payments that came in, and that were paid, while it went on. */
  readonly meanwhile: number;
  readonly paid: number;
}

/** Keeps payments coming at a bounded pace until some work is over, so many came in at least, and some of them were paid. */
async function during(pool: Pool, work: () => Promise<RotateResult>, least: number, more: () => Promise<void>): Promise<Round> {
  let isOver = false;
  let meanwhile = 0;
  const paidBefore = await countPaid(pool);
  const working = work().finally(() => {
    isOver = true;
  });
  const startedMs = performance.now();
  const isLate = (): boolean => performance.now() - startedMs > REST_MS_MAX;
  while (!isOver || meanwhile < least || ((await countPaid(pool)) === paidBefore && !isLate())) {
    await more();
    meanwhile += BURST;
    await delay(Math.max(0, (meanwhile * 1_000) / PER_SECOND_MAX - (performance.now() - startedMs)));
  }
  return { result: await working, meanwhile, paid: (await countPaid(pool)) - paidBefore };
}

/** Waits within a bound; what did not come about the figures tell. */
async function until(isSo: () => Promise<boolean>, msMax = REST_MS_MAX): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (performance.now() < deadlineMs && !(await isSo())) await delay(POLL_MS);
}

/** Nothing is sealed under the older data keys any more, whoever remembered them: no payment comes in. */
async function dropAll(deps: Parameters<typeof dropOldKeys>[0]): Promise<number> {
  let dropped = 0;
  for (let some = -1; some !== 0; ) {
    some = await dropOldKeys(deps, 0);
    dropped += some;
  }
  return dropped;
}

interface Outcome extends Found {
  readonly rounds: Readonly<Record<string, Round>>;
  readonly rest: { readonly wrap: RotateResult; readonly index: RotateResult };
  readonly dropped: number;
  readonly violations: number;
  /** What the old field key sealed before, by place. */
  readonly underOld: Readonly<Record<string, number>>;
  /** How a start without the key of the indexes ended, and how one would that leaves the old one out, before it may be and when it may. */
  readonly refused: string;
  readonly withoutOld: { readonly before: string; readonly after: string };
  readonly used: UsedSecrets;
}

/** The figures of a run, and which of them are not as they must be. */
function judged(scale: RotationScale, accepted: number, outcome: Outcome): { figures: Record<string, number>; failures: string[] } {
  const { rounds, rest, dropped, violations, used, ...found } = outcome;
  const of = (kind: (typeof KINDS)[number]): Round => rounds[kind] as Round;
  const figures = {
    people: found.people,
    wrappedAnew: of('wrap').result.changed + rest.wrap.changed,
    paymentsDuringWrapping: of('wrap').meanwhile,
    paidDuringWrapping: of('wrap').paid,
    dataKeysRenewed: dropped,
    paymentsDuringRenewal: of('data').meanwhile,
    paidDuringRenewal: of('data').paid,
    // Whoever the API met meanwhile it has indexed anew itself.
    indexedAnew: of('index').result.changed + rest.index.changed,
    paymentsDuringIndexing: of('index').meanwhile,
    paidDuringIndexing: of('index').paid,
    paymentsRead: found.read,
    paid: found.paid,
    unfinished: found.unfinished,
    unreadable: found.unreadable,
    different: found.different,
    unfindable: found.unfindable,
    leftUnderOldKeys: found.leftUnderOldKeys,
    leftSealedByOldKey: found.leftSealedByOldKey,
    logins: used.login === 200 && used.read === 200 ? 1 : 0,
    webhooksSigned: used.signed,
    violations,
  };
  const idle = KINDS.filter((kind) => of(kind).paid === 0);
  return {
    figures,
    failures: [
      ...(found.people === scale.people ? [] : [`${found.people} people are kept, not ${scale.people}: somebody was stored twice`]),
      ...(found.unreadable + found.different === 0 ? [] : [`${found.unreadable} do not open, ${found.different} open to something else`]),
      ...(found.unfindable === 0 ? [] : [`${found.unfindable} people are not found by their number`]),
      ...(found.read === accepted ? [] : [`${accepted} payments were accepted, ${found.read} are stored`]),
      ...(found.unfinished === 0 ? [] : [`${found.unfinished} payments did not come to an end`]),
      ...idle.map((kind) => `no payment was paid during the rotation of ${kind}`),
      ...(found.leftUnderOldKeys === 0 ? [] : [`${found.leftUnderOldKeys} people are still under an old key`]),
      ...(found.leftSealedByOldKey === 0 ? [] : [`${found.leftSealedByOldKey} fields are still sealed by the old field key`]),
      ...secretFailures(outcome),
      ...(dropped === scale.people ? [] : [`${dropped} of ${scale.people} data keys were renewed`]),
      ...(violations === 0 ? [] : [`${violations} violations of the invariants`]),
    ],
  };
}

/** What does not hold of secrets and starts once the old field key is gone. */
function secretFailures({ underOld, refused, withoutOld, used }: Outcome): string[] {
  const unsealed = SECRETS.filter((place) => (underOld[place] ?? 0) === 0);
  return [
    ...unsealed.map((place) => `nothing of ${place} was sealed by the old field key: that it goes over was not looked at`),
    ...(used.login === 200 ? [] : [`a login is answered with ${used.login}`]),
    ...(used.read === 200 ? [] : [`a read by somebody who logged in is answered with ${used.read}`]),
    ...(used.sameSigningKey ? [] : ['tokens are signed by another key than before']),
    ...(used.signed === 1 && used.unsigned === 0 ? [] : [`of one webhook ${used.signed} came signed, ${used.unsigned} otherwise`]),
    ...(refused === 'index_key_mismatch' ? [] : [`a start without the key of the indexes ends in ${refused}`]),
    ...(withoutOld.before === 'index_key_mismatch' ? [] : ['the old index key may be left out before anybody is indexed without it']),
    ...(withoutOld.after === 'none' ? [] : [`a start that leaves the retired index key out ends in ${withoutOld.after}`]),
  ];
}

export const rotation: SecurityPart = {
  name: 'rotation',
  description: `rotation of the keys of ${FULL.people} people while payments run; without the old ones everybody must be read, found and let in`,
  run: async (tell) => {
    const { figures, failures } = await rotateUnderLoad(FULL, tell);
    return reportOf('rotation', figures, failures);
  },
};
