-- The batch that payments come of is looked up once for a statement, as everything else that they refer to: it stays where it is, and so
-- do they.
ALTER TABLE payments DROP CONSTRAINT payments_batch_id_intent_batches_id_fk;
--> statement-breakpoint
CREATE TRIGGER intent_batches_kept BEFORE DELETE OR TRUNCATE ON intent_batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint
CREATE TRIGGER intent_batches_fixed BEFORE UPDATE OF id ON intent_batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER payments_batch_fixed BEFORE UPDATE OF batch_id ON payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE FUNCTION check_payment_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT batch_id FROM added WHERE batch_id IS NOT NULL) a
      WHERE NOT EXISTS (SELECT FROM intent_batches b WHERE b.id = a.batch_id)) THEN
    RAISE EXCEPTION 'a payment comes of no batch'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payments_batch_id_intent_batches_id_fk', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_batch AFTER INSERT ON payments REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_batch();
