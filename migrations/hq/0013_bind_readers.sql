-- Readers whose org is bound to their login; and what the ledger says of its ids.
--
-- A member of hq_reader says itself whose rows it wants to see, by the setting hq.org_id. That is
-- right for a program that has checked who asks, and wrong for whoever may send SQL of its own. So
-- there is hq_org_reader: its members see the org that ingest.reader_org gives their login,
-- whatever they set, and nothing where it gives none.
--
-- It is the login that counts, session_user: SET ROLE does not change it, and only a superuser can.
-- A login that is bound sees its org alone, even if it is a member of hq_reader, too. Roles are
-- kept by their number, so a new name keeps the org, and a new role of an old name does not get it.
--
-- The policies ask once per query (a scalar sub-select), so the org is a condition of the indexes,
-- as before.
--
-- Locks: ACCESS EXCLUSIVE on the five tables for the moment of a catalog change.

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hq_org_reader') then
    create role hq_org_reader nologin;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another database of this server was migrated at the same moment
end $$;

grant usage on schema hq to hq_org_reader;

create table ingest.reader_org (
  role   pg_catalog.regrole not null,
  org_id pg_catalog.uuid    not null,
  constraint reader_org_pkey primary key (role)
);

comment on table ingest.reader_org is
  'the org that a login sees in HQ, whatever it sets; such a login is granted hq_org_reader';
comment on column ingest.reader_org.role is 'the role that logs in';
comment on column ingest.reader_org.org_id is 'the one org whose rows it sees';

alter table ingest.reader_org owner to hq_ingest_writer;

-- SECURITY DEFINER: a reader sees nothing of ingest. Tells a reader nothing but what it sees
-- anyway. A superuser is no member of anything here: row level security does not bind it, and after
-- SET ROLE hq_reader it is what it set.
create function hq.visible_org() returns pg_catalog.uuid
  language sql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
  return (
    select case
      when bound.org_id is not null then bound.org_id
      when not login.rolsuper and pg_catalog.pg_has_role(login.oid, 'hq_org_reader', 'member')
        then null
      when pg_catalog.current_setting('hq.org_id', true) operator(pg_catalog.<>) ''
        then pg_catalog.current_setting('hq.org_id', true)::pg_catalog.uuid
    end
    from pg_catalog.pg_roles as login
    left join ingest.reader_org as bound on bound.role operator(pg_catalog.=) login.oid
    where login.rolname operator(pg_catalog.=) session_user
  );

comment on function hq.visible_org() is
  'the org whose rows this session sees: that of its login, or, for members of hq_reader alone, '
  'that of hq.org_id';
alter function hq.visible_org() owner to hq_ingest_writer;
revoke all on function hq.visible_org() from public;
grant execute on function hq.visible_org() to hq_reader, hq_org_reader;

alter policy dx_operation_runs_v1_org on hq.dx_operation_runs_v1 to hq_reader, hq_org_reader
  using (org_id operator(pg_catalog.=) (select hq.visible_org()));
grant select on hq.dx_operation_runs_v1 to hq_org_reader;
alter policy dx_operation_events_v1_org on hq.dx_operation_events_v1 to hq_reader, hq_org_reader
  using (org_id operator(pg_catalog.=) (select hq.visible_org()));
grant select on hq.dx_operation_events_v1 to hq_org_reader;
alter policy dx_company_entities_v1_org on hq.dx_company_entities_v1 to hq_reader, hq_org_reader
  using (org_id operator(pg_catalog.=) (select hq.visible_org()));
grant select on hq.dx_company_entities_v1 to hq_org_reader;
alter policy dx_person_entities_v1_org on hq.dx_person_entities_v1 to hq_reader, hq_org_reader
  using (org_id operator(pg_catalog.=) (select hq.visible_org()));
grant select on hq.dx_person_entities_v1 to hq_org_reader;
alter policy dx_entity_snapshots_v1_org on hq.dx_entity_snapshots_v1 to hq_reader, hq_org_reader
  using (org_id operator(pg_catalog.=) (select hq.visible_org()));
grant select on hq.dx_entity_snapshots_v1 to hq_org_reader;

comment on column ingest.batch.batch is
  'webhook-id, chosen by the source; of a key that is limited to orgs, a dot and the start of the '
  'SHA-256 of these follow';
