/** Halts as they are kept, and the condition by which statements that move money keep to them. */
import type { Pool } from 'pg';
import type { HaltScope } from '../../domain/halt.ts';
import type { Queryable } from '../connect.ts';

/** True of attempts that no halt in force covers. The corridor is looked up only where a halt names one. */
export const notHaltedSql = (attempt: string): string => `not exists (select from execution_halts h where h.lifted_at is null
    and (h.client_id is null or h.client_id = ${attempt}.client_id) and (h.rail_id is null or h.rail_id = ${attempt}.rail_id)
    and (h.payment_id is null or h.payment_id = ${attempt}.payment_id)
    and (h.corridor is null or h.corridor = (select p.from_country || '-' || p.to_country from payments p where p.id = ${attempt}.payment_id)))`;

export interface Halt extends HaltScope {
  readonly id: string;
  readonly reason: string;
  readonly begunBy: string;
  readonly begunAt: Date;
  /** The client whose people may lift it; null: only whoever runs the platform. */
  readonly liftClientId: string | null;
  readonly liftAskedBy: string | null;
  readonly liftAskedAt: Date | null;
  readonly liftedBy: string | null;
  readonly liftedAt: Date | null;
}

const COLUMNS = `id, client_id as "clientId", corridor, rail_id as "railId", payment_id as "paymentId", reason, begun_by as "begunBy",
  begun_at as "begunAt", lift_client_id as "liftClientId", lift_asked_by as "liftAskedBy", lift_asked_at as "liftAskedAt", lifted_by as "liftedBy", lifted_at as "liftedAt"`;

/** What halts in force cover. */
export async function haltsInForce(db: Queryable | Pool): Promise<HaltScope[]> {
  const { rows } = await db.query<HaltScope>({
    name: 'halts_in_force',
    text: `select client_id as "clientId", corridor, rail_id as "railId", payment_id as "paymentId" from execution_halts where lifted_at is null`,
  });
  return rows;
}

const REQUESTS = `(select count(*)::int from attempts a where a.state in ('sent', 'pending', 'unknown') and ($1::uuid is null or a.client_id = $1)
    and ($3::text is null or a.rail_id = $3) and ($4::uuid is null or a.payment_id = $4)
    and ($2::text is null or $2 = (select p.from_country || '-' || p.to_country from payments p where p.id = a.payment_id)))`;

/** True of batches that a halt of these parts covers; domain/halt.ts `coversSettlement` says the same. */
const SETTLES = `$1::uuid is null and $2::text is null and $4::uuid is null and ($3::text is null or b.partner = $3)`;

/** What of a halt's scope was sent before it began, and is not called back. */
export interface UnderWay {
  /** Requests to operators whose outcome is open. */
  readonly requests: number;
  /** Calls to the settlement chain whose outcome is open. */
  readonly chainCalls: number;
  /** Batches that the chain has executed and not paid yet: when their time to be disputed is over anybody there may have them paid. */
  readonly payouts: number;
}

/** Counts it. Asked after the halt is committed, it misses at most what was being claimed in that very moment. */
export async function underWayOf(db: Queryable | Pool, { clientId, corridor, railId, paymentId }: HaltScope): Promise<UnderWay> {
  const { rows } = await db.query<UnderWay>({
    name: 'halt_under_way',
    text: `select
        ${REQUESTS} as requests,
        (select count(*)::int from settlement_steps s join settlement_batches b on b.id = s.batch_id where s.state in ('sent', 'unknown')
          and s.kind in ('propose', 'approve', 'execute', 'pay', 'refund') and ${SETTLES}) as "chainCalls",
        (select count(*)::int from settlement_batches b where b.method = 'chain' and b.status in ('executed', 'disputed') and ${SETTLES}) as payouts`,
    values: [clientId, corridor, railId, paymentId],
  });
  return rows[0] ?? { requests: 0, chainCalls: 0, payouts: 0 };
}

/** The same for one client's people, who have no part in settlement. */
export async function requestsUnderWay(db: Queryable | Pool, scope: HaltScope): Promise<number> {
  const { rows } = await db.query<{ requests: number }>({
    name: 'halt_requests_under_way',
    text: `select ${REQUESTS} as requests`,
    values: [scope.clientId, scope.corridor, scope.railId, scope.paymentId],
  });
  return rows[0]?.requests ?? 0;
}

/** Halts, those in force first, then the newest: those that cover one client, or with null all of them. */
export async function listHalts(db: Queryable | Pool, clientId: string | null, limit: number): Promise<Halt[]> {
  const { rows } = await db.query<Halt>({
    name: 'list_halts',
    text: `select ${COLUMNS} from execution_halts where $1::uuid is null or client_id = $1 or (client_id is null and payment_id is null)
      order by (lifted_at is null) desc, begun_at desc, id desc limit $2`,
    values: [clientId, limit],
  });
  return rows;
}

/** Begins a halt. */
export async function beginHalt(
  tx: Queryable,
  halt: HaltScope & Pick<Halt, 'id' | 'reason' | 'liftClientId'> & { readonly principal: string; readonly nowMs: number },
): Promise<Halt> {
  const { rows } = await tx.query<Halt>({
    name: 'begin_halt',
    text: `insert into execution_halts (id, client_id, corridor, rail_id, payment_id, reason, begun_by, begun_at, lift_client_id)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COLUMNS}`,
    values: [
      halt.id,
      halt.clientId,
      halt.corridor,
      halt.railId,
      halt.paymentId,
      halt.reason,
      halt.principal,
      new Date(halt.nowMs),
      halt.liftClientId,
    ],
  });
  const begun = rows[0];
  if (begun === undefined) throw new RangeError('a halt that was just begun is missing');
  return begun;
}

/** A halt that one client's people may lift, or with null any halt, locked until the transaction ends. Null when there is none such of that id. */
export async function lockHalt(tx: Queryable, id: string, clientId: string | null): Promise<Halt | null> {
  const { rows } = await tx.query<Halt>({
    name: 'lock_halt',
    text: `select ${COLUMNS} from execution_halts where id = $1 and ($2::uuid is null or lift_client_id = $2) for update`,
    values: [id, clientId],
  });
  return rows[0] ?? null;
}

/** Writes down who asks for the end of a halt, or with `end` who agrees to it; a check refuses the same person twice. */
export async function stepToLift(tx: Queryable, id: string, step: 'ask' | 'end', principal: string, nowMs: number): Promise<Halt> {
  const { rows } = await tx.query<Halt>({
    name: `lift_halt_${step}`,
    text: `update execution_halts set ${step === 'ask' ? 'lift_asked_by = $2, lift_asked_at = $3' : 'lifted_by = $2, lifted_at = $3'}
      where id = $1 and lifted_at is null returning ${COLUMNS}`,
    values: [id, principal, new Date(nowMs)],
  });
  const found = rows[0];
  if (found === undefined) throw new RangeError('a halt that was locked is missing');
  return found;
}
