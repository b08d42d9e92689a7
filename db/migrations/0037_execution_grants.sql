CREATE TABLE "execution_grants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"issued_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"digests" "bytea" NOT NULL,
	"seal" "bytea" NOT NULL,
	CONSTRAINT "execution_grants_time" CHECK ("execution_grants"."expires_at" > "execution_grants"."issued_at"),
	CONSTRAINT "execution_grants_digests" CHECK (length("execution_grants"."digests") > 0 and length("execution_grants"."digests") % 32 = 0)
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "grant_id" uuid;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "grant_expires_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE TRIGGER execution_grants_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON execution_grants
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- Another grant in place of a lapsed one only while nothing has been sent: each attempt of a grant is sent once.
CREATE TRIGGER attempts_granted_once BEFORE UPDATE OF grant_id, grant_expires_at ON attempts
  FOR EACH ROW WHEN (OLD.state <> 'created') EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- What waits to be sent has no grant from before there were any. Nothing was sent for it: it fails for sure, and is tried again with one.
UPDATE attempts SET state = 'failed', reason_code = 'grant_refused', retry = 'later', resolved_at = now(), updated_at = now()
WHERE state = 'created';
