-- Everything that runs once the tables stand does so as this role: see db/service-role.ts, which gives it its rights after each
-- migration. Passing by row-level security, which binds tenants, costs its statements nothing where the owner may grant that; where
-- the owner may not, a policy that lets everything through stands in.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capp_service') THEN
    IF (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
      CREATE ROLE capp_service NOLOGIN NOSUPERUSER NOINHERIT BYPASSRLS;
    ELSE
      CREATE ROLE capp_service NOLOGIN NOSUPERUSER NOINHERIT;
    END IF;
  END IF;
-- Roles belong to the whole server: another database on it may be making the same one in this moment.
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'capp_service', 'SET') THEN
    EXECUTE format('GRANT capp_service TO %I WITH SET TRUE, INHERIT FALSE', current_user);
  END IF;
END $$;
