-- Whoever takes what waits, in the order of ids, passes over everything that was taken since the last vacuum: that must not grow to a
-- fifth of all that is stored, which is when a table is cleaned unless it says otherwise.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
--> statement-breakpoint
DO $$ DECLARE part regclass; BEGIN
  FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'operator_callbacks'::regclass LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000)', part);
  END LOOP;
END $$;
--> statement-breakpoint
-- As before, and cleaned as early as the others.
CREATE OR REPLACE FUNCTION make_partition(parent_name text, last_end bigint, width bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
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
  EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL) '
    'WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000)', made, parent_name);
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', made);
  FOR guard IN SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = format('public.%I', parent_name)::regclass AND NOT tgisinternal AND tgtype & 1 = 0
  LOOP
    EXECUTE replace(guard, format(' ON public.%I ', parent_name), format(' ON public.%I ', made));
  END LOOP;
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', parent_name, made, first_id, first_id + width);
  RETURN made;
END $$;
