CREATE TABLE "agent_switches" (
	"agent" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"changed_by" text NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "agent_switches_state" CHECK ("agent_switches"."state" in ('on', 'off'))
);
--> statement-breakpoint
CREATE TABLE "llm_days" (
	"day" date PRIMARY KEY NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	"tokens" bigint DEFAULT 0 NOT NULL,
	"cost_nano_usd" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "llm_days_positive" CHECK ("llm_days"."calls" >= 0 and "llm_days"."tokens" >= 0 and "llm_days"."cost_nano_usd" >= 0)
);
--> statement-breakpoint
CREATE TABLE "reports" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"country" text,
	"case_id" uuid,
	"payment_id" uuid,
	"period_from" date,
	"period_to" date,
	"media_type" text NOT NULL,
	"file_name" text NOT NULL,
	"content" "bytea" NOT NULL,
	"content_digest" text NOT NULL,
	"details" jsonb NOT NULL,
	"due_at" timestamp (3) with time zone,
	"made_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"filed_by" text,
	"filed_at" timestamp (3) with time zone,
	"filing_reference" text,
	CONSTRAINT "reports_kind" CHECK ("reports"."kind" in ('str', 'sar', 'ctr', 'travel_rule', 'audit')),
	CONSTRAINT "reports_filed" CHECK (("reports"."filed_at" is null) = ("reports"."filed_by" is null))
);
--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "reports_client" ON "reports" USING btree ("client_id","id");--> statement-breakpoint
CREATE INDEX "reports_case" ON "reports" USING btree ("case_id") WHERE "reports"."case_id" is not null;--> statement-breakpoint
CREATE INDEX "reports_payment" ON "reports" USING btree ("payment_id") WHERE "reports"."payment_id" is not null;