-- Callbacks lie in partitions by id, which a sequence gives in the order they come: an id is looked for in one of them, and what is out
-- of its time goes by the partition. What stood before becomes the first of them as it is, with room for ids to come; nothing is copied.
ALTER TABLE operator_callbacks RENAME TO operator_callbacks_from_1;
--> statement-breakpoint
ALTER INDEX operator_callbacks_pkey RENAME TO operator_callbacks_from_1_pkey;
--> statement-breakpoint
ALTER INDEX operator_callbacks_waiting RENAME TO operator_callbacks_from_1_waiting;
--> statement-breakpoint
ALTER INDEX operator_callbacks_attempt RENAME TO operator_callbacks_from_1_attempt;
--> statement-breakpoint
CREATE TABLE operator_callbacks (LIKE operator_callbacks_from_1 INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (id);
--> statement-breakpoint
ALTER TABLE operator_callbacks ADD CONSTRAINT operator_callbacks_pkey PRIMARY KEY (id);
--> statement-breakpoint
CREATE INDEX operator_callbacks_waiting ON operator_callbacks (id) WHERE processed_at IS NULL;
--> statement-breakpoint
CREATE INDEX operator_callbacks_attempt ON operator_callbacks (attempt_id);
--> statement-breakpoint
ALTER SEQUENCE operator_callbacks_id_seq OWNED BY operator_callbacks.id;
--> statement-breakpoint
-- Who works with callbacks does so by the table; its partitions are for nobody but their owner.
DROP POLICY own_client ON operator_callbacks_from_1;
--> statement-breakpoint
DROP POLICY IF EXISTS of_the_service ON operator_callbacks_from_1;
--> statement-breakpoint
REVOKE ALL ON operator_callbacks_from_1 FROM capp_service, capp_tenant;
--> statement-breakpoint
ALTER TABLE operator_callbacks ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY own_client ON operator_callbacks TO capp_tenant
  USING (attempt_id IS NULL OR EXISTS (SELECT FROM attempts WHERE attempts.id = operator_callbacks.attempt_id));
--> statement-breakpoint
GRANT SELECT (id, rail_id, attempt_id, source_address, received_at, processed_at, verdict, reason_code) ON operator_callbacks TO capp_tenant;
--> statement-breakpoint
CREATE TRIGGER operator_callbacks_fixed
  BEFORE UPDATE OF id, rail_id, body, body_digest, source_address, received_at ON operator_callbacks
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
DO $$ BEGIN
  EXECUTE format('ALTER TABLE operator_callbacks ATTACH PARTITION operator_callbacks_from_1 FOR VALUES FROM (MINVALUE) TO (%s)',
    coalesce((SELECT max(id) FROM operator_callbacks_from_1), 0) + 10000001);
END $$;
--> statement-breakpoint
-- Takes what no other partition is for, so that nothing an operator says is ever refused for want of one.
CREATE TABLE operator_callbacks_rest PARTITION OF operator_callbacks DEFAULT;
--> statement-breakpoint
ALTER TABLE operator_callbacks_rest ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE TRIGGER operator_callbacks_fixed
  BEFORE UPDATE OF id, rail_id, body, body_digest, source_address, received_at ON operator_callbacks_rest
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration();
--> statement-breakpoint
-- Tables in partitions, each with the ids that its sequence gave so far; bounds are null where a partition has none on that side.
CREATE VIEW partitions WITH (security_invoker = true) AS
  SELECT parent.relname::text AS parent, c.oid::regclass::text AS name,
    (regexp_match(bound, 'FROM \(''?(\d+)'))[1]::bigint AS begins, (regexp_match(bound, 'TO \(''?(\d+)'))[1]::bigint AS ends,
    coalesce(pg_sequence_last_value(pg_get_serial_sequence(parent.oid::regclass::text, 'id')::regclass), 0) AS given
  FROM pg_inherits i
  JOIN pg_class parent ON parent.oid = i.inhparent AND parent.relkind = 'p' AND parent.relnamespace = 'public'::regnamespace
  JOIN pg_class c ON c.oid = i.inhrelid
  CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound
  WHERE bound <> 'DEFAULT';
--> statement-breakpoint
-- Makes the partition after the one that ends there, for so many ids, with the triggers that guard its parent; null where that is the
-- last one no more, for somebody else was quicker. It begins where the last one ends, or,
-- where ids went past that, far enough behind them that none in between is under way: those stay where they lie.
CREATE FUNCTION make_partition(parent_name text, last_end bigint, width bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  first_id bigint;
  found_end bigint;
  made text;
  guard text;
BEGIN
  IF width NOT BETWEEN 1 AND 1000000000000 THEN
    RAISE EXCEPTION 'a partition is not for % ids', width USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('capp partitions'));
  SELECT CASE WHEN p.given < p.ends THEN p.ends ELSE p.given + width / 10 + 1 END, p.ends INTO STRICT first_id, found_end
  FROM public.partitions p WHERE p.parent = parent_name ORDER BY p.ends DESC LIMIT 1;
  IF found_end <> last_end THEN RETURN NULL; END IF;
  made := format('%s_from_%s', parent_name, first_id);
  EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', made, parent_name);
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', made);
  FOR guard IN SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = format('public.%I', parent_name)::regclass AND NOT tgisinternal AND tgtype & 1 = 0
  LOOP
    EXECUTE replace(guard, format(' ON public.%I ', parent_name), format(' ON public.%I ', made));
  END LOOP;
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', parent_name, made, first_id, first_id + width);
  RETURN made;
END $$;
--> statement-breakpoint
-- Drops a partition that no id will be given for any more, of a table whose rows may be deleted. What must stay, its caller has looked for.
CREATE FUNCTION drop_partition(partition_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  PERFORM FROM public.partitions p WHERE p.name = partition_name AND p.ends <= p.given
    AND has_table_privilege('capp_service', format('public.%I', p.parent), 'DELETE');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the partition is still in use, or kept' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('DROP TABLE public.%I', partition_name);
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION make_partition(text, bigint, bigint), drop_partition(text) FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT ON partitions TO capp_service;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION make_partition(text, bigint, bigint), drop_partition(text) TO capp_service;
--> statement-breakpoint
SELECT make_partition(parent, ends, 10000000) FROM partitions;
