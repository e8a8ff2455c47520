create view hq_export."dx_entity_snapshots_v1" as
select
  "export_schema_version",
  "_snapshot_id" as "snapshot_id",
  "org_id",
  "_entity_type" as "entity_type",
  "entity_id",
  "record_version",
  "_canonical_payload_json" as "canonical_payload_json",
  "_captured_at" as "captured_at",
  "_source_run_id" as "source_run_id"
from hq_export."dx_company_entities_v1"
union all
select
  "export_schema_version",
  "_snapshot_id" as "snapshot_id",
  "org_id",
  "_entity_type" as "entity_type",
  "entity_id",
  "record_version",
  "_canonical_payload_json" as "canonical_payload_json",
  "_captured_at" as "captured_at",
  "_source_run_id" as "source_run_id"
from hq_export."dx_person_entities_v1"
union all
select
  'v1'::text as "export_schema_version",
  hq_export.snapshot_id(
    (r."org_id")::uuid,
    'company',
    (r."entity_id")::uuid,
    (h.record_version)::bigint
  ) as "snapshot_id",
  (r."org_id")::uuid as "org_id",
  'company'::text as "entity_type",
  (r."entity_id")::uuid as "entity_id",
  (h.record_version)::bigint as "record_version",
  hq_export.allowed_payload((h.canonical_payload)::jsonb, array[
    'export_schema_version',
    'org_id',
    'company_id',
    'entity_id',
    'canonical_name',
    'canonical_domain',
    'linkedin_url',
    'linkedin_page_id',
    'industry',
    'employee_count',
    'revenue_band',
    'hq_country',
    'enrichment_confidence',
    'last_enriched_at',
    'last_operation_id',
    'last_run_id',
    'source_priority',
    'record_version',
    'updated_at'
  ]) as "canonical_payload_json",
  (h.captured_at)::timestamptz as "captured_at",
  (null)::uuid as "source_run_id"
from "entities"."entity_snapshots" h
join "entities"."company_entities" r on h.entity_type = 'company' and h.org_id = r.org_id and h.entity_id = r.entity_id
where (h.captured_at) < (
    select b.captured_since from hq_export.binding b where b.number = 3
  )
  and (r.created_at) <= (h.captured_at)
  and (h.record_version)::bigint < coalesce(
    (
      select c.version from hq_export.captured_from c
      where c.dataset = 3 and c.key = (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
    ),
    hq_export.exported_version((r."record_version")::bigint, (
      select b.base from hq_export.version_base b
      where b.dataset = 3 and b.key = (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
    ))
  )
union all
select
  'v1'::text as "export_schema_version",
  hq_export.snapshot_id(
    (r."org_id")::uuid,
    'person',
    (r."entity_id")::uuid,
    (h.record_version)::bigint
  ) as "snapshot_id",
  (r."org_id")::uuid as "org_id",
  'person'::text as "entity_type",
  (r."entity_id")::uuid as "entity_id",
  (h.record_version)::bigint as "record_version",
  hq_export.allowed_payload((h.canonical_payload)::jsonb, array[
    'export_schema_version',
    'org_id',
    'company_id',
    'entity_id',
    'full_name',
    'first_name',
    'last_name',
    'linkedin_url',
    'title',
    'seniority',
    'department',
    'work_email',
    'email_status',
    'phone_e164',
    'contact_confidence',
    'last_enriched_at',
    'last_operation_id',
    'last_run_id',
    'record_version',
    'updated_at'
  ]) as "canonical_payload_json",
  (h.captured_at)::timestamptz as "captured_at",
  (null)::uuid as "source_run_id"
from "entities"."entity_snapshots" h
join "entities"."person_entities" r on h.entity_type = 'person' and h.org_id = r.org_id and h.entity_id = r.entity_id
where (h.captured_at) < (
    select b.captured_since from hq_export.binding b where b.number = 4
  )
  and (r.created_at) <= (h.captured_at)
  and (h.record_version)::bigint < coalesce(
    (
      select c.version from hq_export.captured_from c
      where c.dataset = 4 and c.key = (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
    ),
    hq_export.exported_version((r."record_version")::bigint, (
      select b.base from hq_export.version_base b
      where b.dataset = 4 and b.key = (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
    ))
  );
