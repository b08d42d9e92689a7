CREATE TABLE "index_keys" (
	"key_check" "bytea" PRIMARY KEY NOT NULL,
	"named_at" timestamp (3) with time zone NOT NULL,
	"retired_at" timestamp (3) with time zone
);
--> statement-breakpoint
-- A key that was named stays known, and one that is retired stays so, from the moment that was said.
CREATE TRIGGER index_keys_fixed BEFORE UPDATE OF key_check, named_at ON index_keys
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER index_keys_retired_for_good BEFORE UPDATE ON index_keys
  FOR EACH ROW WHEN (OLD.retired_at IS NOT NULL) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER index_keys_kept BEFORE DELETE OR TRUNCATE ON index_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
