-- When a key of the settle list was noted, so that it can be said up to which moment rows that
-- settle are complete. `due_at` does not tell: the delay may have been another one by then.
--
-- Locks: ACCESS EXCLUSIVE on the two settle tables for the moment of a catalog change (no rewrite:
-- the column has no default when it is added). Whoever inserts a row that settles waits for it.

alter table hq_export.settle_0 add column noted_at timestamptz;
alter table hq_export.settle_1 add column noted_at timestamptz;
alter table hq_export.settle_0 alter column noted_at set default pg_catalog.clock_timestamp();
alter table hq_export.settle_1 alter column noted_at set default pg_catalog.clock_timestamp();

create or replace view hq_export.settle as
select xid, due_at, dataset, key, traceparent, number, noted_at from hq_export.settle_0
union all
select xid, due_at, dataset, key, traceparent, number, noted_at from hq_export.settle_1;

comment on column hq_export.settle_0.noted_at is
  'server''s clock when the key was noted, before its transaction committed; null: long ago';
