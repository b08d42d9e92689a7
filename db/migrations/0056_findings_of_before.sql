-- A finding from before 0049 does not say of which entry it was made, and would hide every later one that a name is as like. It takes
-- on, once, what the entry says when it is found just so again; nothing else of it changes by that.
DROP TRIGGER screening_findings_fixed ON screening_findings;
--> statement-breakpoint
CREATE TRIGGER screening_findings_fixed
  BEFORE UPDATE OF id, client_id, user_id, list, entry_id, topic, list_version, score, how, grounds, created_at ON screening_findings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

CREATE OR REPLACE FUNCTION guard_finding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'open' AND NEW.confirm_asked_by IS NULL AND NEW.lift_asked_by IS NULL THEN RETURN NEW; END IF;
  ELSIF NEW.entry_digest IS DISTINCT FROM OLD.entry_digest THEN
    IF OLD.entry_digest IS NULL AND to_jsonb(NEW) - 'entry_digest' = to_jsonb(OLD) - 'entry_digest' THEN RETURN NEW; END IF;
  ELSIF OLD.status = 'open' THEN
    IF NEW.lift_asked_by IS NULL AND NEW.lifted_by IS NULL AND (NEW.status IN ('open', 'dismissed', 'closed')
      OR NEW.status = 'confirmed' AND NEW.confirm_asked_by = OLD.confirm_asked_by AND NEW.resolved_by <> OLD.confirm_asked_by) THEN RETURN NEW; END IF;
  ELSIF OLD.status = 'confirmed' AND (NEW.confirm_asked_by, NEW.confirm_asked_at, NEW.resolved_by, NEW.resolved_at, NEW.kyc_before)
    IS NOT DISTINCT FROM (OLD.confirm_asked_by, OLD.confirm_asked_at, OLD.resolved_by, OLD.resolved_at, OLD.kyc_before) THEN
    IF NEW.status = 'confirmed' AND NEW.lifted_by IS NULL
      OR NEW.status = 'lifted' AND NEW.lift_asked_by = OLD.lift_asked_by AND NEW.lifted_by <> OLD.lift_asked_by THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION 'a finding is decided by those who may, and once'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'screening_findings_step', TABLE = 'screening_findings';
END $$;
