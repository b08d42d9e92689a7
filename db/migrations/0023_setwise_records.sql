-- What compliance records belong to, looked up once for a statement, as in 0007. Row by row the check also locked every payment, just
-- before its step rewrote it.
CREATE TRIGGER compliance_records_payment AFTER INSERT ON compliance_records REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_payment_reference();
--> statement-breakpoint
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 180000 THEN
    EXECUTE 'ALTER TABLE compliance_records ALTER CONSTRAINT compliance_records_payment_id_payments_id_fk NOT ENFORCED';
  END IF;
END $$;
