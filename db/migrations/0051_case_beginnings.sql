-- A case begins open, in its first round, escalated by nobody. What else it comes to, people decide, and the guards of its changes see to that.
CREATE FUNCTION guard_new_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a case begins open, in its first round, not escalated'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_begin_open', TABLE = 'cases';
END $$;
--> statement-breakpoint
CREATE TRIGGER cases_begin BEFORE INSERT ON cases FOR EACH ROW
  WHEN (NEW.status <> 'open' OR NEW.round <> 1 OR NEW.escalated_at IS NOT NULL OR NEW.closed_at IS NOT NULL)
  EXECUTE FUNCTION guard_new_case();
--> statement-breakpoint

-- When a case was opened says which one is the newest of its payment: that is never changed either.
CREATE TRIGGER cases_opened_once BEFORE UPDATE OF created_at ON cases FOR EACH ROW WHEN (NEW.created_at <> OLD.created_at)
  EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint

-- A held payment goes on only from its newest case, and only if people released that one: a release is for what was held then.
CREATE OR REPLACE FUNCTION guard_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM cases WHERE payment_id = NEW.id AND kind = 'held' AND status IN ('open', 'deciding', 'waiting'))
    OR (SELECT status FROM cases WHERE payment_id = NEW.id AND kind = 'held' ORDER BY created_at DESC, id DESC LIMIT 1)
      IS DISTINCT FROM 'released' THEN
    RAISE EXCEPTION 'a held payment is released by its case'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_release', TABLE = 'payments';
  END IF;
  RETURN NEW;
END $$;
