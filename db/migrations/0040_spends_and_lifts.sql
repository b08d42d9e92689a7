ALTER TABLE "execution_halts" ADD COLUMN "lift_client_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_halts" ADD CONSTRAINT "execution_halts_lift_client_id_clients_id_fk" FOREIGN KEY ("lift_client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_halts" ADD CONSTRAINT "execution_halts_lifters" CHECK ("execution_halts"."lift_client_id" is null or "execution_halts"."lift_client_id" is not distinct from "execution_halts"."client_id");--> statement-breakpoint
-- Nothing tells who began the halts there are, a client's people or the platform's: the platform lifts them.
DROP TRIGGER execution_halts_fixed ON execution_halts;
--> statement-breakpoint
CREATE TRIGGER execution_halts_fixed
  BEFORE UPDATE OF id, client_id, corridor, rail_id, payment_id, reason, begun_by, begun_at, lift_client_id ON execution_halts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- A client sees what halts it: its own, and those of everybody.
ALTER POLICY own_client ON execution_halts
  USING (client_id = nullif(current_setting('capp.client_id', true), '')::uuid OR (client_id IS NULL AND payment_id IS NULL));
--> statement-breakpoint
GRANT SELECT ON execution_halts, mandates, mandate_spends TO capp_tenant;
--> statement-breakpoint
-- A spend belongs to the payment of its reference and its fingerprint. Until now fingerprints of spends were keyed in another way than
-- those of payments: each gets that of the payment which was stored after it for the same amount.
ALTER TABLE mandate_spends DISABLE TRIGGER mandate_spends_fixed;
--> statement-breakpoint
UPDATE mandate_spends s SET fingerprint = p.fingerprint FROM payments p
WHERE p.client_id = s.client_id AND p.reference_id = s.reference_id AND p.amount = s.amount AND p.from_currency = s.currency
  AND s.spent_at <= p.created_at;
--> statement-breakpoint
ALTER TABLE mandate_spends ENABLE TRIGGER mandate_spends_fixed;
--> statement-breakpoint
-- A spend goes away only with an intent that was refused: never once there is its payment.
CREATE OR REPLACE FUNCTION guard_mandate_spend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM payments p
    WHERE p.client_id = OLD.client_id AND p.reference_id = OLD.reference_id AND p.fingerprint = OLD.fingerprint) THEN
    RAISE EXCEPTION 'what was spent stays counted'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'mandate_spends_kept', TABLE = 'mandate_spends';
  END IF;
  RETURN OLD;
END $$;
