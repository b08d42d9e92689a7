CREATE TABLE "payments_by_status" (
	"status" text NOT NULL,
	"payment_id" uuid NOT NULL,
	"client_id" uuid NOT NULL,
	CONSTRAINT "payments_by_status_pkey" PRIMARY KEY("status","payment_id")
);
--> statement-breakpoint
DROP INDEX "payments_work";--> statement-breakpoint
DROP INDEX "payments_client_status";--> statement-breakpoint
DROP INDEX "payments_unsettled";--> statement-breakpoint
CREATE INDEX "payments_by_status_client" ON "payments_by_status" USING btree ("client_id","status","payment_id") WHERE "payments_by_status"."status" not in ('accepted', 'authorized', 'collected', 'paid');