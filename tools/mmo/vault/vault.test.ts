/** Both stores keep one suite: what holds for tokens shared through PostgreSQL holds for those shared through Redis. */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { createKeyring } from '../../../db/keyring.ts';
import { testDatabase } from '../../../db/testing.ts';
import { manualClock, systemClock } from '../../../domain/clock.ts';
import { newId } from '../../../domain/ids.ts';
import { startRedis } from '../../../tests/setup/redis.ts';
import { describeInBothStores } from '../../../tests/setup/stores.ts';
import type { Grant } from '../tokens.ts';
import { postgresTokenStore } from './postgres.ts';
import { redisTokenStore } from './redis.ts';
import { sharedTokenVault, type TokenStore } from './shared.ts';

interface Place {
  readonly store: TokenStore;
  /** Everything that is kept, as text. */
  readonly contents: () => Promise<string>;
  readonly close: () => Promise<void>;
}

async function inPostgres(): Promise<Place> {
  const database = await testDatabase();
  return {
    store: postgresTokenStore(database.pool),
    contents: async () => {
      const { rows } = await database.pool.query<{ name: string; token: Buffer | null }>('select name, token from operator_tokens');
      return rows.map(({ name, token }) => `${name} ${token?.toString('latin1') ?? ''}`).join('\n');
    },
    close: () => database.close(),
  };
}

async function inRedis(): Promise<Place> {
  const server = await startRedis();
  const client = new Redis(server.url);
  return {
    store: redisTokenStore(client),
    contents: async () => (await Promise.all((await client.keys('*')).map(async (key) => `${key} ${await client.get(key)}`))).join('\n'),
    close: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

const keyring = createKeyring([{ id: 1, master: createHash('sha256').update('vault tests').digest() }]);
const HOUR_MS = 3_600_000;

/** An operator that gives numbered tokens, each of which ends the one before it; `meanwhile` holds the answer with a token back. */
function operator(lifetimeMs = HOUR_MS, meanwhile: (given: number) => Promise<void> | void = () => undefined) {
  let given = 0;
  return {
    given: () => given,
    fetchGrant: async (): Promise<Grant> => {
      given += 1;
      const value = `token-${given}`;
      await meanwhile(given);
      return { value, expiresAtMs: systemClock.now() + lifetimeMs };
    },
  };
}

describeInBothStores('tokens shared', 120_000, { inPostgres, inRedis }, (place) => {
  /** A vault as another process has it: nothing in its memory. */
  const processes = (count: number) =>
    Array.from({ length: count }, () => sharedTokenVault({ store: place().store, keyring, clock: systemClock }));
  const valueOf = (grant: Grant) => (typeof grant === 'string' ? grant : grant.value);

  /**
   * Processes that want one token at once: `othersWait` is when all of them but one have come and wait for it. They look once more then,
   * and again only when it has been kept: however slow the one is that fetches it, nobody's patience ends meanwhile.
   */
  function crowd(count: number) {
    const waiting = new Set<number>();
    const [everybody, kept] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const store: TokenStore = {
      ...place().store,
      async keep(...token) {
        const isKept = await place().store.keep(...token);
        if (waiting.size === count - 1) kept.resolve();
        return isKept;
      },
    };
    const vaults = Array.from({ length: count }, (_, index) => {
      const wait = async (): Promise<void> => {
        const isFirst = !waiting.has(index);
        waiting.add(index);
        if (waiting.size === count - 1) everybody.resolve();
        await (isFirst ? everybody : kept).promise;
      };
      return sharedTokenVault({ store, keyring, clock: systemClock, wait });
    });
    return { vaults, othersWait: everybody.promise };
  }

  it('are fetched once by all that want them at once', async () => {
    const { vaults, othersWait } = crowd(6);
    const mpesa = operator(HOUR_MS, () => othersWait);
    const grants = await Promise.all(
      vaults.flatMap((vault) => [vault.take('once', null, mpesa.fetchGrant), vault.take('once', null, mpesa.fetchGrant)]),
    );
    expect(new Set(grants.map(valueOf))).toEqual(new Set(['token-1']));
    expect(mpesa.given()).toBe(1);
  });

  it('are fetched anew once when all are refused with the same old one, and never handed out again', async () => {
    const { vaults, othersWait } = crowd(4);
    // The first token is fetched by one that is alone.
    const mpesa = operator(HOUR_MS, (given) => (given === 1 ? undefined : othersWait));
    for (const vault of vaults) await vault.take('refused', null, mpesa.fetchGrant);
    const grants = await Promise.all(vaults.map((vault) => vault.take('refused', 'token-1', mpesa.fetchGrant)));
    expect(grants.map(valueOf)).toEqual(Array(4).fill('token-2'));
    expect(mpesa.given()).toBe(2);
    // A process that was away all the time still holds the first, is refused, and finds the second.
    expect(valueOf((await processes(1)[0]?.take('refused', 'token-1', mpesa.fetchGrant)) ?? 'unavailable')).toBe('token-2');
    expect(mpesa.given()).toBe(2);
  });

  it('are renewed before their end, whatever the clock of a process says', async () => {
    const mpesa = operator(200);
    const [first] = processes(1);
    expect(valueOf((await first?.take('short', null, mpesa.fetchGrant)) ?? 'unavailable')).toBe('token-1');
    // A clock a day behind believes the token good for a day; the store knows better.
    const behind = sharedTokenVault({ store: place().store, keyring, clock: manualClock(systemClock.now() - 24 * HOUR_MS) });
    await expect.poll(() => place().store.read('short')).toBeNull();
    expect(valueOf(await behind.take('short', null, mpesa.fetchGrant))).toBe('token-2');
  });

  it('stand encrypted, and open with no other key', async () => {
    const grant: Grant = { value: 'a-secret-token', expiresAtMs: systemClock.now() + HOUR_MS };
    const [vault] = processes(1);
    await vault?.take('secret', null, async () => grant);
    expect(await place().contents()).toContain('secret');
    expect(await place().contents()).not.toContain('a-secret-token');
    const other = createKeyring([{ id: 2, master: createHash('sha256').update('another ring').digest() }]);
    const stranger = sharedTokenVault({ store: place().store, keyring: other, clock: systemClock });
    expect(valueOf(await stranger.take('secret', null, async () => ({ ...grant, value: 'a-new-one' })))).toBe('a-new-one');
  });

  it('pass to the next when whoever was fetching died', async () => {
    expect(await place().store.claim('orphan', newId(), 150)).toBe(true);
    const mpesa = operator();
    const [vault] = processes(1);
    expect(valueOf((await vault?.take('orphan', null, mpesa.fetchGrant)) ?? 'unavailable')).toBe('token-1');
  });

  it('of a holder that was too slow do not take the place of those that came after', async () => {
    const [slow, quick] = [newId(), newId()];
    const sealed = (text: string) => ({ sealed: keyring.encrypt(text, 'operator_tokens.token'), renewInMs: HOUR_MS });
    expect(await place().store.claim('fenced', slow, 30)).toBe(true);
    await expect.poll(() => place().store.claim('fenced', quick, HOUR_MS)).toBe(true);
    expect(await place().store.keep('fenced', slow, sealed('late'))).toBe(false);
    await place().store.release('fenced', slow);
    expect(await place().store.claim('fenced', newId(), HOUR_MS)).toBe(false);
    expect(await place().store.keep('fenced', quick, sealed('right'))).toBe(true);
    const [vault] = processes(1);
    expect(valueOf((await vault?.take('fenced', null, operator().fetchGrant)) ?? 'unavailable')).toBe('right');
  });

  it('that are refused to us are refused to the next caller by the operator, not by us', async () => {
    const [vault] = processes(1);
    expect(await vault?.take('denied', null, async () => 'refused')).toBe('refused');
    expect(valueOf((await vault?.take('denied', null, operator().fetchGrant)) ?? 'unavailable')).toBe('token-1');
    await expect(vault?.take('broken', null, () => Promise.reject(new Error('boom')))).resolves.toBe('unavailable');
    expect(valueOf((await vault?.take('broken', null, operator().fetchGrant)) ?? 'unavailable')).toBe('token-1');
  });
});

it('a store that is away sends nothing and leaves nothing in doubt', async () => {
  const gone = () => Promise.reject(new Error('connection refused'));
  const vault = sharedTokenVault({ store: { read: gone, claim: gone, keep: gone, release: gone }, keyring, clock: systemClock });
  expect(await vault.take('any', null, operator().fetchGrant)).toBe('unavailable');
});

it('nobody waits longer for another’s token than an effect may', async () => {
  let waitedMs = 0;
  const busy: TokenStore = {
    read: async () => null,
    claim: async () => false,
    keep: async () => false,
    release: async () => undefined,
  };
  const vault = sharedTokenVault({
    store: busy,
    keyring,
    clock: systemClock,
    wait: async (ms) => {
      waitedMs += ms;
    },
  });
  expect(await vault.take('any', null, operator().fetchGrant)).toBe('unavailable');
  expect(waitedMs).toBeGreaterThan(4_000);
  expect(waitedMs).toBeLessThan(6_000);
});
