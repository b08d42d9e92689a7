DROP INDEX "users_verified";--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "registry_due_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "users_registry_due" ON "users" USING btree ("registry_due_at") WHERE "users"."registry_due_at" is not null;--> statement-breakpoint
-- Whom the registry is to be told of. What was attested of those who may be attested no longer is revoked before anybody is attested.
CREATE FUNCTION mark_registry_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kyc_status = 'verified' AND NEW.kyc_tier > 0 AND NEW.erased_at IS NULL THEN
    NEW.registry_due_at := 'epoch';
  ELSIF TG_OP = 'UPDATE' THEN
    IF OLD.kyc_status = 'verified' AND OLD.kyc_tier > 0 AND OLD.erased_at IS NULL THEN
      NEW.registry_due_at := '-infinity';
    END IF;
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER users_registry_due_new BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION mark_registry_due();
--> statement-breakpoint
CREATE TRIGGER users_registry_due BEFORE UPDATE OF kyc_status, kyc_tier, erased_at ON users FOR EACH ROW
  WHEN ((OLD.kyc_status, OLD.kyc_tier, OLD.erased_at) IS DISTINCT FROM (NEW.kyc_status, NEW.kyc_tier, NEW.erased_at))
  EXECUTE FUNCTION mark_registry_due();
--> statement-breakpoint
UPDATE users u SET registry_due_at = CASE WHEN u.kyc_status = 'verified' AND u.kyc_tier > 0 AND u.erased_at IS NULL THEN 'epoch'::timestamptz
    ELSE '-infinity' END
  WHERE (u.kyc_status = 'verified' AND u.kyc_tier > 0 AND u.erased_at IS NULL)
    OR EXISTS (SELECT FROM registry_subjects s WHERE s.user_id = u.id AND s.tier IS NOT NULL);
