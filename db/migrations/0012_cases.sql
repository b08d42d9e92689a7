-- What a closed case never took in is taken as read: from here on one decision of a case waits at a time.
UPDATE "case_decisions" d SET "applied_at" = now() FROM "cases" c
  WHERE c."id" = d."case_id" AND d."applied_at" IS NULL AND c."status" NOT IN ('open', 'deciding');--> statement-breakpoint
CREATE TABLE "case_information" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"case_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"decision_id" uuid NOT NULL,
	"code" text NOT NULL,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"answer" "bytea",
	"answer_digest" text,
	"answered_by" text,
	"answered_at" timestamp (3) with time zone,
	CONSTRAINT "case_information_answer" CHECK (("case_information"."answer" is null) = ("case_information"."answered_at" is null))
);
--> statement-breakpoint
ALTER TABLE "case_decisions" DROP CONSTRAINT "case_decisions_officer";--> statement-breakpoint
ALTER TABLE "case_decisions" DROP CONSTRAINT "case_decisions_verdict";--> statement-breakpoint
ALTER TABLE "cases" DROP CONSTRAINT "cases_status";--> statement-breakpoint
DROP INDEX "case_decisions_waiting";--> statement-breakpoint
DROP INDEX "cases_one_open";--> statement-breakpoint
DROP INDEX "cases_queue";--> statement-breakpoint
ALTER TABLE "case_decisions" ADD COLUMN "round" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "case_decisions" ADD COLUMN "action_digest" text;--> statement-breakpoint
ALTER TABLE "case_decisions" ADD COLUMN "expires_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "case_decisions" ADD COLUMN "senior" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "rank_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "round" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "asked_round" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "escalated_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "escalated_by" text;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "snoozed_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "snooze_count" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "information_due_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "overdue_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cases" ADD COLUMN "advice" jsonb;--> statement-breakpoint
ALTER TABLE "case_information" ADD CONSTRAINT "case_information_case_id_cases_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."cases"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "case_information_case" ON "case_information" USING btree ("case_id","asked_at");--> statement-breakpoint
CREATE INDEX "case_information_payment" ON "case_information" USING btree ("payment_id");--> statement-breakpoint
CREATE UNIQUE INDEX "case_decisions_officer" ON "case_decisions" USING btree ("case_id","round","officer") WHERE "case_decisions"."verdict" in ('release', 'reject', 'resolve');--> statement-breakpoint
CREATE INDEX "cases_list" ON "cases" USING btree ("client_id","rank_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "case_decisions_waiting" ON "case_decisions" USING btree ("case_id") WHERE "case_decisions"."applied_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "cases_one_open" ON "cases" USING btree ("payment_id") WHERE "cases"."kind" = 'held' and "cases"."status" in ('open', 'deciding', 'waiting');--> statement-breakpoint
CREATE INDEX "cases_queue" ON "cases" USING btree ("client_id","rank_at","id") WHERE "cases"."status" in ('open', 'deciding', 'waiting');--> statement-breakpoint
ALTER TABLE "case_decisions" ADD CONSTRAINT "case_decisions_verdict" CHECK ("case_decisions"."verdict" in ('release', 'reject', 'request_information', 'escalate', 'resolve'));--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_snoozes" CHECK ("cases"."snooze_count" between 0 and 3);--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_status" CHECK ("cases"."status" in ('open', 'deciding', 'waiting', 'released', 'rejected', 'withdrawn', 'resolved'));