-- What clients read, they read as this role: it sees the rows of the client that the connection serves, and cannot pass by that.
-- It has no login of its own; whoever runs the API is made a member and takes it on.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capp_tenant') THEN
    CREATE ROLE capp_tenant NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
  END IF;
-- Roles belong to the whole server: another database on it may be making the same one in this moment.
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'capp_tenant', 'SET') THEN
    EXECUTE format('GRANT capp_tenant TO %I WITH SET TRUE, INHERIT FALSE', current_user);
  END IF;
END $$;
--> statement-breakpoint
-- Every table that names a client, now; a test asks the same of those to come. Without a client in the setting nothing is seen.
DO $$ DECLARE named text; BEGIN
  FOR named IN
    SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND c.column_name = 'client_id' AND t.table_type = 'BASE TABLE' ORDER BY 1
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', named);
    EXECUTE format('CREATE POLICY own_client ON %I TO capp_tenant USING (client_id = nullif(current_setting(''capp.client_id'', true), '''')::uuid)', named);
  END LOOP;
END $$;
--> statement-breakpoint
-- Tables whose rows belong to a client through another row.
ALTER TABLE case_decisions ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON case_decisions TO capp_tenant USING (EXISTS (SELECT FROM cases WHERE cases.id = case_decisions.case_id));
--> statement-breakpoint
ALTER TABLE transfers ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON transfers TO capp_tenant USING (EXISTS (SELECT FROM payments WHERE payments.id = transfers.payment_id));
--> statement-breakpoint
ALTER TABLE settlement_strays ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON settlement_strays TO capp_tenant USING (EXISTS (SELECT FROM payments WHERE payments.id = settlement_strays.payment_id));
--> statement-breakpoint
-- Callbacks that no attempt claims belong to nobody; they are shown without what they say.
ALTER TABLE operator_callbacks ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON operator_callbacks TO capp_tenant
  USING (attempt_id IS NULL OR EXISTS (SELECT FROM attempts WHERE attempts.id = operator_callbacks.attempt_id));
--> statement-breakpoint
-- The names of the platform's own accounts stand in the transfers of payments.
CREATE POLICY of_the_platform ON accounts TO capp_tenant USING (client_id IS NULL);
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO capp_tenant;
--> statement-breakpoint
GRANT SELECT ON payments, payments_by_status, payment_events, intent_batches, attempts, quotes, agent_activity, compliance_records, cases, case_decisions,
  case_information, screening_findings, reports, sms_messages, outbox, transfers, settlement_strays, settlement_window_decisions TO capp_tenant;
--> statement-breakpoint
-- Which window holds a payment, and nothing of what else is in it.
GRANT SELECT (id, number, base_snapshot, snapshot, after_tx, after_event, up_to_tx, up_to_event) ON settlement_windows TO capp_tenant;
--> statement-breakpoint
GRANT SELECT (id, code, client_id) ON accounts TO capp_tenant;
--> statement-breakpoint
GRANT SELECT (id, rail_id, attempt_id, source_address, received_at, processed_at, verdict, reason_code) ON operator_callbacks TO capp_tenant;
--> statement-breakpoint
-- The wrapped key of a person opens that person's side of a payment; names and numbers themselves stay away.
GRANT SELECT (id, client_id, data_key) ON users TO capp_tenant;
--> statement-breakpoint
-- What clients keep by themselves.
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO capp_tenant;
