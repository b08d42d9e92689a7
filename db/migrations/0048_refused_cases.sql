ALTER TABLE "cases" DROP CONSTRAINT "cases_kind";--> statement-breakpoint
ALTER TABLE "cases" DROP CONSTRAINT "cases_attempt";--> statement-breakpoint
CREATE UNIQUE INDEX "cases_one_refusal" ON "cases" USING btree ("payment_id") WHERE "cases"."kind" = 'refused';--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_refused_eyes" CHECK ("cases"."kind" <> 'refused' or "cases"."approvals_needed" >= 2);--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_kind" CHECK ("cases"."kind" in ('held', 'in_doubt', 'late_success', 'contradicted', 'refused'));--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_attempt" CHECK (("cases"."kind" in ('held', 'refused')) = ("cases"."attempt_id" is null));--> statement-breakpoint

-- A refused payment is let go by nobody. Its case ends with enough different officers who said the same of it, on the evidence as it is,
-- while what they said still counts.
CREATE FUNCTION guard_refused_case() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  agreed integer;
  with_senior boolean;
BEGIN
  IF NEW.status = 'resolved' THEN
    SELECT count(DISTINCT d.officer), bool_or(d.senior) INTO agreed, with_senior FROM case_decisions d
      WHERE d.case_id = NEW.id AND d.round = NEW.round AND d.verdict = 'resolve' AND d.payment_id = NEW.payment_id
        AND d.evidence_digest = NEW.evidence_digest AND d.expires_at > coalesce(NEW.closed_at, now())
      GROUP BY d.action_digest ORDER BY 1 DESC LIMIT 1;
    IF coalesce(agreed, 0) >= NEW.approvals_needed AND (NEW.escalated_at IS NULL OR with_senior) THEN
      RETURN NEW;
    END IF;
  ELSIF NEW.status = 'open' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the case of a refused payment is resolved by two officers' USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_refusal', TABLE = 'cases';
END $$;
--> statement-breakpoint
CREATE TRIGGER cases_refusal BEFORE UPDATE OF status ON cases
  FOR EACH ROW WHEN (NEW.kind = 'refused' AND NEW.status <> OLD.status) EXECUTE FUNCTION guard_refused_case();
