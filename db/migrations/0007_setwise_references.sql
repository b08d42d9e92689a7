-- References of the tables that take most rows, checked once for a statement instead of once for each row: looking up
-- every parent by itself was a quarter of the work of writing a cohort. Parents are never deleted nor renamed, so what
-- was there when a row came is there for good, and no lock on it is needed.
CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_kept', TABLE = TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER accounts_kept BEFORE DELETE OR TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint
CREATE TRIGGER payments_kept BEFORE DELETE OR TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint

CREATE FUNCTION check_transfer_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added LEFT JOIN accounts a ON a.id = added.debit_account_id AND a.currency = added.currency WHERE a.id IS NULL) THEN
    RAISE EXCEPTION 'a transfer debits an account that does not exist in its currency'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfers_debit_account', TABLE = 'transfers';
  END IF;
  IF EXISTS (SELECT FROM added LEFT JOIN accounts a ON a.id = added.credit_account_id AND a.currency = added.currency WHERE a.id IS NULL) THEN
    RAISE EXCEPTION 'a transfer credits an account that does not exist in its currency'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfers_credit_account', TABLE = 'transfers';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER transfers_accounts AFTER INSERT ON transfers REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_transfer_accounts();
--> statement-breakpoint

-- The plan is kept for a session, and must be right for one row and for thousands, in a table of any size: each row is looked up by its key.
CREATE FUNCTION check_payment_reference() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM added LEFT JOIN payments p ON p.id = added.payment_id WHERE p.id IS NULL) THEN
    RAISE EXCEPTION 'a row of % belongs to no payment', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_payment_id_payments_id_fk', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER agent_activity_payment AFTER INSERT ON agent_activity REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_reference();
--> statement-breakpoint
CREATE TRIGGER payment_events_payment AFTER INSERT ON payment_events REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_reference();
--> statement-breakpoint

-- The constraints stay declared. A server before PostgreSQL 18 cannot leave them unenforced and goes on checking row by row as well.
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'ALTER TABLE transfers ALTER CONSTRAINT transfers_debit_account NOT ENFORCED';
    EXECUTE 'ALTER TABLE transfers ALTER CONSTRAINT transfers_credit_account NOT ENFORCED';
    EXECUTE 'ALTER TABLE agent_activity ALTER CONSTRAINT agent_activity_payment_id_payments_id_fk NOT ENFORCED';
    EXECUTE 'ALTER TABLE payment_events ALTER CONSTRAINT payment_events_payment_id_payments_id_fk NOT ENFORCED';
  END IF;
END $$;
