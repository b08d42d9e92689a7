CREATE TABLE "settlement_disputes" (
	"batch_id" uuid PRIMARY KEY NOT NULL,
	"opened_by" text NOT NULL,
	"reason_code" text NOT NULL,
	"evidence_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settlement_votes" (
	"batch_id" uuid NOT NULL,
	"arbiter" text NOT NULL,
	"number" smallint NOT NULL,
	"key_name" text NOT NULL,
	"reversed_amount" bigint NOT NULL,
	"reason_code" text NOT NULL,
	"evidence_hash" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "settlement_votes_batch_id_arbiter_number_pk" PRIMARY KEY("batch_id","arbiter","number"),
	CONSTRAINT "settlement_votes_number" CHECK ("settlement_votes"."number" >= 1),
	CONSTRAINT "settlement_votes_reversed" CHECK ("settlement_votes"."reversed_amount" >= 0)
);
--> statement-breakpoint
ALTER TABLE "settlement_steps" DROP CONSTRAINT "settlement_steps_kind";--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "payable_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "evidence_hash" text;--> statement-breakpoint
ALTER TABLE "settlement_disputes" ADD CONSTRAINT "settlement_disputes_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_votes" ADD CONSTRAINT "settlement_votes_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_steps" ADD CONSTRAINT "settlement_steps_kind" CHECK ("settlement_steps"."kind" in ('propose', 'approve', 'execute', 'pay', 'refund', 'dispute', 'vote'));
--> statement-breakpoint
-- What was asked for and what was judged is not changed afterwards; an arbiter who thinks again votes again.
CREATE TRIGGER settlement_disputes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_disputes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER settlement_votes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_votes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
