-- Clients and people that payments and quotes refer to, looked up once for a statement instead of once for each row and reference,
-- as 0007 does it for what refers to payments. Clients and people are never deleted: what the law wants forgotten is overwritten.
CREATE TRIGGER clients_kept BEFORE DELETE OR TRUNCATE ON clients FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint
CREATE TRIGGER users_kept BEFORE DELETE OR TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint

CREATE FUNCTION check_client_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT client_id FROM added) a WHERE NOT EXISTS (SELECT FROM clients c WHERE c.id = a.client_id)) THEN
    RAISE EXCEPTION 'a row of % belongs to no client', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_client_id_clients_id_fk', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_client AFTER INSERT ON users REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_client_reference();
--> statement-breakpoint
CREATE TRIGGER payments_client AFTER INSERT ON payments REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_client_reference();
--> statement-breakpoint
CREATE TRIGGER quotes_client AFTER INSERT ON quotes REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_client_reference();
--> statement-breakpoint

-- As in 0007: each row is looked up by its key, whatever the planner was last told.
CREATE FUNCTION check_payment_parties() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE missing text;
BEGIN
  SELECT CASE WHEN sender.id IS NULL THEN 'sender' ELSE 'receiver' END INTO missing
  FROM added LEFT JOIN users sender ON sender.id = added.sender_id LEFT JOIN users receiver ON receiver.id = added.receiver_id
  WHERE sender.id IS NULL OR receiver.id IS NULL LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'a payment has no %', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payments_' || missing || '_id_users_id_fk', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_parties AFTER INSERT ON payments REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_parties();
--> statement-breakpoint

-- Both accounts of a transfer in one pass, and each pair once: a cohort moves money between few accounts.
CREATE OR REPLACE FUNCTION check_transfer_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
  SELECT CASE WHEN debit.id IS NULL THEN 'debit' ELSE 'credit' END INTO wrong
  FROM (SELECT DISTINCT debit_account_id, credit_account_id, currency FROM added) pair
  LEFT JOIN accounts debit ON debit.id = pair.debit_account_id AND debit.currency = pair.currency
  LEFT JOIN accounts credit ON credit.id = pair.credit_account_id AND credit.currency = pair.currency
  WHERE debit.id IS NULL OR credit.id IS NULL LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'a transfer %s an account that does not exist in its currency', wrong
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transfers_' || wrong || '_account', TABLE = 'transfers';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint

-- The constraints stay declared. A server before PostgreSQL 18 cannot leave them unenforced and goes on checking row by row as well.
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'ALTER TABLE users ALTER CONSTRAINT users_client_id_clients_id_fk NOT ENFORCED';
    EXECUTE 'ALTER TABLE payments ALTER CONSTRAINT payments_client_id_clients_id_fk NOT ENFORCED';
    EXECUTE 'ALTER TABLE payments ALTER CONSTRAINT payments_sender_id_users_id_fk NOT ENFORCED';
    EXECUTE 'ALTER TABLE payments ALTER CONSTRAINT payments_receiver_id_users_id_fk NOT ENFORCED';
    EXECUTE 'ALTER TABLE quotes ALTER CONSTRAINT quotes_client_id_clients_id_fk NOT ENFORCED';
  END IF;
END $$;
