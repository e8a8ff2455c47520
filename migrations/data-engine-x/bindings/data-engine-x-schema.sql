-- The live shape of data-engine-x: what the `data-engine-x` binding reads, written down from the
-- facts of the running system (columns, keys, what follows a delete). Tests write to it. Nothing in
-- it knows about hq_export.
--
-- What is like the live system on purpose: row level security on every table and no policy, so that
-- only the owner and BYPASSRLS see rows; `updated_at` is the start of the transaction; uuid-ossp
-- stands in `extensions`, as Supabase has it.

create schema extensions;
create extension "uuid-ossp" with schema extensions;

create schema ops;
create schema entities;

comment on schema ops is 'live shape: tenants, pipelines, operation runs and their attempts';
comment on schema entities is
  'live shape: canonical state of companies and people, and its history';

create type ops.run_status as enum ('queued', 'running', 'succeeded', 'failed', 'canceled');
create type ops.step_status as enum
  ('queued', 'running', 'succeeded', 'failed', 'skipped', 'retrying');
create type ops.submission_status as enum
  ('received', 'validated', 'queued', 'running', 'completed', 'failed', 'canceled');

create function ops.update_updated_at_column() returns trigger
  language plpgsql
as $$
begin
  new.updated_at := now();
  return new;
end $$;
comment on function ops.update_updated_at_column() is
  'sets updated_at of a changed row to the start of its transaction';

-- Tenants
-- -------------------------------------------------------------------------------------------------

create table ops.orgs (
  id         uuid        not null default extensions.uuid_generate_v4(),
  name       text        not null,
  slug       text        not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint orgs_pkey primary key (id),
  constraint orgs_slug_key unique (slug)
);

create table ops.companies (
  id           uuid        not null default extensions.uuid_generate_v4(),
  org_id       uuid        not null references ops.orgs (id) on delete cascade,
  name         text        not null,
  external_ref text,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  domain       text,
  constraint companies_pkey primary key (id)
);
create index companies_org_id_idx on ops.companies (org_id);

-- Pipelines
-- -------------------------------------------------------------------------------------------------

create table ops.submissions (
  id                   uuid                  not null default extensions.uuid_generate_v4(),
  org_id               uuid                  not null references ops.orgs (id) on delete cascade,
  company_id           uuid                  not null references ops.companies (id)
    on delete cascade,
  blueprint_id         uuid                  not null,
  submitted_by_user_id uuid,
  source               text,
  input_payload        jsonb                 not null,
  status               ops.submission_status not null default 'received',
  metadata             jsonb                 not null default '{}',
  created_at           timestamptz           not null default now(),
  updated_at           timestamptz           not null default now(),
  constraint submissions_pkey primary key (id)
);

create table ops.pipeline_runs (
  id                     uuid           not null default extensions.uuid_generate_v4(),
  org_id                 uuid           not null references ops.orgs (id) on delete cascade,
  company_id             uuid           not null references ops.companies (id) on delete cascade,
  submission_id          uuid           not null references ops.submissions (id) on delete cascade,
  blueprint_id           uuid           not null,
  trigger_run_id         text,
  blueprint_snapshot     jsonb          not null,
  blueprint_version      integer        not null,
  status                 ops.run_status not null default 'queued',
  attempt                integer        not null default 1,
  started_at             timestamptz,
  finished_at            timestamptz,
  error_message          text,
  error_details          jsonb,
  created_at             timestamptz    not null default now(),
  updated_at             timestamptz    not null default now(),
  parent_pipeline_run_id uuid           references ops.pipeline_runs (id) on delete set null,
  constraint pipeline_runs_pkey primary key (id)
);

create table ops.step_results (
  id                uuid            not null default extensions.uuid_generate_v4(),
  org_id            uuid            not null references ops.orgs (id) on delete cascade,
  company_id        uuid            not null references ops.companies (id) on delete cascade,
  pipeline_run_id   uuid            not null references ops.pipeline_runs (id) on delete cascade,
  submission_id     uuid            not null references ops.submissions (id) on delete cascade,
  step_id           uuid,
  blueprint_step_id uuid,
  step_position     integer         not null,
  task_run_id       text,
  status            ops.step_status not null default 'queued',
  input_payload     jsonb,
  output_payload    jsonb,
  error_message     text,
  error_details     jsonb,
  started_at        timestamptz,
  finished_at       timestamptz,
  duration_ms       integer,
  attempt           integer         not null default 1,
  created_at        timestamptz     not null default now(),
  updated_at        timestamptz     not null default now(),
  constraint step_results_pkey primary key (id),
  constraint step_results_position_key unique (pipeline_run_id, step_position, attempt)
);

-- Operations
-- -------------------------------------------------------------------------------------------------

create table ops.operation_runs (
  run_id         uuid        not null default extensions.uuid_generate_v4(),
  org_id         uuid        not null references ops.orgs (id) on delete cascade,
  company_id     uuid        references ops.companies (id) on delete restrict,
  user_id        uuid,
  role           text        not null,
  auth_method    text        not null,
  operation_id   text        not null,
  entity_type    text        not null,
  status         text        not null,
  missing_inputs jsonb       not null default '[]',
  input_payload  jsonb       not null,
  output_payload jsonb,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  constraint operation_runs_pkey primary key (run_id),
  constraint operation_runs_entity_type_check check (entity_type in ('company', 'person', 'job')),
  constraint operation_runs_status_check
    check (status in ('found', 'not_found', 'failed', 'verified'))
);
create index operation_runs_org_id_created_at_idx on ops.operation_runs (org_id, created_at);

create table ops.operation_attempts (
  id              uuid        not null default extensions.uuid_generate_v4(),
  run_id          uuid        not null references ops.operation_runs (run_id) on delete cascade,
  provider        text        not null,
  action          text        not null,
  status          text        not null,
  skip_reason     text,
  http_status     integer,
  provider_status text,
  duration_ms     integer,
  raw_response    jsonb,
  created_at      timestamptz not null default now(),
  constraint operation_attempts_pkey primary key (id),
  constraint operation_attempts_status_check
    check (status in ('found', 'not_found', 'failed', 'verified', 'skipped'))
);
create index operation_attempts_run_id_idx on ops.operation_attempts (run_id);

-- Entities
-- -------------------------------------------------------------------------------------------------

create table entities.company_entities (
  org_id                uuid        not null references ops.orgs (id) on delete cascade,
  company_id            uuid        references ops.companies (id) on delete set null,
  entity_id             uuid        not null,
  canonical_domain      text,
  canonical_name        text,
  linkedin_url          text,
  industry              text,
  employee_count        integer,
  employee_range        text,
  revenue_band          text,
  hq_country            text,
  description           text,
  enrichment_confidence numeric,
  last_enriched_at      timestamptz,
  last_operation_id     text,
  last_run_id           uuid        references ops.pipeline_runs (id) on delete set null,
  source_providers      text[],
  record_version        bigint      not null default 1,
  canonical_payload     jsonb,
  created_at            timestamptz not null default now(),
  updated_at            timestamptz not null default now(),
  company_linkedin_id   text,
  icp_criterion         text,
  salesnav_url          text,
  icp_fit_verdict       text,
  icp_fit_reasoning     text,
  constraint company_entities_pkey primary key (org_id, entity_id),
  constraint company_entities_record_version_check check (record_version > 0)
);
create index company_entities_company_id_idx on entities.company_entities (company_id);
create index company_entities_last_run_id_idx on entities.company_entities (last_run_id);

create table entities.person_entities (
  org_id             uuid        not null references ops.orgs (id) on delete cascade,
  company_id         uuid        references ops.companies (id) on delete set null,
  entity_id          uuid        not null,
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
  last_enriched_at   timestamptz,
  last_operation_id  text,
  last_run_id        uuid        references ops.pipeline_runs (id) on delete set null,
  record_version     bigint      not null default 1,
  canonical_payload  jsonb,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  constraint person_entities_pkey primary key (org_id, entity_id),
  constraint person_entities_record_version_check check (record_version > 0)
);
create index person_entities_company_id_idx on entities.person_entities (company_id);
create index person_entities_last_run_id_idx on entities.person_entities (last_run_id);

-- The version that a new one replaced, written after it and best effort: there are holes.
create table entities.entity_snapshots (
  id                uuid        not null default extensions.uuid_generate_v4(),
  org_id            uuid        not null references ops.orgs (id) on delete cascade,
  entity_type       text        not null,
  entity_id         uuid        not null,
  record_version    bigint      not null,
  canonical_payload jsonb       not null,
  captured_at       timestamptz not null default now(),
  source_run_id     uuid,
  constraint entity_snapshots_pkey primary key (id),
  constraint entity_snapshots_version_key unique (org_id, entity_type, entity_id, record_version),
  constraint entity_snapshots_entity_type_check check (entity_type in ('company', 'person', 'job'))
);

create table entities.entity_timeline (
  id              uuid        not null default extensions.uuid_generate_v4(),
  org_id          uuid        not null references ops.orgs (id) on delete cascade,
  company_id      uuid        references ops.companies (id) on delete set null,
  entity_type     text        not null,
  entity_id       uuid        not null,
  operation_id    text        not null,
  pipeline_run_id uuid        references ops.pipeline_runs (id) on delete set null,
  submission_id   uuid        references ops.submissions (id) on delete set null,
  provider        text,
  status          text        not null,
  fields_updated  text[],
  summary         text,
  metadata        jsonb,
  created_at      timestamptz not null default now(),
  constraint entity_timeline_pkey primary key (id),
  constraint entity_timeline_status_check
    check (status in ('found', 'not_found', 'failed', 'skipped'))
);

-- What every table has
-- ------------------------------------------------------------------------------------------

do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_catalog.pg_class c
    where c.relnamespace in ('ops'::regnamespace, 'entities'::regnamespace) and c.relkind = 'r'
  loop
    execute format('alter table %s enable row level security', v_table);
    if exists (select from pg_catalog.pg_attribute
      where attrelid = v_table and attname = 'updated_at') then
      execute format('create trigger update_updated_at before update on %s
        for each row execute function ops.update_updated_at_column()', v_table);
    end if;
  end loop;
end $$;
