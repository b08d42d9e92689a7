CREATE TABLE "accounts" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "accounts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"code" text NOT NULL,
	"kind" text NOT NULL,
	"currency" text NOT NULL,
	"normal_side" text NOT NULL,
	"floor" bigint,
	"client_id" uuid,
	"debits_posted" bigint DEFAULT 0 NOT NULL,
	"credits_posted" bigint DEFAULT 0 NOT NULL,
	"debits_pending" bigint DEFAULT 0 NOT NULL,
	"credits_pending" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "accounts_code" UNIQUE("code"),
	CONSTRAINT "accounts_id_currency" UNIQUE("id","currency"),
	CONSTRAINT "accounts_kind" CHECK ("accounts"."kind" in ('float', 'clearing', 'fees', 'position', 'rounding', 'treasury', 'client')),
	CONSTRAINT "accounts_side" CHECK ("accounts"."normal_side" in ('debit', 'credit')),
	CONSTRAINT "accounts_not_negative" CHECK ("accounts"."debits_posted" >= 0 and "accounts"."credits_posted" >= 0 and "accounts"."debits_pending" >= 0 and "accounts"."credits_pending" >= 0),
	CONSTRAINT "accounts_floor" CHECK ("accounts"."floor" is null or case "accounts"."normal_side"
        when 'debit' then "accounts"."debits_posted" - "accounts"."credits_posted" - "accounts"."credits_pending"
        else "accounts"."credits_posted" - "accounts"."debits_posted" - "accounts"."debits_pending" end >= "accounts"."floor")
);
--> statement-breakpoint
CREATE TABLE "exchange_rates" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"source" text NOT NULL,
	"currency" text NOT NULL,
	"rate" bigint NOT NULL,
	"as_of" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "exchange_rates_rate" CHECK ("exchange_rates"."rate" > 0)
);
--> statement-breakpoint
CREATE TABLE "liquidity_pools" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" integer NOT NULL,
	"currency" text NOT NULL,
	"country" text NOT NULL,
	"balance" bigint DEFAULT 0 NOT NULL,
	"reserved" bigint DEFAULT 0 NOT NULL,
	"low_water" bigint DEFAULT 0 NOT NULL,
	"target" bigint DEFAULT 0 NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "liquidity_pools_account" UNIQUE("account_id"),
	CONSTRAINT "liquidity_pools_reserved" CHECK ("liquidity_pools"."reserved" >= 0 and "liquidity_pools"."reserved" <= "liquidity_pools"."balance")
);
--> statement-breakpoint
CREATE TABLE "rebalance_proposals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"from_pool" text,
	"to_pool" text NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"reason_code" text NOT NULL,
	"status" text DEFAULT 'proposed' NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "rebalance_proposals_status" CHECK ("rebalance_proposals"."status" in ('proposed', 'done', 'dismissed'))
);
--> statement-breakpoint
CREATE TABLE "settlement_batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"partner" text NOT NULL,
	"currency" text NOT NULL,
	"payment_count" integer NOT NULL,
	"collected_amount" bigint NOT NULL,
	"disbursed_amount" bigint NOT NULL,
	"net_amount" bigint NOT NULL,
	"merkle_root" text NOT NULL,
	"status" text DEFAULT 'closed' NOT NULL,
	"chain_reference" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"settled_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "settlement_items" (
	"batch_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"payment_id" uuid NOT NULL,
	"leg" text NOT NULL,
	"amount" bigint NOT NULL,
	"leaf" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "transfers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"pending_id" uuid,
	"link_id" uuid,
	"debit_account_id" integer NOT NULL,
	"credit_account_id" integer NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"reason" text NOT NULL,
	"payment_id" uuid,
	"attempt_id" uuid,
	"expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "transfers_type" CHECK ("transfers"."type" in ('posted', 'pending', 'post', 'void', 'expire')),
	CONSTRAINT "transfers_pending" CHECK (("transfers"."type" in ('post', 'void', 'expire')) = ("transfers"."pending_id" is not null)),
	CONSTRAINT "transfers_amount" CHECK ("transfers"."amount" > 0),
	CONSTRAINT "transfers_two_accounts" CHECK ("transfers"."debit_account_id" <> "transfers"."credit_account_id")
);
--> statement-breakpoint
CREATE TABLE "agent_activity" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"position" bigserial NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"cohort_id" uuid NOT NULL,
	"agent" text NOT NULL,
	"policy_version" text NOT NULL,
	"facts_digest" text NOT NULL,
	"facts" jsonb NOT NULL,
	"outcome" text NOT NULL,
	"reasons" jsonb NOT NULL,
	"confidence" real NOT NULL,
	"duration_us" integer NOT NULL,
	"model_id" text,
	"prompt_hash" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "case_decisions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"case_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"officer" text NOT NULL,
	"verdict" text NOT NULL,
	"reason_code" text NOT NULL,
	"note" "bytea",
	"evidence_digest" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"applied_at" timestamp (3) with time zone,
	CONSTRAINT "case_decisions_officer" UNIQUE("case_id","officer"),
	CONSTRAINT "case_decisions_verdict" CHECK ("case_decisions"."verdict" in ('release', 'reject'))
);
--> statement-breakpoint
CREATE TABLE "cases" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"priority" smallint NOT NULL,
	"reasons" jsonb NOT NULL,
	"evidence" jsonb NOT NULL,
	"evidence_digest" text NOT NULL,
	"approvals_needed" smallint DEFAULT 1 NOT NULL,
	"claimed_by" text,
	"claimed_until" timestamp (3) with time zone,
	"interrupt_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	CONSTRAINT "cases_status" CHECK ("cases"."status" in ('open', 'deciding', 'released', 'rejected', 'withdrawn'))
);
--> statement-breakpoint
CREATE TABLE "compliance_records" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"outcome" text NOT NULL,
	"list_version" text NOT NULL,
	"hits" jsonb NOT NULL,
	"rules" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "compliance_records_outcome" CHECK ("compliance_records"."outcome" in ('clear', 'flag', 'block'))
);
--> statement-breakpoint
CREATE TABLE "rail_health" (
	"rail_id" text NOT NULL,
	"leg" text NOT NULL,
	"success_weight" double precision DEFAULT 0 NOT NULL,
	"failure_weight" double precision DEFAULT 0 NOT NULL,
	"latency_ms" double precision DEFAULT 0 NOT NULL,
	"outages" integer DEFAULT 0 NOT NULL,
	"down_until" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "rail_health_rail" UNIQUE("rail_id","leg")
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"principal" text NOT NULL,
	"prefix" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "api_keys_prefix" UNIQUE("prefix")
);
--> statement-breakpoint
CREATE TABLE "clients" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "clients_name" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"phone" "bytea" NOT NULL,
	"phone_index" "bytea" NOT NULL,
	"name" "bytea" NOT NULL,
	"country" text NOT NULL,
	"wallet_id" text NOT NULL,
	"kyc_status" text DEFAULT 'basic' NOT NULL,
	"kyc_tier" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_client_phone" UNIQUE("client_id","phone_index"),
	CONSTRAINT "users_kyc_status" CHECK ("users"."kyc_status" in ('none', 'basic', 'verified', 'rejected')),
	CONSTRAINT "users_kyc_tier" CHECK ("users"."kyc_tier" between 0 and 9)
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"leg" text NOT NULL,
	"sequence" smallint NOT NULL,
	"rail_id" text NOT NULL,
	"request_id" uuid NOT NULL,
	"amount" bigint NOT NULL,
	"currency" text NOT NULL,
	"state" text DEFAULT 'created' NOT NULL,
	"operator_handle" "bytea",
	"receipt" text,
	"reason_code" text,
	"retry" text,
	"callback_token_hash" "bytea" NOT NULL,
	"inquiries" integer DEFAULT 0 NOT NULL,
	"next_inquiry_at" timestamp (3) with time zone,
	"applied" boolean DEFAULT false NOT NULL,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp (3) with time zone,
	"resolved_at" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_request" UNIQUE("request_id"),
	CONSTRAINT "attempts_callback_token" UNIQUE("callback_token_hash"),
	CONSTRAINT "attempts_sequence" UNIQUE("payment_id","leg","sequence"),
	CONSTRAINT "attempts_leg" CHECK ("attempts"."leg" in ('collection', 'payout', 'refund')),
	CONSTRAINT "attempts_state" CHECK ("attempts"."state" in ('created', 'sent', 'pending', 'unknown', 'succeeded', 'failed')),
	CONSTRAINT "attempts_retry" CHECK ("attempts"."retry" in ('never', 'later', 'after_customer')),
	CONSTRAINT "attempts_amount" CHECK ("attempts"."amount" > 0)
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"client_id" uuid NOT NULL,
	"key" text NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"response_status" smallint,
	"response_body" text,
	"locked_until" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_key" UNIQUE("client_id","key")
);
--> statement-breakpoint
CREATE TABLE "intent_batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"rows_accepted" integer NOT NULL,
	"rows_rejected" integer NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "operator_callbacks" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"attempt_id" uuid,
	"body" "bytea" NOT NULL,
	"body_digest" "bytea" NOT NULL,
	"source_address" text NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"processed_at" timestamp (3) with time zone,
	"verdict" text,
	"reason_code" text,
	CONSTRAINT "operator_callbacks_verdict" CHECK ("operator_callbacks"."verdict" in ('matched', 'duplicate', 'quarantined'))
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"topic" text NOT NULL,
	"payload" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"published_at" timestamp (3) with time zone,
	CONSTRAINT "outbox_once" UNIQUE("payment_id","topic","created_at")
);
--> statement-breakpoint
CREATE TABLE "payment_events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"tx_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"client_id" uuid NOT NULL,
	"payment_id" uuid NOT NULL,
	"from_status" text,
	"to_status" text NOT NULL,
	"reason_code" text,
	"cause" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "payments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"reference_id" text NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"batch_id" uuid,
	"status" text DEFAULT 'accepted' NOT NULL,
	"reason_code" text,
	"amount" bigint NOT NULL,
	"from_currency" text NOT NULL,
	"to_currency" text NOT NULL,
	"from_country" text NOT NULL,
	"to_country" text NOT NULL,
	"fee_amount" bigint,
	"target_amount" bigint,
	"funding" text DEFAULT 'wallet' NOT NULL,
	"delivery" text DEFAULT 'wallet' NOT NULL,
	"sender_id" uuid NOT NULL,
	"receiver_id" uuid NOT NULL,
	"sender_wallet" text NOT NULL,
	"receiver_wallet" text NOT NULL,
	"parties" "bytea" NOT NULL,
	"preference" text DEFAULT 'cheapest' NOT NULL,
	"purpose" text DEFAULT 'family_support' NOT NULL,
	"quote_id" uuid,
	"collection_route" text[] DEFAULT '{}' NOT NULL,
	"payout_route" text[] DEFAULT '{}' NOT NULL,
	"collection_spent" text[] DEFAULT '{}' NOT NULL,
	"payout_spent" text[] DEFAULT '{}' NOT NULL,
	"reservation_id" uuid,
	"settlement_batch_id" uuid,
	"refund_requested_at" timestamp (3) with time zone,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"not_before" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"authorized_at" timestamp (3) with time zone,
	"collected_at" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone,
	CONSTRAINT "payments_reference" UNIQUE("client_id","reference_id"),
	CONSTRAINT "payments_amount_positive" CHECK ("payments"."amount" > 0),
	CONSTRAINT "payments_fee" CHECK ("payments"."fee_amount" >= 0 and "payments"."fee_amount" < "payments"."amount"),
	CONSTRAINT "payments_target_positive" CHECK ("payments"."target_amount" > 0),
	CONSTRAINT "payments_funding" CHECK ("payments"."funding" in ('wallet', 'balance')),
	CONSTRAINT "payments_delivery" CHECK ("payments"."delivery" in ('wallet', 'balance')),
	CONSTRAINT "payments_preference" CHECK ("payments"."preference" in ('cheapest', 'fastest', 'most_reliable')),
	CONSTRAINT "payments_status" CHECK ("payments"."status" in ('accepted','held','released','queued','authorized','collecting','collected','disbursing','refunding','paid','refunded','rejected','failed','cancelled'))
);
--> statement-breakpoint
CREATE TABLE "quotes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"client_id" uuid NOT NULL,
	"from_currency" text NOT NULL,
	"to_currency" text NOT NULL,
	"from_country" text NOT NULL,
	"to_country" text NOT NULL,
	"amount" bigint NOT NULL,
	"fee_amount" bigint NOT NULL,
	"target_amount" bigint NOT NULL,
	"rate" bigint NOT NULL,
	"mid_rate" bigint NOT NULL,
	"spread_bps" integer NOT NULL,
	"policy_version" text NOT NULL,
	"signature" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"payment_id" uuid,
	CONSTRAINT "quotes_payment" UNIQUE("payment_id"),
	CONSTRAINT "quotes_amounts" CHECK ("quotes"."amount" > 0 and "quotes"."fee_amount" >= 0 and "quotes"."fee_amount" < "quotes"."amount" and "quotes"."target_amount" > 0),
	CONSTRAINT "quotes_rate" CHECK ("quotes"."rate" > 0 and "quotes"."mid_rate" > 0)
);
--> statement-breakpoint
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "liquidity_pools" ADD CONSTRAINT "liquidity_pools_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rebalance_proposals" ADD CONSTRAINT "rebalance_proposals_to_pool_liquidity_pools_id_fk" FOREIGN KEY ("to_pool") REFERENCES "public"."liquidity_pools"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlement_items" ADD CONSTRAINT "settlement_items_batch_id_settlement_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."settlement_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_debit_account" FOREIGN KEY ("debit_account_id","currency") REFERENCES "public"."accounts"("id","currency") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_credit_account" FOREIGN KEY ("credit_account_id","currency") REFERENCES "public"."accounts"("id","currency") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfers" ADD CONSTRAINT "transfers_pending_transfer" FOREIGN KEY ("pending_id") REFERENCES "public"."transfers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_activity" ADD CONSTRAINT "agent_activity_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "case_decisions" ADD CONSTRAINT "case_decisions_case_id_cases_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."cases"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cases" ADD CONSTRAINT "cases_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "compliance_records" ADD CONSTRAINT "compliance_records_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "intent_batches" ADD CONSTRAINT "intent_batches_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payment_events" ADD CONSTRAINT "payment_events_payment_id_payments_id_fk" FOREIGN KEY ("payment_id") REFERENCES "public"."payments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payments" ADD CONSTRAINT "payments_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payments" ADD CONSTRAINT "payments_batch_id_intent_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."intent_batches"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payments" ADD CONSTRAINT "payments_sender_id_users_id_fk" FOREIGN KEY ("sender_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payments" ADD CONSTRAINT "payments_receiver_id_users_id_fk" FOREIGN KEY ("receiver_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "quotes" ADD CONSTRAINT "quotes_client_id_clients_id_fk" FOREIGN KEY ("client_id") REFERENCES "public"."clients"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "exchange_rates_once" ON "exchange_rates" USING btree ("currency","as_of","source");--> statement-breakpoint
CREATE INDEX "exchange_rates_history" ON "exchange_rates" USING btree ("currency","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "rebalance_proposals_open" ON "rebalance_proposals" USING btree ("to_pool") WHERE "rebalance_proposals"."status" = 'proposed';--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_items_leg" ON "settlement_items" USING btree ("payment_id","leg");--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_items_position" ON "settlement_items" USING btree ("batch_id","position");--> statement-breakpoint
CREATE UNIQUE INDEX "transfers_pending_once" ON "transfers" USING btree ("pending_id") WHERE "transfers"."pending_id" is not null;--> statement-breakpoint
CREATE INDEX "transfers_payment" ON "transfers" USING btree ("payment_id") WHERE "transfers"."payment_id" is not null;--> statement-breakpoint
CREATE INDEX "transfers_expiring" ON "transfers" USING btree ("expires_at") WHERE "transfers"."type" = 'pending';--> statement-breakpoint
CREATE INDEX "agent_activity_payment" ON "agent_activity" USING btree ("payment_id","position");--> statement-breakpoint
CREATE INDEX "agent_activity_stream" ON "agent_activity" USING btree ("tx_id","position");--> statement-breakpoint
CREATE INDEX "agent_activity_agent" ON "agent_activity" USING btree ("agent","outcome","position");--> statement-breakpoint
CREATE INDEX "case_decisions_waiting" ON "case_decisions" USING btree ("case_id") WHERE "case_decisions"."applied_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "cases_one_open" ON "cases" USING btree ("payment_id") WHERE "cases"."status" in ('open', 'deciding');--> statement-breakpoint
CREATE INDEX "cases_queue" ON "cases" USING btree ("status","priority" DESC NULLS FIRST,"created_at");--> statement-breakpoint
CREATE INDEX "cases_payment" ON "cases" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "compliance_records_payment" ON "compliance_records" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "api_keys_client" ON "api_keys" USING btree ("client_id");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_one_success" ON "attempts" USING btree ("payment_id","leg") WHERE "attempts"."state" = 'succeeded';--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_one_open" ON "attempts" USING btree ("payment_id","leg") WHERE "attempts"."state" in ('created', 'sent', 'pending', 'unknown');--> statement-breakpoint
CREATE INDEX "attempts_to_send" ON "attempts" USING btree ("rail_id","id") WHERE "attempts"."state" = 'created';--> statement-breakpoint
CREATE INDEX "attempts_to_inquire" ON "attempts" USING btree ("next_inquiry_at") WHERE "attempts"."state" in ('sent', 'pending', 'unknown');--> statement-breakpoint
CREATE INDEX "attempts_to_apply" ON "attempts" USING btree ("id") WHERE "attempts"."state" in ('succeeded', 'failed') and not "attempts"."applied";--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "operator_callbacks_waiting" ON "operator_callbacks" USING btree ("id") WHERE "operator_callbacks"."processed_at" is null;--> statement-breakpoint
CREATE INDEX "operator_callbacks_attempt" ON "operator_callbacks" USING btree ("attempt_id");--> statement-breakpoint
CREATE INDEX "outbox_unpublished" ON "outbox" USING btree ("id") WHERE "outbox"."published_at" is null;--> statement-breakpoint
CREATE INDEX "outbox_payment" ON "outbox" USING btree ("payment_id");--> statement-breakpoint
CREATE INDEX "payment_events_payment" ON "payment_events" USING btree ("payment_id","id");--> statement-breakpoint
CREATE INDEX "payments_work" ON "payments" USING btree ("status","id") WHERE "payments"."status" in ('accepted','released','queued','authorized','collecting','collected','disbursing','refunding');--> statement-breakpoint
CREATE INDEX "payments_client_list" ON "payments" USING btree ("client_id","id");--> statement-breakpoint
CREATE INDEX "payments_client_status" ON "payments" USING btree ("client_id","status","id");--> statement-breakpoint
CREATE INDEX "payments_batch" ON "payments" USING btree ("batch_id") WHERE "payments"."batch_id" is not null;--> statement-breakpoint
CREATE INDEX "payments_sender_recent" ON "payments" USING btree ("sender_id","created_at");--> statement-breakpoint
CREATE INDEX "payments_receiver_recent" ON "payments" USING btree ("receiver_id","created_at");--> statement-breakpoint
CREATE INDEX "payments_unsettled" ON "payments" USING btree ("completed_at") WHERE "payments"."status" = 'paid' and "payments"."settlement_batch_id" is null;--> statement-breakpoint
CREATE INDEX "quotes_client" ON "quotes" USING btree ("client_id","id");--> statement-breakpoint
CREATE VIEW "public"."reservations" AS (
  select pending.id, pool.id as pool_id, pending.payment_id, pending.amount, pending.currency,
    case ended.type when 'post' then 'posted' when 'void' then 'voided' when 'expire' then 'expired' else 'pending' end as state,
    pending.expires_at, pending.created_at
  from transfers pending
  join liquidity_pools pool on pool.account_id = pending.credit_account_id
  left join transfers ended on ended.pending_id = pending.id
  where pending.type = 'pending');