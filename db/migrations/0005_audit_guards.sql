-- The audit log is only ever added to.
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_blocks_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_blocks
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_ranges_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_ranges
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- The transaction that wrote an officer's decision is sealed with it.
DROP TRIGGER case_decisions_fixed ON case_decisions;
--> statement-breakpoint
CREATE TRIGGER case_decisions_fixed
  BEFORE UPDATE OF id, tx_id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest, created_at ON case_decisions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint

-- Hashes do not compress; trying costs more than the rest of sealing.
ALTER TABLE audit_ranges ALTER COLUMN keys SET STORAGE EXTERNAL, ALTER COLUMN hashes SET STORAGE EXTERNAL;
--> statement-breakpoint

-- Counters of a few seconds: lost in a crash, they begin anew.
ALTER TABLE rate_limits SET UNLOGGED;
--> statement-breakpoint
ALTER TABLE rate_limits SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
