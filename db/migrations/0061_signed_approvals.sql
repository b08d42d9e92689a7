CREATE TABLE "settlement_signed_approvals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"batch_id" uuid NOT NULL,
	"approver" text NOT NULL,
	"signer" text NOT NULL,
	"transaction" text NOT NULL,
	"authenticator" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "settlement_signed_approvals_once" UNIQUE("batch_id","transaction")
);
--> statement-breakpoint
ALTER TABLE "settlement_signed_approvals" ADD CONSTRAINT "settlement_signed_approvals_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_signed_approvals" ADD CONSTRAINT "settlement_signed_approvals_of" FOREIGN KEY ("batch_id","approver") REFERENCES "public"."settlement_approvals"("batch_id","approver") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "settlement_signed_approvals_latest" ON "settlement_signed_approvals" USING btree ("batch_id","approver","created_at");--> statement-breakpoint
-- What somebody signed is not changed afterwards; what can no longer count is followed by another.
CREATE TRIGGER settlement_signed_approvals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement_signed_approvals
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
