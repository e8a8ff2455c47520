-- Removes every trace of hq-export from data-engine-x: triggers, functions, views, schema
-- hq_export, its settings on this database, and role hq_export_relay unless another database of the
-- server still uses it. What waits in the outbox is lost.
--
-- Plain SQL in one transaction, for any client. Stop the relay first.
--
-- Locks: ACCESS EXCLUSIVE on every bound table, for milliseconds once all are held. Each is waited
-- for at most two seconds, because its writers and readers queue behind us meanwhile. On error
-- 55P03 nothing has changed: run it again.

begin;

set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '2s';

-- Whoever built on our tables or views decides: a cascade must not take objects that are not ours.
do $$
declare
  v_dependents text;
begin
  select string_agg(distinct d.ev_class::regclass::text, ', ') into v_dependents
  from (
    select w.ev_class
    from pg_depend p
    join pg_class ours on p.refclassid = 'pg_class'::regclass and p.refobjid = ours.oid
    join pg_rewrite w on p.classid = 'pg_rewrite'::regclass and p.objid = w.oid
    join pg_class theirs on theirs.oid = w.ev_class
    where ours.relnamespace = to_regnamespace('hq_export')
      and theirs.relnamespace <> ours.relnamespace
  ) d;
  if v_dependents is not null then
    raise exception 'views outside hq_export depend on it: %', v_dependents
      using hint = 'drop or change them, then run uninstall.sql again';
  end if;
end $$;

-- All locks first, in one order, then the work.
do $$
declare
  v_relation regclass;
begin
  for v_relation in
    select distinct t.tgrelid::regclass
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where p.pronamespace = to_regnamespace('hq_export') and t.tgparentid = 0
    order by 1
  loop
    execute format('lock table only %s in access exclusive mode', v_relation);
  end loop;
end $$;

do $$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.tgname, t.tgrelid::regclass as relation
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    -- A clone on a partition goes with the trigger of its root.
    where p.pronamespace = to_regnamespace('hq_export') and t.tgparentid = 0
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
  end loop;
end $$;

drop schema if exists hq_export cascade;

-- `alter database ... set hq_export.disabled` and its like.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select split_part(c, '=', 1) as name, r.rolname
    from pg_db_role_setting s
    join pg_database d on d.oid = s.setdatabase
    left join pg_roles r on r.oid = s.setrole
    cross join lateral unnest(s.setconfig) c
    where d.datname = current_database() and starts_with(c, 'hq_export.')
  loop
    if v_setting.rolname is null then
      execute format('alter database %I reset %s', current_database(), v_setting.name);
    else
      execute format('alter role %I in database %I reset %s', v_setting.rolname, current_database(),
        v_setting.name);
    end if;
  end loop;
end $$;

do $$
begin
  if exists (select from pg_roles where rolname = 'hq_export_relay') then
    drop owned by hq_export_relay;
    begin
      drop role hq_export_relay;
    exception when dependent_objects_still_exist then
      raise notice 'role hq_export_relay stays: another database of this server uses it';
    when insufficient_privilege then
      raise notice 'role hq_export_relay stays: this login may not drop it';
    end;
  end if;
end $$;

commit;
