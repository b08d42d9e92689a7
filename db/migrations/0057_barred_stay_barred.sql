-- Whoever is barred by a confirmed finding stays so until it is lifted, whichever program writes; an office holder is not barred.
CREATE FUNCTION guard_barred() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM screening_findings WHERE user_id = NEW.id AND status = 'confirmed' AND topic <> 'pep') THEN
    RAISE EXCEPTION 'somebody who is barred is let pay again by lifting the finding'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'users_barred', TABLE = 'users';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_barred BEFORE UPDATE OF kyc_status ON users
  FOR EACH ROW WHEN (OLD.kyc_status = 'rejected' AND NEW.kyc_status <> 'rejected') EXECUTE FUNCTION guard_barred();
