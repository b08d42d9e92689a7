ALTER TABLE "cases" ADD COLUMN "rescreen_since" timestamp (3) with time zone;--> statement-breakpoint
-- Parties of a payment stay as they were given. While it is held, more may be said of them: a transaction that adds it says so, and
-- only when the payment is to be screened again.
DROP TRIGGER payments_parties_fixed ON payments;
--> statement-breakpoint
CREATE TRIGGER payments_parties_fixed BEFORE UPDATE OF parties ON payments
  FOR EACH STATEMENT WHEN (coalesce(current_setting('capp.reseal', true), '') NOT IN ('on', 'details')) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE FUNCTION guard_added_details() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status = 'held' AND EXISTS (SELECT FROM cases
      WHERE payment_id = OLD.id AND kind = 'held' AND status IN ('open', 'deciding', 'waiting') AND rescreen_since IS NOT NULL) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'more is said of the parties of a held payment alone, which is then screened again'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_details_held', TABLE = 'payments';
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_details_held BEFORE UPDATE OF parties ON payments
  FOR EACH ROW WHEN (current_setting('capp.reseal', true) = 'details') EXECUTE FUNCTION guard_added_details();
--> statement-breakpoint
CREATE FUNCTION guard_rescreening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a case is released when its payment has been screened by all that is known'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_rescreened', TABLE = 'cases';
END $$;
--> statement-breakpoint
CREATE TRIGGER cases_rescreened BEFORE UPDATE OF status ON cases
  FOR EACH ROW WHEN (NEW.status = 'released' AND NEW.rescreen_since IS NOT NULL) EXECUTE FUNCTION guard_rescreening();
