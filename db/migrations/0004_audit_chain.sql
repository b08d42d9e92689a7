CREATE TABLE "audit_blocks" (
	"number" bigint PRIMARY KEY NOT NULL,
	"previous_hash" text NOT NULL,
	"merkle_root" text NOT NULL,
	"leaf_count" integer NOT NULL,
	"sealed_at" timestamp (3) with time zone NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "audit_blocks_hash" UNIQUE("hash"),
	CONSTRAINT "audit_blocks_previous" UNIQUE("previous_hash"),
	CONSTRAINT "audit_blocks_count" CHECK ("audit_blocks"."leaf_count" > 0)
);
--> statement-breakpoint
CREATE TABLE "audit_events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"client_id" uuid,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"payment_id" uuid,
	"details" jsonb DEFAULT '{}' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_ranges" (
	"block_number" bigint NOT NULL,
	"source" text NOT NULL,
	"form" smallint NOT NULL,
	"after_tx" "xid8" NOT NULL,
	"after_key" text NOT NULL,
	"up_to_tx" "xid8" NOT NULL,
	"up_to_key" text NOT NULL,
	"leaf_count" integer NOT NULL,
	"keys" "bytea" NOT NULL,
	"hashes" "bytea" NOT NULL,
	CONSTRAINT "audit_ranges_block_number_source_pk" PRIMARY KEY("block_number","source")
);
--> statement-breakpoint
CREATE TABLE "rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
ALTER TABLE "transfers" ADD COLUMN "tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "case_decisions" ADD COLUMN "tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "compliance_records" ADD COLUMN "tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "audit_ranges" ADD CONSTRAINT "audit_ranges_block_number_audit_blocks_number_fk" FOREIGN KEY ("block_number") REFERENCES "public"."audit_blocks"("number") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_events_written" ON "audit_events" USING btree ("tx_id");--> statement-breakpoint
CREATE INDEX "audit_events_payment" ON "audit_events" USING btree ("payment_id") WHERE "audit_events"."payment_id" is not null;--> statement-breakpoint
CREATE INDEX "audit_ranges_place" ON "audit_ranges" USING btree ("source","up_to_tx");--> statement-breakpoint
CREATE INDEX "rate_limits_expire" ON "rate_limits" USING btree ("expire");--> statement-breakpoint
CREATE INDEX "transfers_written" ON "transfers" USING btree ("tx_id");--> statement-breakpoint
CREATE INDEX "case_decisions_written" ON "case_decisions" USING btree ("tx_id");--> statement-breakpoint
CREATE INDEX "case_decisions_payment" ON "case_decisions" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "compliance_records_written" ON "compliance_records" USING btree ("tx_id");--> statement-breakpoint
CREATE INDEX "payment_events_written" ON "payment_events" USING btree ("tx_id");