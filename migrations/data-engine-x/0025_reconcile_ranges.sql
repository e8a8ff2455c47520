-- Which parts of a dataset were compared with HQ, and when: so that a dataset that takes long is
-- compared part by part in rotation, and everybody sees how old the oldest part is. And keys that a
-- reconciliation found missing, or older in HQ, may be sent once more.
--
-- Locks: creates a new object; ACCESS EXCLUSIVE on hq_export.reexport, a table of ours that is
-- empty at rest, for as long as it takes to look at it.

alter table hq_export.reexport
  drop constraint reexport_reason_check,
  add constraint reexport_reason_check
    check (reason in ('replay', 'version_conflict', 'delete_race', 'reconciliation'));

create table hq_export.reconciliation_range (
  checked_at timestamptz,
  row_count  bigint,
  dataset    smallint not null,
  from_key   text     not null,
  before_key text,
  state      text,
  constraint reconciliation_range_pkey primary key (dataset, from_key),
  constraint reconciliation_range_checked_check
    check ((checked_at is null) = (state is null) and (checked_at is null) = (row_count is null)),
  constraint reconciliation_range_state_check check (state in ('equal', 'different'))
);
comment on table hq_export.reconciliation_range is
  'ranges of the keys of a dataset, without gaps: when each was compared with HQ last';
comment on column hq_export.reconciliation_range.from_key is
  'first key of the range, its values joined by /; empty from the beginning. Of the snapshots, key '
  'of their entities';
comment on column hq_export.reconciliation_range.before_key is
  'first key behind the range; null to the end';
comment on column hq_export.reconciliation_range.row_count is
  'rows of the source that were compared';
comment on column hq_export.reconciliation_range.checked_at is
  'when it was compared as a whole; null if never';
comment on column hq_export.reconciliation_range.state is
  'whether all of it was the same then; what HQ had refused is no difference';

grant select, insert, update, delete on hq_export.reconciliation_range to hq_export_relay;
