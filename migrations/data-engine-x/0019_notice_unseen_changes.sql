-- Changes that no trigger saw. The relay compares what carries the capture with what `bind` left
-- behind, records a difference as a gap, and the backfill that was asked for after a gap closes it.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.capture_gap and hq_export.backfill for the moment of a
-- catalog change (no rewrite): a writer waits for it only while capture is switched off.

alter table hq_export.capture_gap add column closed_at timestamptz;
comment on column hq_export.capture_gap.closed_at is
  'when a backfill that was asked for after it had sent the whole dataset; null while it is open';
grant insert, update (closed_at) on hq_export.capture_gap to hq_export_relay;

-- Not by time: a gap may commit long after it occurred, and what it left out was then not read. One
-- that ran before this knows no snapshot and closes nothing.
alter table hq_export.backfill add column requested_in pg_snapshot;
alter table hq_export.backfill alter column requested_in
  set default pg_catalog.pg_current_snapshot();
comment on column hq_export.backfill.requested_in is
  'snapshot of the request; every change visible in it is read';

-- -------------------------------------------------------------------------------------------------
-- What carries the capture of each dataset, from the catalogs alone. A trigger that was disabled
-- and enabled again has another xmin, which no vacuum changes. Triggers that only complete a
-- history are left out: they go by themselves.
create view hq_export.source_state as
with root as (
  select b.number as dataset, c.oid, c.relkind, c.relpersistence, b.definition -> 'key' as key
  from hq_export.binding b
  join pg_catalog.pg_namespace n on n.nspname = pg_catalog.split_part(b.source_table, '.', 1)
  join pg_catalog.pg_class c on c.relnamespace = n.oid
    and c.relname = pg_catalog.split_part(b.source_table, '.', 2)
  where not pg_catalog.jsonb_exists(b.definition, 'derivedFrom')
), tree as (
  select r.dataset, r.oid from root r
  union
  select r.dataset, p.relid from root r cross join lateral pg_catalog.pg_partition_tree(r.oid) p
)
select r.dataset, 'table' as object,
       r.oid::text || ' ' || r.relkind::text || r.relpersistence::text as state
from root r
union all
select r.dataset, 'key', exists (
  select from pg_catalog.pg_index i
  where i.indrelid = r.oid and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indexprs is null
    and not exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = r.oid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
        and not pg_catalog.jsonb_exists(r.key, a.attname::text)
    )
)::text
from root r
union all
select t.dataset, 'partition ' || t.oid::text, '' from tree t
union all
select t.dataset, 'inheritance ' || h.inhrelid::text || ' ' || h.inhparent::text, ''
from tree t
join pg_catalog.pg_inherits h on t.oid in (h.inhrelid, h.inhparent)
where not exists (select from tree a join tree b on b.dataset = a.dataset
  where a.dataset = t.dataset and a.oid = h.inhrelid and b.oid = h.inhparent)
union all
select t.dataset, 'subscription ' || s.srsubid::text || ' ' || s.srrelid::text, ''
from tree t join pg_catalog.pg_subscription_rel s on s.srrelid = t.oid
union all
select b.number, 'trigger ' || t.tgrelid::text || ' ' || t.tgname::text,
       t.tgenabled::text || ' ' || t.xmin::text
from hq_export.binding b
join pg_catalog.pg_proc p on p.pronamespace = 'hq_export'::pg_catalog.regnamespace
  and p.proname ~
    ('^capture_' || b.dataset || '_(insert|update|delete|truncate|leave|bump|late|gone)$')
join pg_catalog.pg_trigger t on t.tgfoid = p.oid;
comment on view hq_export.source_state is
  'what carries the capture of each dataset now: its table, partitions and triggers';

-- Written by `bind` only, and anew in a new life of the database on another server, where ids mean
-- nothing.
create table hq_export.known_source (
  dataset smallint not null,
  object  text     not null,
  state   text     not null,
  server  text     not null,
  constraint known_source_pkey primary key (dataset, object)
);
comment on table hq_export.known_source is 'hq_export.source_state as bind left it behind';

create view hq_export.source_difference as
select distinct coalesce(k.dataset, f.dataset) as dataset,
  pg_catalog.split_part(coalesce(k.object, f.object), ' ', 1)
    || case when k.object is null then ' added' when f.object is null then ' gone'
      else ' changed' end as operation
from hq_export.known_source k
full join hq_export.source_state f on f.dataset = k.dataset and f.object = k.object
where f.state is distinct from k.state;
comment on view hq_export.source_difference is
  'what has happened to the source since bind; changes may have been missed';

grant select on hq_export.source_state, hq_export.source_difference to hq_export_relay;
grant select, insert, delete on hq_export.known_source to hq_export_relay;
