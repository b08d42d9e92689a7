CREATE TABLE "autonomy_dials" (
	"scope" text PRIMARY KEY NOT NULL,
	"level" text NOT NULL,
	"reason" text NOT NULL,
	"changed_by" text NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL,
	"raised_with" text,
	"pending_level" text,
	"pending_reason" text,
	"pending_by" text,
	"pending_at" timestamp (3) with time zone,
	CONSTRAINT "autonomy_dials_level" CHECK ("autonomy_dials"."level" in ('off', 'explain', 'rank', 'tighten')),
	CONSTRAINT "autonomy_dials_pending" CHECK (num_nonnulls("autonomy_dials"."pending_level", "autonomy_dials"."pending_reason", "autonomy_dials"."pending_by", "autonomy_dials"."pending_at") in (0, 4))
);
--> statement-breakpoint
CREATE TABLE "execution_halts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid,
	"corridor" text,
	"rail_id" text,
	"payment_id" uuid,
	"reason" text NOT NULL,
	"begun_by" text NOT NULL,
	"begun_at" timestamp (3) with time zone NOT NULL,
	"lift_asked_by" text,
	"lift_asked_at" timestamp (3) with time zone,
	"lifted_by" text,
	"lifted_at" timestamp (3) with time zone,
	CONSTRAINT "execution_halts_lifted" CHECK (("execution_halts"."lifted_at" is null) = ("execution_halts"."lifted_by" is null) and ("execution_halts"."lifted_by" is null or "execution_halts"."lifted_by" <> "execution_halts"."lift_asked_by")),
	CONSTRAINT "execution_halts_lifted_asked" CHECK ("execution_halts"."lifted_by" is null or "execution_halts"."lift_asked_by" is not null)
);
--> statement-breakpoint
ALTER TABLE "execution_halts" ADD CONSTRAINT "execution_halts_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "execution_halts_in_force" ON "execution_halts" USING btree ("id") WHERE "execution_halts"."lifted_at" is null;--> statement-breakpoint
-- A dial goes up only by two: somebody asked for exactly this level, and somebody else agreed.
CREATE FUNCTION guard_dial() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  levels constant text[] := ARRAY['off', 'explain', 'rank', 'tighten'];
BEGIN
  IF array_position(levels, NEW.level) > array_position(levels, OLD.level)
    AND (OLD.pending_level IS DISTINCT FROM NEW.level OR NEW.raised_with IS DISTINCT FROM OLD.pending_by OR NEW.changed_by = OLD.pending_by) THEN
    RAISE EXCEPTION 'a dial is turned up by two people'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'autonomy_dials_two', TABLE = 'autonomy_dials';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER autonomy_dials_two BEFORE UPDATE OF level ON autonomy_dials FOR EACH ROW EXECUTE FUNCTION guard_dial();
--> statement-breakpoint
-- A dial that is not there is as far up as it goes: taking one away turns it up.
CREATE TRIGGER autonomy_dials_kept BEFORE DELETE OR TRUNCATE ON autonomy_dials FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER execution_halts_kept BEFORE DELETE OR TRUNCATE ON execution_halts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER execution_halts_fixed
  BEFORE UPDATE OF id, client_id, corridor, rail_id, payment_id, reason, begun_by, begun_at ON execution_halts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER execution_halts_lifted_once BEFORE UPDATE ON execution_halts
  FOR EACH ROW WHEN (OLD.lifted_at IS NOT NULL) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
ALTER TABLE execution_halts ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON execution_halts TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
