-- What an operator stated, what a run found and what people said is never changed.
CREATE TRIGGER statements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER statement_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_lines
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER reconciliations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliations
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER break_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON break_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- Entries are approved by somebody else than whoever proposed them, and only as they were proposed last.
CREATE FUNCTION guard_break_approval() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  proposal break_decisions%ROWTYPE;
BEGIN
  SELECT * INTO proposal FROM break_decisions WHERE break_id = NEW.break_id AND action = 'propose' ORDER BY created_at DESC, id DESC LIMIT 1;
  IF FOUND AND proposal.principal <> NEW.principal AND proposal.entries_digest = NEW.entries_digest THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the entries of a break are approved by another person, as they were proposed'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'break_decisions_two_people', TABLE = 'break_decisions';
END $$;
--> statement-breakpoint
CREATE TRIGGER break_decisions_two_people BEFORE INSERT ON break_decisions
  FOR EACH ROW WHEN (NEW.action = 'approve') EXECUTE FUNCTION guard_break_approval();
--> statement-breakpoint

-- A break that has ended stays ended.
CREATE FUNCTION guard_break_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a break that is % cannot become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'breaks_end', TABLE = 'breaks';
END $$;
--> statement-breakpoint
CREATE TRIGGER breaks_end BEFORE UPDATE OF status ON breaks
  FOR EACH ROW WHEN (OLD.status IN ('posted', 'dismissed', 'resolved') AND NEW.status IS DISTINCT FROM OLD.status)
  EXECUTE FUNCTION guard_break_end();
--> statement-breakpoint

-- Counters of a few seconds: lost in a crash, they begin anew.
ALTER TABLE operator_rates SET UNLOGGED;
--> statement-breakpoint
ALTER TABLE operator_rates SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
