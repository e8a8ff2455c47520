-- What serialises gateways, out of the reach of everybody else. An advisory lock is anybody's to
-- take, so what its key is made with stands where only the writer may read it, and the gateway
-- writes a new one when it finds a stranger in possession; what waits for its turn locks a row
-- here.
--
-- Locks: creates a new object only. The first keys keep out a gateway of the build before, but for
-- the two that lock rows.

create table ingest.advisory_lock (
  key  bigint not null,
  name text   not null,
  constraint advisory_lock_pkey primary key (name)
);
-- An event trigger may have turned it on for every new table, for its owner, too, who writes here
-- next.
alter table ingest.advisory_lock disable row level security, no force row level security;
insert into ingest.advisory_lock (name, key)
values ('batch', 0), ('partitions', 0),
  ('retention', pg_catalog.hashtextextended('ingest.batch retention', 0));

comment on table ingest.advisory_lock is
  'what the keys of the gateway''s advisory locks are made with, '
  'and rows that gateways lock in turn';
comment on column ingest.advisory_lock.key is
  'written anew by the gateway where a session that is none of ours holds it; '
  'of batch: the seed of each id''s hash';
comment on column ingest.advisory_lock.name is
  'batch: the seed of what claims a batch id; partitions: who creates one, by a lock on this row; '
  'retention: who keeps the ledger';
alter table ingest.advisory_lock owner to hq_ingest_writer;
