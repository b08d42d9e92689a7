/**
 * Really asks the live streams: as every role that may, of both tenants, from their beginning and live. Each hears of its own tenant
 * and never of the other, also when it asks for a thing of the other by name.
 */
import { withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { recordDecisions } from '../../db/queries/decisions.ts';
import { newId } from '../../domain/ids.ts';
import type { Permission } from '../../server/api/permissions.ts';
import { type Owner, THINGS } from './access-things.ts';
import type { AccessWalk } from './access-walk.ts';
import type { SecurityApi } from './security-api.ts';

/** How long an event may take to be told, milliseconds. */
const TOLD_MS_MAX = 10_000;

export const isStream = (response: Response): boolean => (response.headers.get('content-type') ?? '').startsWith('text/event-stream');

/** The first bytes of a stream, which is hung up then. */
export async function firstOf(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return Buffer.from(value ?? []).toString();
}

/** What an event of a stream is about, for one tenant. */
interface Subject {
  /** Words that stand in what is told of it, and nowhere else. */
  readonly ids: readonly string[];
  /** The query by which a stream is narrowed to it. */
  readonly query: string;
  /** Makes one more event about it; gives a word that only this one has. */
  tell(): Promise<string>;
}

/** A new route that streams is not walked until it stands here: the walk throws. */
const SUBJECTS: Readonly<Record<string, (api: SecurityApi, owner: Owner) => Promise<Subject>>> = {
  '/v1/activity/stream': async (api, owner) => {
    const paymentId = await THINGS.payment(api, owner);
    return { ids: [paymentId], query: `paymentId=${paymentId}`, tell: () => decide(api, owner, paymentId) };
  },
  '/v1/cases/stream': async (api, owner) => {
    const caseId = await THINGS.case(api, owner);
    return { ids: [caseId], query: `caseId=${caseId}`, tell: () => openCase(api, owner, caseId) };
  },
};

/** Writes a decision; everybody may hear of those of `liquidity`. Gives its id. */
export async function decide(
  api: SecurityApi,
  { clientId }: Owner,
  paymentId: string,
  agent: 'liquidity' | 'compliance' = 'liquidity',
): Promise<string> {
  const id = newId();
  const said = {
    agent,
    policyVersion: '1',
    factsDigest: 'digest',
    facts: {},
    outcome: 'reserve',
    reasons: [],
    confidence: 1,
  } as const;
  const decision = { id, clientId, paymentId, cohortId: newId(), ...said, durationUs: 10, modelId: null, promptHash: null };
  await withTransaction(api.pool, (tx) => recordDecisions(tx, [decision], api.clock.now()));
  return id;
}

async function openCase(api: SecurityApi, { clientId }: Owner, caseId: string): Promise<string> {
  const actor = `opener:${newId()}`;
  await recordAuditEvents(api.pool, [{ clientId, actor, action: 'case.opened', subject: `case:${caseId}` }], api.clock.now());
  return actor;
}

/** Walks them; gives how many events were told. */
export async function walkStreams(walk: AccessWalk, permissions: readonly Permission[]): Promise<number> {
  let told = 0;
  for (const permission of permissions.filter(({ path }) => path.endsWith('/stream'))) told += await walkStream(walk, permission);
  return told;
}

async function walkStream(walk: AccessWalk, { path, roles }: Permission): Promise<number> {
  const make = SUBJECTS[path];
  if (make === undefined) throw new Error(`nothing is known about what the stream ${path} tells`);
  const [first] = roles;
  if (first === undefined) throw new Error(`no role may listen to ${path}`);
  const makerOf = (owner: Owner): Owner => ({ ...owner, key: walk.maker });
  const [own, other] = [walk.own.get(first) as Owner, walk.other.get(first) as Owner];
  const otherMaker = { ...other, key: await walk.api.makeKey(other.clientId, 'maker:streams') };
  const subjects = { own: await make(walk.api, makerOf(own)), other: await make(walk.api, otherMaker) };
  const earlier = { own: await subjects.own.tell(), other: await subjects.other.tell() };
  const ears = await Promise.all(
    roles.flatMap((role) => [
      listen(walk, `${path}`, walk.own.get(role) as Owner, [earlier.own]),
      // Whoever asks for another's thing by name opens a stream that stays silent.
      listen(walk, `${path}?${subjects.own.query}`, walk.other.get(role) as Owner, []),
      listen(walk, `${path}`, walk.other.get(role) as Owner, [earlier.other]),
    ]),
  );
  await Promise.all(ears.map((ear) => ear.heard()));
  const later = { own: await subjects.own.tell(), other: await subjects.other.tell() };
  const secret = { own: [...subjects.own.ids, earlier.own, later.own], other: [...subjects.other.ids, earlier.other, later.other] };
  for (const ear of ears) if (ear.waits.length > 0) ear.waits.push(ear.clientId === own.clientId ? later.own : later.other);
  await Promise.all(ears.map((ear) => ear.heard()));
  for (const ear of ears) {
    const text = await ear.hangUp();
    const foreign = ear.clientId === own.clientId ? secret.other : secret.own;
    if (foreign.some((word) => text.includes(word))) walk.wrong.push(`${ear.what} hears of another tenant`);
    if (!text.startsWith('retry:')) walk.wrong.push(`${ear.what} does not begin as a stream`);
    const missing = ear.waits.filter((word) => !text.includes(word)).length;
    if (missing > 0) walk.wrong.push(`${ear.what} was not told of ${missing} of its own events`);
  }
  return ears.reduce((sum, { waits }) => sum + waits.length, 0);
}

interface Ear {
  readonly what: string;
  readonly clientId: string;
  /** Words that it must hear. */
  readonly waits: string[];
  /** Waits until it has heard them, or for as long as that may take. */
  heard(): Promise<void>;
  hangUp(): Promise<string>;
}

async function listen(walk: AccessWalk, path: string, { key, clientId, principal }: Owner, waits: string[]): Promise<Ear> {
  const response = await walk.api.call('GET', path, { key, headers: { 'last-event-id': '0-0' } });
  walk.checked += 1;
  const what = `GET ${path.split('?')[0]} as ${principal}`;
  if (response.status !== 200 || !isStream(response)) throw new Error(`${what}: no stream but ${response.status}`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  let tell = (): void => undefined;
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += Buffer.from(value).toString();
      tell();
    }
  })();
  const hasAll = (): boolean => text !== '' && waits.every((word) => text.includes(word));
  return {
    what,
    clientId,
    waits,
    heard: () =>
      new Promise((resolve) => {
        const end = setTimeout(resolve, TOLD_MS_MAX);
        tell = () => {
          if (!hasAll()) return;
          clearTimeout(end);
          resolve();
        };
        tell();
      }),
    hangUp: async () => {
      await reader.cancel();
      await reading;
      return text;
    },
  };
}
