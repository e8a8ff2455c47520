create function hq_export."row_dx_operation_runs_v1"(r "ops"."operation_runs")
returns table (
  "run_id" pg_catalog.uuid,
  "org_id" pg_catalog.uuid,
  "company_id" pg_catalog.uuid,
  "pipeline_run_id" pg_catalog.uuid,
  "entity_id" pg_catalog.uuid,
  "started_at" timestamp with time zone,
  "ended_at" timestamp with time zone,
  "created_at" timestamp with time zone,
  "attempt_count" integer,
  "duration_ms" integer,
  "workflow_id" pg_catalog.text,
  "operation_id" pg_catalog.text,
  "action_id" pg_catalog.text,
  "entity_type" pg_catalog.text,
  "source_provider" pg_catalog.text,
  "status" pg_catalog.text,
  "cost_usd" numeric,
  "error_code" pg_catalog.text,
  "error_message" pg_catalog.text
)
language sql stable parallel safe
as $capture$
select
  (r)."run_id"::pg_catalog.uuid,
  (r)."org_id"::pg_catalog.uuid,
  (r)."company_id"::pg_catalog.uuid,
  (r)."pipeline_run_id"::pg_catalog.uuid,
  (r)."entity_id"::pg_catalog.uuid,
  (r)."started_at"::timestamp with time zone,
  (r)."ended_at"::timestamp with time zone,
  (r)."created_at"::timestamp with time zone,
  (r)."attempt_count"::integer,
  (r)."duration_ms"::integer,
  (r)."workflow_id"::pg_catalog.text,
  (r)."operation_id"::pg_catalog.text,
  (r)."action_id"::pg_catalog.text,
  (r)."entity_type"::pg_catalog.text,
  (r)."source_provider"::pg_catalog.text,
  (r)."status"::pg_catalog.text,
  (r)."cost_usd"::numeric,
  (r)."error_code"::pg_catalog.text,
  (r)."error_message"::pg_catalog.text
$capture$;

create view hq_export."dx_operation_runs_v1" as
select
  'v1'::text as "export_schema_version",
  (r."run_id")::uuid as "run_id",
  (r."pipeline_run_id")::uuid as "pipeline_run_id",
  (r."workflow_id")::text as "workflow_id",
  (r."operation_id")::text as "operation_id",
  (r."action_id")::text as "action_id",
  (r."entity_type")::text as "entity_type",
  (r."entity_id")::uuid as "entity_id",
  (r."org_id")::uuid as "org_id",
  (r."company_id")::uuid as "company_id",
  (r."source_provider")::text as "source_provider",
  (r."status")::text as "status",
  (r."attempt_count")::int4 as "attempt_count",
  (r."started_at")::timestamptz as "started_at",
  (r."ended_at")::timestamptz as "ended_at",
  (r."duration_ms")::int4 as "duration_ms",
  (r."cost_usd")::numeric as "cost_usd",
  (r."error_code")::text as "error_code",
  (r."error_message")::text as "error_message",
  (r."created_at")::timestamptz as "created_at",
  (null)::text as "outcome"
from "ops"."operation_runs" hq_export_row
cross join lateral hq_export."row_dx_operation_runs_v1"(hq_export_row) r
where r."status" in ('succeeded', 'failed', 'skipped', 'canceled');

create type hq_export."body_dx_operation_runs_v1_04bd090d" as (
  "export_schema_version" text,
  "run_id" uuid,
  "pipeline_run_id" uuid,
  "workflow_id" text,
  "operation_id" text,
  "action_id" text,
  "entity_type" text,
  "entity_id" uuid,
  "org_id" uuid,
  "company_id" uuid,
  "source_provider" text,
  "status" text,
  "attempt_count" int4,
  "started_at" timestamptz,
  "ended_at" timestamptz,
  "duration_ms" int4,
  "cost_usd" text,
  "error_code" text,
  "error_message" text,
  "created_at" timestamptz,
  "outcome" text
);

create or replace function hq_export."capture_dx_operation_runs_v1_insert"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
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
        v_table := pg_sequence_last_value('hq_export.current_outbox');
        select
          array_agg(c.dataset::smallint),
          array_agg(c.version::bigint),
          array_agg(c.deleted),
          array_agg(c.key),
          array_agg(c.body)
        into v_datasets, v_versions, v_deleted, v_keys, v_bodies
        from (
          select 1, null, false, p.key, null, p.body
          from (
            select
              (r."run_id")::uuid::text as key,
              row_to_json(row(
                'v1'::text,
                (r."run_id")::uuid,
                (r."pipeline_run_id")::uuid,
                (r."workflow_id")::text,
                (r."operation_id")::text,
                (r."action_id")::text,
                (r."entity_type")::text,
                (r."entity_id")::uuid,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."source_provider")::text,
                (r."status")::text,
                (r."attempt_count")::int4,
                (r."started_at")::timestamptz,
                (r."ended_at")::timestamptz,
                (r."duration_ms")::int4,
                ((r."cost_usd")::numeric)::text,
                (r."error_code")::text,
                (r."error_message")::text,
                (r."created_at")::timestamptz,
                (null)::text
              )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
            from n r
            where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
          ) p
          limit 101
        ) c (dataset, version, deleted, key, traceparent, body);
        v_is_checked := coalesce(cardinality(v_keys), 0) <= 100;
        if hq_export.has_traceparent() then
          v_traceparent := hq_export.current_traceparent();
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
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 1, 'insert'
        where exists (select from n);
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
    end if;

    case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
    when 0 then
      insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from n r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
    when 1 then
      insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from n r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
    when 2 then
      insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from n r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
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
          select 1, false, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
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
          values (1, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
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

create or replace function hq_export."capture_dx_operation_runs_v1_update"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
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
        v_table := pg_sequence_last_value('hq_export.current_outbox');
        select
          array_agg(c.dataset::smallint),
          array_agg(c.version::bigint),
          array_agg(c.deleted),
          array_agg(c.key),
          array_agg(c.body)
        into v_datasets, v_versions, v_deleted, v_keys, v_bodies
        from (
          select 1, null, false, p.key, null, p.body
          from (
            select
              (r."run_id")::uuid::text as key,
              row_to_json(row(
                'v1'::text,
                (r."run_id")::uuid,
                (r."pipeline_run_id")::uuid,
                (r."workflow_id")::text,
                (r."operation_id")::text,
                (r."action_id")::text,
                (r."entity_type")::text,
                (r."entity_id")::uuid,
                (r."org_id")::uuid,
                (r."company_id")::uuid,
                (r."source_provider")::text,
                (r."status")::text,
                (r."attempt_count")::int4,
                (r."started_at")::timestamptz,
                (r."ended_at")::timestamptz,
                (r."duration_ms")::int4,
                ((r."cost_usd")::numeric)::text,
                (r."error_code")::text,
                (r."error_message")::text,
                (r."created_at")::timestamptz,
                (null)::text
              )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
            from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
            where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
          ) p
          limit 101
        ) c (dataset, version, deleted, key, traceparent, body);
        v_is_checked := coalesce(cardinality(v_keys), 0) <= 100;
        if hq_export.has_traceparent() then
          v_traceparent := hq_export.current_traceparent();
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
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 1, 'update';
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
    end if;

    case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
    when 0 then
      insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
    when 1 then
      insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
    when 2 then
      insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
      select 1, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r."run_id")::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r."run_id")::uuid,
            (r."pipeline_run_id")::uuid,
            (r."workflow_id")::text,
            (r."operation_id")::text,
            (r."action_id")::text,
            (r."entity_type")::text,
            (r."entity_id")::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (r."source_provider")::text,
            (r."status")::text,
            (r."attempt_count")::int4,
            (r."started_at")::timestamptz,
            (r."ended_at")::timestamptz,
            (r."duration_ms")::int4,
            ((r."cost_usd")::numeric)::text,
            (r."error_code")::text,
            (r."error_message")::text,
            (r."created_at")::timestamptz,
            (null)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
        where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ) p;
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
          values (1, false, $1, hq_export.current_traceparent(), $2)
        $raw$,
        coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
      ) using v_sqlstate, hq_export.raw_row(new)::text;
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
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

create or replace function hq_export."capture_dx_operation_runs_v1_removed"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $capture$
declare
  v_sqlstate text;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_keys text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        'r'
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        select array_agg(k.key) into v_keys
        from (
          select (r."run_id")::uuid::text as key
          from o r
          where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
          limit 101
        ) k;
        v_is_checked := current_setting('lock_timeout') = '0'
          and coalesce(cardinality(v_keys), 0) <= 100;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      insert into hq_export.removal as m (dataset, key)
      select 1, k.key
      from (
        select u.key from unnest(v_keys) u (key)
      ) k
      on conflict (dataset, key) do update set
        removed_xid = excluded.removed_xid,
        removed_at = excluded.removed_at,
        spec = null,
        hash = null;
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    insert into hq_export.removal as m (dataset, key)
    select 1, k.key
    from (
      select (r."run_id")::uuid::text as key
      from o r
      where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
    ) k
    on conflict (dataset, key) do update set
      removed_xid = excluded.removed_xid,
      removed_at = excluded.removed_at,
      spec = null,
      hash = null;
    if not hq_export.has_just_begun() then
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          'r'
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || 'r',
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      insert into hq_export.capture_gap (dataset, operation)
      values (1, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
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

create or replace function hq_export."capture_dx_operation_runs_v1_withdrawn"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $capture$
declare
  v_sqlstate text;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_keys text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        'r'
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        select array_agg(k.key) into v_keys
        from (
          select (r."run_id")::uuid::text as key
          from (select old.* where '"ops"."operation_runs"'::regclass is not null) r
          where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
            and ((new."run_id") is distinct from (old."run_id") or not exists (
            select from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
          where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
          ))
          limit 101
        ) k;
        v_is_checked := current_setting('lock_timeout') = '0'
          and coalesce(cardinality(v_keys), 0) <= 100;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      insert into hq_export.removal as m (dataset, key)
      select 1, k.key
      from (
        select u.key from unnest(v_keys) u (key)
      ) k
      on conflict (dataset, key) do update set
        removed_xid = excluded.removed_xid,
        removed_at = excluded.removed_at,
        spec = null,
        hash = null;
      begin
        perform hq_export.ring();
      exception when others then
        null; -- what was written waits for the relay's poll
      end;
      return null;
    end if;
  end if;

  begin
    insert into hq_export.removal as m (dataset, key)
    select 1, k.key
    from (
      select (r."run_id")::uuid::text as key
      from (select old.* where '"ops"."operation_runs"'::regclass is not null) r
      where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
        and ((new."run_id") is distinct from (old."run_id") or not exists (
        select from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
      where r."status" in ('succeeded', 'failed', 'skipped', 'canceled')
      ))
    ) k
    on conflict (dataset, key) do update set
      removed_xid = excluded.removed_xid,
      removed_at = excluded.removed_at,
      spec = null,
      hash = null;
    if not hq_export.has_just_begun() then
      if length(coalesce(current_setting('hq_export.captures', true), '')) < 32
        or strpos(
          coalesce(current_setting('hq_export.captures', true), ''),
          'r'
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || 'r',
          true
        );
      end if;
    end if;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      insert into hq_export.capture_gap (dataset, operation)
      values (1, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
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

create or replace function hq_export."capture_dx_operation_runs_v1_cleared"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $capture$
declare
  v_sqlstate text;
begin
  begin
    insert into hq_export.truncation (dataset)
    values (1)
    on conflict do nothing;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      insert into hq_export.capture_gap (dataset, operation)
      values (1, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (1, false, v_sqlstate);
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

create or replace trigger "hq_export_1_update" after update on "ops"."operation_runs"
for each row when (new."status" in ('succeeded', 'failed', 'skipped', 'canceled') and (old."status" in ('succeeded', 'failed', 'skipped', 'canceled')) is not true)
execute function hq_export."capture_dx_operation_runs_v1_update"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_update";

create or replace trigger "hq_export_1_insert" after insert on "ops"."operation_runs"
referencing new table as n for each statement
execute function hq_export."capture_dx_operation_runs_v1_insert"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_insert";

create or replace trigger "hq_export_1_removed" after delete on "ops"."operation_runs"
referencing old table as o for each statement
execute function hq_export."capture_dx_operation_runs_v1_removed"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_removed";

create or replace trigger "hq_export_1_withdrawn" after update on "ops"."operation_runs"
for each row when (old."status" in ('succeeded', 'failed', 'skipped', 'canceled') and ((new."run_id") is distinct from (old."run_id") or (new."status" in ('succeeded', 'failed', 'skipped', 'canceled')) is not true))
execute function hq_export."capture_dx_operation_runs_v1_withdrawn"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_withdrawn";

create or replace trigger "hq_export_1_cleared" after truncate on "ops"."operation_runs"
for each statement
execute function hq_export."capture_dx_operation_runs_v1_cleared"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_cleared";
