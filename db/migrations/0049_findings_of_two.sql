ALTER TABLE "screening_findings" DROP CONSTRAINT "screening_findings_once";--> statement-breakpoint
ALTER TABLE "screening_findings" DROP CONSTRAINT "screening_findings_status";--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "entry_digest" text;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "topic" text DEFAULT 'sanction' NOT NULL;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "confirm_asked_by" text;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "confirm_asked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "lift_asked_by" text;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "lift_asked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "lifted_by" text;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "lifted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "kyc_before" text;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD COLUMN "delisted_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "reports" ADD COLUMN "finding_id" uuid;--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_finding_id_screening_findings_id_fk" FOREIGN KEY ("finding_id") REFERENCES "public"."screening_findings"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "screening_findings_once" ON "screening_findings" USING btree ("user_id","list","entry_id","entry_digest") WHERE "screening_findings"."status" <> 'closed';--> statement-breakpoint
CREATE INDEX "screening_findings_standing" ON "screening_findings" USING btree ("user_id") WHERE "screening_findings"."status" in ('open', 'confirmed');--> statement-breakpoint
CREATE INDEX "reports_finding" ON "reports" USING btree ("finding_id") WHERE "reports"."finding_id" is not null;--> statement-breakpoint
ALTER TABLE "screening_findings" ADD CONSTRAINT "screening_findings_topic" CHECK ("screening_findings"."topic" in ('sanction', 'restriction', 'pep'));--> statement-breakpoint
ALTER TABLE "screening_findings" ADD CONSTRAINT "screening_findings_status" CHECK ("screening_findings"."status" in ('open', 'dismissed', 'confirmed', 'lifted', 'closed'));--> statement-breakpoint

-- What was found stays as it was found; the entry and the topic are part of it.
DROP TRIGGER screening_findings_fixed ON screening_findings;
--> statement-breakpoint
CREATE TRIGGER screening_findings_fixed
  BEFORE UPDATE OF id, client_id, user_id, list, entry_id, entry_digest, topic, list_version, score, how, grounds, created_at ON screening_findings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
DROP TRIGGER screening_findings_decided_once ON screening_findings;
--> statement-breakpoint

-- A finding begins undecided. One person dismisses it; two confirm it, and two lift what was confirmed, never the same one twice.
CREATE FUNCTION guard_finding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'open' AND NEW.confirm_asked_by IS NULL AND NEW.lift_asked_by IS NULL THEN RETURN NEW; END IF;
  ELSIF OLD.status = 'open' THEN
    IF NEW.lift_asked_by IS NULL AND NEW.lifted_by IS NULL AND (NEW.status IN ('open', 'dismissed', 'closed')
      OR NEW.status = 'confirmed' AND NEW.confirm_asked_by = OLD.confirm_asked_by AND NEW.resolved_by <> OLD.confirm_asked_by) THEN RETURN NEW; END IF;
  ELSIF OLD.status = 'confirmed' AND (NEW.confirm_asked_by, NEW.confirm_asked_at, NEW.resolved_by, NEW.resolved_at, NEW.kyc_before)
    IS NOT DISTINCT FROM (OLD.confirm_asked_by, OLD.confirm_asked_at, OLD.resolved_by, OLD.resolved_at, OLD.kyc_before) THEN
    IF NEW.status = 'confirmed' AND NEW.lifted_by IS NULL
      OR NEW.status = 'lifted' AND NEW.lift_asked_by = OLD.lift_asked_by AND NEW.lifted_by <> OLD.lift_asked_by THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION 'a finding is decided by those who may, and once'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'screening_findings_step', TABLE = 'screening_findings';
END $$;
--> statement-breakpoint
CREATE TRIGGER screening_findings_step BEFORE INSERT OR UPDATE ON screening_findings FOR EACH ROW EXECUTE FUNCTION guard_finding();
