-- Every version of an entity reaches dx_entity_snapshots_v1, also the one that was there when it
-- was bound: until a backfill has sent those, whoever replaces one exports it first.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.binding for the moment of a catalog change (no rewrite).
-- Only `bind` writes there.

alter table hq_export.binding add column history_complete_at timestamptz;
comment on column hq_export.binding.history_complete_at is
  'entities: since when every version that was current at captured_since is exported; '
  'null while triggers keep the ones that are replaced';

-- What was backfilled as a whole before is as complete as it will ever be.
update hq_export.binding d
set history_complete_at = (
  select pg_catalog.min(b.finished_at)
  from hq_export.backfill b
  where b.state = 'completed' and b.since is null and b.until is null and b.org_id is null
    and b.requested_at >= d.captured_since
    and exists (
      select from pg_catalog.jsonb_to_recordset(b.progress -> 'passes') p
        (dataset text, snapshots text)
      where p.dataset = d.dataset and p.snapshots <> 'none'
    )
);

-- One row per key that was written while its history was not complete. Written by captures without
-- being read (decision 0005), and kept: whoever writes a key first finds no row, so it is exported
-- once, as it was before that transaction.
create table hq_export.captured_from (
  version bigint   not null,
  dataset smallint not null,
  key     text     not null,
  constraint captured_from_pkey primary key (dataset, key)
);
comment on table hq_export.captured_from is
  'entities that changed before their history was complete: from which exported version on the '
  'capture has every one';

-- The end of a backfill is the relay's to say.
grant update (history_complete_at) on hq_export.binding to hq_export_relay;
