{% set roles = cookiecutter | roles %}
-- Two roles: the owner of the tables, for the migrations, and the service's, which may change rows only.
--
-- `bash deploy/bootstrap.sh` runs it and gives both roles their passwords. It can also be run by any other client, in one
-- transaction, as a role that may make roles and owns the database, from Postgres 15 on. It is safe to run again, also
-- after migrations. Give the service a database of its own: all that the role of older migrations owns in the schema public
-- becomes the owner's.

DO $$
DECLARE
  migrations CONSTANT name := '{{ roles.owner }}';
  service CONSTANT name := '{{ roles.runtime }}';
  -- The role of older migrations; null in a new database.
  former CONSTANT name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.alembic_version'));
  role name;
  statement text;
BEGIN
  FOREACH role IN ARRAY ARRAY[migrations, service] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I{{ "" if roles.accounts else " LOGIN" }}', role);
    END IF;
  END LOOP;
  -- Who gives tables to a role, or sets its default privileges, must be its member.
  IF NOT pg_has_role(migrations, 'MEMBER') OR current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE format('GRANT %I TO CURRENT_USER', migrations);
  END IF;

  -- Nobody else makes tables here, and the service makes no temporary ones.
  EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), migrations, service);
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), migrations);
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', migrations);
  EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %I', service);
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', service);

  -- What older migrations made is the owner's now. A sequence of a column goes with its table.
  FOR statement IN
    SELECT format('ALTER %s %s OWNER TO %I', kind, object, migrations) FROM (
      SELECT relowner AS owner, oid::regclass::text AS object, 'pg_class'::regclass AS catalog, oid,
        CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      UNION ALL
      SELECT typowner, oid::regtype::text, 'pg_type'::regclass, oid, CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END
      FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')
      UNION ALL
      SELECT proowner, oid::regprocedure::text, 'pg_proc'::regclass, oid, 'ROUTINE'
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ) AS made
    WHERE owner = former::regrole AND former <> migrations AND NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = catalog AND objid = made.oid AND deptype IN ('a', 'e', 'i')
    )
  LOOP
    EXECUTE statement;
  END LOOP;

  -- The service's rights: to the rows of all tables that the owner has, and of those that migrations will make. The table
  -- of migrations is made here, because the service only reads it.
  EXECUTE format('SET LOCAL ROLE %I', migrations);
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', service);
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO %I', service);
  CREATE TABLE IF NOT EXISTS public.alembic_version (
    version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
  );
  FOR statement IN
    SELECT format(CASE relkind WHEN 'S' THEN 'GRANT USAGE ON SEQUENCE %s TO %I'
      ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I' END, oid::regclass, service)
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relowner = migrations::regrole AND relkind IN ('r', 'p', 'v', 'S')
  LOOP
    EXECUTE statement;
  END LOOP;
  EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON public.alembic_version FROM %I', service);
  RESET ROLE;
{% for role, account in roles.accounts.items() %}
  GRANT "{{ role }}" TO "{{ account }}";
{% endfor %}

  -- Settings of a role hold behind a pooler too, because they come with the login of the server connection.
  FOREACH role IN ARRAY ARRAY[migrations, service] LOOP
    EXECUTE format('ALTER ROLE %I SET search_path = public', role);
  END LOOP;
  -- Building an index may last long; the job's time-out ends it.
  EXECUTE format('ALTER ROLE %I SET statement_timeout = 0', migrations);
  -- As long as Cloud Run lets a request last (timeoutSeconds in service.yaml). DATABASE_DEADLINE ends sessions long before.
  EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', service, '120s');
  EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', service, '60s');
  -- How soon the server notices in the middle of a statement that its client has gone.
  EXECUTE format('ALTER ROLE %I SET client_connection_check_interval = %L', service, '5s');
END
$$;
