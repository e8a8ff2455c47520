create function hq_export."row_dx_operation_events_v1"(r "ops"."operation_attempts")
returns table (
  "id" pg_catalog.uuid,
  "run_id" pg_catalog.uuid,
  "provider" pg_catalog.text,
  "action" pg_catalog.text,
  "status" pg_catalog.text,
  "skip_reason" pg_catalog.text,
  "http_status" integer,
  "provider_status" pg_catalog.text,
  "duration_ms" integer,
  "raw_response" pg_catalog.jsonb,
  "created_at" timestamp with time zone
)
language sql stable parallel safe
as $capture$
select
  (r)."id"::pg_catalog.uuid,
  (r)."run_id"::pg_catalog.uuid,
  (r)."provider"::pg_catalog.text,
  (r)."action"::pg_catalog.text,
  (r)."status"::pg_catalog.text,
  (r)."skip_reason"::pg_catalog.text,
  (r)."http_status"::integer,
  (r)."provider_status"::pg_catalog.text,
  (r)."duration_ms"::integer,
  (r)."raw_response"::pg_catalog.jsonb,
  (r)."created_at"::timestamp with time zone
$capture$;

create view hq_export."dx_operation_events_v1" as
select
  'v1'::text as "export_schema_version",
  (r.id)::uuid as "event_id",
  (r."run_id")::uuid as "run_id",
  (case r.status when 'failed' then 'error' when 'skipped' then 'state_change' else 'response_received' end)::text as "event_type",
  (coalesce(
    (
      select q.sequence from hq_export.assigned_sequence q
      where q.dataset = 2 and q.key = r."id"::text
    ),
    (
      select count(*)
      from "ops"."operation_attempts" t
      where (t."run_id") = (r."run_id")
        and (t."created_at", t."id") <= (r."created_at", r."id")
        and not exists (
          select from hq_export.assigned_sequence q
          where q.dataset = 2 and q.key = t."id"::text
        )
    )
  ))::int4 as "event_sequence",
  (r.created_at)::timestamptz as "occurred_at",
  (p.org_id)::uuid as "org_id",
  (p.company_id)::uuid as "company_id",
  (p.entity_type)::text as "entity_type",
  (coalesce(hq_export.entity_id(p.entity_type, p.org_id, p.output_payload, p.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid as "entity_id",
  (r."provider")::text as "provider",
  (r."http_status")::int4 as "http_status",
  (null)::text as "raw_request_ref",
  (case when r.raw_response is not null then 'dx://ops/operation_attempts/' || r.id || '#raw_response' end)::text as "raw_response_ref",
  ('sha256:' || encode(sha256(convert_to(r.raw_response::text, 'UTF8')), 'hex'))::text as "payload_hash",
  (case r.status when 'failed' then coalesce(r.provider_status, 'http_' || r.http_status, 'failed') end)::text as "error_code",
  (case r.status when 'failed' then concat_ws(' ', r.provider, r.action, 'failed', 'with HTTP ' || r.http_status) end)::text as "error_message",
  (jsonb_strip_nulls(jsonb_build_object('action', r.action, 'status', r.status, 'skip_reason', r.skip_reason, 'provider_status', r.provider_status, 'duration_ms', r.duration_ms)))::jsonb as "metadata_json"
from "ops"."operation_attempts" hq_export_row
cross join lateral hq_export."row_dx_operation_events_v1"(hq_export_row) r
left join ops.operation_runs p on p.run_id = r.run_id
where (p.entity_type is distinct from 'job');

create type hq_export."body_dx_operation_events_v1_cee6c1ab" as (
  "export_schema_version" text,
  "event_id" uuid,
  "run_id" uuid,
  "event_type" text,
  "event_sequence" int4,
  "occurred_at" timestamptz,
  "org_id" uuid,
  "company_id" uuid,
  "entity_type" text,
  "entity_id" uuid,
  "provider" text,
  "http_status" int4,
  "raw_request_ref" text,
  "raw_response_ref" text,
  "payload_hash" text,
  "error_code" text,
  "error_message" text,
  "metadata_json" text
);

create or replace function hq_export."capture_dx_operation_events_v1_insert"() returns trigger
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
  v_datasets smallint[];
  v_versions bigint[];
  v_deleted boolean[];
  v_keys text[];
  v_bodies text[];
  v_is_numbered boolean;
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
        -- In which groups no other transaction adds rows now.
        declare
          v_groups integer[];
          v_guarded text[];
          v_setting text;
          v_bits integer := -1;
          v_alone integer[];
        begin
          v_groups := array(select distinct hashtext(row(r."run_id")::text) from n r limit 17);
          v_guarded := array(
            select unnest(string_to_array(current_setting('hq_export.guarded_groups', true), ','))
            union
            select unnest(v_groups)::text
          );
          if cardinality(v_guarded) <= 16 then
            v_setting := set_config('hq_export.guarded_groups', array_to_string(v_guarded, ','), true);
            v_alone := array(
              select g from unnest(v_groups) g
              where pg_try_advisory_xact_lock_shared(hashtext('hq_export.sequences'), g & 31)
                and pg_try_advisory_xact_lock(hashtext('hq_export.sequence'), g)
            );
          else
            v_bits := 31;
            v_alone := array(
              select s.share
              from (select distinct hashtext(row(r."run_id")::text) & 31 as share from n r) s
              where pg_try_advisory_xact_lock(hashtext('hq_export.sequences'), s.share)
            );
          end if;
          v_is_numbered := exists (
            select from (
              select
                r."id"::text as key,
                r."run_id",
                count(*) over (partition by r."run_id") as added,
                row_number() over (
                  partition by r."run_id" order by r."created_at", r."id"
                ) as place,
                (
                  select count(*) from "ops"."operation_attempts" t
                  where (t."run_id") = (r."run_id")
                ) as total,
                hashtext(row(r."run_id")::text) & v_bits = any (v_alone) as is_alone
              from n r
            ) x
            where (x.total > x.added or not x.is_alone)
          );
        end;
        if not v_is_numbered then
          v_table := pg_sequence_last_value('hq_export.current_outbox');
          select
            array_agg(c.dataset::smallint),
            array_agg(c.version::bigint),
            array_agg(c.deleted),
            array_agg(c.key),
            array_agg(c.body)
          into v_datasets, v_versions, v_deleted, v_keys, v_bodies
          from (
            select 2, null, false, p.key, null, p.body
            from (
              select
                (r.id)::uuid::text as key,
                row_to_json(row(
                  'v1'::text,
                  (r.id)::uuid,
                  (r."run_id")::uuid,
                  (case r.status when 'failed' then 'error' when 'skipped' then 'state_change' else 'response_received' end)::text,
                  (coalesce(
                    (
                      select q.sequence from hq_export.assigned_sequence q
                      where q.dataset = 2 and q.key = r."id"::text
                    ),
                    (
                      select count(*)
                      from "ops"."operation_attempts" t
                      where (t."run_id") = (r."run_id")
                        and (t."created_at", t."id") <= (r."created_at", r."id")
                        and not exists (
                          select from hq_export.assigned_sequence q
                          where q.dataset = 2 and q.key = t."id"::text
                        )
                    )
                  ))::int4,
                  (r.created_at)::timestamptz,
                  (p.org_id)::uuid,
                  (p.company_id)::uuid,
                  (p.entity_type)::text,
                  (coalesce(hq_export.entity_id(p.entity_type, p.org_id, p.output_payload, p.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
                  (r."provider")::text,
                  (r."http_status")::int4,
                  (null)::text,
                  (case when r.raw_response is not null then 'dx://ops/operation_attempts/' || r.id || '#raw_response' end)::text,
                  ('sha256:' || encode(sha256(convert_to(r.raw_response::text, 'UTF8')), 'hex'))::text,
                  (case r.status when 'failed' then coalesce(r.provider_status, 'http_' || r.http_status, 'failed') end)::text,
                  (case r.status when 'failed' then concat_ws(' ', r.provider, r.action, 'failed', 'with HTTP ' || r.http_status) end)::text,
                  ((jsonb_strip_nulls(jsonb_build_object('action', r.action, 'status', r.status, 'skip_reason', r.skip_reason, 'provider_status', r.provider_status, 'duration_ms', r.duration_ms)))::jsonb)::text
                )::hq_export."body_dx_operation_events_v1_cee6c1ab")::text as body
              from n r
              left join ops.operation_runs p on p.run_id = r.run_id
              where (p.entity_type is distinct from 'job')
            ) p
            limit 101
          ) c (dataset, version, deleted, key, traceparent, body);
          v_is_checked := coalesce(cardinality(v_keys), 0) <= 100;
          if hq_export.has_traceparent() then
            v_traceparent := hq_export.current_traceparent();
          end if;
          if v_is_checked then
            perform nextval('hq_export.filtered_2')
            from n r
            left join ops.operation_runs p on p.run_id = r.run_id
            where (p.entity_type is distinct from 'job') is not true;
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
    then
      if (coalesce(current_setting('hq_export.disabled', true), '') <> ''
        and lower(btrim(current_setting('hq_export.disabled', true)))
          not in ('', 'off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0')) then
        insert into hq_export.capture_gap (dataset, operation)
        select 2, 'insert'
        where exists (select from n);
        return null;
      end if;
      v_traceparent := hq_export.current_traceparent();
    end if;

    -- In which groups no other transaction adds rows now.
    declare
      v_groups integer[];
      v_guarded text[];
      v_setting text;
      v_bits integer := -1;
      v_alone integer[];
    begin
      v_groups := array(select distinct hashtext(row(r."run_id")::text) from n r limit 17);
      v_guarded := array(
        select unnest(string_to_array(current_setting('hq_export.guarded_groups', true), ','))
        union
        select unnest(v_groups)::text
      );
      if cardinality(v_guarded) <= 16 then
        v_setting := set_config('hq_export.guarded_groups', array_to_string(v_guarded, ','), true);
        v_alone := array(
          select g from unnest(v_groups) g
          where pg_try_advisory_xact_lock_shared(hashtext('hq_export.sequences'), g & 31)
            and pg_try_advisory_xact_lock(hashtext('hq_export.sequence'), g)
        );
      else
        v_bits := 31;
        v_alone := array(
          select s.share
          from (select distinct hashtext(row(r."run_id")::text) & 31 as share from n r) s
          where pg_try_advisory_xact_lock(hashtext('hq_export.sequences'), s.share)
        );
      end if;
      insert into hq_export.assigned_sequence (dataset, key, sequence)
      select
        2,
        x.key,
        case
          when x.is_alone and coalesce(m.highest < 1000000000, true)
          then x.place + greatest(x.total - x.added, m.highest)
          else nextval('hq_export.apart_sequence')
        end
      from (
        select
          r."id"::text as key,
          r."run_id",
          count(*) over (partition by r."run_id") as added,
          row_number() over (
            partition by r."run_id" order by r."created_at", r."id"
          ) as place,
          (
            select count(*) from "ops"."operation_attempts" t
            where (t."run_id") = (r."run_id")
          ) as total,
          hashtext(row(r."run_id")::text) & v_bits = any (v_alone) as is_alone
        from n r
      ) x
      cross join lateral (
        select max(q.sequence) as highest
        from "ops"."operation_attempts" t
        join hq_export.assigned_sequence q on q.dataset = 2 and q.key = t."id"::text
        where x.total > x.added and (t."run_id") = (x."run_id")
      ) m
      where (x.total > x.added or not x.is_alone);
    end;
    case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
    when 0 then
      insert into hq_export.outbox_0 (dataset, version, deleted, key, traceparent, body)
      select 2, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r.id)::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r.id)::uuid,
            (r."run_id")::uuid,
            (case r.status when 'failed' then 'error' when 'skipped' then 'state_change' else 'response_received' end)::text,
            (coalesce(
              (
                select q.sequence from hq_export.assigned_sequence q
                where q.dataset = 2 and q.key = r."id"::text
              ),
              (
                select count(*)
                from "ops"."operation_attempts" t
                where (t."run_id") = (r."run_id")
                  and (t."created_at", t."id") <= (r."created_at", r."id")
                  and not exists (
                    select from hq_export.assigned_sequence q
                    where q.dataset = 2 and q.key = t."id"::text
                  )
              )
            ))::int4,
            (r.created_at)::timestamptz,
            (p.org_id)::uuid,
            (p.company_id)::uuid,
            (p.entity_type)::text,
            (coalesce(hq_export.entity_id(p.entity_type, p.org_id, p.output_payload, p.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."provider")::text,
            (r."http_status")::int4,
            (null)::text,
            (case when r.raw_response is not null then 'dx://ops/operation_attempts/' || r.id || '#raw_response' end)::text,
            ('sha256:' || encode(sha256(convert_to(r.raw_response::text, 'UTF8')), 'hex'))::text,
            (case r.status when 'failed' then coalesce(r.provider_status, 'http_' || r.http_status, 'failed') end)::text,
            (case r.status when 'failed' then concat_ws(' ', r.provider, r.action, 'failed', 'with HTTP ' || r.http_status) end)::text,
            ((jsonb_strip_nulls(jsonb_build_object('action', r.action, 'status', r.status, 'skip_reason', r.skip_reason, 'provider_status', r.provider_status, 'duration_ms', r.duration_ms)))::jsonb)::text
          )::hq_export."body_dx_operation_events_v1_cee6c1ab")::text as body
        from n r
        left join ops.operation_runs p on p.run_id = r.run_id
        where (p.entity_type is distinct from 'job')
      ) p;
    when 1 then
      insert into hq_export.outbox_1 (dataset, version, deleted, key, traceparent, body)
      select 2, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r.id)::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r.id)::uuid,
            (r."run_id")::uuid,
            (case r.status when 'failed' then 'error' when 'skipped' then 'state_change' else 'response_received' end)::text,
            (coalesce(
              (
                select q.sequence from hq_export.assigned_sequence q
                where q.dataset = 2 and q.key = r."id"::text
              ),
              (
                select count(*)
                from "ops"."operation_attempts" t
                where (t."run_id") = (r."run_id")
                  and (t."created_at", t."id") <= (r."created_at", r."id")
                  and not exists (
                    select from hq_export.assigned_sequence q
                    where q.dataset = 2 and q.key = t."id"::text
                  )
              )
            ))::int4,
            (r.created_at)::timestamptz,
            (p.org_id)::uuid,
            (p.company_id)::uuid,
            (p.entity_type)::text,
            (coalesce(hq_export.entity_id(p.entity_type, p.org_id, p.output_payload, p.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."provider")::text,
            (r."http_status")::int4,
            (null)::text,
            (case when r.raw_response is not null then 'dx://ops/operation_attempts/' || r.id || '#raw_response' end)::text,
            ('sha256:' || encode(sha256(convert_to(r.raw_response::text, 'UTF8')), 'hex'))::text,
            (case r.status when 'failed' then coalesce(r.provider_status, 'http_' || r.http_status, 'failed') end)::text,
            (case r.status when 'failed' then concat_ws(' ', r.provider, r.action, 'failed', 'with HTTP ' || r.http_status) end)::text,
            ((jsonb_strip_nulls(jsonb_build_object('action', r.action, 'status', r.status, 'skip_reason', r.skip_reason, 'provider_status', r.provider_status, 'duration_ms', r.duration_ms)))::jsonb)::text
          )::hq_export."body_dx_operation_events_v1_cee6c1ab")::text as body
        from n r
        left join ops.operation_runs p on p.run_id = r.run_id
        where (p.entity_type is distinct from 'job')
      ) p;
    when 2 then
      insert into hq_export.outbox_2 (dataset, version, deleted, key, traceparent, body)
      select 2, null, false, p.key, v_traceparent, p.body
      from (
        select
          (r.id)::uuid::text as key,
          row_to_json(row(
            'v1'::text,
            (r.id)::uuid,
            (r."run_id")::uuid,
            (case r.status when 'failed' then 'error' when 'skipped' then 'state_change' else 'response_received' end)::text,
            (coalesce(
              (
                select q.sequence from hq_export.assigned_sequence q
                where q.dataset = 2 and q.key = r."id"::text
              ),
              (
                select count(*)
                from "ops"."operation_attempts" t
                where (t."run_id") = (r."run_id")
                  and (t."created_at", t."id") <= (r."created_at", r."id")
                  and not exists (
                    select from hq_export.assigned_sequence q
                    where q.dataset = 2 and q.key = t."id"::text
                  )
              )
            ))::int4,
            (r.created_at)::timestamptz,
            (p.org_id)::uuid,
            (p.company_id)::uuid,
            (p.entity_type)::text,
            (coalesce(hq_export.entity_id(p.entity_type, p.org_id, p.output_payload, p.input_payload), '00000000-0000-0000-0000-000000000000'))::uuid,
            (r."provider")::text,
            (r."http_status")::int4,
            (null)::text,
            (case when r.raw_response is not null then 'dx://ops/operation_attempts/' || r.id || '#raw_response' end)::text,
            ('sha256:' || encode(sha256(convert_to(r.raw_response::text, 'UTF8')), 'hex'))::text,
            (case r.status when 'failed' then coalesce(r.provider_status, 'http_' || r.http_status, 'failed') end)::text,
            (case r.status when 'failed' then concat_ws(' ', r.provider, r.action, 'failed', 'with HTTP ' || r.http_status) end)::text,
            ((jsonb_strip_nulls(jsonb_build_object('action', r.action, 'status', r.status, 'skip_reason', r.skip_reason, 'provider_status', r.provider_status, 'duration_ms', r.duration_ms)))::jsonb)::text
          )::hq_export."body_dx_operation_events_v1_cee6c1ab")::text as body
        from n r
        left join ops.operation_runs p on p.run_id = r.run_id
        where (p.entity_type is distinct from 'job')
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
    perform nextval('hq_export.filtered_2')
    from n r
    left join ops.operation_runs p on p.run_id = r.run_id
    where (p.entity_type is distinct from 'job') is not true;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      execute format(
        $raw$
          insert into hq_export.outbox_%s (dataset, deleted, sqlstate, traceparent, body)
          select 2, false, $1, hq_export.current_traceparent(), hq_export.raw_row(r)::text
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
          values (2, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
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
alter function hq_export."capture_dx_operation_events_v1_insert"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_events_v1_insert"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_events_v1_insert"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_events_v1_insert"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_events_v1_removed"() returns trigger
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
          select (r.id)::uuid::text as key
          from o r
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
      select 2, k.key
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
    select 2, k.key
    from (
      select (r.id)::uuid::text as key
      from o r
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
      values (2, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
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
alter function hq_export."capture_dx_operation_events_v1_removed"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_events_v1_removed"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_events_v1_removed"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_events_v1_removed"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_events_v1_withdrawn"() returns trigger
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
          select (r.id)::uuid::text as key
          from (select old.* where '"ops"."operation_attempts"'::regclass is not null) r
          where ((new."id") is distinct from (old."id") or not exists (
            select from (select new.* where '"ops"."operation_attempts"'::regclass is not null) r
          left join ops.operation_runs p on p.run_id = r.run_id
          where (p.entity_type is distinct from 'job')
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
      select 2, k.key
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
    select 2, k.key
    from (
      select (r.id)::uuid::text as key
      from (select old.* where '"ops"."operation_attempts"'::regclass is not null) r
      where ((new."id") is distinct from (old."id") or not exists (
        select from (select new.* where '"ops"."operation_attempts"'::regclass is not null) r
      left join ops.operation_runs p on p.run_id = r.run_id
      where (p.entity_type is distinct from 'job')
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
      values (2, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
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
alter function hq_export."capture_dx_operation_events_v1_withdrawn"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_events_v1_withdrawn"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_events_v1_withdrawn"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_events_v1_withdrawn"() set extra_float_digits = '1';

create or replace function hq_export."capture_dx_operation_events_v1_cleared"() returns trigger
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
    values (2)
    on conflict do nothing;
    return null;
  exception when others then
    v_sqlstate := sqlstate;
    -- The rows as they are, for the relay to project.
    begin
      insert into hq_export.capture_gap (dataset, operation)
      values (2, 'removal');
    exception when others then
      -- Or that there were rows.
      begin
        case coalesce(pg_sequence_last_value('hq_export.current_outbox'), 0)
        when 0 then
          insert into hq_export.outbox_0 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 1 then
          insert into hq_export.outbox_1 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
        when 2 then
          insert into hq_export.outbox_2 (dataset, deleted, sqlstate)
          values (2, false, v_sqlstate);
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
alter function hq_export."capture_dx_operation_events_v1_cleared"() set datestyle = 'ISO, MDY';
alter function hq_export."capture_dx_operation_events_v1_cleared"() set intervalstyle = 'postgres';
alter function hq_export."capture_dx_operation_events_v1_cleared"() set bytea_output = 'hex';
alter function hq_export."capture_dx_operation_events_v1_cleared"() set extra_float_digits = '1';

create or replace trigger "hq_export_2_insert" after insert on "ops"."operation_attempts"
referencing new table as n for each statement
execute function hq_export."capture_dx_operation_events_v1_insert"();
alter table "ops"."operation_attempts" enable always trigger "hq_export_2_insert";

create or replace trigger "hq_export_2_removed" after delete on "ops"."operation_attempts"
referencing old table as o for each statement
execute function hq_export."capture_dx_operation_events_v1_removed"();
alter table "ops"."operation_attempts" enable always trigger "hq_export_2_removed";

create or replace trigger "hq_export_2_withdrawn" after update on "ops"."operation_attempts"
for each row when ((new."id") is distinct from (old."id") or row(old."id", old."run_id")::record operator(pg_catalog.*<>) row(new."id", new."run_id")::record)
execute function hq_export."capture_dx_operation_events_v1_withdrawn"();
alter table "ops"."operation_attempts" enable always trigger "hq_export_2_withdrawn";

create or replace trigger "hq_export_2_cleared" after truncate on "ops"."operation_attempts"
for each statement
execute function hq_export."capture_dx_operation_events_v1_cleared"();
alter table "ops"."operation_attempts" enable always trigger "hq_export_2_cleared";
