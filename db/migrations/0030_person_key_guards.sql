-- Parties of a payment stay as they were given. A job that seals the same words under another key says so for its transaction.
DROP TRIGGER payments_fixed ON payments;
--> statement-breakpoint
CREATE TRIGGER payments_fixed
  BEFORE UPDATE OF id, client_id, reference_id, fingerprint, amount, from_currency, to_currency, from_country, to_country,
    funding, delivery, sender_id, receiver_id, sender_wallet, receiver_wallet, created_at ON payments
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER payments_parties_fixed BEFORE UPDATE OF parties ON payments
  FOR EACH STATEMENT WHEN (coalesce(current_setting('capp.reseal', true), '') <> 'on') EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint

-- Whoever was erased stays so, and takes part in no payment: one sealed under their key could never be read.
CREATE TRIGGER users_erased_for_good BEFORE UPDATE OF erased_at ON users
  FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE OR REPLACE FUNCTION check_payment_parties() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE missing text;
BEGIN
  SELECT CASE WHEN sender.id IS NULL THEN 'sender' ELSE 'receiver' END INTO missing
  FROM added
    LEFT JOIN users sender ON sender.id = added.sender_id AND sender.erased_at IS NULL
    LEFT JOIN users receiver ON receiver.id = added.receiver_id AND receiver.erased_at IS NULL
  WHERE sender.id IS NULL OR receiver.id IS NULL LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'a payment has no %', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payments_' || missing || '_id_users_id_fk', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
