-- hq_console: what the operator's console looks at HQ as. It sees the machinery (ledger, refused
-- rows with their reasons, minutes, incidents, runs), and no value of a row: not the text of a
-- refused row, not the warehouse tables, not the material of keys. Whoever may see values, or change
-- something, does it as the writer, by the console's own check.
--
-- Locks: catalog changes only.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hq_console') then
    create role hq_console nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another database of this server was migrated at the same moment
end $$;

-- The login that migrates may act as it, where it may grant that; others are granted it by name.
do $$
declare
  act_as constant text :=
    case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'set'
      else 'member' end;
begin
  if not pg_catalog.pg_has_role(current_user, 'hq_console', act_as) then
    execute pg_catalog.format('grant hq_console to %I', current_user);
  end if;
exception
  when unique_violation then null; -- granted by another migration at the same moment
  when insufficient_privilege then null; -- who created the role grants it
end $$;

grant usage on schema ingest, hq to hq_console;

-- Column by column, so that a column that a later migration adds is not seen until somebody has
-- thought of it.
do $$
declare
  v_table  record;
begin
  for v_table in
    select c.oid::pg_catalog.regclass as name,
      pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a
      on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'ingest'::pg_catalog.regnamespace and c.relkind in ('r', 'p', 'v')
      and not c.relispartition
      and (c.relname, a.attname) not in (
        ('quarantine', 'row_text'), ('key', 'sealed_secret'), ('key', 'nonce'))
    group by c.oid
  loop
    execute pg_catalog.format('grant select (%s) on %s to hq_console', v_table.columns,
      v_table.name);
  end loop;
end $$;

grant select on hq.dx_freshness to hq_console;
grant execute on function hq.visible_org() to hq_console;
