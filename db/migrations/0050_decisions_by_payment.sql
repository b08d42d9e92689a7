-- A decision is looked for by its payment or in the stream; by its id only that of a settlement window, which stands for many payments.
ALTER TABLE "agent_activity" DROP CONSTRAINT "agent_activity_pkey";--> statement-breakpoint
DROP INDEX "agent_activity_payment";--> statement-breakpoint
ALTER TABLE "agent_activity" ADD CONSTRAINT "agent_activity_payment" PRIMARY KEY("payment_id","position");--> statement-breakpoint
CREATE UNIQUE INDEX "agent_activity_settlement" ON "agent_activity" USING btree ("id") WHERE "agent_activity"."agent" = 'settlement';--> statement-breakpoint

-- As in 0007, but each payment is looked up once, however many decisions about it come with one statement.
CREATE OR REPLACE FUNCTION check_payment_reference() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT payment_id FROM added) wanted LEFT JOIN payments p ON p.id = wanted.payment_id WHERE p.id IS NULL
  ) THEN
    RAISE EXCEPTION 'a row of % belongs to no payment', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_payment_id_payments_id_fk', TABLE = TG_TABLE_NAME;
  END IF;
  RETURN NULL;
END $$;
