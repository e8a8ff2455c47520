-- The five datasets of export contract v1: every column of the contract with its type and
-- nullability, in the contract's order, its primary key and its uniqueness guard, then our own
-- columns, which begin with _dx_.
--
-- Closed value sets have no CHECK: the gateway refuses such rows one by one, a CHECK would refuse a
-- whole statement. The writer owns the tables, so its COPY is not subject to row level security
-- (COPY FROM is refused under RLS); readers are. An unset hq.org_id is NULL or '' and shows
-- nothing.
--
-- Locks: creates new objects only.

create table hq.dx_operation_runs_v1 (
  export_schema_version text not null,
  run_id                uuid not null,
  pipeline_run_id       uuid,
  workflow_id           text,
  operation_id          text not null,
  action_id             text not null,
  entity_type           text not null,
  entity_id             uuid not null,
  org_id                uuid not null,
  company_id            uuid,
  source_provider       text,
  status                text not null,
  attempt_count         integer not null,
  started_at            timestamptz not null,
  ended_at              timestamptz,
  duration_ms           integer,
  cost_usd              numeric,
  error_code            text,
  error_message         text,
  created_at            timestamptz not null,
  _dx_xid               xid8 not null,
  _dx_batch             text not null,
  _dx_source            text not null,
  _dx_ingested_at       timestamptz not null default pg_catalog.clock_timestamp(),
  _dx_deleted_at        timestamptz,
  _dx_extra             jsonb,
  constraint dx_operation_runs_v1_pkey primary key (run_id)
);

create index dx_operation_runs_v1_time_idx on hq.dx_operation_runs_v1 using brin (created_at);
create index dx_operation_runs_v1_org_time_idx on hq.dx_operation_runs_v1 (org_id, created_at);

comment on table hq.dx_operation_runs_v1 is
  'One row per operation invocation, exported once, when the run has ended.';
comment on column hq.dx_operation_runs_v1.export_schema_version is 'always v1';
comment on column hq.dx_operation_runs_v1.run_id is 'the run';
comment on column hq.dx_operation_runs_v1.pipeline_run_id is
  'parent execution; NULL when the operation ran on its own';
comment on column hq.dx_operation_runs_v1.workflow_id is 'workflow of the parent';
comment on column hq.dx_operation_runs_v1.operation_id is
  'canonical operation, such as company.enrich.profile';
comment on column hq.dx_operation_runs_v1.action_id is 'implementation that was invoked';
comment on column hq.dx_operation_runs_v1.entity_type is 'kind of entity worked on';
comment on column hq.dx_operation_runs_v1.entity_id is 'entity worked on';
comment on column hq.dx_operation_runs_v1.org_id is 'tenant';
comment on column hq.dx_operation_runs_v1.company_id is 'company of the tenant';
comment on column hq.dx_operation_runs_v1.source_provider is
  'provider that answered, such as prospeo';
comment on column hq.dx_operation_runs_v1.status is 'how the run ended';
comment on column hq.dx_operation_runs_v1.attempt_count is 'attempts made, retries included';
comment on column hq.dx_operation_runs_v1.started_at is 'start of the run';
comment on column hq.dx_operation_runs_v1.ended_at is 'end of the run';
comment on column hq.dx_operation_runs_v1.duration_ms is 'length in milliseconds';
comment on column hq.dx_operation_runs_v1.cost_usd is 'cost in US dollars, exact';
comment on column hq.dx_operation_runs_v1.error_code is 'machine-readable failure';
comment on column hq.dx_operation_runs_v1.error_message is 'failure in words';
comment on column hq.dx_operation_runs_v1.created_at is 'when the source created the run';
comment on column hq.dx_operation_runs_v1._dx_xid is 'transaction of the source that wrote the row';
comment on column hq.dx_operation_runs_v1._dx_batch is
  'batch that brought this state; (_dx_source, _dx_batch) is its row in ingest.batch';
comment on column hq.dx_operation_runs_v1._dx_source is 'source that sent the batch';
comment on column hq.dx_operation_runs_v1._dx_ingested_at is 'when the gateway wrote this state';
comment on column hq.dx_operation_runs_v1._dx_deleted_at is
  'when the source deleted the entity, or null; always null in append-only datasets';
comment on column hq.dx_operation_runs_v1._dx_extra is
  'columns sent that this gateway does not know yet, as they were sent';

alter table hq.dx_operation_runs_v1 enable row level security;
create policy dx_operation_runs_v1_org on hq.dx_operation_runs_v1 for select to hq_reader
  using (org_id = (select nullif(pg_catalog.current_setting('hq.org_id', true), '')::uuid));
grant select on hq.dx_operation_runs_v1 to hq_reader;
alter table hq.dx_operation_runs_v1 owner to hq_ingest_writer;

create table hq.dx_operation_events_v1 (
  export_schema_version text not null,
  event_id              uuid not null,
  run_id                uuid not null,
  event_type            text not null,
  event_sequence        integer not null,
  occurred_at           timestamptz not null,
  org_id                uuid not null,
  company_id            uuid,
  entity_type           text not null,
  entity_id             uuid not null,
  provider              text,
  http_status           integer,
  raw_request_ref       text,
  raw_response_ref      text,
  payload_hash          text,
  error_code            text,
  error_message         text,
  metadata_json         jsonb,
  _dx_xid               xid8 not null,
  _dx_batch             text not null,
  _dx_source            text not null,
  _dx_ingested_at       timestamptz not null default pg_catalog.clock_timestamp(),
  _dx_deleted_at        timestamptz,
  _dx_extra             jsonb,
  constraint dx_operation_events_v1_pkey primary key (event_id),
  constraint dx_operation_events_v1_guard unique (run_id, event_sequence)
);

create index dx_operation_events_v1_time_idx on hq.dx_operation_events_v1 using brin (occurred_at);
create index dx_operation_events_v1_org_time_idx on hq.dx_operation_events_v1 (org_id, occurred_at);

comment on table hq.dx_operation_events_v1 is
  'What happened during a run: requests, responses, retries, state changes, errors.';
comment on column hq.dx_operation_events_v1.export_schema_version is 'always v1';
comment on column hq.dx_operation_events_v1.event_id is 'the event';
comment on column hq.dx_operation_events_v1.run_id is
  'run it belongs to; a link, not a foreign key';
comment on column hq.dx_operation_events_v1.event_type is
  'open set: request_sent, response_received, retry_scheduled, state_change, error and others';
comment on column hq.dx_operation_events_v1.event_sequence is 'position within the run, rising';
comment on column hq.dx_operation_events_v1.occurred_at is 'when it happened';
comment on column hq.dx_operation_events_v1.org_id is 'tenant';
comment on column hq.dx_operation_events_v1.company_id is 'company of the tenant';
comment on column hq.dx_operation_events_v1.entity_type is 'kind of entity worked on';
comment on column hq.dx_operation_events_v1.entity_id is 'entity worked on';
comment on column hq.dx_operation_events_v1.provider is 'provider involved';
comment on column hq.dx_operation_events_v1.http_status is 'status of its answer';
comment on column hq.dx_operation_events_v1.raw_request_ref is
  'where the raw request is kept; a reference, never the payload';
comment on column hq.dx_operation_events_v1.raw_response_ref is
  'where the raw response is kept; a reference, never the payload';
comment on column hq.dx_operation_events_v1.payload_hash is 'hash of the raw payload';
comment on column hq.dx_operation_events_v1.error_code is 'machine-readable failure';
comment on column hq.dx_operation_events_v1.error_message is 'failure in words';
comment on column hq.dx_operation_events_v1.metadata_json is 'further details';
comment on column hq.dx_operation_events_v1._dx_xid is
  'transaction of the source that wrote the row';
comment on column hq.dx_operation_events_v1._dx_batch is
  'batch that brought this state; (_dx_source, _dx_batch) is its row in ingest.batch';
comment on column hq.dx_operation_events_v1._dx_source is 'source that sent the batch';
comment on column hq.dx_operation_events_v1._dx_ingested_at is 'when the gateway wrote this state';
comment on column hq.dx_operation_events_v1._dx_deleted_at is
  'when the source deleted the entity, or null; always null in append-only datasets';
comment on column hq.dx_operation_events_v1._dx_extra is
  'columns sent that this gateway does not know yet, as they were sent';

alter table hq.dx_operation_events_v1 enable row level security;
create policy dx_operation_events_v1_org on hq.dx_operation_events_v1 for select to hq_reader
  using (org_id = (select nullif(pg_catalog.current_setting('hq.org_id', true), '')::uuid));
grant select on hq.dx_operation_events_v1 to hq_reader;
alter table hq.dx_operation_events_v1 owner to hq_ingest_writer;

create table hq.dx_company_entities_v1 (
  export_schema_version text not null,
  org_id                uuid not null,
  company_id            uuid not null,
  entity_id             uuid not null,
  canonical_name        text,
  canonical_domain      text,
  linkedin_url          text,
  linkedin_page_id      text,
  industry              text,
  employee_count        integer,
  revenue_band          text,
  hq_country            text,
  enrichment_confidence numeric,
  last_enriched_at      timestamptz,
  last_operation_id     text,
  last_run_id           uuid,
  source_priority       text,
  record_version        bigint not null,
  updated_at            timestamptz not null,
  _dx_xid               xid8 not null,
  _dx_batch             text not null,
  _dx_source            text not null,
  _dx_ingested_at       timestamptz not null default pg_catalog.clock_timestamp(),
  _dx_deleted_at        timestamptz,
  _dx_extra             jsonb,
  constraint dx_company_entities_v1_pkey primary key (org_id, entity_id)
);

create index dx_company_entities_v1_time_idx on hq.dx_company_entities_v1 using brin (updated_at);
create index dx_company_entities_v1_org_time_idx on hq.dx_company_entities_v1 (org_id, updated_at);

comment on table hq.dx_company_entities_v1 is 'The current canonical state of every company.';
comment on column hq.dx_company_entities_v1.export_schema_version is 'always v1';
comment on column hq.dx_company_entities_v1.org_id is 'tenant';
comment on column hq.dx_company_entities_v1.company_id is
  'company of the tenant; the nil UUID says that there is none';
comment on column hq.dx_company_entities_v1.entity_id is 'canonical company entity';
comment on column hq.dx_company_entities_v1.canonical_name is 'name';
comment on column hq.dx_company_entities_v1.canonical_domain is 'domain';
comment on column hq.dx_company_entities_v1.linkedin_url is 'LinkedIn page';
comment on column hq.dx_company_entities_v1.linkedin_page_id is 'LinkedIn page id';
comment on column hq.dx_company_entities_v1.industry is 'industry';
comment on column hq.dx_company_entities_v1.employee_count is 'number of employees';
comment on column hq.dx_company_entities_v1.revenue_band is 'revenue, as a band';
comment on column hq.dx_company_entities_v1.hq_country is 'country of the head office';
comment on column hq.dx_company_entities_v1.enrichment_confidence is
  'confidence in the state, exact';
comment on column hq.dx_company_entities_v1.last_enriched_at is 'last enrichment';
comment on column hq.dx_company_entities_v1.last_operation_id is 'operation that changed it last';
comment on column hq.dx_company_entities_v1.last_run_id is 'run that changed it last';
comment on column hq.dx_company_entities_v1.source_priority is 'which sources won, in order';
comment on column hq.dx_company_entities_v1.record_version is
  'version of the state, rising per entity';
comment on column hq.dx_company_entities_v1.updated_at is 'when the source changed it';
comment on column hq.dx_company_entities_v1._dx_xid is
  'transaction of the source that wrote the row';
comment on column hq.dx_company_entities_v1._dx_batch is
  'batch that brought this state; (_dx_source, _dx_batch) is its row in ingest.batch';
comment on column hq.dx_company_entities_v1._dx_source is 'source that sent the batch';
comment on column hq.dx_company_entities_v1._dx_ingested_at is 'when the gateway wrote this state';
comment on column hq.dx_company_entities_v1._dx_deleted_at is
  'when the source deleted the entity, or null; always null in append-only datasets';
comment on column hq.dx_company_entities_v1._dx_extra is
  'columns sent that this gateway does not know yet, as they were sent';

alter table hq.dx_company_entities_v1 enable row level security;
create policy dx_company_entities_v1_org on hq.dx_company_entities_v1 for select to hq_reader
  using (org_id = (select nullif(pg_catalog.current_setting('hq.org_id', true), '')::uuid));
grant select on hq.dx_company_entities_v1 to hq_reader;
alter table hq.dx_company_entities_v1 owner to hq_ingest_writer;

create table hq.dx_person_entities_v1 (
  export_schema_version text not null,
  org_id                uuid not null,
  company_id            uuid,
  entity_id             uuid not null,
  full_name             text,
  first_name            text,
  last_name             text,
  linkedin_url          text,
  title                 text,
  seniority             text,
  department            text,
  work_email            text,
  email_status          text,
  phone_e164            text,
  contact_confidence    numeric,
  last_enriched_at      timestamptz,
  last_operation_id     text,
  last_run_id           uuid,
  record_version        bigint not null,
  updated_at            timestamptz not null,
  _dx_xid               xid8 not null,
  _dx_batch             text not null,
  _dx_source            text not null,
  _dx_ingested_at       timestamptz not null default pg_catalog.clock_timestamp(),
  _dx_deleted_at        timestamptz,
  _dx_extra             jsonb,
  constraint dx_person_entities_v1_pkey primary key (org_id, entity_id)
);

create index dx_person_entities_v1_time_idx on hq.dx_person_entities_v1 using brin (updated_at);
create index dx_person_entities_v1_org_time_idx on hq.dx_person_entities_v1 (org_id, updated_at);

comment on table hq.dx_person_entities_v1 is 'The current canonical state of every person.';
comment on column hq.dx_person_entities_v1.export_schema_version is 'always v1';
comment on column hq.dx_person_entities_v1.org_id is 'tenant';
comment on column hq.dx_person_entities_v1.company_id is 'company of the tenant';
comment on column hq.dx_person_entities_v1.entity_id is 'canonical person entity';
comment on column hq.dx_person_entities_v1.full_name is 'whole name';
comment on column hq.dx_person_entities_v1.first_name is 'given name';
comment on column hq.dx_person_entities_v1.last_name is 'family name';
comment on column hq.dx_person_entities_v1.linkedin_url is 'LinkedIn profile';
comment on column hq.dx_person_entities_v1.title is 'job title';
comment on column hq.dx_person_entities_v1.seniority is 'seniority';
comment on column hq.dx_person_entities_v1.department is 'department';
comment on column hq.dx_person_entities_v1.work_email is 'work e-mail address';
comment on column hq.dx_person_entities_v1.email_status is 'what is known of the address';
comment on column hq.dx_person_entities_v1.phone_e164 is 'phone number, E.164';
comment on column hq.dx_person_entities_v1.contact_confidence is
  'confidence in the contact data, exact';
comment on column hq.dx_person_entities_v1.last_enriched_at is 'last enrichment';
comment on column hq.dx_person_entities_v1.last_operation_id is 'operation that changed it last';
comment on column hq.dx_person_entities_v1.last_run_id is 'run that changed it last';
comment on column hq.dx_person_entities_v1.record_version is
  'version of the state, rising per entity';
comment on column hq.dx_person_entities_v1.updated_at is 'when the source changed it';
comment on column hq.dx_person_entities_v1._dx_xid is
  'transaction of the source that wrote the row';
comment on column hq.dx_person_entities_v1._dx_batch is
  'batch that brought this state; (_dx_source, _dx_batch) is its row in ingest.batch';
comment on column hq.dx_person_entities_v1._dx_source is 'source that sent the batch';
comment on column hq.dx_person_entities_v1._dx_ingested_at is 'when the gateway wrote this state';
comment on column hq.dx_person_entities_v1._dx_deleted_at is
  'when the source deleted the entity, or null; always null in append-only datasets';
comment on column hq.dx_person_entities_v1._dx_extra is
  'columns sent that this gateway does not know yet, as they were sent';

alter table hq.dx_person_entities_v1 enable row level security;
create policy dx_person_entities_v1_org on hq.dx_person_entities_v1 for select to hq_reader
  using (org_id = (select nullif(pg_catalog.current_setting('hq.org_id', true), '')::uuid));
grant select on hq.dx_person_entities_v1 to hq_reader;
alter table hq.dx_person_entities_v1 owner to hq_ingest_writer;

create table hq.dx_entity_snapshots_v1 (
  export_schema_version  text not null,
  snapshot_id            uuid not null,
  org_id                 uuid not null,
  entity_type            text not null,
  entity_id              uuid not null,
  record_version         bigint not null,
  canonical_payload_json jsonb not null,
  captured_at            timestamptz not null,
  source_run_id          uuid,
  _dx_xid                xid8 not null,
  _dx_batch              text not null,
  _dx_source             text not null,
  _dx_ingested_at        timestamptz not null default pg_catalog.clock_timestamp(),
  _dx_deleted_at         timestamptz,
  _dx_extra              jsonb,
  constraint dx_entity_snapshots_v1_pkey primary key (snapshot_id),
  constraint dx_entity_snapshots_v1_guard unique (org_id, entity_type, entity_id, record_version)
);

create index dx_entity_snapshots_v1_time_idx on hq.dx_entity_snapshots_v1 using brin (captured_at);
create index dx_entity_snapshots_v1_org_time_idx on hq.dx_entity_snapshots_v1 (org_id, captured_at);

comment on table hq.dx_entity_snapshots_v1 is
  'Every exported version of every entity, kept for ever.';
comment on column hq.dx_entity_snapshots_v1.export_schema_version is 'always v1';
comment on column hq.dx_entity_snapshots_v1.snapshot_id is
  'derived from tenant, entity and version, so a backfill yields the same id';
comment on column hq.dx_entity_snapshots_v1.org_id is 'tenant';
comment on column hq.dx_entity_snapshots_v1.entity_type is 'kind of entity';
comment on column hq.dx_entity_snapshots_v1.entity_id is 'the entity';
comment on column hq.dx_entity_snapshots_v1.record_version is 'its version';
comment on column hq.dx_entity_snapshots_v1.canonical_payload_json is
  'the canonical state at that version';
comment on column hq.dx_entity_snapshots_v1.captured_at is 'when the source wrote that version';
comment on column hq.dx_entity_snapshots_v1.source_run_id is 'run that wrote that version';
comment on column hq.dx_entity_snapshots_v1._dx_xid is
  'transaction of the source that wrote the row';
comment on column hq.dx_entity_snapshots_v1._dx_batch is
  'batch that brought this state; (_dx_source, _dx_batch) is its row in ingest.batch';
comment on column hq.dx_entity_snapshots_v1._dx_source is 'source that sent the batch';
comment on column hq.dx_entity_snapshots_v1._dx_ingested_at is 'when the gateway wrote this state';
comment on column hq.dx_entity_snapshots_v1._dx_deleted_at is
  'when the source deleted the entity, or null; always null in append-only datasets';
comment on column hq.dx_entity_snapshots_v1._dx_extra is
  'columns sent that this gateway does not know yet, as they were sent';

alter table hq.dx_entity_snapshots_v1 enable row level security;
create policy dx_entity_snapshots_v1_org on hq.dx_entity_snapshots_v1 for select to hq_reader
  using (org_id = (select nullif(pg_catalog.current_setting('hq.org_id', true), '')::uuid));
grant select on hq.dx_entity_snapshots_v1 to hq_reader;
alter table hq.dx_entity_snapshots_v1 owner to hq_ingest_writer;
