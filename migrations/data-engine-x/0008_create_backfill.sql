-- Backfills: what of the source is to be sent to HQ whether it changes or not, and how far that has
-- come. A handful of rows that an operator asked for, kept as a record.
--
-- Locks: creates a new object only.

create table hq_export.backfill (
  id           bigint generated always as identity,
  requested_at timestamptz not null default pg_catalog.clock_timestamp(),
  updated_at   timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at  timestamptz,
  since        timestamptz,
  until        timestamptz,
  org_id       uuid,
  dataset      text,
  state        text        not null default 'running',
  reason       text,
  progress     jsonb       not null,
  constraint backfill_pkey primary key (id),
  constraint backfill_state_check
    check (state in ('running', 'paused', 'canceled', 'completed', 'failed')),
  constraint backfill_finished_check
    check ((finished_at is not null) = (state in ('canceled', 'completed', 'failed'))),
  constraint backfill_window_check check (since < until)
  -- Progress updates change no indexed column and find room on their page: heap-only, pruned as
  -- they go.
) with (fillfactor = 30);
comment on table hq_export.backfill is
  'what relay -- backfill was asked for, and how far it has come';
comment on column hq_export.backfill.dataset is 'contract name; null for every bound dataset';
comment on column hq_export.backfill.since is
  'rows whose time column is not earlier; null for no limit';
comment on column hq_export.backfill.until is
  'rows whose time column is earlier; null for no limit';
comment on column hq_export.backfill.state is
  'running: executed by the relay that leads, or by the command where none does; '
  'paused until resumed';
comment on column hq_export.backfill.reason is 'why it failed, or why nothing moves at the moment';
comment on column hq_export.backfill.progress is
  'per pass over a relation: key up to which everything is settled in HQ, rows read, '
  'rows by outcome; and time spent';
grant select, insert, update on hq_export.backfill to hq_export_relay;
