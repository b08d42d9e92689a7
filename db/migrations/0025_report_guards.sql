-- A report is made once; only its filing is added later, once.
CREATE FUNCTION guard_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.filed_at IS NOT NULL
    OR to_jsonb(NEW) - ARRAY['filed_by', 'filed_at', 'filing_reference'] IS DISTINCT FROM to_jsonb(OLD) - ARRAY['filed_by', 'filed_at', 'filing_reference']
  THEN
    RAISE EXCEPTION 'a report is not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER reports_fixed BEFORE UPDATE ON reports FOR EACH ROW EXECUTE FUNCTION guard_report();
--> statement-breakpoint
CREATE TRIGGER reports_kept BEFORE DELETE OR TRUNCATE ON reports FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
