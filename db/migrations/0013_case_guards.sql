-- The rules of four eyes, whichever program writes: see domain/cases.ts.

-- The place in the queue: a point of priority weighs as much as a quarter of an hour of waiting.
CREATE FUNCTION rank_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.rank_at := NEW.created_at - NEW.priority * interval '15 minutes';
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER cases_rank BEFORE INSERT OR UPDATE OF priority, created_at ON cases FOR EACH ROW EXECUTE FUNCTION rank_case();
--> statement-breakpoint
UPDATE cases SET priority = priority;
--> statement-breakpoint

-- SHA-256 of RFC 8785 of exactly what an officer agrees to.
CREATE FUNCTION case_action_digest(case_id uuid, payment_id uuid, evidence_digest text, verdict text, reason_code text, round smallint)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(convert_to('{"caseId":"' || case_id || '","evidenceDigest":' || to_json(evidence_digest)::text
    || ',"paymentId":"' || payment_id || '","reasonCode":' || to_json(reason_code)::text || ',"round":' || round
    || ',"verdict":' || to_json(verdict)::text || '}', 'UTF8')), 'hex')
$$;
--> statement-breakpoint
UPDATE case_decisions SET action_digest = case_action_digest(case_id, payment_id, evidence_digest, verdict, reason_code, round),
  expires_at = CASE verdict WHEN 'release' THEN created_at + interval '24 hours' END;
--> statement-breakpoint

-- A decision is about the payment and the round of its case, carries the digest of exactly what it says, and expires when it lets money go.
CREATE FUNCTION guard_case_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  subject cases%ROWTYPE;
  digest text := case_action_digest(NEW.case_id, NEW.payment_id, NEW.evidence_digest, NEW.verdict, NEW.reason_code, NEW.round);
BEGIN
  SELECT * INTO subject FROM cases WHERE id = NEW.case_id;
  IF FOUND AND (subject.payment_id <> NEW.payment_id OR subject.round <> NEW.round) THEN
    RAISE EXCEPTION 'a decision is about the payment and the round of its case'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'case_decisions_of_case', TABLE = 'case_decisions';
  END IF;
  IF FOUND AND subject.status IN ('released', 'rejected', 'withdrawn', 'resolved') THEN
    RAISE EXCEPTION 'a case that is % is not decided', subject.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'case_decisions_closed', TABLE = 'case_decisions';
  END IF;
  IF NEW.action_digest IS NOT NULL AND NEW.action_digest <> digest THEN
    RAISE EXCEPTION 'a decision carries the digest of another action'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'case_decisions_action', TABLE = 'case_decisions';
  END IF;
  NEW.action_digest := digest;
  IF NEW.verdict = 'release' THEN
    NEW.expires_at := coalesce(NEW.expires_at, NEW.created_at + interval '24 hours');
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER case_decisions_bound BEFORE INSERT ON case_decisions FOR EACH ROW EXECUTE FUNCTION guard_case_decision();
--> statement-breakpoint

-- What was decided includes what exactly, in which round, until when, and with what standing.
DROP TRIGGER case_decisions_fixed ON case_decisions;
--> statement-breakpoint
CREATE TRIGGER case_decisions_fixed
  BEFORE UPDATE OF id, tx_id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest, round, action_digest, expires_at,
    senior, created_at ON case_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- A case goes forward only; what was asked of officers is never asked of fewer; and it is released by enough of them, each
-- a different one, agreeing to the same action on the evidence as it is, while what they said still counts.
CREATE FUNCTION guard_case() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  agreed integer;
  with_senior boolean;
  refused text := CASE
    WHEN NEW.payment_id <> OLD.payment_id OR NEW.client_id <> OLD.client_id OR NEW.kind <> OLD.kind THEN 'cases_fixed'
    WHEN NEW.approvals_needed < OLD.approvals_needed THEN 'cases_approvals_kept'
    WHEN NEW.round < OLD.round OR NEW.round = OLD.round AND NEW.evidence_digest <> OLD.evidence_digest THEN 'cases_round'
    WHEN OLD.status IN ('released', 'rejected', 'withdrawn', 'resolved') AND NEW.status <> OLD.status THEN 'cases_closed'
    WHEN OLD.escalated_at IS NOT NULL AND NEW.escalated_at IS NULL THEN 'cases_escalation_kept'
  END;
BEGIN
  IF refused IS NULL AND NEW.status = 'released' AND OLD.status <> 'released' THEN
    SELECT count(DISTINCT d.officer), bool_or(d.senior) INTO agreed, with_senior FROM case_decisions d
      WHERE d.case_id = NEW.id AND d.round = NEW.round AND d.verdict = 'release' AND d.payment_id = NEW.payment_id
        AND d.evidence_digest = NEW.evidence_digest AND d.expires_at > coalesce(NEW.closed_at, now())
      GROUP BY d.action_digest ORDER BY 1 DESC LIMIT 1;
    IF NEW.kind <> 'held' OR coalesce(agreed, 0) < NEW.approvals_needed OR NEW.escalated_at IS NOT NULL AND with_senior IS NOT TRUE THEN
      refused := 'cases_approvals';
    END IF;
  END IF;
  IF refused IS NULL THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a rule of cases is broken: %', refused USING ERRCODE = 'check_violation', CONSTRAINT = refused, TABLE = 'cases';
END $$;
--> statement-breakpoint
CREATE TRIGGER cases_guard BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION guard_case();
--> statement-breakpoint

-- A held payment goes on only from a case that people released.
CREATE FUNCTION guard_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM cases WHERE payment_id = NEW.id AND kind = 'held' AND status = 'released')
    OR EXISTS (SELECT FROM cases WHERE payment_id = NEW.id AND kind = 'held' AND status IN ('open', 'deciding', 'waiting')) THEN
    RAISE EXCEPTION 'a held payment is released by its case'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_release', TABLE = 'payments';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER payments_release BEFORE UPDATE OF status ON payments
  FOR EACH ROW WHEN (OLD.status = 'held' AND NEW.status = 'released') EXECUTE FUNCTION guard_release();
--> statement-breakpoint

-- A question is answered once, and neither is changed afterwards.
CREATE TRIGGER case_information_kept BEFORE DELETE OR TRUNCATE ON case_information FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss();
--> statement-breakpoint
CREATE TRIGGER case_information_fixed BEFORE UPDATE OF id, client_id, case_id, payment_id, decision_id, code, asked_at, due_at ON case_information
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER case_information_answered_once BEFORE UPDATE OF answer, answer_digest, answered_by, answered_at ON case_information
  FOR EACH ROW WHEN (OLD.answered_at IS NOT NULL) EXECUTE FUNCTION refuse_alteration();
