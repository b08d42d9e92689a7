CREATE TABLE "operator_answers" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"product" text NOT NULL,
	"attempt_id" uuid,
	"status" smallint NOT NULL,
	"reason_code" text NOT NULL,
	"body" "bytea" NOT NULL,
	"body_digest" "bytea" NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL,
	"last_received_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "operator_answers_same" UNIQUE NULLS NOT DISTINCT("attempt_id","rail_id","product","reason_code","body_digest"),
	CONSTRAINT "operator_answers_product" CHECK ("operator_answers"."product" in ('collection', 'payout', 'refund', 'inquiry', 'balance', 'wallet', 'token'))
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "is_unsent" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "operator_answers_age" ON "operator_answers" USING btree ("last_received_at");--> statement-breakpoint
CREATE TRIGGER operator_answers_fixed
  BEFORE UPDATE OF id, rail_id, product, attempt_id, status, reason_code, body, body_digest, received_at ON operator_answers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- Answers that were given to no attempt belong to nobody; they are shown without what they say.
ALTER TABLE operator_answers ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON operator_answers TO capp_tenant
  USING (attempt_id IS NULL OR EXISTS (SELECT FROM attempts WHERE attempts.id = operator_answers.attempt_id));
--> statement-breakpoint
GRANT SELECT (id, rail_id, product, attempt_id, status, reason_code, times, received_at, last_received_at) ON operator_answers TO capp_tenant;
