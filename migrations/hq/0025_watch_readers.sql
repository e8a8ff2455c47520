-- When HQ's readers read each dataset version last, without anything that they wait for or that has
-- to be switched on: PostgreSQL counts scans of every table, and for whom it does not say. So each
-- version gets a table that is always empty, of which nobody reads but the policy that decides what
-- a reader sees. Its scans are reads of that version by readers; the gateway, comparisons and
-- backups are not subject to the policy. Superusers, roles with BYPASSRLS and reads on a standby
-- are not counted, either.
--
-- Locks: ACCESS EXCLUSIVE on the five tables for the moment of a catalog change.

create table ingest.read_mark (
  dataset text not null
) partition by list (dataset);
comment on table ingest.read_mark is
  'always empty; a scan of a partition is a read of that dataset version by a reader of HQ';
comment on column ingest.read_mark.dataset is 'dataset version';
alter table ingest.read_mark owner to hq_ingest_writer;

create table ingest.reading (
  dataset       text        not null,
  scans         bigint      not null,
  watched_since timestamptz not null,
  looked_at     timestamptz not null,
  read_at       timestamptz,
  constraint reading_pkey primary key (dataset)
);
comment on table ingest.reading is
  'when readers of HQ read each dataset version last; looked at every few minutes';
comment on column ingest.reading.dataset is 'dataset version';
comment on column ingest.reading.scans is 'what PostgreSQL had counted at the last look';
comment on column ingest.reading.watched_since is
  'no read since then was missed; the last time that PostgreSQL lost its counts, by a crash or a '
  'reset, or the first look';
comment on column ingest.reading.looked_at is 'the last look';
comment on column ingest.reading.read_at is
  'the last read that was seen; before PostgreSQL 16 the look that saw it; null where none was';
alter table ingest.reading owner to hq_ingest_writer;

-- The policies ask once per query, as before. Only the partition of the version is scanned.
create function hq.visible_org(version text) returns pg_catalog.uuid
  language sql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
  return (
    select case
      when not exists (
        select from ingest.read_mark as m where m.dataset operator(pg_catalog.=) version
      ) then hq.visible_org()
    end
  );
comment on function hq.visible_org(text) is
  'hq.visible_org(), and a mark that readers read this dataset version';
alter function hq.visible_org(text) owner to hq_ingest_writer;
revoke all on function hq.visible_org(text) from public;
grant execute on function hq.visible_org(text) to hq_reader, hq_org_reader;

do $$
declare
  version text;
begin
  foreach version in array array['dx_operation_runs_v1', 'dx_operation_events_v1',
      'dx_company_entities_v1', 'dx_person_entities_v1', 'dx_entity_snapshots_v1'] loop
    execute pg_catalog.format(
      'create table ingest.%1$I partition of ingest.read_mark for values in (%2$L);
       comment on table ingest.%1$I is ''always empty; see ingest.read_mark'';
       comment on column ingest.%1$I.dataset is ''dataset version'';
       alter table ingest.%1$I owner to hq_ingest_writer;
       alter policy %3$I on hq.%2$I
         using (org_id operator(pg_catalog.=) (select hq.visible_org(%2$L)))',
      'read_mark_' || version, version, version || '_org');
  end loop;
end $$;
