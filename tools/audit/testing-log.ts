/** An audit log with rows in every source, over a migrated database. */
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { createKeyring } from '../../db/keyring.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { type Pool, withTransaction } from '../../db/connect.ts';
import { type RecordedDecision, recordDecisions } from '../../db/queries/decisions.ts';
import { createFactsWriter } from '../../domain/facts.ts';
import { manualClock } from '../../domain/clock.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { type Sealed, type SealLimits, sealAudit } from './seal.ts';
import { verifyAudit } from './verify.ts';

/** Makes it. */
export async function logOver<Database extends { readonly pool: Pool }>(database: Database) {
  const { pool } = database;
  const deps = { pool, clock: manualClock(Date.UTC(2026, 10, 2, 9)), keyring: createKeyring([{ id: 1, master: Buffer.alloc(32, 5) }]) };
  const clientId = await insertClient(pool);
  await pool.query(
    `insert into accounts (code, kind, currency, normal_side) values ('clearing:KES', 'clearing', 'KES', 'credit'), ('fees:KES', 'fees', 'KES', 'credit')`,
  );

  /** Writes what a payment leaves in every source; returns its id. */
  async function writePayment(): Promise<string> {
    const paymentId = await insertPayment(pool, { clientId });
    await pool.query(
      `insert into payment_events (client_id, payment_id, from_status, to_status, cause)
       values ($1, $2, null, 'accepted', 'client'), ($1, $2, 'accepted', 'held', 'cohort:1')`,
      [clientId, paymentId],
    );
    await pool.query(
      `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence, duration_us)
       values ($1, $2, $3, $4, 'compliance', 'v1', 'digest', $5, 'flag', '[{"code": "velocity"}]', 0.85, 12)`,
      [newId(), clientId, paymentId, newId(), JSON.stringify({ amountMinor: '100000', note: 'Ünï "quoted" \\ \n', big: 1.5e300 })],
    );
    await withTransaction(pool, (tx) => recordDecisions(tx, ordinaryDecisions(clientId, paymentId), deps.clock.now()));
    await pool.query(
      `insert into compliance_records (id, client_id, payment_id, outcome, list_version, hits, rules) values ($1, $2, $3, 'flag', 'l1', '[]', '["velocity"]')`,
      [newId(), clientId, paymentId],
    );
    await pool.query(
      `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason, payment_id)
       values (gen_random_uuid(), 'posted', 1, 2, 100, 'KES', 'fee', $1), (gen_random_uuid(), 'posted', 2, 1, 50, 'KES', 'refund', $1)`,
      [paymentId],
    );
    await writeCase(paymentId);
    return paymentId;
  }

  async function writeCase(paymentId: string): Promise<void> {
    const caseId = newId();
    await pool.query(
      `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at) values ($1, $2, $3, 50, '[]', '{}', 'digest', now())`,
      [caseId, clientId, paymentId],
    );
    await pool.query(
      `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest)
       values ($1, $2, $3, 'officer:amina', 'release', 'known_customer', '\\x0102', 'digest')`,
      [newId(), caseId, paymentId],
    );
    const event = {
      clientId,
      actor: 'officer:amina',
      action: 'case.claimed',
      subject: `case:${caseId}`,
      paymentId,
      details: { untilMs: 1 },
    };
    await recordAuditEvents(pool, [event], deps.clock.now());
  }

  /** Resolves once nothing that is under way on this server, in other tests either, began before what was written so far. */
  async function untilDecided(): Promise<void> {
    const written = await pool.query<{ tx: string }>('select pg_current_xact_id()::text as tx');
    for (;;) {
      const { rows } = await pool.query<{ decided: boolean }>('select pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 as decided', [
        written.rows[0]?.tx,
      ]);
      if (rows[0]?.decided === true) return;
    }
  }

  /**
   * Seals until nothing waits. Transactions of other tests on the same server hold the horizon back for a
   * moment: sealing again is the condition waited for.
   */
  async function sealAll(limits: SealLimits = {}): Promise<Sealed> {
    let [blocks, rows, head] = [0, 0, null as Sealed['head']];
    for (;;) {
      const sealed = await sealAudit(deps, limits);
      blocks += sealed.blocks;
      rows += sealed.rows;
      head = sealed.head ?? head;
      if (sealed.stalled || (await verifyAudit(deps)).unsealed === 0) return { blocks, rows, head, stalled: sealed.stalled };
    }
  }

  return { ...database, deps, clientId, writePayment, untilDecided, sealAll, verify: () => verifyAudit(deps) };
}

/** Two decisions that are kept together. What they share is told from what others share by the cohort. */
function ordinaryDecisions(clientId: string, paymentId: string): RecordedDecision[] {
  const cohortId = newId();
  return (['route-optimizer', 'liquidity'] as const).map((agent) => {
    const facts = { amountMinor: paymentId.slice(-4), cohortId, note: 'Ünï "quoted" \\ \n', big: 1.5e300 };
    const { whole, ...parts } = createFactsWriter(['amountMinor'])(facts);
    const outcome = agent === 'liquidity' ? 'reserve' : 'routed';
    const common = {
      policyVersion: 'v1',
      reasons: [{ code: 'a', text: 'b' }],
      confidence: 0.85,
      durationUs: 3,
      modelId: null,
      promptHash: null,
    };
    return { ...common, clientId, paymentId, cohortId, agent, outcome, facts, factsDigest: digestOf(whole), factsJson: whole, parts };
  });
}
