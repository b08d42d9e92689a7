-- A block says something of every source that the block before it spoke of. A process of an earlier version, which knows fewer, seals none
-- beside one that knows more: its block would leave rows out, and the next would begin with them anew.
CREATE FUNCTION check_audit_sources() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT block_number FROM added) block
      JOIN audit_ranges before ON before.block_number = block.block_number - 1
      WHERE NOT EXISTS (SELECT FROM audit_ranges own WHERE own.block_number = block.block_number AND own.source = before.source)) THEN
    RAISE EXCEPTION 'a block of the audit log leaves out a source of the block before it'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_ranges_sources', TABLE = 'audit_ranges';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_ranges_sources AFTER INSERT ON audit_ranges REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION check_audit_sources();
