-- Whoever is being erased begins no payment meanwhile. References are looked up without a lock on what they lead to (0007), so a payment
-- whose parties were looked up before somebody was erased could be committed after, and nobody could ever read whom it is for. Erasing
-- takes this lock alone, statements that store payments take it together: they wait for each other, never among themselves.
CREATE OR REPLACE FUNCTION check_payment_parties() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off AS $$
DECLARE missing text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7263006);
  SELECT CASE WHEN sender.id IS NULL OR sender.erased_at IS NOT NULL THEN 'sender' ELSE 'receiver' END INTO missing
  FROM added LEFT JOIN users sender ON sender.id = added.sender_id LEFT JOIN users receiver ON receiver.id = added.receiver_id
  WHERE sender.id IS NULL OR sender.erased_at IS NOT NULL OR receiver.id IS NULL OR receiver.erased_at IS NOT NULL LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'a payment has no %', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payments_' || missing || '_id_users_id_fk', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
