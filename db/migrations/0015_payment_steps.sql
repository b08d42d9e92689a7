-- The steps of payments, checked and followed once for a statement instead of once for each row.

-- What domain/lifecycle.ts TRANSITIONS lets a payment do; a test compares the two pair by pair. Straight from intake to the end goes
-- only what no operator has to move.
CREATE FUNCTION payment_may_become(was text, is_now text, between_balances boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE was
    WHEN 'accepted' THEN is_now IN ('authorized', 'held', 'queued', 'rejected', 'cancelled') OR is_now = 'paid' AND between_balances
    WHEN 'held' THEN is_now IN ('released', 'rejected', 'cancelled')
    WHEN 'released' THEN is_now IN ('authorized', 'held', 'queued', 'rejected', 'cancelled') OR is_now = 'paid' AND between_balances
    WHEN 'queued' THEN is_now IN ('authorized', 'held', 'rejected', 'cancelled') OR is_now = 'paid' AND between_balances
    WHEN 'authorized' THEN is_now IN ('collecting', 'collected', 'cancelled', 'rejected')
    WHEN 'collecting' THEN is_now IN ('collected', 'authorized', 'failed')
    WHEN 'collected' THEN is_now IN ('disbursing', 'refunding', 'paid')
    WHEN 'disbursing' THEN is_now IN ('paid', 'collected', 'refunding')
    WHEN 'refunding' THEN is_now = 'refunded'
    ELSE false
  END
$$;
--> statement-breakpoint

CREATE FUNCTION enter_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payments_by_status (status, payment_id, client_id) SELECT status, id, client_id FROM added WHERE settlement_batch_id IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_entered AFTER INSERT ON payments REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION enter_payments_by_status();
--> statement-breakpoint

-- The steps are gathered into arrays first: over an array the planner looks each row of `payments_by_status` up, however many there are.
CREATE FUNCTION follow_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[]; before_them text[]; after_them text[]; settled uuid[]; refused text;
BEGIN
  SELECT array_agg(step.id) FILTER (WHERE step.was <> step.is_now), array_agg(step.was) FILTER (WHERE step.was <> step.is_now),
    array_agg(step.is_now) FILTER (WHERE step.was <> step.is_now), array_agg(step.id) FILTER (WHERE step.is_settled),
    min(format('a payment that is %s cannot become %s', step.was, step.is_now))
      FILTER (WHERE step.was <> step.is_now AND NOT payment_may_become(step.was, step.is_now, step.between_balances))
  INTO ids, before_them, after_them, settled, refused
  FROM (
    SELECT now_row.id, was_row.status AS was, now_row.status AS is_now,
      now_row.funding = 'balance' AND now_row.delivery = 'balance' AS between_balances,
      was_row.settlement_batch_id IS NULL AND now_row.settlement_batch_id IS NOT NULL AS is_settled
    FROM was was_row JOIN is_now now_row ON now_row.id = was_row.id
  ) step;
  IF refused IS NOT NULL THEN
    RAISE EXCEPTION '%', refused USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
  END IF;
  IF ids IS NOT NULL THEN
    UPDATE payments_by_status s SET status = step.is_now FROM unnest(ids, before_them, after_them) AS step(id, was, is_now)
    WHERE s.status = step.was AND s.payment_id = step.id;
  END IF;
  IF settled IS NOT NULL THEN
    DELETE FROM payments_by_status s USING unnest(settled) AS gone(id) WHERE s.status = 'paid' AND s.payment_id = gone.id;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_followed AFTER UPDATE ON payments REFERENCING OLD TABLE AS was NEW TABLE AS is_now
  FOR EACH STATEMENT EXECUTE FUNCTION follow_payments_by_status();
--> statement-breakpoint
DROP TRIGGER payments_transition ON payments;
--> statement-breakpoint
DROP FUNCTION guard_payment_transition();
--> statement-breakpoint
INSERT INTO payments_by_status (status, payment_id, client_id) SELECT status, id, client_id FROM payments WHERE settlement_batch_id IS NULL;
--> statement-breakpoint

-- A step changes no indexed column, so it is written in place where its page has room: half of each page is left for that.
ALTER TABLE payments SET (fillfactor = 45);
--> statement-breakpoint
-- Rows come and go with every payment on its way.
ALTER TABLE payments_by_status SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.1);
--> statement-breakpoint

-- The oldest payments of a status that no worker holds, locked: what a worker claims. The plan must not hang on what the planner was
-- last told, for a queue is empty at one moment and long at the next: it walks the status in order, and looks each payment up.
CREATE FUNCTION waiting_payments(wanted text, at timestamptz, most integer) RETURNS SETOF uuid LANGUAGE sql
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
  SELECT p.id FROM payments_by_status waiting JOIN payments p ON p.id = waiting.payment_id
  WHERE waiting.status = wanted AND p.status = wanted AND (p.lease_until IS NULL OR p.lease_until < at)
    AND (p.not_before IS NULL OR p.not_before <= at)
    -- A refund whose attempt is open, or has ended and is not worked in yet, is not to be begun again.
    AND (wanted <> 'refunding' OR NOT EXISTS (SELECT FROM attempts a WHERE a.payment_id = p.id AND a.leg = 'refund'
      AND (a.state IN ('created', 'sent', 'pending', 'unknown') OR NOT a.applied)))
  ORDER BY waiting.payment_id LIMIT most
  FOR NO KEY UPDATE OF p SKIP LOCKED
$$;
