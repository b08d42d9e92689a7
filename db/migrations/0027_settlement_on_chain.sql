CREATE TABLE "audit_anchors" (
	"block_number" bigint PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"state" text DEFAULT 'sent' NOT NULL,
	"transaction_hash" text,
	"ledger_version" bigint,
	"sent_at" timestamp (3) with time zone NOT NULL,
	"anchored_at" timestamp (3) with time zone,
	CONSTRAINT "audit_anchors_state" CHECK ("audit_anchors"."state" in ('sent', 'unknown', 'anchored'))
);
--> statement-breakpoint
CREATE TABLE "settlement_approvals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"batch_id" uuid NOT NULL,
	"approver" text NOT NULL,
	"key_name" text NOT NULL,
	"proposal_digest" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "settlement_approvals_approver" UNIQUE("batch_id","approver"),
	CONSTRAINT "settlement_approvals_key" UNIQUE("batch_id","key_name")
);
--> statement-breakpoint
CREATE TABLE "settlement_cases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"batch_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"evidence" jsonb NOT NULL,
	"evidence_digest" text NOT NULL,
	"closed_by" text,
	"reason_code" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp (3) with time zone,
	CONSTRAINT "settlement_cases_kind" CHECK ("settlement_cases"."kind" in ('disputed', 'expired', 'mismatched', 'refused')),
	CONSTRAINT "settlement_cases_status" CHECK ("settlement_cases"."status" in ('open', 'resolved'))
);
--> statement-breakpoint
CREATE TABLE "settlement_steps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"batch_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"signer" text DEFAULT '' NOT NULL,
	"sequence" integer NOT NULL,
	"state" text DEFAULT 'sent' NOT NULL,
	"reason_code" text,
	"transaction_hash" text,
	"ledger_version" bigint,
	"inquiries" integer DEFAULT 0 NOT NULL,
	"sent_at" timestamp (3) with time zone NOT NULL,
	"resolved_at" timestamp (3) with time zone,
	CONSTRAINT "settlement_steps_sequence" UNIQUE("batch_id","kind","signer","sequence"),
	CONSTRAINT "settlement_steps_kind" CHECK ("settlement_steps"."kind" in ('propose', 'approve', 'execute')),
	CONSTRAINT "settlement_steps_state" CHECK ("settlement_steps"."state" in ('sent', 'unknown', 'succeeded', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "settlement_strays" (
	"payment_id" uuid PRIMARY KEY NOT NULL,
	"reason_code" text NOT NULL,
	"window_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settlement_window_decisions" (
	"window_id" uuid NOT NULL,
	"client_id" uuid NOT NULL,
	"decision_id" uuid NOT NULL,
	CONSTRAINT "settlement_window_decisions_window_id_client_id_pk" PRIMARY KEY("window_id","client_id")
);
--> statement-breakpoint
CREATE TABLE "settlement_windows" (
	"id" uuid PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL,
	"closed_by" text NOT NULL,
	"payment_count" integer NOT NULL,
	"base_snapshot" "pg_snapshot" NOT NULL,
	"snapshot" "pg_snapshot" NOT NULL,
	"after_tx" "xid8" NOT NULL,
	"after_event" bigint NOT NULL,
	"up_to_tx" "xid8",
	"up_to_event" bigint,
	"policy_version" text NOT NULL,
	"facts" jsonb NOT NULL,
	"facts_digest" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "settlement_windows_number" UNIQUE("number"),
	CONSTRAINT "settlement_windows_cause" CHECK ("settlement_windows"."closed_by" in ('count', 'age', 'value', 'exposure')),
	CONSTRAINT "settlement_windows_end" CHECK (("settlement_windows"."up_to_tx" is null) = ("settlement_windows"."up_to_event" is null))
);
--> statement-breakpoint
ALTER TABLE "accounts" DROP CONSTRAINT "accounts_kind";--> statement-breakpoint
ALTER TABLE "settlement_batches" ALTER COLUMN "status" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "window_id" uuid;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "item_count" integer;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "carried_amount" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "due_amount" bigint;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "method" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "policy_version" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "facts" jsonb;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "facts_digest" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "reasons" jsonb;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "approval_by" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "approvals_needed" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "deadline_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "proposal_digest" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "carried_to" uuid;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "transaction_hash" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "ledger_version" bigint;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "lease_token" uuid;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "lease_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "next_step_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "setbacks" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "audit_anchors" ADD CONSTRAINT "audit_anchors_block_number_audit_blocks_number_fk" FOREIGN KEY ("block_number") REFERENCES "public"."audit_blocks"("number") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_approvals" ADD CONSTRAINT "settlement_approvals_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_cases" ADD CONSTRAINT "settlement_cases_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_steps" ADD CONSTRAINT "settlement_steps_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_strays" ADD CONSTRAINT "settlement_strays_window_id_settlement_windows_id_fk" FOREIGN KEY ("window_id") REFERENCES "public"."settlement_windows"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_window_decisions" ADD CONSTRAINT "settlement_window_decisions_window_id_settlement_windows_id_fk" FOREIGN KEY ("window_id") REFERENCES "public"."settlement_windows"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_window_decisions" ADD CONSTRAINT "settlement_window_decisions_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_cases_one_open" ON "settlement_cases" USING btree ("batch_id","kind") WHERE "settlement_cases"."status" = 'open';--> statement-breakpoint
CREATE INDEX "settlement_cases_queue" ON "settlement_cases" USING btree ("status","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_steps_one_open" ON "settlement_steps" USING btree ("batch_id") WHERE "settlement_steps"."state" in ('sent', 'unknown');--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_steps_once" ON "settlement_steps" USING btree ("batch_id","kind","signer") WHERE "settlement_steps"."state" = 'succeeded';--> statement-breakpoint
CREATE INDEX "settlement_strays_waiting" ON "settlement_strays" USING btree ("payment_id") WHERE "settlement_strays"."window_id" is null;--> statement-breakpoint
CREATE INDEX "settlement_strays_window" ON "settlement_strays" USING btree ("window_id");--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_window_id_settlement_windows_id_fk" FOREIGN KEY ("window_id") REFERENCES "public"."settlement_windows"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_batches_position" ON "settlement_batches" USING btree ("window_id","partner","currency");--> statement-breakpoint
CREATE INDEX "settlement_batches_to_drive" ON "settlement_batches" USING btree ("next_step_at") WHERE "settlement_batches"."method" = 'chain' and "settlement_batches"."status" in ('closed', 'proposed', 'approved', 'executed', 'disputed');--> statement-breakpoint
CREATE INDEX "settlement_batches_open" ON "settlement_batches" USING btree ("partner","currency") WHERE "settlement_batches"."carried_to" is null and "settlement_batches"."due_amount" <> 0 and ("settlement_batches"."method" = 'books' or "settlement_batches"."status" <> 'settled');--> statement-breakpoint
CREATE INDEX "settlement_batches_keys" ON "settlement_batches" USING btree ("created_at") WHERE "settlement_batches"."approval_by" = 'policy';--> statement-breakpoint
CREATE INDEX "settlement_batches_status_list" ON "settlement_batches" USING btree ("status","id");--> statement-breakpoint
-- Paid payments are settled by their place in the log of events: they are neither marked nor looked for by status.
CREATE OR REPLACE FUNCTION enter_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payments_by_status (status, payment_id, client_id) SELECT status, id, client_id FROM added WHERE status <> 'paid';
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION follow_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[]; before_them text[]; after_them text[]; refused text;
BEGIN
  SELECT array_agg(step.id), array_agg(step.was), array_agg(step.is_now),
    min(format('a payment that is %s cannot become %s', step.was, step.is_now))
      FILTER (WHERE NOT payment_may_become(step.was, step.is_now, step.between_balances))
  INTO ids, before_them, after_them, refused
  FROM (
    SELECT now_row.id, was_row.status AS was, now_row.status AS is_now,
      now_row.funding = 'balance' AND now_row.delivery = 'balance' AS between_balances
    FROM was was_row JOIN is_now now_row ON now_row.id = was_row.id WHERE was_row.status <> now_row.status
  ) step;
  IF refused IS NOT NULL THEN
    RAISE EXCEPTION '%', refused USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
  END IF;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  IF 'paid' = ANY (after_them) THEN
    DELETE FROM payments_by_status s USING unnest(ids, before_them, after_them) AS step(id, was, is_now)
    WHERE step.is_now = 'paid' AND s.status = step.was AND s.payment_id = step.id;
  END IF;
  IF 'paid' <> ANY (after_them) THEN
    UPDATE payments_by_status s SET status = step.is_now FROM unnest(ids, before_them, after_them) AS step(id, was, is_now)
    WHERE step.is_now <> 'paid' AND s.status = step.was AND s.payment_id = step.id;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
DELETE FROM payments_by_status WHERE status = 'paid';
--> statement-breakpoint
-- What earlier versions netted: their windows are known by the moment they were closed at, and none of them was settled on a chain.
INSERT INTO settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, policy_version, facts, facts_digest, created_at)
  SELECT gen_random_uuid(), row_number() OVER (ORDER BY created_at), 'age', 0, '1:1:', '1:1:', '0', 0, 'settlement-1', '{}', '', created_at
  FROM (SELECT DISTINCT created_at FROM settlement_batches) AS closed;
--> statement-breakpoint
UPDATE settlement_batches b SET window_id = w.id, method = 'books', status = 'settled', settled_at = b.created_at, due_amount = b.net_amount,
    policy_version = 'settlement-1', facts = '{}', facts_digest = '', reasons = '[]', carried_to = b.id,
    item_count = (SELECT count(*) FROM settlement_items i WHERE i.batch_id = b.id)
  FROM settlement_windows w WHERE w.created_at = b.created_at;
--> statement-breakpoint
ALTER TABLE settlement_batches ALTER COLUMN window_id SET NOT NULL, ALTER COLUMN item_count SET NOT NULL, ALTER COLUMN due_amount SET NOT NULL,
  ALTER COLUMN method SET NOT NULL, ALTER COLUMN policy_version SET NOT NULL, ALTER COLUMN facts SET NOT NULL, ALTER COLUMN facts_digest SET NOT NULL,
  ALTER COLUMN reasons SET NOT NULL;
--> statement-breakpoint
ALTER TABLE settlement_items RENAME TO settlement_items_before;
--> statement-breakpoint
CREATE TABLE settlement_items ("batch_id" uuid NOT NULL, "items" "bytea" NOT NULL);
--> statement-breakpoint
INSERT INTO settlement_items (batch_id, items)
  SELECT batch_id, string_agg(uuid_send(payment_id) || CASE leg WHEN 'collection' THEN '\x01'::bytea ELSE '\x02'::bytea END || int8send(amount), '' ORDER BY position)
  FROM settlement_items_before GROUP BY batch_id;
--> statement-breakpoint
DROP TABLE settlement_items_before;
--> statement-breakpoint
ALTER TABLE settlement_items ADD PRIMARY KEY (batch_id);
--> statement-breakpoint
ALTER TABLE settlement_items ADD CONSTRAINT "settlement_items_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
INSERT INTO settlement_strays (payment_id, reason_code, window_id)
  SELECT p.id, 'earlier_version', b.window_id FROM payments p LEFT JOIN settlement_batches b ON b.id = p.settlement_batch_id WHERE p.status = 'paid';
--> statement-breakpoint
INSERT INTO settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, policy_version, facts, facts_digest)
  SELECT gen_random_uuid(), (SELECT count(*) + 1 FROM settlement_windows), 'age', 0, '1:1:', pg_current_snapshot(), '0', 0, 'settlement-1', '{}', ''
  WHERE EXISTS (SELECT 1 FROM payments);
--> statement-breakpoint
ALTER TABLE "settlement_batches" DROP COLUMN "chain_reference";--> statement-breakpoint
ALTER TABLE "payments" DROP COLUMN "settlement_batch_id";--> statement-breakpoint
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_kind" CHECK ("accounts"."kind" in ('float', 'clearing', 'fees', 'position', 'rounding', 'treasury', 'suspense', 'client', 'partner', 'chain'));--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_method" CHECK ("settlement_batches"."method" in ('books', 'chain'));--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_status" CHECK ("settlement_batches"."status" in ('closed', 'proposed', 'approved', 'executed', 'disputed', 'settled', 'expired', 'mismatched'));--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_approval" CHECK ("settlement_batches"."approval_by" in ('policy', 'people'));--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_net" CHECK ("settlement_batches"."net_amount" = "settlement_batches"."collected_amount" - "settlement_batches"."disbursed_amount");
--> statement-breakpoint
-- Rows that are written once.
CREATE TRIGGER settlement_items_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_items
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER settlement_windows_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_windows
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER settlement_window_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_window_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER settlement_approvals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_approvals
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- What was netted, and what was put before the approvers, is not changed afterwards.
CREATE TRIGGER settlement_batches_fixed
  BEFORE UPDATE OF id, window_id, partner, currency, payment_count, item_count, collected_amount, disbursed_amount, net_amount, carried_amount,
    due_amount, merkle_root, method, policy_version, facts, facts_digest, reasons, approval_by, approvals_needed, created_at ON settlement_batches
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER settlement_batches_fixed_once BEFORE UPDATE OF deadline_at, proposal_digest, carried_to ON settlement_batches
  FOR EACH ROW WHEN ((OLD.proposal_digest IS NOT NULL AND (OLD.proposal_digest, OLD.deadline_at) IS DISTINCT FROM (NEW.proposal_digest, NEW.deadline_at))
    OR (OLD.carried_to IS NOT NULL AND OLD.carried_to IS DISTINCT FROM NEW.carried_to))
  EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- A batch goes only where domain/settlement.ts BATCH_TRANSITIONS lets it go; a test compares the two pair by pair.
CREATE FUNCTION guard_batch_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = ANY (CASE OLD.status
    WHEN 'closed' THEN ARRAY['proposed', 'approved', 'executed', 'expired', 'mismatched']
    WHEN 'proposed' THEN ARRAY['approved', 'executed', 'disputed', 'expired', 'mismatched']
    WHEN 'approved' THEN ARRAY['executed', 'disputed', 'expired', 'mismatched']
    WHEN 'executed' THEN ARRAY['disputed', 'settled', 'mismatched']
    WHEN 'disputed' THEN ARRAY['executed', 'settled', 'mismatched']
    WHEN 'mismatched' THEN ARRAY['executed', 'settled', 'expired']
    ELSE ARRAY[]::text[]
  END) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a settlement batch that is % cannot become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batches_transition', TABLE = 'settlement_batches';
END $$;
--> statement-breakpoint
CREATE TRIGGER settlement_batches_transition BEFORE UPDATE OF status ON settlement_batches
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_batch_transition();
--> statement-breakpoint
-- A window is found by the transactions its snapshot could know.
CREATE INDEX settlement_windows_horizon ON settlement_windows (pg_snapshot_xmax(snapshot), number);
--> statement-breakpoint
-- Strung-together items do not compress.
ALTER TABLE settlement_items ALTER COLUMN items SET STORAGE EXTERNAL;
