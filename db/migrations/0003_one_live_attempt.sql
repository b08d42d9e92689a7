DROP INDEX "attempts_one_success";--> statement-breakpoint
DROP INDEX "attempts_one_open";--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "contradicted_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_one_alive" ON "attempts" USING btree ("payment_id","leg") WHERE "attempts"."state" <> 'failed';--> statement-breakpoint
CREATE INDEX "attempts_contradicted" ON "attempts" USING btree ("contradicted_at") WHERE "attempts"."contradicted_at" is not null;--> statement-breakpoint

-- Money goes to the receiver or back to the sender, never both: neither leg is tried while a try of the other has not failed.
CREATE FUNCTION guard_new_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM attempts other
    WHERE other.payment_id = NEW.payment_id AND other.state <> 'failed'
      AND other.leg = CASE NEW.leg WHEN 'refund' THEN 'payout' ELSE 'refund' END
  ) THEN
    RAISE EXCEPTION 'a payment is paid out or refunded, not both'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'attempts_out_or_back', TABLE = 'attempts';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER attempts_out_or_back BEFORE INSERT ON attempts
  FOR EACH ROW WHEN (NEW.leg <> 'collection') EXECUTE FUNCTION guard_new_attempt();
