ALTER TABLE "settlement_batches" ADD COLUMN "carried_count" integer;--> statement-breakpoint
CREATE INDEX "settlement_batches_carried" ON "settlement_batches" USING btree ("carried_to") WHERE "settlement_batches"."carried_to" is not null;--> statement-breakpoint
-- What a batch took over is in its root, which is fixed.
CREATE TRIGGER settlement_batches_carried_fixed BEFORE UPDATE OF carried_count ON settlement_batches
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- A batch that people have looked at goes on from where it stood when the chain said something else.
CREATE OR REPLACE FUNCTION guard_batch_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = ANY (CASE OLD.status
    WHEN 'closed' THEN ARRAY['proposed', 'approved', 'executed', 'expired', 'mismatched']
    WHEN 'proposed' THEN ARRAY['approved', 'executed', 'disputed', 'expired', 'mismatched']
    WHEN 'approved' THEN ARRAY['executed', 'disputed', 'expired', 'mismatched']
    WHEN 'executed' THEN ARRAY['disputed', 'settled', 'mismatched']
    WHEN 'disputed' THEN ARRAY['executed', 'settled', 'mismatched']
    WHEN 'mismatched' THEN ARRAY['closed', 'proposed', 'approved', 'executed', 'disputed', 'settled', 'expired']
    ELSE ARRAY[]::text[]
  END) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a settlement batch that is % cannot become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batches_transition', TABLE = 'settlement_batches';
END $$;
