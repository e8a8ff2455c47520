-- What the sources say of each of their days: how many rows they captured, and what became of them.
-- HQ's own sums cannot tell it: a row that was delivered twice, in other batches, counts twice here.
--
-- Locks: creates new objects only.

create table ingest.balance (
  received_at timestamptz not null default pg_catalog.clock_timestamp(),
  captured    bigint      not null,
  inserted    bigint      not null,
  updated     bigint      not null,
  superseded  bigint      not null,
  duplicate   bigint      not null,
  stale       bigint      not null,
  refused     bigint      not null,
  filtered    bigint      not null,
  waiting     bigint      not null,
  day         date        not null,
  source      text        not null,
  dataset     text        not null,
  constraint balance_pkey primary key (source, day, dataset)
);
create index balance_day_idx on ingest.balance (day);

comment on table ingest.balance is
  'rows that a source captured on a UTC day of its clock, and what became of them, as it said last; '
  'kept 400 days';
comment on column ingest.balance.received_at is 'when the source said so';
comment on column ingest.balance.captured is
  'rows that were in the outbox of the source, and those outside of a filter';
comment on column ingest.balance.inserted is
  'HQ inserted them';
comment on column ingest.balance.updated is
  'HQ updated its row with them';
comment on column ingest.balance.superseded is
  'another row went in their place';
comment on column ingest.balance.duplicate is
  'HQ had them';
comment on column ingest.balance.stale is
  'HQ had a newer version';
comment on column ingest.balance.refused is
  'HQ refused them, or they could not be sent: dead letters';
comment on column ingest.balance.filtered is
  'outside of the filter of the binding';
comment on column ingest.balance.waiting is
  'not decided yet';
comment on column ingest.balance.day is
  'UTC day of the capture, by the clock of the source';
comment on column ingest.balance.source is
  'who says so';
comment on column ingest.balance.dataset is
  'dataset of the rows';

alter table ingest.balance owner to hq_ingest_writer;
