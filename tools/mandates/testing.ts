/** A client whose agents pay under mandates, for tests: mandates are given and payments stored as the way in would. */
import type { Pool } from 'pg';
import { type Queryable, withTransaction } from '../../db/connect.ts';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { intentFingerprint } from '../../db/intent-fingerprint.ts';
import { createKeyring } from '../../db/keyring.ts';
import type { TestDatabase } from '../../db/testing.ts';
import { type Clock, manualClock } from '../../domain/clock.ts';
import { type IntentInput, parseIntent, type PaymentIntent } from '../../domain/intent.ts';
import type { SpendPolicy } from '../../domain/spend-policy.ts';
import { issueMandate, type MandateWish, takeBack } from './issue.ts';
import { createMandateDesk, type MandateDesk } from './spend.ts';

export const HOUR_MS = 3_600_000;
export const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 5) }]);

export interface MandateWorld {
  readonly clientId: string;
  readonly clock: Clock & { advance(ms: number): void };
  readonly desk: MandateDesk;
  /** Gives `agent:buyer` a mandate for a day. */
  issue(policy: SpendPolicy, over?: Partial<MandateWish>): ReturnType<typeof issueMandate>;
  revoke(id: string, principal?: string): ReturnType<typeof takeBack>;
  /** Stores a payment; its id. */
  store(paid: PaymentIntent, db?: Queryable): Promise<string>;
  /** Spends; the id of the payment that comes of it. */
  spend(paid?: PaymentIntent, principal?: string): Promise<string>;
  /** What the audit log says was done with a mandate. */
  actsOn(id: string): Promise<string[]>;
  /** Payments that are counted under the client's mandates. */
  counted(): Promise<number>;
}

/** Makes a client of its own, on a clock of its own. */
export async function openMandateWorld({ pool }: TestDatabase): Promise<MandateWorld> {
  const clock = manualClock(Date.UTC(2026, 10, 25, 9));
  const clientId = await insertClient(pool);
  const desk = createMandateDesk({ pool, keyring, clock });
  const store: MandateWorld['store'] = (paid, db = pool) => {
    const fingerprint = intentFingerprint(keyring, clientId, paid);
    return insertPayment(db, { clientId, referenceId: paid.referenceId, fingerprint, amount: paid.amount.minor });
  };
  return {
    clientId,
    clock,
    desk,
    store,
    issue: (policy, over = {}) =>
      withTransaction(pool, (tx) => {
        const wish = { clientId, parentId: null, holder: 'agent:buyer', issuer: 'person:jane', policy, notBeforeMs: clock.now() };
        return issueMandate(tx, keyring, { ...wish, expiresAtMs: clock.now() + 24 * HOUR_MS, ...over }, clock.now());
      }),
    revoke: (id, principal = 'person:jane') => withTransaction(pool, (tx) => takeBack(tx, clientId, id, principal, clock.now())),
    spend: (paid = intent(), principal = 'agent:buyer') => desk.spend({ clientId, principal }, paid, () => store(paid)),
    actsOn: async (id) => {
      const { rows } = await pool.query<{ action: string }>('select action from audit_events where subject = $1 order by id', [
        `mandate:${id}`,
      ]);
      return rows.map(({ action }) => action);
    },
    counted: async () => (await pool.query('select 1 from mandate_spends where client_id = $1', [clientId])).rowCount ?? 0,
  };
}

let made = 0;

/** What somebody wants to pay, under a reference of its own. */
export function intent(over: Partial<IntentInput> = {}): PaymentIntent {
  const parsed = parseIntent({
    referenceId: `ref-${(made += 1)}`,
    amount: '1000',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Achieng Odhiambo', phone: '+254712345678', country: 'KE' },
    receiver: { name: 'Grace Nakato', phone: '+256772345678', country: 'UG' },
    ...over,
  });
  if (!parsed.ok) throw new Error('the intent of the test is wrong');
  return parsed.intent;
}

/** Minor units of whole shillings, as text. */
export const minor = (major: number): string => String(major * 100);

/** A pool that tells the name of each statement that goes through it. */
export function watchedPool(pool: Pool, tell: (name: string) => void): Pool {
  const watched = <T extends { query: Pool['query'] }>(target: T): T =>
    new Proxy(target, {
      get: (_target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key === 'connect') return async () => watched((await pool.connect()) as unknown as T);
        return (...given: unknown[]) => {
          const [first] = given;
          if (key === 'query' && typeof first === 'object' && first !== null && 'name' in first) tell(String(first.name));
          return Reflect.apply(value, target, given) as unknown;
        };
      },
    });
  return watched(pool);
}
