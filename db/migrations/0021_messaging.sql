CREATE TABLE "gateway_records" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"gateway" text NOT NULL,
	"kind" text NOT NULL,
	"body" "bytea" NOT NULL,
	"body_digest" "bytea" NOT NULL,
	"source_address" text NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"verdict" text NOT NULL,
	"reason_code" text NOT NULL,
	"reference" text,
	CONSTRAINT "gateway_records_verdict" CHECK ("gateway_records"."verdict" in ('refused', 'unmatched', 'matched'))
);
--> statement-breakpoint
CREATE TABLE "sms_messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"outbox_id" bigint NOT NULL,
	"topic" text NOT NULL,
	"role" text NOT NULL,
	"state" text DEFAULT 'queued' NOT NULL,
	"reason_code" text,
	"gateway" text,
	"gateway_id" text,
	"phone_index" "bytea",
	"language" text,
	"segments" smallint,
	"tries" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "sms_messages_once" UNIQUE("outbox_id","role"),
	CONSTRAINT "sms_messages_role" CHECK ("sms_messages"."role" in ('sender', 'receiver')),
	CONSTRAINT "sms_messages_state" CHECK ("sms_messages"."state" in ('queued', 'sending', 'accepted', 'delivered', 'failed', 'unknown', 'suppressed')),
	CONSTRAINT "sms_messages_next" CHECK (("sms_messages"."state" = 'queued') = ("sms_messages"."next_attempt_at" is not null)),
	CONSTRAINT "sms_messages_lease" CHECK (("sms_messages"."state" = 'sending') = ("sms_messages"."lease_until" is not null))
);
--> statement-breakpoint
CREATE TABLE "subscribers" (
	"phone_index" "bytea" PRIMARY KEY NOT NULL,
	"language" text,
	"name" "bytea",
	"opted_out_at" timestamp (3) with time zone,
	"opt_out_source" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "subscribers_language" CHECK ("subscribers"."language" in ('en', 'sw', 'fr')),
	CONSTRAINT "subscribers_opt_out_source" CHECK ("subscribers"."opt_out_source" in ('keyword', 'gateway', 'operator')),
	CONSTRAINT "subscribers_opt_out" CHECK (("subscribers"."opted_out_at" is null) = ("subscribers"."opt_out_source" is null))
);
--> statement-breakpoint
CREATE TABLE "ussd_sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"gateway" text NOT NULL,
	"session_id" text NOT NULL,
	"client_id" uuid NOT NULL,
	"phone_index" "bytea" NOT NULL,
	"step" integer NOT NULL,
	"input_length" integer NOT NULL,
	"input_digest" "bytea" NOT NULL,
	"state" "bytea",
	"reply" "bytea" NOT NULL,
	"payment_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "ussd_sessions_session" UNIQUE("gateway","session_id"),
	CONSTRAINT "ussd_sessions_gateway" CHECK ("ussd_sessions"."gateway" in ('africastalking', 'mtn')),
	CONSTRAINT "ussd_sessions_step" CHECK ("ussd_sessions"."step" > 0)
);
--> statement-breakpoint
ALTER TABLE "sms_messages" ADD CONSTRAINT "sms_messages_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ussd_sessions" ADD CONSTRAINT "ussd_sessions_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "gateway_records_age" ON "gateway_records" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "gateway_records_unmatched" ON "gateway_records" USING btree ("reference") WHERE "gateway_records"."verdict" = 'unmatched';--> statement-breakpoint
CREATE INDEX "sms_messages_due" ON "sms_messages" USING btree ("next_attempt_at") WHERE "sms_messages"."state" = 'queued';--> statement-breakpoint
CREATE INDEX "sms_messages_under_way" ON "sms_messages" USING btree ("lease_until") WHERE "sms_messages"."state" = 'sending';--> statement-breakpoint
CREATE INDEX "sms_messages_gateway_id" ON "sms_messages" USING btree ("gateway_id") WHERE "sms_messages"."gateway_id" is not null;--> statement-breakpoint
CREATE INDEX "sms_messages_payment" ON "sms_messages" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "sms_messages_client" ON "sms_messages" USING btree ("client_id","created_at","id");--> statement-breakpoint
CREATE INDEX "subscribers_opted_out" ON "subscribers" USING btree ("opted_out_at") WHERE "subscribers"."opted_out_at" is not null;--> statement-breakpoint
CREATE INDEX "ussd_sessions_age" ON "ussd_sessions" USING btree ("expires_at");