-- The demo's own record of every version of every entity, to hold HQ against. The source shows only
-- the current version of an entity, HQ keeps them all, so somebody else must remember the rest. It
-- shares no code with the capture: one plain row trigger per table that counts versions by the
-- rules of docs/ARCHITECTURE.md:
--
--   insert      goes on from the version of the delete before it, else from 0
--   update      rises as record_version rises; by 1 where the application changed something and left record_version alone;
--               an update that changes nothing is no version
--   delete      is the version after the last, with the last state
--
-- It is written in the transaction of the change, so what was rolled back is not in it.
--
-- Locks: SHARE ROW EXCLUSIVE on both entity tables, for as long as it takes to create the triggers.

create schema if not exists demo;
comment on schema demo is 'of the demo alone: which versions HQ must have, and which workloads ran';

create table if not exists demo.workload_run (
  number     bigint      generated always as identity,
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  seed       bigint      not null,
  constraint workload_run_pkey primary key (number)
);
comment on table demo.workload_run is 'workloads that wrote to this database; the number keeps their ids apart';

create table if not exists demo.entity_history (
  snapshot_id            uuid        not null,
  org_id                 uuid        not null,
  entity_id              uuid        not null,
  source_run_id          uuid,
  record_version         bigint      not null,
  captured_at            timestamptz not null,
  entity_type            text        not null,
  canonical_payload_json jsonb       not null,
  constraint entity_history_pkey primary key (snapshot_id),
  constraint entity_history_version_key unique (org_id, entity_id, entity_type, record_version)
);
comment on table demo.entity_history is 'every version of every entity, recorded beside the capture and not by it';

create or replace view demo.dx_entity_snapshots_v1 as
select 'v1'::text as export_schema_version, snapshot_id, org_id, entity_type, entity_id, record_version,
       canonical_payload_json, captured_at, source_run_id
from demo.entity_history;
comment on view demo.dx_entity_snapshots_v1 is 'entity_history with the columns of the contract';

-- SECURITY DEFINER: ON DELETE SET NULL and CASCADE run as the owner of the table, who need not know
-- this schema.
create or replace function demo.record_entity() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type    text := tg_argv[0];
  v_row     record;
  v_version bigint;
begin
  if tg_op = 'DELETE' then v_row := old; else v_row := new; end if;
  select h.record_version into v_version from demo.entity_history h
  where h.org_id = v_row.org_id and h.entity_id = v_row.entity_id and h.entity_type = v_type
  order by h.record_version desc limit 1;
  v_version := coalesce(v_version, 0);

  if tg_op = 'INSERT' then
    v_version := v_version + new.record_version;
  elsif tg_op = 'DELETE' then
    v_version := v_version + 1;
  elsif new.record_version > old.record_version then
    v_version := v_version + (new.record_version - old.record_version);
  elsif new.* *<> old.* then
    v_version := v_version + 1;
  else
    return null;
  end if;

  insert into demo.entity_history (snapshot_id, org_id, entity_id, source_run_id, record_version, captured_at,
                                   entity_type, canonical_payload_json)
  values (
    encode(substring(sha256(convert_to(
      concat_ws('/', v_row.org_id, v_type, v_row.entity_id, v_version), 'UTF8')) from 1 for 16), 'hex')::uuid,
    v_row.org_id, v_row.entity_id, v_row.last_run_id, v_version, v_row.updated_at, v_type, v_row.canonical_payload
  );
  return null;
end $$;
comment on function demo.record_entity() is 'writes the version that a change of an entity makes';

create or replace trigger demo_record_entity after insert or update or delete on entities.company_entities
  for each row execute function demo.record_entity('company');
create or replace trigger demo_record_entity after insert or update or delete on entities.person_entities
  for each row execute function demo.record_entity('person');
