-- The two rows of a step are brought together by grouping, not by a join: a join that was planned for one payment compares every row
-- before with every row after when a cohort of hundreds comes.
CREATE OR REPLACE FUNCTION follow_payments_by_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[]; before_them text[]; after_them text[]; refused text;
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
    DELETE FROM payments_by_status s USING unnest(ids, before_them, after_them) AS step(id, was, is_now)
    WHERE step.is_now = 'paid' AND s.status = step.was AND s.payment_id = step.id;
  END IF;
  IF 'paid' <> ANY (after_them) THEN
    UPDATE payments_by_status s SET status = step.is_now FROM unnest(ids, before_them, after_them) AS step(id, was, is_now)
    WHERE step.is_now <> 'paid' AND s.status = step.was AND s.payment_id = step.id;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint

-- The status is walked first, whatever the planner was last told: both tables go by the same order, and a planner that takes most
-- payments to be waiting reads all payments there are for the first of them.
CREATE OR REPLACE FUNCTION waiting_payments(wanted text, at timestamptz, most integer) RETURNS SETOF uuid LANGUAGE sql
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
  SET enable_material = off SET enable_memoize = off AS $$
  SELECT p.id
  FROM (SELECT payment_id FROM payments_by_status WHERE status = wanted ORDER BY payment_id OFFSET 0) waiting
    JOIN payments p ON p.id = waiting.payment_id
  WHERE p.status = wanted AND (p.lease_until IS NULL OR p.lease_until < at) AND (p.not_before IS NULL OR p.not_before <= at)
    -- A refund whose attempt is open, or has ended and is not worked in yet, is not to be begun again.
    AND (wanted <> 'refunding' OR NOT EXISTS (SELECT FROM attempts a WHERE a.payment_id = p.id AND a.leg = 'refund'
      AND (a.state IN ('created', 'sent', 'pending', 'unknown') OR NOT a.applied)))
  ORDER BY waiting.payment_id LIMIT most
  FOR NO KEY UPDATE OF p SKIP LOCKED
$$;
