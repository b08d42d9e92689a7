ALTER TABLE "settlement_batches" ADD COLUMN "carried_index" integer;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "carried_path" "bytea";--> statement-breakpoint
CREATE INDEX "settlement_batches_by_chain" ON "settlement_batches" USING btree ("partner","currency","created_at") WHERE "settlement_batches"."method" = 'chain' and "settlement_batches"."status" <> 'expired';--> statement-breakpoint
-- Where a batch stands in the tree of the one that took it over follows from what both are made of, and is written with it.
CREATE TRIGGER settlement_batches_place_fixed BEFORE UPDATE OF carried_index, carried_path ON settlement_batches
  FOR EACH ROW WHEN (OLD.carried_to IS NOT NULL AND (OLD.carried_index, OLD.carried_path) IS DISTINCT FROM (NEW.carried_index, NEW.carried_path))
  EXECUTE FUNCTION refuse_alteration();
