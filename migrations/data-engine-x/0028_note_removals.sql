-- Rows of append-only datasets that are deleted at the source. HQ keeps them, rightly: a comparison
-- of both sides has to know that such a row of HQ is no difference. Nothing of it is exported.
--
-- A note says that the key was removed at that moment, and no more: a key that was inserted again
-- since has a note, too. So a note explains only a row of HQ whose key the projection view does not
-- have; where the view has the key, the rows are compared as if there was no note.
--
-- Locks: creates new objects; no lock on a table of the application. A capture that notes a key
-- waits for whoever has the note of the same key locked: whoever fills in hashes takes only notes
-- that nobody else has locked (`for no key update skip locked`), and few at a time.

create table hq_export.removal (
  removed_xid xid8        not null default pg_catalog.pg_current_xact_id(),
  removed_at  timestamptz not null default pg_catalog.clock_timestamp(),
  hash        bigint,
  dataset     smallint    not null,
  key         text        not null,
  spec        text,
  constraint removal_pkey primary key (dataset, key)
);
comment on table hq_export.removal is
  'keys of append-only datasets whose rows the source has no longer, and HQ keeps; explains only '
  'keys that the projection view does not have';
comment on column hq_export.removal.removed_xid is
  'transaction that removed the row last';
comment on column hq_export.removal.removed_at is
  'server''s clock when it did: for who looks';
comment on column hq_export.removal.hash is
  'hash of HQ''s row, once a comparison has explained it by this note; null until then';
comment on column hq_export.removal.spec is
  'checksum of which the hash is; null where there is none';

-- What TRUNCATE removes is named by no key. Every row of the table was written by a transaction of a
-- lower number, or by the truncating one: such rows of HQ that the view does not have were removed.
-- One row for each: an update would make two TRUNCATEs of partitions wait for each other.
create table hq_export.truncation (
  removed_xid xid8        not null default pg_catalog.pg_current_xact_id(),
  removed_at  timestamptz not null default pg_catalog.clock_timestamp(),
  dataset     smallint    not null,
  constraint truncation_pkey primary key (dataset, removed_xid)
);
comment on table hq_export.truncation is
  'TRUNCATEs of tables of append-only datasets: rows of HQ that a transaction up to removed_xid '
  'wrote, and that the projection view does not have, were removed';

grant select, update (spec, hash) on hq_export.removal to hq_export_relay;
grant select on hq_export.truncation to hq_export_relay;
