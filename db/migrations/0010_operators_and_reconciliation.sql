CREATE TABLE "corridor_health" (
	"corridor" text NOT NULL,
	"rail_id" text NOT NULL,
	"leg" text NOT NULL,
	"success_weight" double precision NOT NULL,
	"failure_weight" double precision NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "corridor_health_corridor_rail_id_leg_pk" PRIMARY KEY("corridor","rail_id","leg"),
	CONSTRAINT "corridor_health_leg" CHECK ("corridor_health"."leg" in ('collection', 'payout'))
);
--> statement-breakpoint
CREATE TABLE "operator_rates" (
	"rail_id" text NOT NULL,
	"product" text NOT NULL,
	"permits" double precision NOT NULL,
	"refusals" integer DEFAULT 0 NOT NULL,
	"paused_until" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operator_rates_rail_id_product_pk" PRIMARY KEY("rail_id","product"),
	CONSTRAINT "operator_rates_product" CHECK ("operator_rates"."product" in ('collection', 'payout', 'inquiry'))
);
--> statement-breakpoint
CREATE TABLE "operator_tokens" (
	"name" text PRIMARY KEY NOT NULL,
	"token" "bytea",
	"renew_at" timestamp (3) with time zone,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "break_decisions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"break_id" uuid NOT NULL,
	"principal" text NOT NULL,
	"action" text NOT NULL,
	"reason_code" text NOT NULL,
	"entries" jsonb NOT NULL,
	"entries_digest" text NOT NULL,
	"link_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "break_decisions_action" CHECK ("break_decisions"."action" in ('propose', 'approve', 'reject'))
);
--> statement-breakpoint
CREATE TABLE "breaks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"day" date NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"attempt_id" uuid,
	"payment_id" uuid,
	"our_amount" bigint,
	"their_amount" bigint,
	"currency" text NOT NULL,
	"evidence" jsonb NOT NULL,
	"proposed_entries" jsonb NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"found_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "breaks_once" UNIQUE("rail_id","kind","subject"),
	CONSTRAINT "breaks_kind" CHECK ("breaks"."kind" in ('missing_here', 'missing_there', 'amount_differs', 'duplicate', 'fee_differs', 'not_booked', 'balance_differs')),
	CONSTRAINT "breaks_status" CHECK ("breaks"."status" in ('open', 'proposed', 'posted', 'dismissed', 'resolved')),
	CONSTRAINT "breaks_closed" CHECK (("breaks"."status" in ('posted', 'dismissed', 'resolved')) = ("breaks"."closed_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "reconciliations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"day" date NOT NULL,
	"basis" text NOT NULL,
	"statement_id" uuid,
	"summary" jsonb NOT NULL,
	"started_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "reconciliations_basis" CHECK ("reconciliations"."basis" in ('statement', 'balance', 'none'))
);
--> statement-breakpoint
CREATE TABLE "statement_lines" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"statement_id" uuid NOT NULL,
	"rail_id" text NOT NULL,
	"position" integer NOT NULL,
	"operator_reference" text NOT NULL,
	"our_reference" text,
	"direction" text NOT NULL,
	"amount" bigint NOT NULL,
	"fee" bigint NOT NULL,
	"currency" text NOT NULL,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "statement_lines_position" UNIQUE("statement_id","position"),
	CONSTRAINT "statement_lines_direction" CHECK ("statement_lines"."direction" in ('in', 'out', 'fee')),
	CONSTRAINT "statement_lines_amount" CHECK ("statement_lines"."amount" > 0 and "statement_lines"."fee" >= 0)
);
--> statement-breakpoint
CREATE TABLE "statements" (
	"id" uuid PRIMARY KEY NOT NULL,
	"rail_id" text NOT NULL,
	"day" date NOT NULL,
	"format" text NOT NULL,
	"status" text NOT NULL,
	"reason_code" text,
	"body" "bytea" NOT NULL,
	"body_digest" "bytea" NOT NULL,
	"line_count" integer NOT NULL,
	"opening_balance" bigint,
	"closing_balance" bigint,
	"loaded_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "statements_once" UNIQUE("rail_id","day","body_digest"),
	CONSTRAINT "statements_status" CHECK ("statements"."status" in ('loaded', 'refused')),
	CONSTRAINT "statements_refused" CHECK (("statements"."status" = 'refused') = ("statements"."reason_code" is not null))
);
--> statement-breakpoint
ALTER TABLE "accounts" DROP CONSTRAINT "accounts_kind";--> statement-breakpoint
ALTER TABLE "break_decisions" ADD CONSTRAINT "break_decisions_break_id_breaks_id_fk" FOREIGN KEY ("break_id") REFERENCES "public"."breaks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "breaks" ADD CONSTRAINT "breaks_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reconciliations" ADD CONSTRAINT "reconciliations_statement_id_statements_id_fk" FOREIGN KEY ("statement_id") REFERENCES "public"."statements"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "statement_lines" ADD CONSTRAINT "statement_lines_statement_id_statements_id_fk" FOREIGN KEY ("statement_id") REFERENCES "public"."statements"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "break_decisions_break" ON "break_decisions" USING btree ("break_id","created_at");--> statement-breakpoint
CREATE INDEX "breaks_queue" ON "breaks" USING btree ("status","found_at","id");--> statement-breakpoint
CREATE INDEX "breaks_day" ON "breaks" USING btree ("rail_id","day");--> statement-breakpoint
CREATE INDEX "breaks_attempt" ON "breaks" USING btree ("attempt_id");--> statement-breakpoint
CREATE INDEX "reconciliations_day" ON "reconciliations" USING btree ("rail_id","day","created_at");--> statement-breakpoint
CREATE INDEX "statement_lines_reference" ON "statement_lines" USING btree ("rail_id","operator_reference");--> statement-breakpoint
CREATE INDEX "statement_lines_moment" ON "statement_lines" USING btree ("rail_id","occurred_at");--> statement-breakpoint
CREATE INDEX "statements_day" ON "statements" USING btree ("rail_id","day");--> statement-breakpoint
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_kind" CHECK ("accounts"."kind" in ('float', 'clearing', 'fees', 'position', 'rounding', 'treasury', 'suspense', 'client'));