CREATE TABLE "mandate_signatures" (
	"mandate_id" uuid NOT NULL,
	"role" text NOT NULL,
	"client_id" uuid NOT NULL,
	"principal" text NOT NULL,
	"key_id" text NOT NULL,
	"signature" "bytea" NOT NULL,
	"signed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "mandate_signatures_mandate_id_role_pk" PRIMARY KEY("mandate_id","role"),
	CONSTRAINT "mandate_signatures_role" CHECK ("mandate_signatures"."role" in ('holder', 'issuer')),
	CONSTRAINT "mandate_signatures_ed25519" CHECK (length("mandate_signatures"."signature") = 64)
);
--> statement-breakpoint
ALTER TABLE "mandate_signatures" ADD CONSTRAINT "mandate_signatures_mandate_id_mandates_id_fk" FOREIGN KEY ("mandate_id") REFERENCES "public"."mandates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandate_signatures" ADD CONSTRAINT "mandate_signatures_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandate_signatures" ADD CONSTRAINT "mandate_signatures_key_id_request_keys_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."request_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
-- Somebody's signature stays as they gave it.
CREATE TRIGGER mandate_signatures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON mandate_signatures
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE mandate_signatures ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON mandate_signatures TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
--> statement-breakpoint
GRANT SELECT ON mandate_signatures TO capp_tenant;
