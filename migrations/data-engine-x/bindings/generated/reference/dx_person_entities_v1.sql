create function hq_export."row_dx_person_entities_v1"(r "entities"."person_entities")
returns table (
  "org_id" pg_catalog.uuid,
  "entity_id" pg_catalog.uuid,
  "company_id" pg_catalog.uuid,
  "last_run_id" pg_catalog.uuid,
  "record_version" bigint,
  "last_enriched_at" timestamp with time zone,
  "updated_at" timestamp with time zone,
  "full_name" pg_catalog.text,
  "first_name" pg_catalog.text,
  "last_name" pg_catalog.text,
  "linkedin_url" pg_catalog.text,
  "title" pg_catalog.text,
  "seniority" pg_catalog.text,
  "department" pg_catalog.text,
  "work_email" pg_catalog.text,
  "email_status" pg_catalog.text,
  "phone_e164" pg_catalog.text,
  "contact_confidence" numeric,
  "last_operation_id" pg_catalog.text,
  "canonical_payload" pg_catalog.jsonb
)
language sql stable parallel safe
as $capture$
select
  (r)."org_id"::pg_catalog.uuid,
  (r)."entity_id"::pg_catalog.uuid,
  (r)."company_id"::pg_catalog.uuid,
  (r)."last_run_id"::pg_catalog.uuid,
  (r)."record_version"::bigint,
  (r)."last_enriched_at"::timestamp with time zone,
  (r)."updated_at"::timestamp with time zone,
  (r)."full_name"::pg_catalog.text,
  (r)."first_name"::pg_catalog.text,
  (r)."last_name"::pg_catalog.text,
  (r)."linkedin_url"::pg_catalog.text,
  (r)."title"::pg_catalog.text,
  (r)."seniority"::pg_catalog.text,
  (r)."department"::pg_catalog.text,
  (r)."work_email"::pg_catalog.text,
  (r)."email_status"::pg_catalog.text,
  (r)."phone_e164"::pg_catalog.text,
  (r)."contact_confidence"::numeric,
  (r)."last_operation_id"::pg_catalog.text,
  (r)."canonical_payload"::pg_catalog.jsonb
$capture$;

create view hq_export."dx_person_entities_v1" as
select
  'v1'::text as "export_schema_version",
  (r."org_id")::uuid as "org_id",
  (r."company_id")::uuid as "company_id",
  (r."entity_id")::uuid as "entity_id",
  (r."full_name")::text as "full_name",
  (r."first_name")::text as "first_name",
  (r."last_name")::text as "last_name",
  (r."linkedin_url")::text as "linkedin_url",
  (r."title")::text as "title",
  (r."seniority")::text as "seniority",
  (r."department")::text as "department",
  (r."work_email")::text as "work_email",
  (r."email_status")::text as "email_status",
  (r."phone_e164")::text as "phone_e164",
  (r."contact_confidence")::numeric as "contact_confidence",
  (r."last_enriched_at")::timestamptz as "last_enriched_at",
  (r."last_operation_id")::text as "last_operation_id",
  (r."last_run_id")::uuid as "last_run_id",
  hq_export.exported_version((r."record_version")::bigint, hq_export_base.base) as "record_version",
  (r."updated_at")::timestamptz as "updated_at",
  hq_export.snapshot_id(
    (r."org_id")::uuid,
    'person',
    (r."entity_id")::uuid,
    hq_export.exported_version((r."record_version")::bigint, hq_export_base.base)
  ) as "_snapshot_id",
  'person'::text as "_entity_type",
  (r.canonical_payload)::jsonb as "_canonical_payload_json",
  (r.updated_at)::timestamptz as "_captured_at",
  (r.last_run_id)::uuid as "_source_run_id"
from "entities"."person_entities" hq_export_row
cross join lateral hq_export."row_dx_person_entities_v1"(hq_export_row) r
left join hq_export.version_base hq_export_base
  on hq_export_base.dataset = 4 and hq_export_base.key = (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text;

create type hq_export."body_dx_person_entities_v1_7c4cd4d6" as (
  "export_schema_version" text,
  "org_id" uuid,
  "company_id" uuid,
  "entity_id" uuid,
  "full_name" text,
  "first_name" text,
  "last_name" text,
  "linkedin_url" text,
  "title" text,
  "seniority" text,
  "department" text,
  "work_email" text,
  "email_status" text,
  "phone_e164" text,
  "contact_confidence" text,
  "last_enriched_at" timestamptz,
  "last_operation_id" text,
  "last_run_id" uuid,
  "record_version" text,
  "updated_at" timestamptz
);

create type hq_export."body_dx_entity_snapshots_v1_2ac8a131" as (
  "export_schema_version" text,
  "snapshot_id" uuid,
  "org_id" uuid,
  "entity_type" text,
  "entity_id" uuid,
  "record_version" text,
  "canonical_payload_json" text,
  "captured_at" timestamptz,
  "source_run_id" uuid
);

create or replace function hq_export."capture_dx_person_entities_v1_insert"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
  v_bases jsonb;
  v_overtaken boolean;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_datasets smallint[];
  v_versions bigint[];
  v_deleted boolean[];
  v_keys text[];
  v_bodies text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        if pg_trigger_depth() > 1 then
          perform set_config('hq_export.overtaken', '3', true);
        end if;
        v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '3';
        if not v_overtaken then
          v_table := pg_sequence_last_value('hq_export.current_outbox');
          select
            array_agg(c.dataset::smallint),
            array_agg(c.version::bigint),
            array_agg(c.deleted),
            array_agg(c.key),
            array_agg(c.body)
          into v_datasets, v_versions, v_deleted, v_keys, v_bodies
          from (
            select x.dataset, x.version, x.deleted, x.key, null, x.body
            from (
              select
                k.key as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from n r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              left join lateral (
                select b.base, b.deleted_at is not null as is_deleted
                from hq_export.version_base b
                where b.dataset = 4 and b.key = k.key
                offset 0
              ) b on true
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
            limit 101
          ) c (dataset, version, deleted, key, traceparent, body);
          v_is_checked := coalesce(cardinality(v_keys), 0) <= 100
            and not exists (
              select from hq_export.version_base b
              where b.dataset = 4 and b.deleted_at is not null and b.key = any (v_keys)
            );
          if hq_export.has_traceparent() then
            v_traceparent := hq_export.current_traceparent();
          end if;
        end if;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      case v_table
      when 0 then
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 1 then
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 2 then
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      end case;
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    -- What few writers meet.
    if current_setting('hq_export.disabled', true) <> ''
      or hq_export.has_traceparent()
      or pg_trigger_depth() > 1
      or current_setting('hq_export.overtaken', true) > '0'
      or current_setting('transaction_isolation') = 'serializable'
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 4, 'insert'
        where exists (select from n);
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
      -- Rows that were written again since are captured as they are now.
      if pg_trigger_depth() > 1 then
        perform set_config('hq_export.overtaken', '3', true);
      end if;
      v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '3';
      if v_overtaken then
        if current_setting('transaction_isolation') = 'serializable' then
          execute $query$
            with taken as (
              insert into hq_export.version_base as b (dataset, key, base)
              select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              on conflict (dataset, key) do update set deleted_at = null
              returning b.key, b.base
            )
            select coalesce(jsonb_object_agg(t.key, t.base), '{}')
            from taken t
          $query$ into v_bases;
          execute $query$
            insert into hq_export.outbox_$query$
              || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
              || $query$ (dataset, version, deleted, key, traceparent, body)
            select x.dataset, x.version, x.deleted, x.key, (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ), x.body
            from (
              select
                k.key as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  ($1 ->> k.key)::bigint
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
          $query$ using v_bases;
        else
          execute $query$
            insert into hq_export.outbox_$query$
              || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
              || $query$ (dataset, version, deleted, key, traceparent, body)
            select x.dataset, x.version, x.deleted, x.key, (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ), x.body
            from (
              select
                case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              left join lateral (
                select b.base, b.deleted_at is not null as is_deleted
                from hq_export.version_base b
                where b.dataset = 4 and b.key = k.key
                offset 0
              ) b on true
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
          $query$;
        end if;
        perform hq_export.ring();
        if not hq_export.has_just_begun() then
          if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
            or strpos(
              coalesce(current_setting('hq_export.captures', true), ''),
              substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
            ) = 0
          then
            v_captures := set_config(
              'hq_export.captures',
              coalesce(current_setting('hq_export.captures', true), '')
                || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
              true
            );
          end if;
        end if;
        return null;
      end if;
      if current_setting('transaction_isolation') = 'serializable' then
        with taken as (
          insert into hq_export.version_base as b (dataset, key, base)
          select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
          from n r
          on conflict (dataset, key) do update set deleted_at = null
          returning b.key, b.base
        )
        select coalesce(jsonb_object_agg(t.key, t.base), '{}') into v_bases
        from taken t;
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        when 1 then
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        when 2 then
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        end case;
        if pg_sequence_last_value('hq_export.doorbell') > 0
          or current_setting('hq_export.lost', true) = 'on'
          or not hq_export.has_just_begun()
        then
          if found and hq_export.is_relay_asleep() then
            perform hq_export.ring();
          end if;
          if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
            or strpos(
              coalesce(current_setting('hq_export.captures', true), ''),
              substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
            ) = 0
          then
            v_captures := set_config(
              'hq_export.captures',
              coalesce(current_setting('hq_export.captures', true), '')
                || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
              true
            );
          end if;
        end if;
        return null;
      end if;
    end if;

    case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
    when 0 then
      insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    when 1 then
      insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    when 2 then
      insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    end case;
    if pg_sequence_last_value('hq_export.doorbell') > 0
      or current_setting('hq_export.lost', true) = 'on'
      or not hq_export.has_just_begun()
    then
      if found and hq_export.is_relay_asleep() then
        perform hq_export.ring();
      end if;
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 4, false, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
          from n r
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_update"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
  v_bases jsonb;
  v_overtaken boolean;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_datasets smallint[];
  v_versions bigint[];
  v_deleted boolean[];
  v_keys text[];
  v_bodies text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        if pg_trigger_depth() > 1 then
          perform set_config('hq_export.overtaken', '3', true);
        end if;
        v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '2';
        if coalesce(current_setting('hq_export.overtaken', true), '0') = '1' then
          v_overtaken := exists (
            select from n r
            group by (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
            having count(*) > 1
          );
        end if;
        if not v_overtaken then
          v_table := pg_sequence_last_value('hq_export.current_outbox');
          select
            array_agg(c.dataset::smallint),
            array_agg(c.version::bigint),
            array_agg(c.deleted),
            array_agg(c.key),
            array_agg(c.body)
          into v_datasets, v_versions, v_deleted, v_keys, v_bodies
          from (
            select x.dataset, x.version, x.deleted, x.key, null, x.body
            from (
              select
                k.key as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from n r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              left join lateral (
                select b.base, b.deleted_at is not null as is_deleted
                from hq_export.version_base b
                where b.dataset = 4 and b.key = k.key
                offset 0
              ) b on true
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
            limit 101
          ) c (dataset, version, deleted, key, traceparent, body);
          v_is_checked := coalesce(cardinality(v_keys), 0) <= 100
            and not exists (
              select from hq_export.version_base b
              where b.dataset = 4 and b.deleted_at is not null and b.key = any (v_keys)
            );
          if hq_export.has_traceparent() then
            v_traceparent := hq_export.current_traceparent();
          end if;
        end if;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      case v_table
      when 0 then
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 1 then
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 2 then
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      end case;
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    -- What few writers meet.
    if current_setting('hq_export.disabled', true) <> ''
      or hq_export.has_traceparent()
      or pg_trigger_depth() > 1
      or current_setting('hq_export.overtaken', true) > '0'
      or current_setting('transaction_isolation') = 'serializable'
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 4, 'update'
        where exists (select from n);
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
      -- Rows that were written again since are captured as they are now.
      if pg_trigger_depth() > 1 then
        perform set_config('hq_export.overtaken', '3', true);
      end if;
      v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '2';
      if coalesce(current_setting('hq_export.overtaken', true), '0') = '1' then
        v_overtaken := exists (
          select from n r
          group by (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text
          having count(*) > 1
        );
      end if;
      if v_overtaken then
        if current_setting('transaction_isolation') = 'serializable' then
          execute $query$
            with taken as (
              insert into hq_export.version_base as b (dataset, key, base)
              select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              on conflict (dataset, key) do update set deleted_at = null
              returning b.key, b.base
            )
            select coalesce(jsonb_object_agg(t.key, t.base), '{}')
            from taken t
          $query$ into v_bases;
          execute $query$
            insert into hq_export.outbox_$query$
              || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
              || $query$ (dataset, version, deleted, key, traceparent, body)
            select x.dataset, x.version, x.deleted, x.key, (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ), x.body
            from (
              select
                k.key as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  ($1 ->> k.key)::bigint
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
          $query$ using v_bases;
        else
          execute $query$
            insert into hq_export.outbox_$query$
              || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
              || $query$ (dataset, version, deleted, key, traceparent, body)
            select x.dataset, x.version, x.deleted, x.key, (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ), x.body
            from (
              select
                case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from (
                select c.*
                from (select distinct "org_id", "entity_id" from n) d
                cross join lateral (
                  select s.*
                  from "entities"."person_entities" s
                  where s."org_id" = d."org_id"
                    and s."entity_id" = d."entity_id"
                  offset 0
                ) c
              ) r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              left join lateral (
                select b.base, b.deleted_at is not null as is_deleted
                from hq_export.version_base b
                where b.dataset = 4 and b.key = k.key
                offset 0
              ) b on true
              cross join lateral (
                select hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, false, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
          $query$;
        end if;
        perform hq_export.ring();
        if not hq_export.has_just_begun() then
          if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
            or strpos(
              coalesce(current_setting('hq_export.captures', true), ''),
              substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
            ) = 0
          then
            v_captures := set_config(
              'hq_export.captures',
              coalesce(current_setting('hq_export.captures', true), '')
                || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
              true
            );
          end if;
        end if;
        return null;
      end if;
      if current_setting('transaction_isolation') = 'serializable' then
        with taken as (
          insert into hq_export.version_base as b (dataset, key, base)
          select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
          from n r
          on conflict (dataset, key) do update set deleted_at = null
          returning b.key, b.base
        )
        select coalesce(jsonb_object_agg(t.key, t.base), '{}') into v_bases
        from taken t;
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        when 1 then
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        when 2 then
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from n r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body);
        end case;
        if pg_sequence_last_value('hq_export.doorbell') > 0
          or current_setting('hq_export.lost', true) = 'on'
          or not hq_export.has_just_begun()
        then
          if found and hq_export.is_relay_asleep() then
            perform hq_export.ring();
          end if;
          if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
            or strpos(
              coalesce(current_setting('hq_export.captures', true), ''),
              substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
            ) = 0
          then
            v_captures := set_config(
              'hq_export.captures',
              coalesce(current_setting('hq_export.captures', true), '')
                || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
              true
            );
          end if;
        end if;
        return null;
      end if;
    end if;

    case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
    when 0 then
      insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    when 1 then
      insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    when 2 then
      insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
      select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
      from (
        select
          case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
          v.version,
          row_to_json(row(
            'v1'::text,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."entity_id")::uuid,
            (r."full_name")::text,
            (r."first_name")::text,
            (r."last_name")::text,
            (r."linkedin_url")::text,
            (r."title")::text,
            (r."seniority")::text,
            (r."department")::text,
            (r."work_email")::text,
            (r."email_status")::text,
            (r."phone_e164")::text,
            ((r."contact_confidence")::numeric)::text,
            (r."last_enriched_at")::timestamptz,
            (r."last_operation_id")::text,
            (r."last_run_id")::uuid,
            (v.version)::text,
            (r."updated_at")::timestamptz
          )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
          s.snapshot_id::text as snapshot_key,
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
        from n r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        left join lateral (
          select b.base, b.deleted_at is not null as is_deleted
          from hq_export.version_base b
          where b.dataset = 4 and b.key = k.key
          offset 0
        ) b on true
        cross join lateral (
          select hq_export.exported_version(
            (r."record_version")::bigint,
            b.base
          ) as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s
      ) p
      cross join lateral (values
        (4, p.version, false, p.key, p.body),
        (5, null, false, p.snapshot_key, p.snapshot_body)
      ) x (dataset, version, deleted, key, body);
    end case;
    if pg_sequence_last_value('hq_export.doorbell') > 0
      or current_setting('hq_export.lost', true) = 'on'
      or not hq_export.has_just_begun()
    then
      if found and hq_export.is_relay_asleep() then
        perform hq_export.ring();
      end if;
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || substr('012', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 4, false, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
          from n r
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_leave"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
  v_bases jsonb;
  v_overtaken boolean;
begin
  begin
    -- What few writers meet.
    if current_setting('hq_export.disabled', true) <> ''
      or hq_export.has_traceparent()
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.version_base as b (dataset, key, base, deleted_at)
        select
          4,
          (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text,
          hq_export.exported_version((r."record_version")::bigint, 1),
          clock_timestamp()
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        on conflict (dataset, key) do update set
          base = greatest(b.base, hq_export.exported_version(b.base, excluded.base)),
          deleted_at = excluded.deleted_at;
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
    end if;

    if pg_trigger_depth() > 1 then
      perform set_config('hq_export.overtaken', '3', true);
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
      with taken as (
        insert into hq_export.version_base as b (dataset, key, base)
        select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        on conflict (dataset, key) do update set base = b.base
        returning b.key, b.base
      )
      select coalesce(jsonb_object_agg(t.key, t.base), '{}') into v_bases
      from taken t;
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 1 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 2 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      end case;
    else
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 1 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 2 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from (select old.* where '"entities"."person_entities"'::regclass is not null) r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      end case;
    end if;
    if found and hq_export.is_relay_asleep() then
      perform hq_export.ring();
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          values (4, true, $1, hq_export.current_traceparent(), $2)
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate, hq_export.raw_row(old)::text;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_bump"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_bases jsonb;
  v_overtaken boolean;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_key text;
  v_missing bigint;
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        'v'
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        if not ((new."org_id", new."entity_id") is distinct from (old."org_id", old."entity_id")) then
          if pg_trigger_depth() > 1 then
            perform set_config('hq_export.overtaken', '3', true);
          end if;
          if coalesce(current_setting('hq_export.overtaken', true), '0') < '1' then
            perform set_config('hq_export.overtaken', '1', true);
          end if;
          select
            (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text,
            least(old."record_version"::numeric - new."record_version" + 1, 9223372036854775807)::bigint
          into v_key, v_missing
          from (select new.* where '"entities"."person_entities"'::regclass is not null) r;
          v_is_checked := current_setting('lock_timeout') = '0';
        end if;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      insert into hq_export.version_base as b (dataset, key, base)
      values (4, v_key, v_missing)
      on conflict (dataset, key) do update set
        base = hq_export.exported_version(b.base, excluded.base);
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    -- A row that got another key has left, and its new key is captured as it is.
    if (new."org_id", new."entity_id") is distinct from (old."org_id", old."entity_id") then
      return null;
    end if;
    if pg_trigger_depth() > 1 then
      perform set_config('hq_export.overtaken', '3', true);
    end if;
    if coalesce(current_setting('hq_export.overtaken', true), '0') < '1' then
      perform set_config('hq_export.overtaken', '1', true);
    end if;
    insert into hq_export.version_base as b (dataset, key, base)
    select
      4,
      (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text,
      least(old."record_version"::numeric - new."record_version" + 1, 9223372036854775807)::bigint
    from (select new.* where '"entities"."person_entities"'::regclass is not null) r
    on conflict (dataset, key) do update set
      base = hq_export.exported_version(b.base, excluded.base);
    if not hq_export.has_just_begun() then
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          'v'
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || 'v',
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          values (4, false, $1, hq_export.current_traceparent(), $2)
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate, hq_export.raw_row(new)::text;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, false, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_delete"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
  v_bases jsonb;
  v_overtaken boolean;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_datasets smallint[];
  v_versions bigint[];
  v_deleted boolean[];
  v_keys text[];
  v_bodies text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        substr('xyz', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        if pg_trigger_depth() > 1 then
          perform set_config('hq_export.overtaken', '3', true);
        end if;
        if coalesce(current_setting('hq_export.overtaken', true), '0') < '2' then
          perform set_config('hq_export.overtaken', '2', true);
        end if;
        v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '3';
        if current_setting('lock_timeout') = '0' and not v_overtaken then
          v_table := pg_sequence_last_value('hq_export.current_outbox');
          select
            array_agg(c.dataset::smallint),
            array_agg(c.version::bigint),
            array_agg(c.deleted),
            array_agg(c.key),
            array_agg(c.body)
          into v_datasets, v_versions, v_deleted, v_keys, v_bodies
          from (
            select x.dataset, x.version, x.deleted, x.key, null, x.body
            from (
              select
                k.key as key,
                v.version,
                row_to_json(row(
                  'v1'::text,
                  (r."org_id")::uuid,
                  (r."company_id")::uuid,
                  (r."entity_id")::uuid,
                  (r."full_name")::text,
                  (r."first_name")::text,
                  (r."last_name")::text,
                  (r."linkedin_url")::text,
                  (r."title")::text,
                  (r."seniority")::text,
                  (r."department")::text,
                  (r."work_email")::text,
                  (r."email_status")::text,
                  (r."phone_e164")::text,
                  ((r."contact_confidence")::numeric)::text,
                  (r."last_enriched_at")::timestamptz,
                  (r."last_operation_id")::text,
                  (r."last_run_id")::uuid,
                  (v.version)::text,
                  (r."updated_at")::timestamptz
                )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
                s.snapshot_id::text as snapshot_key,
                row_to_json(row(
                  'v1'::text,
                  s.snapshot_id,
                  (r."org_id")::uuid,
                  'person'::text,
                  (r."entity_id")::uuid,
                  (v.version)::text,
                  ((r.canonical_payload)::jsonb)::text,
                  (r.updated_at)::timestamptz,
                  (r.last_run_id)::uuid
                )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
              from o r
              cross join lateral (
                select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
              ) k
              left join lateral (
                select b.base, b.deleted_at is not null as is_deleted
                from hq_export.version_base b
                where b.dataset = 4 and b.key = k.key
                offset 0
              ) b on true
              cross join lateral (
                select hq_export.exported_version(
                  hq_export.exported_version(
                    (r."record_version")::bigint,
                    b.base
                  ),
                  1
                ) as version offset 0
              ) v
              cross join lateral (
                select hq_export.snapshot_id(
                  (r."org_id")::uuid,
                  'person',
                  (r."entity_id")::uuid,
                  v.version
                ) as snapshot_id offset 0
              ) s
            ) p
            cross join lateral (values
              (4, p.version, true, p.key, p.body),
              (5, null, false, p.snapshot_key, p.snapshot_body)
            ) x (dataset, version, deleted, key, body)
            limit 101
          ) c (dataset, version, deleted, key, traceparent, body);
          v_is_checked := coalesce(cardinality(v_keys), 0) <= 100;
          if hq_export.has_traceparent() then
            v_traceparent := hq_export.current_traceparent();
          end if;
        end if;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      insert into hq_export.version_base as b (dataset, key, base, deleted_at)
      select 4, u.key, max(u.version), clock_timestamp()
      from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
        u (dataset, version, deleted, key, body)
      where u.deleted
      group by u.key
      on conflict (dataset, key) do update set
        base = greatest(b.base, excluded.base),
        deleted_at = excluded.deleted_at;
      case v_table
      when 0 then
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 1 then
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      when 2 then
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select u.dataset, u.version, u.deleted, u.key, v_traceparent, u.body
        from unnest(v_datasets, v_versions, v_deleted, v_keys, v_bodies)
          u (dataset, version, deleted, key, body);
      end case;
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    -- What few writers meet.
    if current_setting('hq_export.disabled', true) <> ''
      or hq_export.has_traceparent()
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 4, 'delete'
        where exists (select from o);
        insert into hq_export.version_base as b (dataset, key, base, deleted_at)
        select
          4,
          (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text,
          hq_export.exported_version((r."record_version")::bigint, 1),
          clock_timestamp()
        from o r
        on conflict (dataset, key) do update set
          base = greatest(b.base, hq_export.exported_version(b.base, excluded.base)),
          deleted_at = excluded.deleted_at;
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
    end if;

    if pg_trigger_depth() > 1 then
      perform set_config('hq_export.overtaken', '3', true);
    end if;
    if coalesce(current_setting('hq_export.overtaken', true), '0') < '2' then
      perform set_config('hq_export.overtaken', '2', true);
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
      with taken as (
        insert into hq_export.version_base as b (dataset, key, base)
        select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
        from o r
        on conflict (dataset, key) do update set base = b.base
        returning b.key, b.base
      )
      select coalesce(jsonb_object_agg(t.key, t.base), '{}') into v_bases
      from taken t;
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 1 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 2 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                (v_bases ->> k.key)::bigint
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      end case;
    else
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 1 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      when 2 then
        with gone as materialized (
          select
            k.key as key,
            v.version,
            row_to_json(row(
              'v1'::text,
              (r."org_id")::uuid,
              (r."company_id")::uuid,
              (r."entity_id")::uuid,
              (r."full_name")::text,
              (r."first_name")::text,
              (r."last_name")::text,
              (r."linkedin_url")::text,
              (r."title")::text,
              (r."seniority")::text,
              (r."department")::text,
              (r."work_email")::text,
              (r."email_status")::text,
              (r."phone_e164")::text,
              ((r."contact_confidence")::numeric)::text,
              (r."last_enriched_at")::timestamptz,
              (r."last_operation_id")::text,
              (r."last_run_id")::uuid,
              (v.version)::text,
              (r."updated_at")::timestamptz
            )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
            s.snapshot_id::text as snapshot_key,
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
          from o r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          left join lateral (
            select b.base, b.deleted_at is not null as is_deleted
            from hq_export.version_base b
            where b.dataset = 4 and b.key = k.key
            offset 0
          ) b on true
          cross join lateral (
            select hq_export.exported_version(
              hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ),
              1
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        ), raised as (
          insert into hq_export.version_base as b (dataset, key, base, deleted_at)
          select 4, g.key, g.version, clock_timestamp() from gone g
          on conflict (dataset, key) do update set
            base = greatest(b.base, excluded.base),
            deleted_at = excluded.deleted_at
        )
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select x.dataset, x.version, x.deleted, x.key, v_traceparent, x.body
        from gone p
        cross join lateral (values
          (4, p.version, true, p.key, p.body),
          (5, null, false, p.snapshot_key, p.snapshot_body)
        ) x (dataset, version, deleted, key, body);
      end case;
    end if;
    if found and hq_export.is_relay_asleep() then
      perform hq_export.ring();
    end if;
    v_overtaken := coalesce(current_setting('hq_export.overtaken', true), '0') >= '3';
    if v_overtaken then
      if current_setting('transaction_isolation') = 'serializable' then
        execute $query$
          with taken as (
            insert into hq_export.version_base as b (dataset, key, base)
            select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
            from (
              select c.*
              from (select distinct "org_id", "entity_id" from o) d
              cross join lateral (
                select s.*
                from "entities"."person_entities" s
                where s."org_id" = d."org_id"
                  and s."entity_id" = d."entity_id"
                offset 0
              ) c
            ) r
            on conflict (dataset, key) do update set deleted_at = null
            returning b.key, b.base
          )
          select coalesce(jsonb_object_agg(t.key, t.base), '{}')
          from taken t
        $query$ into v_bases;
        execute $query$
          insert into hq_export.outbox_$query$
            || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
            || $query$ (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from (
              select c.*
              from (select distinct "org_id", "entity_id" from o) d
              cross join lateral (
                select s.*
                from "entities"."person_entities" s
                where s."org_id" = d."org_id"
                  and s."entity_id" = d."entity_id"
                offset 0
              ) c
            ) r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                ($1 ->> k.key)::bigint
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$ using v_bases;
      else
        execute $query$
          insert into hq_export.outbox_$query$
            || coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
            || $query$ (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from (
            select
              case when b.is_deleted then hq_export.revived(4::smallint, k.key) else k.key end as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from (
              select c.*
              from (select distinct "org_id", "entity_id" from o) d
              cross join lateral (
                select s.*
                from "entities"."person_entities" s
                where s."org_id" = d."org_id"
                  and s."entity_id" = d."entity_id"
                offset 0
              ) c
            ) r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            left join lateral (
              select b.base, b.deleted_at is not null as is_deleted
              from hq_export.version_base b
              where b.dataset = 4 and b.key = k.key
              offset 0
            ) b on true
            cross join lateral (
              select hq_export.exported_version(
                (r."record_version")::bigint,
                b.base
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ) p
          cross join lateral (values
            (4, p.version, false, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$;
      end if;
      perform hq_export.ring();
    end if;
    if not hq_export.has_just_begun() then
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          substr('xyz', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1)
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || substr('xyz', pg_sequence_last_value('hq_export.current_outbox')::int + 1, 1),
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 4, true, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
          from o r
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_truncate"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_bases jsonb;
  v_overtaken boolean;
begin
  begin
    if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
      and lower(btrim(current_setting('hq_export.disabled', true)))
        not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
      insert into hq_export.capture_gap (dataset, operation)
      select 4, 'truncate';
      execute $query$
        insert into hq_export.version_base as b (dataset, key, base, deleted_at)
        select
          4,
          (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text,
          hq_export.exported_version((r."record_version")::bigint, 1),
          clock_timestamp()
        from only $query$ || tg_relid::regclass::text || $query$ r
        on conflict (dataset, key) do update set
          base = greatest(b.base, hq_export.exported_version(b.base, excluded.base)),
          deleted_at = excluded.deleted_at
      $query$;
      return null;
    end if;
    if current_setting('transaction_isolation')
      not in ('read committed', 'read uncommitted')
    then
      insert into hq_export.capture_gap (dataset, operation) values (4, 'truncate');
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
      execute $query$
        with taken as (
          insert into hq_export.version_base as b (dataset, key, base)
          select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
          from only $query$ || tg_relid::regclass::text || $query$ r
          on conflict (dataset, key) do update set base = b.base
          returning b.key, b.base
        )
        select coalesce(jsonb_object_agg(t.key, t.base), '{}')
        from taken t
      $query$ into v_bases;
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  ($1 ->> k.key)::bigint
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$ using v_bases;
      when 1 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  ($1 ->> k.key)::bigint
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$ using v_bases;
      when 2 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  ($1 ->> k.key)::bigint
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$ using v_bases;
      end case;
    else
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            left join lateral (
              select b.base, b.deleted_at is not null as is_deleted
              from hq_export.version_base b
              where b.dataset = 4 and b.key = k.key
              offset 0
            ) b on true
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$;
      when 1 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            left join lateral (
              select b.base, b.deleted_at is not null as is_deleted
              from hq_export.version_base b
              where b.dataset = 4 and b.key = k.key
              offset 0
            ) b on true
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$;
      when 2 then
        execute $query$
          with gone as materialized (
            select
              k.key as key,
              v.version,
              row_to_json(row(
                'v1'::text,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."entity_id")::uuid,
                (r."full_name")::text,
                (r."first_name")::text,
                (r."last_name")::text,
                (r."linkedin_url")::text,
                (r."title")::text,
                (r."seniority")::text,
                (r."department")::text,
                (r."work_email")::text,
                (r."email_status")::text,
                (r."phone_e164")::text,
                ((r."contact_confidence")::numeric)::text,
                (r."last_enriched_at")::timestamptz,
                (r."last_operation_id")::text,
                (r."last_run_id")::uuid,
                (v.version)::text,
                (r."updated_at")::timestamptz
              )::hq_export."body_dx_person_entities_v1_7c4cd4d6")::text as body,
              s.snapshot_id::text as snapshot_key,
              row_to_json(row(
                'v1'::text,
                s.snapshot_id,
                (r."org_id")::uuid,
                'person'::text,
                (r."entity_id")::uuid,
                (v.version)::text,
                ((r.canonical_payload)::jsonb)::text,
                (r.updated_at)::timestamptz,
                (r.last_run_id)::uuid
              )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text as snapshot_body
            from only $query$ || tg_relid::regclass::text || $query$ r
            cross join lateral (
              select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
            ) k
            left join lateral (
              select b.base, b.deleted_at is not null as is_deleted
              from hq_export.version_base b
              where b.dataset = 4 and b.key = k.key
              offset 0
            ) b on true
            cross join lateral (
              select hq_export.exported_version(
                hq_export.exported_version(
                  (r."record_version")::bigint,
                  b.base
                ),
                1
              ) as version offset 0
            ) v
            cross join lateral (
              select hq_export.snapshot_id(
                (r."org_id")::uuid,
                'person',
                (r."entity_id")::uuid,
                v.version
              ) as snapshot_id offset 0
            ) s
          ), raised as (
            insert into hq_export.version_base as b (dataset, key, base, deleted_at)
            select 4, g.key, g.version, clock_timestamp() from gone g
            on conflict (dataset, key) do update set
              base = greatest(b.base, excluded.base),
              deleted_at = excluded.deleted_at
          )
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select x.dataset, x.version, x.deleted, x.key, (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ), x.body
          from gone p
          cross join lateral (values
            (4, p.version, true, p.key, p.body),
            (5, null, false, p.snapshot_key, p.snapshot_body)
          ) x (dataset, version, deleted, key, body)
        $query$;
      end case;
    end if;
    perform hq_export.ring();
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 4, true, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
          from only %s r
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0),
        quote_ident(tg_table_schema) || '.' || quote_ident(tg_table_name)
      ) using v_sqlstate;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (4, true, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_replaced"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_bases jsonb;
  v_overtaken boolean;
  v_version bigint;
begin
  begin
    if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
      and lower(btrim(current_setting('hq_export.disabled', true)))
        not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
      if tg_op = 'DELETE' then
        return old;
      end if;
      return new;
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
      with taken as (
        insert into hq_export.version_base as b (dataset, key, base)
        select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        on conflict (dataset, key) do update set deleted_at = null
        returning b.key, b.base
      )
      select coalesce(jsonb_object_agg(t.key, t.base), '{}') into v_bases
      from taken t;
      with first as (
        insert into hq_export.captured_from (dataset, key, version)
        select
          4,
          k.key,
          hq_export.exported_version(
            (r."record_version")::bigint,
            (v_bases ->> k.key)::bigint
          )
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        on conflict do nothing
        returning version
      )
      select version into v_version from first;
    else
      with first as (
        insert into hq_export.captured_from (dataset, key, version)
        select
          4,
          k.key,
          hq_export.exported_version(
            (r."record_version")::bigint,
            (
              select b.base from hq_export.version_base b where b.dataset = 4 and b.key = k.key
            )
          )
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        cross join lateral (
          select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
        ) k
        on conflict do nothing
        returning version
      )
      select version into v_version from first;
    end if;
    if v_version is not null then
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
        select
          5,
          null::bigint,
          false,
          s.snapshot_id::text,
          (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ),
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        cross join lateral (
          select v_version as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s;
      when 1 then
        insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
        select
          5,
          null::bigint,
          false,
          s.snapshot_id::text,
          (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ),
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        cross join lateral (
          select v_version as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s;
      when 2 then
        insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
        select
          5,
          null::bigint,
          false,
          s.snapshot_id::text,
          (
            select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
          ),
          row_to_json(row(
            'v1'::text,
            s.snapshot_id,
            (r."org_id")::uuid,
            'person'::text,
            (r."entity_id")::uuid,
            (v.version)::text,
            ((r.canonical_payload)::jsonb)::text,
            (r.updated_at)::timestamptz,
            (r.last_run_id)::uuid
          )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
        from (select old.* where '"entities"."person_entities"'::regclass is not null) r
        cross join lateral (
          select v_version as version offset 0
        ) v
        cross join lateral (
          select hq_export.snapshot_id(
            (r."org_id")::uuid,
            'person',
            (r."entity_id")::uuid,
            v.version
          ) as snapshot_id offset 0
        ) s;
      end case;
      perform hq_export.ring();
    end if;
    if tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          values (5, false, $1, hq_export.current_traceparent(), $2)
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate, json_build_object(
        'dataset', 'dx_person_entities_v1', 'version', v_version::text, 'row', hq_export.raw_row(old)
      )::text;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    if tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  end;
end $capture$;

create or replace function hq_export."capture_dx_person_entities_v1_emptied"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_bases jsonb;
  v_overtaken boolean;
  v_version bigint;
begin
  begin
    if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
      and lower(btrim(current_setting('hq_export.disabled', true)))
        not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
      return null;
    end if;
    if current_setting('transaction_isolation') = 'serializable' then
      execute $query$
        with taken as (
          insert into hq_export.version_base as b (dataset, key, base)
          select distinct 4, (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text, 0
          from only $query$ || tg_relid::regclass::text || $query$ r
          on conflict (dataset, key) do update set deleted_at = null
          returning b.key, b.base
        )
        select coalesce(jsonb_object_agg(t.key, t.base), '{}')
        from taken t
      $query$ into v_bases;
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        execute $query$
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              ($1 ->> k.key)::bigint
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$ using v_bases;
      when 1 then
        execute $query$
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              ($1 ->> k.key)::bigint
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$ using v_bases;
      when 2 then
        execute $query$
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              ($1 ->> k.key)::bigint
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$ using v_bases;
      end case;
    else
      case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      when 0 then
        execute $query$
          insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              (
                select b.base from hq_export.version_base b where b.dataset = 4 and b.key = k.key
              )
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$;
      when 1 then
        execute $query$
          insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              (
                select b.base from hq_export.version_base b where b.dataset = 4 and b.key = k.key
              )
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$;
      when 2 then
        execute $query$
          insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
          select
            5,
            null::bigint,
            false,
            s.snapshot_id::text,
            (
              select case when hq_export.has_traceparent() then hq_export.current_traceparent() end
            ),
            row_to_json(row(
              'v1'::text,
              s.snapshot_id,
              (r."org_id")::uuid,
              'person'::text,
              (r."entity_id")::uuid,
              (v.version)::text,
              ((r.canonical_payload)::jsonb)::text,
              (r.updated_at)::timestamptz,
              (r.last_run_id)::uuid
            )::hq_export."body_dx_entity_snapshots_v1_2ac8a131")::text
          from only $query$ || tg_relid::regclass::text || $query$ r
          cross join lateral (
            select (r."org_id")::uuid::text || '/' || (r."entity_id")::uuid::text as key offset 0
          ) k
          cross join lateral (
            select hq_export.exported_version(
              (r."record_version")::bigint,
              (
                select b.base from hq_export.version_base b where b.dataset = 4 and b.key = k.key
              )
            ) as version offset 0
          ) v
          cross join lateral (
            select hq_export.snapshot_id(
              (r."org_id")::uuid,
              'person',
              (r."entity_id")::uuid,
              v.version
            ) as snapshot_id offset 0
          ) s
        $query$;
      end case;
    end if;
    perform hq_export.ring();
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 5, false, $1, hq_export.current_traceparent(), json_build_object(
            'dataset', 'dx_person_entities_v1', 'version', null, 'row', hq_export.raw_row(r)
          )::text
          from only %s r
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0),
        quote_ident(tg_table_schema) || '.' || quote_ident(tg_table_name)
      ) using v_sqlstate;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (5, false, v_sqlstate);
        end case;
      exception when others then
        -- Or that a statement was lost; the warning in the server's log names no value.
        begin
          perform nextval('hq_export.lost');
        exception when others then
          perform set_config('hq_export.lost', 'on', false);
        end;
        raise warning 'hq_export: % of %.% was not captured: SQLSTATE %',
          tg_op, tg_table_schema, tg_table_name, v_sqlstate;
      end;
    end;
    begin
      perform hq_export.ring();
    exception when others then
      null; -- what was kept waits for the relay's poll
    end;
    return null;
  end;
end $capture$;

create or replace trigger "hq_export_4_bump" after update on "entities"."person_entities"
for each row when (new."record_version" <= old."record_version" and old.* operator(pg_catalog.*<>) new.*)
execute function hq_export."capture_dx_person_entities_v1_bump"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_bump";

create or replace trigger "hq_export_4_leave" after update on "entities"."person_entities"
for each row when ((new."org_id", new."entity_id") is distinct from (old."org_id", old."entity_id"))
execute function hq_export."capture_dx_person_entities_v1_leave"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_leave";

create or replace trigger "hq_export_4_insert" after insert on "entities"."person_entities"
referencing new table as n for each statement
execute function hq_export."capture_dx_person_entities_v1_insert"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_insert";

create or replace trigger "hq_export_4_update" after update on "entities"."person_entities"
referencing new table as n for each statement
execute function hq_export."capture_dx_person_entities_v1_update"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_update";

create or replace trigger "hq_export_4_delete" after delete on "entities"."person_entities"
referencing old table as o for each statement
execute function hq_export."capture_dx_person_entities_v1_delete"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_delete";

create or replace trigger "hq_export_4_truncate" before truncate on "entities"."person_entities"
for each statement
execute function hq_export."capture_dx_person_entities_v1_truncate"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_truncate";

create or replace trigger "hq_export_4_replaced" before update or delete on "entities"."person_entities"
for each row
execute function hq_export."capture_dx_person_entities_v1_replaced"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_replaced";

create or replace trigger "hq_export_4_emptied" before truncate on "entities"."person_entities"
for each statement
execute function hq_export."capture_dx_person_entities_v1_emptied"();
alter table "entities"."person_entities" enable always trigger "hq_export_4_emptied";
