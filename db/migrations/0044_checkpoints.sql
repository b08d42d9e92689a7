CREATE TABLE "checkpoint_writes" (
	"thread_id" text NOT NULL,
	"namespace" text NOT NULL,
	"checkpoint_id" text NOT NULL,
	"task_id" text NOT NULL,
	"position" smallint NOT NULL,
	"task_path" text NOT NULL,
	"channel" text NOT NULL,
	"type" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "checkpoint_writes_pk" PRIMARY KEY("thread_id","namespace","checkpoint_id","task_id","position")
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"thread_id" text NOT NULL,
	"namespace" text NOT NULL,
	"id" text NOT NULL,
	"parent_id" text,
	"state" jsonb NOT NULL,
	"channel_values" jsonb NOT NULL,
	"metadata" jsonb NOT NULL,
	CONSTRAINT "checkpoints_pk" PRIMARY KEY("thread_id","namespace","id")
);
--> statement-breakpoint
-- Threads that the library's own saver kept begin anew from their cases: whoever has agreed in the round under way is asked again.
UPDATE cases SET interrupt_id = NULL, round = CASE WHEN status = 'deciding' THEN round ELSE round + 1 END
WHERE kind = 'held' AND status IN ('open', 'deciding', 'waiting') AND interrupt_id IS NOT NULL;
--> statement-breakpoint
DROP SCHEMA IF EXISTS graph CASCADE;
