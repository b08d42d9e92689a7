ALTER TABLE "attempts" ADD COLUMN "takes_back" uuid;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_takes_back" CHECK ("attempts"."takes_back" is null or "attempts"."leg" = 'refund');--> statement-breakpoint
-- How a refund goes back is part of its terms: asked about in the other way, it would look as if it had never been.
CREATE TRIGGER attempts_takes_back_fixed BEFORE UPDATE OF takes_back ON attempts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
