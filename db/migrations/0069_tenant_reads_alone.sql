-- Over connections of a client's own the API reads and never writes: what a client changes is changed with an entry in the audit log,
-- which this role cannot add to.
REVOKE INSERT, UPDATE ON webhook_endpoints, webhook_deliveries FROM capp_tenant;
--> statement-breakpoint
-- Tables that no such connection reads.
REVOKE SELECT ON compliance_records, outbox, mandate_spends FROM capp_tenant;
--> statement-breakpoint
-- Secrets, and hashes by which something is found, no client is shown: of these tables the role reads every other column.
DO $$ DECLARE hidden record; BEGIN
  FOR hidden IN
    SELECT of.name, string_agg(quote_ident(c.column_name), ', ' ORDER BY c.ordinal_position) AS shown
    FROM (VALUES ('webhook_endpoints', '{secret,previous_secret}'::text[]), ('attempts', '{callback_token_hash}'), ('sms_messages', '{phone_index}'))
      AS of(name, columns)
    JOIN information_schema.columns c ON c.table_schema = 'public' AND c.table_name = of.name AND c.column_name <> ALL (of.columns)
    GROUP BY of.name
  LOOP
    EXECUTE format('REVOKE SELECT ON %I FROM capp_tenant', hidden.name);
    EXECUTE format('GRANT SELECT (%s) ON %I TO capp_tenant', hidden.shown, hidden.name);
  END LOOP;
END $$;
