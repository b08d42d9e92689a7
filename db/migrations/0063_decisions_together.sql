-- Ordinary decisions about one payment in one row, and what they share with those about other payments once (0030).
CREATE TABLE "decision_commons" (
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"number" bigserial NOT NULL,
	"client_id" uuid NOT NULL,
	"agent" text NOT NULL,
	"policy_version" text NOT NULL,
	"outcome" text NOT NULL,
	"reasons" json NOT NULL,
	"confidence" real NOT NULL,
	"duration_us" integer NOT NULL,
	"facts" json NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "decision_commons_number" PRIMARY KEY("tx_id","number")
);
--> statement-breakpoint
CREATE TABLE "decision_sets" (
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"position" bigint DEFAULT nextval('agent_activity_position_seq') NOT NULL,
	"id" uuid NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"cohort_id" uuid NOT NULL,
	"commons_from" bigint NOT NULL,
	"commons" integer[] NOT NULL,
	"digests" "bytea" NOT NULL,
	"facts" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "decision_sets_payment" PRIMARY KEY("payment_id","position")
);
--> statement-breakpoint
CREATE INDEX "decision_sets_stream" ON "decision_sets" USING btree ("tx_id","position");--> statement-breakpoint
-- A row of a set stands for as many positions as it holds decisions, eight at most.
ALTER SEQUENCE agent_activity_position_seq INCREMENT BY 8;--> statement-breakpoint
-- A statement draws one number for all that it adds.
ALTER SEQUENCE decision_commons_number_seq INCREMENT BY 65536;--> statement-breakpoint
CREATE TRIGGER decision_sets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_sets
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();--> statement-breakpoint
CREATE TRIGGER decision_commons_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision_commons
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();--> statement-breakpoint
CREATE TRIGGER decision_sets_payment AFTER INSERT ON decision_sets REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_reference();--> statement-breakpoint
CREATE TRIGGER decision_commons_client AFTER INSERT ON decision_commons REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_client_reference();--> statement-breakpoint
ALTER TABLE decision_sets ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY own_client ON decision_sets TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);--> statement-breakpoint
ALTER TABLE decision_commons ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY own_client ON decision_commons TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);--> statement-breakpoint
-- The id of a decision of a set: that of the first, with the decision's number mixed into the last byte.
CREATE FUNCTION decision_id(first uuid, number integer) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN number = 0 THEN first
    ELSE (left(first::text, 34) || lpad(to_hex(get_byte(uuid_send(first), 15) # number), 2, '0'))::uuid END
$$;--> statement-breakpoint
-- The decisions of a set, each as a row of its own, in the order in which they were taken.
CREATE FUNCTION decisions_in(given decision_sets) RETURNS TABLE (id uuid, "position" bigint, agent text, policy_version text,
  facts_digest text, facts json, outcome text, reasons json, confidence real, duration_us integer) LANGUAGE sql STABLE AS $$
  SELECT decision_id(given.id, part.place::int - 1), given.position + part.place - 1, shared.agent, shared.policy_version,
    encode(substring(given.digests FROM 32 * part.place::int - 31 FOR 32), 'hex'),
    (shared.facts::jsonb || split_part(given.facts, E'\x1e', part.place::int)::jsonb)::json,
    shared.outcome, shared.reasons, shared.confidence, shared.duration_us
  FROM unnest(given.commons) WITH ORDINALITY AS part(number, place)
    -- Each is looked up by itself, whatever the planner was last told of the tables (0022).
    CROSS JOIN LATERAL (SELECT * FROM decision_commons c WHERE c.tx_id = given.tx_id AND c.number = given.commons_from + part.number OFFSET 0) shared
$$;--> statement-breakpoint
-- Every decision, however it is kept, with the rights of whoever asks.
CREATE VIEW decisions WITH (security_invoker = true) AS
  SELECT id, tx_id, position, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence,
    duration_us, model_id, prompt_hash, created_at
  FROM agent_activity
  UNION ALL
  SELECT one.id, given.tx_id, one.position, given.client_id, given.payment_id, given.cohort_id, one.agent, one.policy_version,
    one.facts_digest, one.facts, one.outcome, one.reasons, one.confidence, one.duration_us, NULL, NULL, given.created_at
  FROM decision_sets given CROSS JOIN LATERAL decisions_in(given) one;--> statement-breakpoint
GRANT SELECT ON decision_sets, decision_commons, decisions TO capp_tenant;--> statement-breakpoint
GRANT SELECT ON decisions TO capp_service;--> statement-breakpoint
-- Indexes by which nothing is looked for: what belongs to a payment is found by the payment. Each costs an entry for every row.
ALTER TABLE "payment_events" DROP CONSTRAINT "payment_events_pkey";--> statement-breakpoint
DROP INDEX "payment_events_payment";--> statement-breakpoint
ALTER TABLE "payment_events" ADD CONSTRAINT "payment_events_payment" PRIMARY KEY("payment_id","id");--> statement-breakpoint
ALTER TABLE "compliance_records" DROP CONSTRAINT "compliance_records_pkey";--> statement-breakpoint
DROP INDEX "compliance_records_payment";--> statement-breakpoint
ALTER TABLE "compliance_records" ADD CONSTRAINT "compliance_records_payment" PRIMARY KEY("payment_id","id");--> statement-breakpoint
DROP INDEX "quotes_client";--> statement-breakpoint
-- What a transfer ends is looked up once for a statement, as its accounts are (0007): most transfers end nothing, and each was asked.
CREATE OR REPLACE FUNCTION check_transfer_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
  SELECT CASE WHEN debit.id IS NULL THEN 'debit' ELSE 'credit' END INTO wrong
  FROM (SELECT DISTINCT debit_account_id, credit_account_id, currency FROM added) pair
  LEFT JOIN accounts debit ON debit.id = pair.debit_account_id AND debit.currency = pair.currency
  LEFT JOIN accounts credit ON credit.id = pair.credit_account_id AND credit.currency = pair.currency
  WHERE debit.id IS NULL OR credit.id IS NULL LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'a transfer %s an account that does not exist in its currency', wrong
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfers_' || wrong || '_account', TABLE = 'transfers';
  END IF;
  -- Each is looked up by itself, whatever the planner was last told of the table (0022).
  IF EXISTS (SELECT FROM added WHERE pending_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM transfers begun WHERE begun.id = added.pending_id OFFSET 0)) THEN
    RAISE EXCEPTION 'a transfer ends one that does not exist'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfers_pending_transfer', TABLE = 'transfers';
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'ALTER TABLE transfers ALTER CONSTRAINT transfers_pending_transfer NOT ENFORCED';
  END IF;
END $$;
