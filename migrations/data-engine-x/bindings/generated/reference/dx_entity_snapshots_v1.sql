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
from hq_export."dx_person_entities_v1";
