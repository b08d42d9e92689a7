CREATE TABLE "text_keys" (
	"subject_id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"wrapped" "bytea",
	"made_at" timestamp (3) with time zone NOT NULL,
	"destroyed_at" timestamp (3) with time zone,
	CONSTRAINT "text_keys_kind" CHECK ("text_keys"."kind" in ('case', 'report', 'statement')),
	CONSTRAINT "text_keys_destroyed" CHECK (("text_keys"."wrapped" is null) = ("text_keys"."destroyed_at" is not null))
);
--> statement-breakpoint
CREATE INDEX "text_keys_age" ON "text_keys" USING btree ("kind","made_at") WHERE "text_keys"."wrapped" is not null;--> statement-breakpoint
-- A key that was destroyed does not come back, and none goes away with its row: the row says that there was one.
CREATE TRIGGER text_keys_fixed BEFORE UPDATE OF subject_id, kind, made_at ON text_keys
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER text_keys_destroyed_for_good BEFORE UPDATE ON text_keys
  FOR EACH ROW WHEN (OLD.wrapped IS NULL) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER text_keys_kept BEFORE DELETE OR TRUNCATE ON text_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
