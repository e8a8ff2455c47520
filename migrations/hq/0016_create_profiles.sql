-- What the rows of every batch were like, with its ledger entry, and the sums of that by minute.
--
-- A batch is added to the minute in which it was received exactly once, whatever clocks do: one
-- gateway at a time reads what its snapshot shows and the snapshot before it did not, as the relay
-- reads its outbox, and writes sums and snapshot in one transaction. So entries carry the id of the
-- transaction that wrote them. Those of before have none, and are in no minute.
--
-- Locks: ACCESS EXCLUSIVE on ingest.batch for an instant: columns without a default are added, and
-- defaults of rows to come set. Its index by transaction is built for each partition that there is.

alter table ingest.batch
  add column profile jsonb,
  add column org_id uuid,
  add column xid xid8;
alter table ingest.batch alter column xid set default pg_catalog.pg_current_xact_id();
create index batch_xid_idx on ingest.batch (xid);

-- Of the ledger and of each month of it that there is; later ones are made like the ledger.
do $$
declare
  v_table regclass;
begin
  for v_table in
    select 'ingest.batch'::regclass
    union all
    select i.inhrelid::regclass from pg_catalog.pg_inherits i
    where i.inhparent operator(pg_catalog.=) 'ingest.batch'::regclass
  loop
    execute pg_catalog.format('comment on column %s.profile is %L', v_table,
      'what its inserted and updated rows were like, in counts that add up; null of a heartbeat');
    execute pg_catalog.format('comment on column %s.org_id is %L', v_table,
      'the org of its rows, where its key was limited to exactly one');
    execute pg_catalog.format('comment on column %s.xid is %L', v_table,
      'transaction that wrote it');
  end loop;
end $$;

create table ingest.minute (
  minute  timestamptz not null,
  org_id  uuid,
  batches integer     not null,
  source  text        not null,
  dataset text        not null,
  profile jsonb       not null,
  constraint minute_key unique nulls not distinct (source, dataset, minute, org_id)
);

create index minute_minute_idx on ingest.minute (minute);

comment on table ingest.minute is
  'the sum of what batches were like, by the minute in which they were received, kept 400 days';
comment on column ingest.minute.minute is 'its begin, by HQ''s clock';
comment on column ingest.minute.org_id is 'of batches whose key was limited to exactly this org';
comment on column ingest.minute.batches is 'batches in it';
comment on column ingest.minute.source is 'source of the batches';
comment on column ingest.minute.dataset is 'dataset of their rows';
comment on column ingest.minute.profile is 'what their rows were like';

create table ingest.roll_up (
  one             boolean     not null default true,
  rolled_at       timestamptz not null default pg_catalog.clock_timestamp(),
  through         timestamptz not null default '-infinity',
  pending_through timestamptz,
  pending_xmax    xid8,
  snapshot        pg_snapshot not null default pg_catalog.pg_current_snapshot(),
  constraint roll_up_pkey primary key (one),
  constraint roll_up_is_one check (one)
);

comment on table ingest.roll_up is 'how far batches are added to minutes; one row';
comment on column ingest.roll_up.one is 'true';
comment on column ingest.roll_up.rolled_at is 'when it was done last';
comment on column ingest.roll_up.through is 'minutes before it get nothing more';
comment on column ingest.roll_up.pending_through is
  'so will be minutes before this one, once whoever wrote then has ended';
comment on column ingest.roll_up.pending_xmax is 'the first transaction that began afterwards';
comment on column ingest.roll_up.snapshot is 'batches that it shows are in minutes';

insert into ingest.roll_up default values;
insert into ingest.advisory_lock (name, key)
values ('roll up', pg_catalog.hashtextextended('ingest roll up', 0));

alter table ingest.minute owner to hq_ingest_writer;
alter table ingest.roll_up owner to hq_ingest_writer;
