-- Whoever acts for one client writes as this role: bound by row-level security like the role that reads, so that a statement which
-- forgets whose row it changes changes nobody else's. Its rights are given with those of the processes: see db/service-role.ts.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capp_tenant_writer') THEN
    CREATE ROLE capp_tenant_writer NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
  END IF;
-- Roles belong to the whole server: another database on it may be making the same one in this moment.
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
-- Whoever may take on the role that reads may take on this one too: the owner, and logins that were admitted before there was it.
DO $$ DECLARE login name; BEGIN
  FOR login IN
    SELECT current_user UNION SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
      WHERE m.roleid = 'capp_tenant'::regrole AND m.set_option
  LOOP
    IF NOT pg_has_role(login, 'capp_tenant_writer', 'SET') THEN
      EXECUTE format('GRANT capp_tenant_writer TO %I WITH SET TRUE, INHERIT FALSE', login);
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
-- Every table that names a client, or belongs to one through another row, now; a test asks the same of those to come.
DO $$ DECLARE named text; BEGIN
  FOR named IN SELECT polrelid::regclass::text FROM pg_policy WHERE polname = 'own_client' AND polrelid <> 'execution_halts'::regclass LOOP
    EXECUTE format('ALTER POLICY own_client ON %s TO capp_tenant, capp_tenant_writer', named);
  END LOOP;
END $$;
--> statement-breakpoint
-- The accounts of the platform stand on the other side of a client's transfers.
ALTER POLICY of_the_platform ON accounts TO capp_tenant, capp_tenant_writer;
--> statement-breakpoint
-- Halts of everybody are seen by all, and begun and lifted by nobody but the platform.
CREATE POLICY seen_by_writers ON execution_halts FOR SELECT TO capp_tenant_writer
  USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid OR client_id IS NULL AND payment_id IS NULL);
--> statement-breakpoint
CREATE POLICY begun_by_writers ON execution_halts FOR INSERT TO capp_tenant_writer
  WITH CHECK (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
--> statement-breakpoint
CREATE POLICY lifted_by_writers ON execution_halts FOR UPDATE TO capp_tenant_writer
  USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
--> statement-breakpoint
-- Switches and dials are named after their agent, then the client: `investigator/<client>`, `investigator/<client>/KE-UG`. Those of the
-- platform count for all.
ALTER TABLE agent_switches ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY seen_by_writers ON agent_switches FOR SELECT TO capp_tenant_writer
  USING (split_part(agent, '/', 2) IN ('', nullif(current_setting('capp.client_id', true), '')));
--> statement-breakpoint
CREATE POLICY own_client ON agent_switches TO capp_tenant_writer
  USING (split_part(agent, '/', 2) = nullif(current_setting('capp.client_id', true), ''));
--> statement-breakpoint
ALTER TABLE autonomy_dials ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY seen_by_writers ON autonomy_dials FOR SELECT TO capp_tenant_writer
  USING (split_part(scope, '/', 2) IN ('', nullif(current_setting('capp.client_id', true), '')));
--> statement-breakpoint
CREATE POLICY own_client ON autonomy_dials TO capp_tenant_writer
  USING (split_part(scope, '/', 2) = nullif(current_setting('capp.client_id', true), ''));
--> statement-breakpoint
-- The way in stores payments of many clients in one statement, as the role of the processes. What a mistake there could mix up, the
-- parties of two clients, is held by the check that looks both of them up anyhow.
CREATE OR REPLACE FUNCTION check_payment_parties() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off AS $$
DECLARE missing text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7263006);
  SELECT CASE WHEN sender.id IS NULL OR sender.erased_at IS NOT NULL OR sender.client_id <> added.client_id THEN 'sender' ELSE 'receiver' END
    INTO missing
  FROM added LEFT JOIN users sender ON sender.id = added.sender_id LEFT JOIN users receiver ON receiver.id = added.receiver_id
  WHERE sender.id IS NULL OR sender.erased_at IS NOT NULL OR sender.client_id <> added.client_id
    OR receiver.id IS NULL OR receiver.erased_at IS NOT NULL OR receiver.client_id <> added.client_id LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'a payment has no %', missing
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'payments_' || missing || '_id_users_id_fk', TABLE = 'payments';
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
GRANT SELECT ON decisions TO capp_tenant_writer;
