CREATE TABLE "mandate_spends" (
	"client_id" uuid NOT NULL,
	"reference_id" text NOT NULL,
	"mandate_id" uuid NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"payee_index" "bytea" NOT NULL,
	"spent_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "mandate_spends_client_id_reference_id_mandate_id_pk" PRIMARY KEY("client_id","reference_id","mandate_id"),
	CONSTRAINT "mandate_spends_amount" CHECK ("mandate_spends"."amount" > 0)
);
--> statement-breakpoint
CREATE TABLE "mandates" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"parent_id" uuid,
	"depth" smallint NOT NULL,
	"holder" text NOT NULL,
	"issuer" text NOT NULL,
	"policy" jsonb NOT NULL,
	"not_before" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"seal" "bytea" NOT NULL,
	"revoked_by" text,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "mandates_time" CHECK ("mandates"."expires_at" > "mandates"."not_before"),
	CONSTRAINT "mandates_parties" CHECK ("mandates"."holder" <> "mandates"."issuer"),
	CONSTRAINT "mandates_depth" CHECK ("mandates"."depth" between 1 and 4 and ("mandates"."depth" = 1) = ("mandates"."parent_id" is null)),
	CONSTRAINT "mandates_revoked" CHECK (("mandates"."revoked_at" is null) = ("mandates"."revoked_by" is null))
);
--> statement-breakpoint
ALTER TABLE "mandate_spends" ADD CONSTRAINT "mandate_spends_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandate_spends" ADD CONSTRAINT "mandate_spends_mandate_id_mandates_id_fk" FOREIGN KEY ("mandate_id") REFERENCES "public"."mandates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandates" ADD CONSTRAINT "mandates_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandates" ADD CONSTRAINT "mandates_parent_id_mandates_id_fk" FOREIGN KEY ("parent_id") REFERENCES "public"."mandates"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "mandate_spends_window" ON "mandate_spends" USING btree ("mandate_id","spent_at");--> statement-breakpoint
CREATE INDEX "mandate_spends_payee" ON "mandate_spends" USING btree ("mandate_id","payee_index");--> statement-breakpoint
CREATE INDEX "mandates_holder" ON "mandates" USING btree ("client_id","holder");--> statement-breakpoint
CREATE INDEX "mandates_parent" ON "mandates" USING btree ("parent_id");--> statement-breakpoint
-- What somebody gave their word on is not changed; it is taken back, once.
CREATE TRIGGER mandates_fixed
  BEFORE UPDATE OF id, client_id, parent_id, depth, holder, issuer, policy, not_before, expires_at, created_at, seal ON mandates
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER mandates_revoked_once BEFORE UPDATE ON mandates
  FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL) EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
CREATE TRIGGER mandates_kept BEFORE DELETE OR TRUNCATE ON mandates FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- A spend goes away only with an intent that was refused: never once there is a payment of its reference.
CREATE FUNCTION guard_mandate_spend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM payments p WHERE p.client_id = OLD.client_id AND p.reference_id = OLD.reference_id) THEN
    RAISE EXCEPTION 'what was spent stays counted'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mandate_spends_kept', TABLE = 'mandate_spends';
  END IF;
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER mandate_spends_kept BEFORE DELETE ON mandate_spends FOR EACH ROW EXECUTE FUNCTION guard_mandate_spend();
--> statement-breakpoint
CREATE TRIGGER mandate_spends_fixed BEFORE UPDATE OR TRUNCATE ON mandate_spends FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE mandates ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON mandates TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
--> statement-breakpoint
ALTER TABLE mandate_spends ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON mandate_spends TO capp_tenant USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid);
