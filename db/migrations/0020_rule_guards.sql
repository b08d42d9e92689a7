-- The rules that hold for rules, whichever program writes.

-- What was in force stays as it was.
CREATE TRIGGER compliance_rule_sets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON compliance_rule_sets
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER compliance_rules_kept BEFORE DELETE OR TRUNCATE ON compliance_rules
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER compliance_rules_fixed BEFORE UPDATE OF rule_id, version, body, digest, note, made_by, created_at ON compliance_rules
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- Who did a step is written with the step, once. Only a rule that comes with the program begins in force.
CREATE FUNCTION guard_rule_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'draft' AND NEW.submitted_by IS NULL AND NEW.approved_by IS NULL AND NEW.ended_by IS NULL THEN RETURN NEW; END IF;
    IF NEW.made_by = 'built-in' AND NEW.status IN ('shadow', 'live') THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'a rule begins as a draft' USING ERRCODE = 'check_violation', CONSTRAINT = 'compliance_rules_step', TABLE = 'compliance_rules';
  END IF;
  IF NEW.status IS DISTINCT FROM OLD.status AND NOT (NEW.status = ANY (CASE OLD.status
    WHEN 'draft' THEN ARRAY['shadow', 'retired']
    WHEN 'shadow' THEN ARRAY['live', 'retired']
    WHEN 'live' THEN ARRAY['retired']
    ELSE ARRAY[]::text[]
  END)) THEN
    RAISE EXCEPTION 'a rule that is % cannot become %', OLD.status, NEW.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'compliance_rules_step', TABLE = 'compliance_rules';
  END IF;
  IF (OLD.submitted_by IS NOT NULL AND NEW.submitted_by IS DISTINCT FROM OLD.submitted_by)
    OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
    OR (OLD.end_asked_by IS NOT NULL AND NEW.end_asked_by IS DISTINCT FROM OLD.end_asked_by)
    OR (OLD.ended_by IS NOT NULL AND NEW.ended_by IS DISTINCT FROM OLD.ended_by)
    OR (NEW.approved_by IS DISTINCT FROM OLD.approved_by AND NEW.status <> 'live')
    OR (NEW.ended_by IS DISTINCT FROM OLD.ended_by AND NEW.status <> 'retired') THEN
    RAISE EXCEPTION 'who did a step of a rule is written once' USING ERRCODE = 'check_violation', CONSTRAINT = 'compliance_rules_step', TABLE = 'compliance_rules';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER compliance_rules_step BEFORE INSERT OR UPDATE ON compliance_rules
  FOR EACH ROW EXECUTE FUNCTION guard_rule_step();
--> statement-breakpoint

-- A finding is decided once, and stays.
CREATE TRIGGER screening_findings_kept BEFORE DELETE OR TRUNCATE ON screening_findings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER screening_findings_fixed
  BEFORE UPDATE OF id, client_id, user_id, list, entry_id, list_version, score, how, grounds, created_at ON screening_findings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER screening_findings_decided_once BEFORE UPDATE ON screening_findings
  FOR EACH ROW WHEN (OLD.status <> 'open') EXECUTE FUNCTION refuse_change();
