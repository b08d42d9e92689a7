CREATE TABLE "compliance_rule_sets" (
	"revision" integer PRIMARY KEY NOT NULL,
	"label" text NOT NULL,
	"entries" jsonb NOT NULL,
	"made_by" text NOT NULL,
	"cause" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "compliance_rule_sets_label" UNIQUE("label")
);
--> statement-breakpoint
CREATE TABLE "compliance_rules" (
	"rule_id" text NOT NULL,
	"version" integer NOT NULL,
	"status" text DEFAULT 'draft' NOT NULL,
	"body" jsonb NOT NULL,
	"digest" text NOT NULL,
	"note" text NOT NULL,
	"made_by" text NOT NULL,
	"submitted_by" text,
	"submitted_at" timestamp (3) with time zone,
	"approved_by" text,
	"approved_at" timestamp (3) with time zone,
	"end_asked_by" text,
	"end_asked_at" timestamp (3) with time zone,
	"ended_by" text,
	"ended_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "compliance_rules_pk" PRIMARY KEY("rule_id","version"),
	CONSTRAINT "compliance_rules_status" CHECK ("compliance_rules"."status" in ('draft', 'shadow', 'live', 'retired')),
	CONSTRAINT "compliance_rules_version" CHECK ("compliance_rules"."version" > 0),
	CONSTRAINT "compliance_rules_four_eyes" CHECK ("compliance_rules"."approved_by" is null or ("compliance_rules"."approved_by" <> "compliance_rules"."made_by" and "compliance_rules"."approved_by" is distinct from "compliance_rules"."submitted_by")),
	CONSTRAINT "compliance_rules_live_approved" CHECK ("compliance_rules"."status" <> 'live' or "compliance_rules"."approved_by" is not null),
	CONSTRAINT "compliance_rules_end_four_eyes" CHECK ("compliance_rules"."ended_by" is null or "compliance_rules"."ended_by" is distinct from "compliance_rules"."end_asked_by"),
	CONSTRAINT "compliance_rules_end_asked" CHECK ("compliance_rules"."status" <> 'retired' or "compliance_rules"."ended_by" is not null and ("compliance_rules"."approved_by" is null or "compliance_rules"."end_asked_by" is not null))
);
--> statement-breakpoint
CREATE TABLE "rescreenings" (
	"list_version" text PRIMARY KEY NOT NULL,
	"last_user_id" uuid,
	"screened" integer DEFAULT 0 NOT NULL,
	"findings" integer DEFAULT 0 NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "screening_findings" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"list" text NOT NULL,
	"entry_id" text NOT NULL,
	"list_version" text NOT NULL,
	"score" real NOT NULL,
	"how" text NOT NULL,
	"grounds" jsonb NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"resolved_by" text,
	"resolved_at" timestamp (3) with time zone,
	CONSTRAINT "screening_findings_once" UNIQUE("user_id","list","entry_id"),
	CONSTRAINT "screening_findings_status" CHECK ("screening_findings"."status" in ('open', 'dismissed', 'confirmed')),
	CONSTRAINT "screening_findings_resolved" CHECK (("screening_findings"."status" = 'open') = ("screening_findings"."resolved_by" is null))
);
--> statement-breakpoint
ALTER TABLE "compliance_records" ADD COLUMN "rule_set" text;--> statement-breakpoint
ALTER TABLE "compliance_records" ADD COLUMN "shadow" jsonb;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD CONSTRAINT "screening_findings_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD CONSTRAINT "screening_findings_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "compliance_rules_one_live" ON "compliance_rules" USING btree ("rule_id") WHERE "compliance_rules"."status" = 'live';--> statement-breakpoint
CREATE UNIQUE INDEX "compliance_rules_one_shadow" ON "compliance_rules" USING btree ("rule_id") WHERE "compliance_rules"."status" = 'shadow';--> statement-breakpoint
CREATE INDEX "screening_findings_queue" ON "screening_findings" USING btree ("client_id","status","id");--> statement-breakpoint
CREATE INDEX "compliance_records_shadow" ON "compliance_records" USING btree ("created_at") WHERE "compliance_records"."shadow" is not null;