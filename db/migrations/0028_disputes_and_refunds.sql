ALTER TABLE "settlement_cases" DROP CONSTRAINT "settlement_cases_kind";--> statement-breakpoint
ALTER TABLE "settlement_steps" DROP CONSTRAINT "settlement_steps_kind";--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "reversed_amount" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD CONSTRAINT "settlement_batches_reversed" CHECK ("settlement_batches"."reversed_amount" between 0 and abs("settlement_batches"."due_amount"));--> statement-breakpoint
ALTER TABLE "settlement_cases" ADD CONSTRAINT "settlement_cases_kind" CHECK ("settlement_cases"."kind" in ('disputed', 'expired', 'mismatched', 'refused', 'reversed'));--> statement-breakpoint
ALTER TABLE "settlement_steps" ADD CONSTRAINT "settlement_steps_kind" CHECK ("settlement_steps"."kind" in ('propose', 'approve', 'execute', 'pay', 'refund'));