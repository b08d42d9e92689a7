CREATE TABLE "registry_records" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"content" jsonb NOT NULL,
	"state" text DEFAULT 'sent' NOT NULL,
	"transaction_hash" text,
	"ledger_version" bigint,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"tried_at" timestamp (3) with time zone NOT NULL,
	"put_at" timestamp (3) with time zone,
	CONSTRAINT "registry_records_kind" CHECK ("registry_records"."kind" in ('list', 'attest', 'revoke')),
	CONSTRAINT "registry_records_state" CHECK ("registry_records"."state" in ('sent', 'unknown', 'there'))
);
--> statement-breakpoint
CREATE TABLE "registry_subjects" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"salt" "bytea",
	"subject" text NOT NULL,
	"tier" integer,
	"expires_at" timestamp (3) with time zone,
	CONSTRAINT "registry_subjects_subject" UNIQUE("subject"),
	CONSTRAINT "registry_subjects_attested" CHECK (("registry_subjects"."tier" is null) = ("registry_subjects"."expires_at" is null))
);
--> statement-breakpoint
ALTER TABLE "registry_subjects" ADD CONSTRAINT "registry_subjects_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "registry_records_open" ON "registry_records" USING btree ("subject") WHERE "registry_records"."state" <> 'there';--> statement-breakpoint
CREATE INDEX "registry_records_subject" ON "registry_records" USING btree ("subject","created_at");--> statement-breakpoint
CREATE INDEX "users_verified" ON "users" USING btree ("id") WHERE "users"."kyc_status" = 'verified';