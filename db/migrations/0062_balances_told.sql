CREATE TABLE "operator_balances" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"account" text NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"amount" bigint,
	"currency" text,
	"reason_code" text,
	CONSTRAINT "operator_balances_token" UNIQUE("token_hash"),
	CONSTRAINT "operator_balances_told" CHECK (("operator_balances"."amount" is null) = ("operator_balances"."currency" is null)),
	CONSTRAINT "operator_balances_ended" CHECK (("operator_balances"."ended_at" is null) = ("operator_balances"."amount" is null and "operator_balances"."reason_code" is null))
);
--> statement-breakpoint
CREATE INDEX "operator_balances_latest" ON "operator_balances" USING btree ("rail_id","account","asked_at");--> statement-breakpoint
CREATE INDEX "operator_balances_age" ON "operator_balances" USING btree ("asked_at");--> statement-breakpoint
CREATE TRIGGER operator_balances_fixed BEFORE UPDATE OF id, rail_id, account, token_hash, asked_at ON operator_balances
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- A question is answered once.
CREATE TRIGGER operator_balances_answered_once BEFORE UPDATE ON operator_balances
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_alteration();
