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
  -- Who gives tables to a role, or sets its default privileges, must be able to take its place. From Postgres 16 on, who
  -- made the role may grant that, and does not have it.
  IF NOT pg_has_role(migrations, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
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

  -- REVOKE only warns where it does nothing.
  IF has_schema_privilege(service, 'public', 'CREATE')
    OR has_database_privilege(service, current_database(), 'CREATE, TEMPORARY') THEN
    RAISE insufficient_privilege USING MESSAGE =
      'PUBLIC may still make tables, and only the owner of the database and of the schema public can change that';
  END IF;

  -- What older migrations made is the owner's now, except what goes with something else: the sequence of a column with
  -- its table, the row type too, and what belongs to an extension.
  FOR statement IN
    SELECT format('ALTER %s %s OWNER TO %I', CASE
        WHEN type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE' WHEN type = 'statistics object' THEN 'STATISTICS'
        ELSE type END, identity, migrations)
    FROM (
      SELECT relowner AS owner, relnamespace AS namespace, 'pg_class'::regclass AS catalog, oid FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL SELECT typowner, typnamespace, 'pg_type'::regclass, oid FROM pg_type
      UNION ALL SELECT proowner, pronamespace, 'pg_proc'::regclass, oid FROM pg_proc
      UNION ALL SELECT oprowner, oprnamespace, 'pg_operator'::regclass, oid FROM pg_operator
      UNION ALL SELECT collowner, collnamespace, 'pg_collation'::regclass, oid FROM pg_collation
      UNION ALL SELECT stxowner, stxnamespace, 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
      UNION ALL SELECT cfgowner, cfgnamespace, 'pg_ts_config'::regclass, oid FROM pg_ts_config
      UNION ALL SELECT dictowner, dictnamespace, 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    ) AS made, pg_identify_object(catalog, oid, 0)
    WHERE owner = former::regrole AND former <> migrations AND namespace = 'public'::regnamespace AND NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = catalog AND objid = made.oid AND refobjid <> made.oid
        AND (deptype IN ('e', 'i') OR deptype = 'a' AND type = 'sequence')
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
    WHERE relnamespace = 'public'::regnamespace AND relowner = migrations::regrole AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
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
    EXECUTE format('ALTER ROLE %I SET search_path = {{ roles.settings.search_path }}', role);
  END LOOP;
  -- Building an index may last long; the job's time-out ends it.
  EXECUTE format('ALTER ROLE %I SET statement_timeout = 0', migrations);
  -- As long as Cloud Run lets a request last (timeoutSeconds in service.yaml). DATABASE_DEADLINE ends most sessions long
  -- before: these are for a service that is no longer there to do it.
  EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', service, '{{ roles.settings.statement_timeout }}');
  EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', service, '{{ roles.settings.idle_in_transaction_session_timeout }}');
  -- How soon the server notices in the middle of a statement that its client has gone.
  BEGIN
    EXECUTE format('ALTER ROLE %I SET client_connection_check_interval = %L', service, '{{ roles.settings.client_connection_check_interval }}');
  EXCEPTION WHEN invalid_parameter_value THEN
    RAISE NOTICE 'This server cannot notice that a client has gone: %', SQLERRM;
  END;
END
$$;
