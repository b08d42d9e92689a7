-- What drizzle-kit cannot write: the rules that hold whichever program writes to the database.

-- A payment goes only where domain/lifecycle.ts TRANSITIONS lets it go; a test compares the two pair by pair.
CREATE FUNCTION guard_payment_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = ANY (CASE OLD.status
    WHEN 'accepted' THEN ARRAY['authorized', 'held', 'queued', 'rejected', 'cancelled']
    WHEN 'held' THEN ARRAY['released', 'rejected', 'cancelled']
    WHEN 'released' THEN ARRAY['authorized', 'held', 'queued', 'rejected', 'cancelled']
    WHEN 'queued' THEN ARRAY['authorized', 'held', 'rejected', 'cancelled']
    WHEN 'authorized' THEN ARRAY['collecting', 'collected', 'cancelled', 'rejected']
    WHEN 'collecting' THEN ARRAY['collected', 'authorized', 'failed']
    WHEN 'collected' THEN ARRAY['disbursing', 'refunding', 'paid']
    WHEN 'disbursing' THEN ARRAY['paid', 'collected', 'refunding']
    WHEN 'refunding' THEN ARRAY['refunded']
    ELSE ARRAY[]::text[]
  END) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a payment that is % cannot become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_transition BEFORE UPDATE OF status ON payments
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION guard_payment_transition();
--> statement-breakpoint

-- The same for attempts and domain/lifecycle.ts ATTEMPT_TRANSITIONS.
CREATE FUNCTION guard_attempt_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = ANY (CASE OLD.state
    WHEN 'created' THEN ARRAY['sent', 'failed']
    WHEN 'sent' THEN ARRAY['pending', 'unknown', 'succeeded', 'failed']
    WHEN 'pending' THEN ARRAY['unknown', 'succeeded', 'failed']
    WHEN 'unknown' THEN ARRAY['pending', 'succeeded', 'failed']
    ELSE ARRAY[]::text[]
  END) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'an attempt that is % cannot become %', OLD.state, NEW.state
    USING ERRCODE = 'check_violation', CONSTRAINT = 'attempts_transition', TABLE = 'attempts';
END $$;
--> statement-breakpoint
CREATE TRIGGER attempts_transition BEFORE UPDATE OF state ON attempts
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION guard_attempt_transition();
--> statement-breakpoint

-- Rows that are written once: any change, any deletion is refused, even one that would touch no row.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only', TABLE = TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER agent_activity_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_activity
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER compliance_records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON compliance_records
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER settlement_items_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_items
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- A decision of an officer never changes; the case graph marks once that it has taken it in.
CREATE TRIGGER case_decisions_append_only BEFORE DELETE OR TRUNCATE ON case_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER case_decisions_fixed
  BEFORE UPDATE OF id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest, created_at ON case_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER case_decisions_applied_once BEFORE UPDATE OF applied_at ON case_decisions
  FOR EACH ROW WHEN (OLD.applied_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- What was agreed is not changed afterwards: the terms of a payment, of a quote, of an attempt, the words of a callback.
CREATE FUNCTION refuse_alteration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the terms of a row of % are never changed', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_fixed', TABLE = TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_fixed
  BEFORE UPDATE OF id, client_id, reference_id, fingerprint, amount, from_currency, to_currency, from_country, to_country,
    funding, delivery, sender_id, receiver_id, sender_wallet, receiver_wallet, parties, created_at ON payments
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER quotes_fixed
  BEFORE UPDATE OF id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate,
    mid_rate, spread_bps, policy_version, signature, created_at, expires_at ON quotes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER quotes_used_once BEFORE UPDATE OF payment_id ON quotes
  FOR EACH ROW WHEN (OLD.payment_id IS NOT NULL AND OLD.payment_id IS DISTINCT FROM NEW.payment_id)
  EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER attempts_fixed
  BEFORE UPDATE OF id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, callback_token_hash, created_at
  ON attempts FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER operator_callbacks_fixed
  BEFORE UPDATE OF id, rail_id, body, body_digest, source_address, received_at ON operator_callbacks
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER accounts_fixed
  BEFORE UPDATE OF id, code, kind, currency, normal_side, client_id, created_at ON accounts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint

-- A pool says what its float account says, whoever writes to it.
CREATE FUNCTION fill_pool_from_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT account.debits_posted - account.credits_posted, account.credits_pending, account.currency
    INTO STRICT NEW.balance, NEW.reserved, NEW.currency
    FROM accounts account WHERE account.id = NEW.account_id;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER liquidity_pools_follow BEFORE INSERT OR UPDATE ON liquidity_pools
  FOR EACH ROW EXECUTE FUNCTION fill_pool_from_account();
--> statement-breakpoint
CREATE FUNCTION touch_pool_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE liquidity_pools SET updated_at = now() WHERE account_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER accounts_move_pool AFTER UPDATE OF debits_posted, credits_posted, credits_pending ON accounts
  FOR EACH ROW WHEN (NEW.kind = 'float') EXECUTE FUNCTION touch_pool_of_account();
--> statement-breakpoint

-- Pools that were there before the rule follow it from now on.
UPDATE liquidity_pools SET updated_at = now();
--> statement-breakpoint

-- Few rows, changed all the time: leave room for updates in place, and clear dead versions early.
ALTER TABLE accounts SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
--> statement-breakpoint
ALTER TABLE liquidity_pools SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
--> statement-breakpoint
ALTER TABLE rail_health SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
--> statement-breakpoint
ALTER TABLE payments SET (fillfactor = 80);
--> statement-breakpoint
ALTER TABLE attempts SET (fillfactor = 80);
