CREATE UNIQUE INDEX "attempts_taken_back_once" ON "attempts" USING btree ("payment_id") WHERE "attempts"."takes_back" is not null;
--> statement-breakpoint

-- What is taken back is the payment's own collection, over the rail that has it, once it succeeded, and never more than was collected.
CREATE FUNCTION guard_taking_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM attempts c
    WHERE c.id = NEW.takes_back AND c.payment_id = NEW.payment_id AND c.client_id = NEW.client_id AND c.rail_id = NEW.rail_id
      AND c.leg = 'collection' AND c.state = 'succeeded' AND c.currency = NEW.currency AND c.amount >= NEW.amount
  ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'only what was collected over the rail is taken back'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'attempts_taken_back', TABLE = 'attempts';
END $$;
--> statement-breakpoint
CREATE TRIGGER attempts_taken_back BEFORE INSERT ON attempts
  FOR EACH ROW WHEN (NEW.takes_back IS NOT NULL) EXECUTE FUNCTION guard_taking_back();
