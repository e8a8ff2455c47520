-- How long a key of the settle list has waited is no longer told from times, neither the row's nor
-- the server's: keys are numbered, and the relay measures on a clock of its own how long ago it saw
-- a number. What closes a key, and marks it as exported, is its number.
--
-- Locks: ACCESS EXCLUSIVE on the two settle tables while what waits in them gets its numbers: what
-- was written within the delay, and what no relay has exported yet. Whoever inserts a row that
-- settles waits for it.

lock table hq_export.settled in share row exclusive mode;
lock table hq_export.settle_0, hq_export.settle_1 in access exclusive mode;

-- Drawn by writers without waiting for each other's end: a number says that its key was noted
-- before a moment, not that it is committed.
create sequence hq_export.settle_number as bigint;
comment on sequence hq_export.settle_number is
  'numbers of the keys of the settle list, in the order in which they were noted';

-- What is exported already needs no number; the rest is open again.
delete from hq_export.settle_0 p
using (select m.due_before, m.seen from hq_export.settled m order by m.id desc limit 1) m
where p.due_at <= m.due_before and pg_catalog.pg_visible_in_snapshot(p.xid, m.seen);
delete from hq_export.settle_1 p
using (select m.due_before, m.seen from hq_export.settled m order by m.id desc limit 1) m
where p.due_at <= m.due_before and pg_catalog.pg_visible_in_snapshot(p.xid, m.seen);
alter table hq_export.settle_0 add column number bigint
  not null default pg_catalog.nextval('hq_export.settle_number');
alter table hq_export.settle_1 add column number bigint
  not null default pg_catalog.nextval('hq_export.settle_number');
alter table hq_export.settled add column number bigint not null default 0;
select pg_catalog.setval('hq_export.settle_horizon', 0, true);

create or replace view hq_export.settle as
select xid, due_at, dataset, key, traceparent, number from hq_export.settle_0
union all
select xid, due_at, dataset, key, traceparent, number from hq_export.settle_1;

comment on column hq_export.settle_0.due_at is
  'server''s clock at the capture, plus the settle delay: for who looks, nothing waits for it';
comment on sequence hq_export.settle_horizon is
  'number up to which settle keys are closed to late children';
comment on column hq_export.settled.number is
  'what was visible in `seen` and numbered until here is in the outbox';
comment on column hq_export.settled.due_before is
  'server''s clock when the mark was made: for who looks';

-- True for a row that the transaction at hand has written, in a subtransaction too. Asked of rows
-- that the statement sees: whatever is beyond its snapshot is then its own, and so is what has not
-- ended. The 32 bits of xmin are completed next to the own id. Costly to the planner, so that it is
-- asked last.
create function hq_export.written_here(p_xmin xid) returns boolean
  language plpgsql stable cost 10000
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own bigint := pg_current_xact_id()::text::bigint;
  v_distance bigint := (p_xmin::text::bigint - v_own) & 4294967295;
  v_id xid8;
begin
  -- Nothing of ours is older than our own id.
  if v_distance >= 2147483648 then
    return false;
  end if;
  v_id := (v_own + v_distance)::text::xid8;
  return v_id >= pg_snapshot_xmax(pg_current_snapshot()) or pg_xact_status(v_id) = 'in progress';
end $$;
comment on function hq_export.written_here(xid) is
  'whether a visible row was written by this transaction';
revoke all on function hq_export.written_here(xid) from public;

-- Owners of bound tables, whose captures note keys: until `bind` runs again, by the default of the
-- column.
do $$
declare
  v_role name;
begin
  for v_role in
    select distinct r.rolname
    from pg_catalog.pg_class c
    cross join lateral pg_catalog.aclexplode(c.relacl) a
    join pg_catalog.pg_roles r on r.oid = a.grantee
    where c.oid = 'hq_export.settle_0'::regclass and a.privilege_type = 'INSERT'
  loop
    execute pg_catalog.format('grant usage on sequence hq_export.settle_number to %I', v_role);
  end loop;
end $$;
grant select, usage, update on sequence hq_export.settle_number to hq_export_relay;

-- What settled before did not count children that were created later than the delay. The next
-- `bind` notes those that are there as late, so that what was exported stays what the view shows.
alter table hq_export.binding add column counted_by_time boolean not null default false;
update hq_export.binding set counted_by_time = true
where pg_catalog.jsonb_exists(definition, 'settle');
comment on column hq_export.binding.counted_by_time is
  'bound before children counted by when they were written: the next bind notes the late ones';
