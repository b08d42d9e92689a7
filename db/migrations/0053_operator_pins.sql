CREATE TABLE "operator_pins" (
	"rail_id" text NOT NULL,
	"digest" "bytea" NOT NULL,
	"state" text NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "operator_pins_rail_id_digest_pk" PRIMARY KEY("rail_id","digest"),
	CONSTRAINT "operator_pins_state" CHECK ("operator_pins"."state" in ('on_trial', 'accepted', 'refused'))
);
