-- Generated: npm run contract -- generate
--
-- Holds the tables of HQ against the contract's lock: one row for each thing that differs.
--
-- Locks: reads the catalog alone, so ACCESS SHARE on its tables.

with locked_column (dataset, name, type, required) as (
  values
    ('dx_operation_runs_v1', 'export_schema_version', 'text', true),
    ('dx_operation_runs_v1', 'run_id', 'uuid', true),
    ('dx_operation_runs_v1', 'pipeline_run_id', 'uuid', false),
    ('dx_operation_runs_v1', 'workflow_id', 'text', false),
    ('dx_operation_runs_v1', 'operation_id', 'text', true),
    ('dx_operation_runs_v1', 'action_id', 'text', true),
    ('dx_operation_runs_v1', 'entity_type', 'text', true),
    ('dx_operation_runs_v1', 'entity_id', 'uuid', true),
    ('dx_operation_runs_v1', 'org_id', 'uuid', true),
    ('dx_operation_runs_v1', 'company_id', 'uuid', false),
    ('dx_operation_runs_v1', 'source_provider', 'text', false),
    ('dx_operation_runs_v1', 'status', 'text', true),
    ('dx_operation_runs_v1', 'attempt_count', 'integer', true),
    ('dx_operation_runs_v1', 'started_at', 'timestamp with time zone', true),
    ('dx_operation_runs_v1', 'ended_at', 'timestamp with time zone', false),
    ('dx_operation_runs_v1', 'duration_ms', 'integer', false),
    ('dx_operation_runs_v1', 'cost_usd', 'numeric', false),
    ('dx_operation_runs_v1', 'error_code', 'text', false),
    ('dx_operation_runs_v1', 'error_message', 'text', false),
    ('dx_operation_runs_v1', 'created_at', 'timestamp with time zone', true),
    ('dx_operation_runs_v1', 'outcome', 'text', false),
    ('dx_operation_events_v1', 'export_schema_version', 'text', true),
    ('dx_operation_events_v1', 'event_id', 'uuid', true),
    ('dx_operation_events_v1', 'run_id', 'uuid', true),
    ('dx_operation_events_v1', 'event_type', 'text', true),
    ('dx_operation_events_v1', 'event_sequence', 'integer', true),
    ('dx_operation_events_v1', 'occurred_at', 'timestamp with time zone', true),
    ('dx_operation_events_v1', 'org_id', 'uuid', true),
    ('dx_operation_events_v1', 'company_id', 'uuid', false),
    ('dx_operation_events_v1', 'entity_type', 'text', true),
    ('dx_operation_events_v1', 'entity_id', 'uuid', true),
    ('dx_operation_events_v1', 'provider', 'text', false),
    ('dx_operation_events_v1', 'http_status', 'integer', false),
    ('dx_operation_events_v1', 'raw_request_ref', 'text', false),
    ('dx_operation_events_v1', 'raw_response_ref', 'text', false),
    ('dx_operation_events_v1', 'payload_hash', 'text', false),
    ('dx_operation_events_v1', 'error_code', 'text', false),
    ('dx_operation_events_v1', 'error_message', 'text', false),
    ('dx_operation_events_v1', 'metadata_json', 'jsonb', false),
    ('dx_company_entities_v1', 'export_schema_version', 'text', true),
    ('dx_company_entities_v1', 'org_id', 'uuid', true),
    ('dx_company_entities_v1', 'company_id', 'uuid', true),
    ('dx_company_entities_v1', 'entity_id', 'uuid', true),
    ('dx_company_entities_v1', 'canonical_name', 'text', false),
    ('dx_company_entities_v1', 'canonical_domain', 'text', false),
    ('dx_company_entities_v1', 'linkedin_url', 'text', false),
    ('dx_company_entities_v1', 'linkedin_page_id', 'text', false),
    ('dx_company_entities_v1', 'industry', 'text', false),
    ('dx_company_entities_v1', 'employee_count', 'integer', false),
    ('dx_company_entities_v1', 'revenue_band', 'text', false),
    ('dx_company_entities_v1', 'hq_country', 'text', false),
    ('dx_company_entities_v1', 'enrichment_confidence', 'numeric', false),
    ('dx_company_entities_v1', 'last_enriched_at', 'timestamp with time zone', false),
    ('dx_company_entities_v1', 'last_operation_id', 'text', false),
    ('dx_company_entities_v1', 'last_run_id', 'uuid', false),
    ('dx_company_entities_v1', 'source_priority', 'text', false),
    ('dx_company_entities_v1', 'record_version', 'bigint', true),
    ('dx_company_entities_v1', 'updated_at', 'timestamp with time zone', true),
    ('dx_person_entities_v1', 'export_schema_version', 'text', true),
    ('dx_person_entities_v1', 'org_id', 'uuid', true),
    ('dx_person_entities_v1', 'company_id', 'uuid', false),
    ('dx_person_entities_v1', 'entity_id', 'uuid', true),
    ('dx_person_entities_v1', 'full_name', 'text', false),
    ('dx_person_entities_v1', 'first_name', 'text', false),
    ('dx_person_entities_v1', 'last_name', 'text', false),
    ('dx_person_entities_v1', 'linkedin_url', 'text', false),
    ('dx_person_entities_v1', 'title', 'text', false),
    ('dx_person_entities_v1', 'seniority', 'text', false),
    ('dx_person_entities_v1', 'department', 'text', false),
    ('dx_person_entities_v1', 'work_email', 'text', false),
    ('dx_person_entities_v1', 'email_status', 'text', false),
    ('dx_person_entities_v1', 'phone_e164', 'text', false),
    ('dx_person_entities_v1', 'contact_confidence', 'numeric', false),
    ('dx_person_entities_v1', 'last_enriched_at', 'timestamp with time zone', false),
    ('dx_person_entities_v1', 'last_operation_id', 'text', false),
    ('dx_person_entities_v1', 'last_run_id', 'uuid', false),
    ('dx_person_entities_v1', 'record_version', 'bigint', true),
    ('dx_person_entities_v1', 'updated_at', 'timestamp with time zone', true),
    ('dx_entity_snapshots_v1', 'export_schema_version', 'text', true),
    ('dx_entity_snapshots_v1', 'snapshot_id', 'uuid', true),
    ('dx_entity_snapshots_v1', 'org_id', 'uuid', true),
    ('dx_entity_snapshots_v1', 'entity_type', 'text', true),
    ('dx_entity_snapshots_v1', 'entity_id', 'uuid', true),
    ('dx_entity_snapshots_v1', 'record_version', 'bigint', true),
    ('dx_entity_snapshots_v1', 'canonical_payload_json', 'jsonb', true),
    ('dx_entity_snapshots_v1', 'captured_at', 'timestamp with time zone', true),
    ('dx_entity_snapshots_v1', 'source_run_id', 'uuid', false)
),
locked_key (dataset, kind, columns) as (
  values
    ('dx_operation_runs_v1', 'p', 'run_id'),
    ('dx_operation_events_v1', 'p', 'event_id'),
    ('dx_operation_events_v1', 'u', 'run_id,event_sequence'),
    ('dx_company_entities_v1', 'p', 'org_id,entity_id'),
    ('dx_person_entities_v1', 'p', 'org_id,entity_id'),
    ('dx_entity_snapshots_v1', 'p', 'snapshot_id'),
    ('dx_entity_snapshots_v1', 'u', 'org_id,entity_type,entity_id,record_version')
),
live_column as (
  select c.relname as dataset, a.attname as name, a.attnotnull as required,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid
  where n.nspname = 'hq' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
),
live_key as (
  -- A unique index serves as a guard as well as a constraint does.
  select c.relname as dataset, case when i.indisprimary then 'p' else 'u' end as kind,
    (select pg_catalog.string_agg(a.attname, ',' order by k.ordinal)
     from pg_catalog.unnest(i.indkey::int2[]) with ordinality as k (attnum, ordinal)
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
     where k.ordinal <= i.indnkeyatts) as columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_index i on i.indrelid = c.oid
  where n.nspname = 'hq' and i.indisunique and i.indisvalid and i.indpred is null
)
select locked.dataset, locked.name,
  locked.type || case when locked.required then ', required' else '' end as expected,
  live.type || case when live.required then ', required' else '' end as found
from locked_column locked
left join live_column live using (dataset, name)
where (live.type, live.required) is distinct from (locked.type, locked.required)
union all
select live.dataset, live.name, null, live.type
from live_column live
where live.name not like '\_dx\_%'
  and live.dataset in (select dataset from locked_column)
  and not exists (
    select from locked_column locked
    where locked.dataset = live.dataset and locked.name = live.name
  )
union all
select locked.dataset, locked.columns,
  case locked.kind when 'p' then 'primary key' else 'unique' end, null
from locked_key locked
where not exists (
  select from live_key live
  where live.dataset = locked.dataset and live.columns = locked.columns
    and (live.kind = locked.kind or locked.kind = 'u')
)
order by 1, 2;
