CREATE TABLE "chain_transactions" (
	"subject" text NOT NULL,
	"step" text NOT NULL,
	"attempt" integer NOT NULL,
	"expires_at_secs" bigint NOT NULL,
	"editions" jsonb NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"hash" text,
	"ledger_version" bigint,
	"gas_used" bigint,
	"gas_unit_price" bigint,
	"vm_status" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "chain_transactions_subject_step_attempt_pk" PRIMARY KEY("subject","step","attempt"),
	CONSTRAINT "chain_transactions_state" CHECK ("chain_transactions"."state" in ('open', 'executed', 'failed', 'refused', 'absent')),
	CONSTRAINT "chain_transactions_committed" CHECK (("chain_transactions"."state" in ('executed', 'failed')) = ("chain_transactions"."hash" is not null))
);
