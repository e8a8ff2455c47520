-- The ledger by month, so that what is older than it has to be kept is dropped as a table instead
-- of deleted row by row.
--
-- A unique constraint of a partitioned table must contain the partition key, so it no longer keeps
-- a batch id from standing twice. The gateway does: it holds an advisory lock on (source, batch)
-- from before it looks until its transaction ends, and looks in every partition, which is one index
-- probe each.
--
-- Partitions are called batch_YYYY_MM after their month, in UTC. There is no default partition: it
-- would keep DETACH CONCURRENTLY from being used, and every new partition would have to search it.
-- The gateway creates them ahead.
--
-- Locks: ACCESS EXCLUSIVE on ingest.batch. What is in it is not copied; its new primary key is
-- built and its rows are read once.

do $$
declare
  v_first timestamp;
  v_month timestamp;
  v_name  text;
begin
  select pg_catalog.date_trunc('month',
    greatest(pg_catalog.max(received_at), pg_catalog.clock_timestamp()) at time zone 'UTC'),
    pg_catalog.date_trunc('month', pg_catalog.min(received_at) at time zone 'UTC')
  into v_month, v_first from ingest.batch;
  v_name := 'batch_' || pg_catalog.to_char(v_month, 'YYYY_MM');
  execute pg_catalog.format('alter table ingest.batch rename to %I', v_name);
  execute pg_catalog.format('alter table ingest.%I drop constraint batch_pkey', v_name);
  execute pg_catalog.format('alter index ingest.batch_source_received_idx rename to %I',
    v_name || '_source_received_idx');
  execute pg_catalog.format(
    'create table ingest.batch (like ingest.%I including all excluding indexes) '
    'partition by range (received_at)', v_name);
  alter table ingest.batch add constraint batch_pkey primary key (source, batch, received_at);
  create index batch_source_received_idx on ingest.batch (source, received_at);
  execute pg_catalog.format(
    'alter table ingest.%I add constraint %I primary key (source, batch, received_at)',
    v_name, v_name || '_pkey');
  -- Everything that was received before belongs to this partition, too, and goes with it.
  execute pg_catalog.format(
    'alter table ingest.batch attach partition ingest.%I for values from (%L) to (%L)',
    v_name, pg_catalog.to_char(coalesce(v_first, v_month), 'YYYY-MM-DD') || ' 00:00:00+00',
    pg_catalog.to_char(v_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
end $$;

comment on table ingest.batch is
  'ledger: every batch that was applied lately, '
  'with the answer that a repeated delivery gets again';
comment on column ingest.batch.answer is
  'the 200: counts, every quarantined row, and the positions of rows that changed nothing, '
  'as ranges by outcome';

alter table ingest.batch owner to hq_ingest_writer;
