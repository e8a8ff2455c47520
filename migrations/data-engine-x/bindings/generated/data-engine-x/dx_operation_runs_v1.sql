create function hq_export."row_dx_operation_runs_v1"(r "ops"."operation_runs")
returns table (
  "run_id" pg_catalog.uuid,
  "org_id" pg_catalog.uuid,
  "company_id" pg_catalog.uuid,
  "operation_id" pg_catalog.text,
  "entity_type" pg_catalog.text,
  "status" pg_catalog.text,
  "input_payload" pg_catalog.jsonb,
  "output_payload" pg_catalog.jsonb,
  "created_at" timestamp with time zone
)
language sql stable parallel safe
as $capture$
select
  (r)."run_id"::pg_catalog.uuid,
  (r)."org_id"::pg_catalog.uuid,
  (r)."company_id"::pg_catalog.uuid,
  (r)."operation_id"::pg_catalog.text,
  (r)."entity_type"::pg_catalog.text,
  (r)."status"::pg_catalog.text,
  (r)."input_payload"::pg_catalog.jsonb,
  (r)."output_payload"::pg_catalog.jsonb,
  (r)."created_at"::timestamp with time zone
$capture$;

create view hq_export."dx_operation_runs_v1" as
select
  'v1'::text as "export_schema_version",
  (r."run_id")::uuid as "run_id",
  (null)::uuid as "pipeline_run_id",
  (null)::text as "workflow_id",
  (r."operation_id")::text as "operation_id",
  (coalesce(s.provider || '.' || s.action, r.operation_id))::text as "action_id",
  (r."entity_type")::text as "entity_type",
  (coalesce(hq_export.entity_id(r.entity_type, r.org_id, r.output_payload, r.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid as "entity_id",
  (r."org_id")::uuid as "org_id",
  (r."company_id")::uuid as "company_id",
  (s.provider)::text as "source_provider",
  (case r.status when 'failed' then 'failed' else 'succeeded' end)::text as "status",
  (s.attempt_count)::int4 as "attempt_count",
  (r.created_at - coalesce(s.duration_ms, 0) * interval '1 millisecond')::timestamptz as "started_at",
  (r.created_at)::timestamptz as "ended_at",
  (s.duration_ms)::int4 as "duration_ms",
  (null)::numeric as "cost_usd",
  (case r.status when 'failed' then s.error_code end)::text as "error_code",
  (case r.status when 'failed' then s.error_message end)::text as "error_message",
  (r."created_at")::timestamptz as "created_at",
  (r.status)::text as "outcome"
from "ops"."operation_runs" hq_export_row
cross join lateral hq_export."row_dx_operation_runs_v1"(hq_export_row) r
left join lateral (
  select
    (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
    count(*) as "attempt_count",
    case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
    (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
    (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
    (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
  from "ops"."operation_attempts" c
  where c."run_id" = r."run_id"
    and not exists (
      select from hq_export.late_child l
      where l.dataset = 1 and l.key = c."id"::text
    )
) s on true
cross join (
  select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
) hq_export_mark
where (r.entity_type <> 'job')
  and not exists (
    select from hq_export.settle p
    where p.dataset = 1
      and p.key = (r."run_id")::uuid::text
      and not (p.number <= hq_export_mark.number and pg_catalog.pg_visible_in_snapshot(p.xid, hq_export_mark.seen))
  );

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
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
  v_captures text;
  v_is_checked boolean;
  v_table bigint;
  v_due timestamptz[];
  v_keys text[];
begin
  -- Later captures of a long transaction compute their rows in a block that writes nothing,
  -- so that it takes no transaction id, and write them after it.
  if length(current_setting('hq_export.captures', true)) >= 32 then
    begin
      if strpos(
        coalesce(current_setting('hq_export.captures', true), ''),
        substr('ab', pg_sequence_last_value('hq_export.current_settle')::int + 1, 1)
      ) > 0
        and current_setting('transaction_isolation') = 'read committed'
        and coalesce(current_setting('hq_export.disabled', true), '') = ''
      then
        v_table := pg_sequence_last_value('hq_export.current_settle');
        select array_agg(c.due_at), array_agg(c.key)
        into v_due, v_keys
        from (
          select clock_timestamp() + interval '60 seconds', (r."run_id")::uuid::text
          from n r
          where (r.entity_type <> 'job')
          limit 101
        ) c (due_at, key);
        v_is_checked := coalesce(cardinality(v_keys), 0) <= 100;
        if hq_export.has_traceparent() then
          v_traceparent := hq_export.current_traceparent();
        end if;
        if v_is_checked then
          perform nextval('hq_export.filtered_1')
          from n r
          left join lateral (
            select
              (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
              count(*) as "attempt_count",
              case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
              (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
              (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
              (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
            from "ops"."operation_attempts" c
            where c."run_id" = r."run_id"
              and not exists (
                select from hq_export.late_child l
                where l.dataset = 1 and l.key = c."id"::text
              )
          ) s on true
          where (r.entity_type <> 'job') is not true;
        end if;
      end if;
    exception when others then
      v_is_checked := false;
    end;
    if v_is_checked then
      case v_table
      when 0 then
        insert into hq_export.settle_0 (due_at, dataset, key, traceparent)
        select u.due_at, 1, u.key, v_traceparent
        from unnest(v_due, v_keys) u (due_at, key);
      when 1 then
        insert into hq_export.settle_1 (due_at, dataset, key, traceparent)
        select u.due_at, 1, u.key, v_traceparent
        from unnest(v_due, v_keys) u (due_at, key);
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

    case coalesce(pg_sequence_last_value('hq_export.current_settle'), 0)
    when 0 then
      insert into hq_export.settle_0 (due_at, dataset, key, traceparent)
      select clock_timestamp() + interval '60 seconds', 1, (r."run_id")::uuid::text, v_traceparent
      from n r
      where (r.entity_type <> 'job');
    when 1 then
      insert into hq_export.settle_1 (due_at, dataset, key, traceparent)
      select clock_timestamp() + interval '60 seconds', 1, (r."run_id")::uuid::text, v_traceparent
      from n r
      where (r.entity_type <> 'job');
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
          substr('ab', pg_sequence_last_value('hq_export.current_settle')::int + 1, 1)
        ) = 0
      then
        v_captures := set_config(
          'hq_export.captures',
          coalesce(current_setting('hq_export.captures', true), '')
            || substr('ab', pg_sequence_last_value('hq_export.current_settle')::int + 1, 1),
          true
        );
      end if;
    end if;
    perform nextval('hq_export.filtered_1')
    from n r
    left join lateral (
      select
        (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
        count(*) as "attempt_count",
        case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
        (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
        (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
        (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
      from "ops"."operation_attempts" c
      where c."run_id" = r."run_id"
        and not exists (
          select from hq_export.late_child l
          where l.dataset = 1 and l.key = c."id"::text
        )
    ) s on true
    where (r.entity_type <> 'job') is not true;
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
alter function hq_export."capture_dx_operation_runs_v1_insert"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_runs_v1_insert"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_runs_v1_insert"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_runs_v1_insert"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_runs_v1_gone"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
  v_traceparent text;
begin
  begin
    -- What few writers meet.
    if current_setting('hq_export.disabled', true) <> ''
      or hq_export.has_traceparent()
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        return old;
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
            (null)::uuid,
            (null)::text,
            (r."operation_id")::text,
            (coalesce(s.provider || '.' || s.action, r.operation_id))::text,
            (r."entity_type")::text,
            (coalesce(hq_export.entity_id(r.entity_type, r.org_id, r.output_payload, r.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (s.provider)::text,
            (case r.status when 'failed' then 'failed' else 'succeeded' end)::text,
            (s.attempt_count)::int4,
            (r.created_at - coalesce(s.duration_ms, 0) * interval '1 millisecond')::timestamptz,
            (r.created_at)::timestamptz,
            (s.duration_ms)::int4,
            ((null)::numeric)::text,
            (case r.status when 'failed' then s.error_code end)::text,
            (case r.status when 'failed' then s.error_message end)::text,
            (r."created_at")::timestamptz,
            (r.status)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select old.* where '"ops"."operation_runs"'::regclass is not null) r
        left join lateral (
          select
            (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
            count(*) as "attempt_count",
            case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
            (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
            (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
            (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
          from "ops"."operation_attempts" c
          where c."run_id" = r."run_id"
            and not exists (
              select from hq_export.late_child l
              where l.dataset = 1 and l.key = c."id"::text
            )
        ) s on true
        where (r.entity_type <> 'job')
          and exists (
          select
          from hq_export.settle p
          cross join lateral (
            select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
          ) m
          where p.dataset = 1
            and p.key = (r."run_id")::uuid::text
            and not (p.number <= m.number and pg_visible_in_snapshot(p.xid, m.seen))
        )
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
            (null)::uuid,
            (null)::text,
            (r."operation_id")::text,
            (coalesce(s.provider || '.' || s.action, r.operation_id))::text,
            (r."entity_type")::text,
            (coalesce(hq_export.entity_id(r.entity_type, r.org_id, r.output_payload, r.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (s.provider)::text,
            (case r.status when 'failed' then 'failed' else 'succeeded' end)::text,
            (s.attempt_count)::int4,
            (r.created_at - coalesce(s.duration_ms, 0) * interval '1 millisecond')::timestamptz,
            (r.created_at)::timestamptz,
            (s.duration_ms)::int4,
            ((null)::numeric)::text,
            (case r.status when 'failed' then s.error_code end)::text,
            (case r.status when 'failed' then s.error_message end)::text,
            (r."created_at")::timestamptz,
            (r.status)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select old.* where '"ops"."operation_runs"'::regclass is not null) r
        left join lateral (
          select
            (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
            count(*) as "attempt_count",
            case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
            (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
            (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
            (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
          from "ops"."operation_attempts" c
          where c."run_id" = r."run_id"
            and not exists (
              select from hq_export.late_child l
              where l.dataset = 1 and l.key = c."id"::text
            )
        ) s on true
        where (r.entity_type <> 'job')
          and exists (
          select
          from hq_export.settle p
          cross join lateral (
            select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
          ) m
          where p.dataset = 1
            and p.key = (r."run_id")::uuid::text
            and not (p.number <= m.number and pg_visible_in_snapshot(p.xid, m.seen))
        )
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
            (null)::uuid,
            (null)::text,
            (r."operation_id")::text,
            (coalesce(s.provider || '.' || s.action, r.operation_id))::text,
            (r."entity_type")::text,
            (coalesce(hq_export.entity_id(r.entity_type, r.org_id, r.output_payload, r.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."org_id")::uuid,
            (r."company_id")::uuid,
            (s.provider)::text,
            (case r.status when 'failed' then 'failed' else 'succeeded' end)::text,
            (s.attempt_count)::int4,
            (r.created_at - coalesce(s.duration_ms, 0) * interval '1 millisecond')::timestamptz,
            (r.created_at)::timestamptz,
            (s.duration_ms)::int4,
            ((null)::numeric)::text,
            (case r.status when 'failed' then s.error_code end)::text,
            (case r.status when 'failed' then s.error_message end)::text,
            (r."created_at")::timestamptz,
            (r.status)::text
          )::hq_export."body_dx_operation_runs_v1_04bd090d")::text as body
        from (select old.* where '"ops"."operation_runs"'::regclass is not null) r
        left join lateral (
          select
            (array_agg(c.action order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "action",
            count(*) as "attempt_count",
            case when sum(c.duration_ms) > 2147483647 then 2147483647 else sum(c.duration_ms) end as "duration_ms",
            (array_agg(coalesce(c.provider_status, 'http_' || c.http_status, 'failed') order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_code",
            (array_agg(concat_ws(' ', c.provider, c.action, 'failed', 'with HTTP ' || c.http_status) order by c.created_at desc, c.id desc) filter (where c.status = 'failed'))[1] as "error_message",
            (array_agg(c.provider order by (c.status in ('found', 'verified')) desc, (c.status <> 'skipped') desc, c.created_at desc, c.id desc))[1] as "provider"
          from "ops"."operation_attempts" c
          where c."run_id" = r."run_id"
            and not exists (
              select from hq_export.late_child l
              where l.dataset = 1 and l.key = c."id"::text
            )
        ) s on true
        where (r.entity_type <> 'job')
          and exists (
          select
          from hq_export.settle p
          cross join lateral (
            select m.number, m.seen from hq_export.settled m order by m.id desc limit 1
          ) m
          where p.dataset = 1
            and p.key = (r."run_id")::uuid::text
            and not (p.number <= m.number and pg_visible_in_snapshot(p.xid, m.seen))
        )
      ) p;
    end case;
    if found and hq_export.is_relay_asleep() then
      perform hq_export.ring();
    end if;
    return old;
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
      ) using v_sqlstate, hq_export.raw_row(old)::text;
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
    return old;
  end;
end $capture$;
alter function hq_export."capture_dx_operation_runs_v1_gone"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_runs_v1_gone"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_runs_v1_gone"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_runs_v1_gone"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_runs_v1_removed"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
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
          where (r.entity_type <> 'job')
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
      where (r.entity_type <> 'job')
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
alter function hq_export."capture_dx_operation_runs_v1_removed"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_runs_v1_removed"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_runs_v1_removed"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_runs_v1_removed"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_runs_v1_withdrawn"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
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
          where (r.entity_type <> 'job')
            and ((new."run_id") is distinct from (old."run_id") or not exists (
            select from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
          where (r.entity_type <> 'job')
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
      where (r.entity_type <> 'job')
        and ((new."run_id") is distinct from (old."run_id") or not exists (
        select from (select new.* where '"ops"."operation_runs"'::regclass is not null) r
      where (r.entity_type <> 'job')
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
alter function hq_export."capture_dx_operation_runs_v1_withdrawn"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_runs_v1_withdrawn"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_runs_v1_withdrawn"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_runs_v1_withdrawn"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_runs_v1_cleared"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
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
alter function hq_export."capture_dx_operation_runs_v1_cleared"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_runs_v1_cleared"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_runs_v1_cleared"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_runs_v1_cleared"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_runs_v1_late"() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set enable_seqscan = off
  set jit = off
as $capture$
declare
  v_sqlstate text;
begin
  begin
    if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
      and lower(btrim(current_setting('hq_export.disabled', true)))
        not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
      return null;
    end if;
    insert into hq_export.late_child (dataset, key)
    select 1, c."id"::text
    from (
      select r.*, coalesce(pg_sequence_last_value('hq_export.settle_horizon'), 0) as hq_export_horizon
      from n r
    ) c
    left join "ops"."operation_runs" r
      on r."run_id" = c."run_id"
    where coalesce((
        select max(p.number) from hq_export.settle p
        where p.dataset = 1 and p.key = (r."run_id")::uuid::text
      ), 0) <= c.hq_export_horizon
      and not (select exists (
        select from hq_export.binding b where b.number = 1 and b.noting_since is not null
      ))
      and case
        when r."run_id" is null
        then current_setting('transaction_isolation') <> 'read committed'
        else (r.entity_type <> 'job') and not hq_export.written_here(r.xmin)
      end
    on conflict do nothing;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      insert into hq_export.capture_gap (dataset, operation)
      values (1, 'late');
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

create or replace trigger "hq_export_1_gone" before delete on "ops"."operation_runs"
for each row
execute function hq_export."capture_dx_operation_runs_v1_gone"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_gone";

create or replace trigger "hq_export_1_insert" after insert on "ops"."operation_runs"
referencing new table as n for each statement
execute function hq_export."capture_dx_operation_runs_v1_insert"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_insert";

create or replace trigger "hq_export_1_removed" after delete on "ops"."operation_runs"
referencing old table as o for each statement
execute function hq_export."capture_dx_operation_runs_v1_removed"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_removed";

create or replace trigger "hq_export_1_withdrawn" after update on "ops"."operation_runs"
for each row when ((new."run_id") is distinct from (old."run_id") or row(old."entity_type")::record operator(pg_catalog.*<>) row(new."entity_type")::record)
execute function hq_export."capture_dx_operation_runs_v1_withdrawn"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_withdrawn";

create or replace trigger "hq_export_1_cleared" after truncate on "ops"."operation_runs"
for each statement
execute function hq_export."capture_dx_operation_runs_v1_cleared"();
alter table "ops"."operation_runs" enable always trigger "hq_export_1_cleared";

create or replace trigger "hq_export_1_late" after insert on "ops"."operation_attempts"
referencing new table as n for each statement
execute function hq_export."capture_dx_operation_runs_v1_late"();
alter table "ops"."operation_attempts" enable always trigger "hq_export_1_late";
