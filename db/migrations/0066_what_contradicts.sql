ALTER TABLE "attempts" ADD COLUMN "contradicted_by" text;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "contradicted_reason" text;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_contradicted_by" CHECK ("attempts"."contradicted_by" in ('succeeded', 'failed', 'pending', 'unknown'));