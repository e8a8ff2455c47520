-- The operational schema of the `reference` binding: our own, with every column of the contract.
-- The demo, the tests and the benchmarks write to it. It stands for the application's database, so
-- nothing in it knows about hq_export.

create schema ops;
create schema entities;

comment on schema ops is 'reference schema: who works for whom, and what was done';
comment on schema entities is 'reference schema: canonical state of companies and people';

-- Tenants
-- -------------------------------------------------------------------------------------------------

create table ops.orgs (
  id         uuid        not null default pg_catalog.gen_random_uuid(),
  created_at timestamptz not null default pg_catalog.now(),
  name       text        not null,
  constraint orgs_pkey primary key (id)
);
comment on table ops.orgs is 'tenants; everything below one goes with it';

create table ops.companies (
  id         uuid        not null default pg_catalog.gen_random_uuid(),
  org_id     uuid        not null,
  created_at timestamptz not null default pg_catalog.now(),
  name       text        not null,
  constraint companies_pkey primary key (id),
  constraint companies_org_id_fkey foreign key (org_id) references ops.orgs (id) on delete cascade
);
create index companies_org_id_idx on ops.companies (org_id);
comment on table ops.companies is
  'companies that a tenant works for; company_id elsewhere points here';

-- Operations
-- -------------------------------------------------------------------------------------------------

create table ops.pipeline_runs (
  id          uuid        not null default pg_catalog.gen_random_uuid(),
  org_id      uuid        not null,
  company_id  uuid,
  started_at  timestamptz not null default pg_catalog.now(),
  ended_at    timestamptz,
  created_at  timestamptz not null default pg_catalog.now(),
  workflow_id text        not null,
  status      text        not null default 'running',
  constraint pipeline_runs_pkey primary key (id),
  constraint pipeline_runs_org_id_fkey foreign key (org_id) references ops.orgs (id)
    on delete cascade,
  constraint pipeline_runs_company_id_fkey foreign key (company_id) references ops.companies (id)
    on delete set null,
  constraint pipeline_runs_status_check
    check (status in ('queued', 'running', 'succeeded', 'failed', 'canceled'))
);
create index pipeline_runs_org_id_idx on ops.pipeline_runs (org_id);
create index pipeline_runs_company_id_idx on ops.pipeline_runs (company_id);
comment on table ops.pipeline_runs is 'executions of a workflow, the parents of operation runs';

-- No foreign key from runs to orgs and companies: they are history and outlive what they were
-- about.
create table ops.operation_runs (
  run_id          uuid        not null default pg_catalog.gen_random_uuid(),
  org_id          uuid        not null,
  company_id      uuid,
  pipeline_run_id uuid,
  entity_id       uuid        not null,
  started_at      timestamptz not null default pg_catalog.now(),
  ended_at        timestamptz,
  created_at      timestamptz not null default pg_catalog.now(),
  attempt_count   integer     not null default 1,
  duration_ms     integer,
  workflow_id     text,
  operation_id    text        not null,
  action_id       text        not null,
  entity_type     text        not null,
  source_provider text,
  status          text        not null default 'running',
  cost_usd        numeric,
  error_code      text,
  error_message   text,
  constraint operation_runs_pkey primary key (run_id),
  constraint operation_runs_entity_type_check check (entity_type in ('company', 'person')),
  constraint operation_runs_status_check
    check (status in ('running', 'succeeded', 'failed', 'skipped', 'canceled')),
  constraint operation_runs_attempt_count_check check (attempt_count > 0)
);
create index operation_runs_created_at_idx on ops.operation_runs (created_at);
comment on table ops.operation_runs is
  'invocations of operations, inserted as running and updated once they end';

create table ops.operation_events (
  event_id         uuid        not null default pg_catalog.gen_random_uuid(),
  run_id           uuid        not null,
  org_id           uuid        not null,
  company_id       uuid,
  entity_id        uuid        not null,
  occurred_at      timestamptz not null default pg_catalog.now(),
  event_sequence   integer     not null,
  http_status      integer,
  event_type       text        not null,
  entity_type      text        not null,
  provider         text,
  raw_request_ref  text,
  raw_response_ref text,
  payload_hash     text,
  error_code       text,
  error_message    text,
  metadata_json    jsonb,
  constraint operation_events_pkey primary key (event_id),
  constraint operation_events_run_id_event_sequence_key unique (run_id, event_sequence),
  constraint operation_events_run_id_fkey foreign key (run_id)
    references ops.operation_runs (run_id) on delete cascade,
  constraint operation_events_entity_type_check check (entity_type in ('company', 'person'))
);
create index operation_events_occurred_at_idx on ops.operation_events (occurred_at);
comment on table ops.operation_events is 'what happened during a run; append-only';
comment on column ops.operation_events.raw_response_ref is
  'where the provider''s answer is kept; never the answer itself';

-- Entities
-- -------------------------------------------------------------------------------------------------

create table entities.company_entities (
  org_id                uuid        not null,
  entity_id             uuid        not null default pg_catalog.gen_random_uuid(),
  company_id            uuid,
  last_run_id           uuid,
  record_version        bigint      not null default 1,
  last_enriched_at      timestamptz,
  created_at            timestamptz not null default pg_catalog.now(),
  updated_at            timestamptz not null default pg_catalog.now(),
  employee_count        integer,
  canonical_name        text,
  canonical_domain      text,
  linkedin_url          text,
  linkedin_page_id      text,
  industry              text,
  revenue_band          text,
  hq_country            text,
  enrichment_confidence numeric,
  last_operation_id     text,
  source_priority       text,
  canonical_payload     jsonb       not null default '{}',
  constraint company_entities_pkey primary key (org_id, entity_id),
  constraint company_entities_org_id_fkey foreign key (org_id) references ops.orgs (id)
    on delete cascade,
  constraint company_entities_company_id_fkey foreign key (company_id) references ops.companies (id)
    on delete set null,
  constraint company_entities_last_run_id_fkey foreign key (last_run_id)
    references ops.pipeline_runs (id) on delete set null,
  constraint company_entities_record_version_check check (record_version > 0)
);
create index company_entities_updated_at_idx on entities.company_entities (updated_at);
create index company_entities_company_id_idx on entities.company_entities (company_id);
create index company_entities_last_run_id_idx on entities.company_entities (last_run_id);
comment on table entities.company_entities is 'canonical companies';
comment on column entities.company_entities.company_id is
  'null once the company is gone; exported as the nil uuid';
comment on column entities.company_entities.last_run_id is
  'pipeline run, not operation run, that changed the entity last';
comment on column entities.company_entities.record_version is
  'raised by the application with every change that it means; not by ON DELETE SET NULL';

create table entities.person_entities (
  org_id             uuid        not null,
  entity_id          uuid        not null default pg_catalog.gen_random_uuid(),
  company_id         uuid,
  last_run_id        uuid,
  record_version     bigint      not null default 1,
  last_enriched_at   timestamptz,
  created_at         timestamptz not null default pg_catalog.now(),
  updated_at         timestamptz not null default pg_catalog.now(),
  full_name          text,
  first_name         text,
  last_name          text,
  linkedin_url       text,
  title              text,
  seniority          text,
  department         text,
  work_email         text,
  email_status       text,
  phone_e164         text,
  contact_confidence numeric,
  last_operation_id  text,
  canonical_payload  jsonb       not null default '{}',
  constraint person_entities_pkey primary key (org_id, entity_id),
  constraint person_entities_org_id_fkey foreign key (org_id) references ops.orgs (id)
    on delete cascade,
  constraint person_entities_company_id_fkey foreign key (company_id) references ops.companies (id)
    on delete set null,
  constraint person_entities_last_run_id_fkey foreign key (last_run_id)
    references ops.pipeline_runs (id) on delete set null,
  constraint person_entities_record_version_check check (record_version > 0)
);
create index person_entities_updated_at_idx on entities.person_entities (updated_at);
create index person_entities_company_id_idx on entities.person_entities (company_id);
create index person_entities_last_run_id_idx on entities.person_entities (last_run_id);
comment on table entities.person_entities is 'canonical people';

-- updated_at is the start of the transaction, so it is not in commit order: exactly what the live
-- system does.
create function entities.touch_updated_at() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := now();
  return new;
end $$;
comment on function entities.touch_updated_at() is 'sets updated_at of a changed row';

create trigger touch_updated_at before update on entities.company_entities
  for each row execute function entities.touch_updated_at();
create trigger touch_updated_at before update on entities.person_entities
  for each row execute function entities.touch_updated_at();
