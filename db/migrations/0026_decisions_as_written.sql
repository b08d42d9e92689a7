ALTER TABLE "agent_activity" ALTER COLUMN "facts" SET DATA TYPE json;--> statement-breakpoint
ALTER TABLE "agent_activity" ALTER COLUMN "reasons" SET DATA TYPE json;