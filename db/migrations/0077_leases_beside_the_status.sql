ALTER TABLE "payments_by_status" ADD COLUMN "lease_token" uuid;--> statement-breakpoint
ALTER TABLE "payments_by_status" ADD COLUMN "lease_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "payments_by_status" ADD COLUMN "not_before" timestamp (3) with time zone;--> statement-breakpoint
-- From here on nobody takes a lease where it stood before: those that are held go along, and whoever holds one still does.
LOCK TABLE payments IN ACCESS EXCLUSIVE MODE;
--> statement-breakpoint
UPDATE payments_by_status s SET lease_token = p.lease_token, lease_until = p.lease_until, not_before = p.not_before
FROM payments p WHERE p.id = s.payment_id AND num_nonnulls(p.lease_token, p.lease_until, p.not_before) > 0;
--> statement-breakpoint
ALTER TABLE "payments" DROP COLUMN "lease_token";--> statement-breakpoint
ALTER TABLE "payments" DROP COLUMN "lease_until";--> statement-breakpoint
ALTER TABLE "payments" DROP COLUMN "not_before";--> statement-breakpoint
-- A lease changes no indexed column, so it is written in place where its page has room.
ALTER TABLE payments_by_status SET (fillfactor = 50);
--> statement-breakpoint

-- A step may say under which lease it is taken (`capp.lease`): it is taken back as a whole when another holds one of its payments by
-- now. Where a step brings a payment to rest (held, with an operator, at its end) its worker has done with it; elsewhere the lease goes on.
CREATE OR REPLACE FUNCTION follow_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[]; before_them text[]; after_them text[]; refused text;
  lease uuid := nullif(current_setting('capp.lease', true), '');
  paid integer := 0; held integer := 0;
BEGIN
  SELECT array_agg(step.id), array_agg(step.was), array_agg(step.is_now),
    min(format('a payment that is %s cannot become %s', step.was, step.is_now))
      FILTER (WHERE NOT payment_may_become(step.was, step.is_now, step.between_balances))
  INTO ids, before_them, after_them, refused
  FROM (
    SELECT id, min(status) FILTER (WHERE NOT after) AS was, min(status) FILTER (WHERE after) AS is_now,
      bool_and(between_balances) AS between_balances
    FROM (
      SELECT false AS after, id, status, true AS between_balances FROM was
      UNION ALL
      SELECT true, id, status, funding = 'balance' AND delivery = 'balance' FROM is_now
    ) side
    GROUP BY id
  ) step WHERE step.was <> step.is_now;
  IF refused IS NOT NULL THEN
    RAISE EXCEPTION '%', refused USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
  END IF;
  IF ids IS NULL THEN
    RETURN NULL;
  END IF;
  IF 'paid' = ANY (after_them) THEN
    WITH followed AS (
      DELETE FROM payments_by_status s USING unnest(ids, before_them, after_them) AS step(id, was, is_now)
      WHERE step.is_now = 'paid' AND s.status = step.was AND s.payment_id = step.id
      RETURNING s.lease_token
    )
    SELECT count(*) FILTER (WHERE lease_token = lease) INTO paid FROM followed;
  END IF;
  IF 'paid' <> ANY (after_them) THEN
    IF lease IS NOT NULL THEN
      SELECT count(*) FILTER (WHERE lease_token = lease) INTO held FROM (
        SELECT s.lease_token FROM unnest(ids, before_them, after_them) AS step(id, was, is_now)
          JOIN payments_by_status s ON s.status = step.was AND s.payment_id = step.id
        WHERE step.is_now <> 'paid' FOR NO KEY UPDATE OF s
      ) going_on;
    END IF;
    UPDATE payments_by_status s SET status = step.is_now, not_before = NULL,
      lease_token = CASE WHEN step.is_at_rest THEN NULL ELSE s.lease_token END,
      lease_until = CASE WHEN step.is_at_rest THEN NULL ELSE s.lease_until END
    FROM (
      SELECT *, is_now IN ('held', 'collecting', 'disbursing', 'refunded', 'rejected', 'failed', 'cancelled') AS is_at_rest
      FROM unnest(ids, before_them, after_them) AS step(id, was, is_now)
    ) step
    WHERE step.is_now <> 'paid' AND s.status = step.was AND s.payment_id = step.id;
  END IF;
  IF paid + held < cardinality(ids) AND lease IS NOT NULL THEN
    RAISE EXCEPTION '% of % payments are still held', paid + held, cardinality(ids)
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_lease', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint

-- The oldest payments of a status that no worker holds, locked. Their own rows are not read for it.
CREATE OR REPLACE FUNCTION waiting_payments(wanted text, at timestamptz, most integer) RETURNS SETOF uuid LANGUAGE sql
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
  SELECT payment_id FROM payments_by_status waiting
  WHERE status = wanted AND (lease_until IS NULL OR lease_until < at) AND (not_before IS NULL OR not_before <= at)
    -- A refund whose attempt is open, or has ended and is not worked in yet, is not to be begun again.
    AND (wanted <> 'refunding' OR NOT EXISTS (SELECT FROM attempts a WHERE a.payment_id = waiting.payment_id AND a.leg = 'refund'
      AND (a.state IN ('created', 'sent', 'pending', 'unknown') OR NOT a.applied)))
  ORDER BY payment_id LIMIT most
  FOR NO KEY UPDATE SKIP LOCKED
$$;
--> statement-breakpoint

-- What a worker claims. The payments are read once their leases are written, by a statement that sees what was committed until then:
-- whoever held one of them before may have given it back in this very moment.
CREATE FUNCTION claim_payments(wanted text, at timestamptz, most integer, token uuid, until timestamptz) RETURNS SETOF payments
  LANGUAGE plpgsql ROWS 10 SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  claimed uuid[] := ARRAY(SELECT waiting_payments(wanted, at, most));
BEGIN
  UPDATE payments_by_status SET lease_token = token, lease_until = until WHERE status = wanted AND payment_id = ANY (claimed);
  RETURN QUERY SELECT * FROM payments WHERE id = ANY (claimed);
END $$;
