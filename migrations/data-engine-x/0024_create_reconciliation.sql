-- Reconciliations: what was compared with HQ, when, and what came of it. The evidence, so that it
-- is kept for 400 days. And how far the reader that follows changes has come.
--
-- A run is recorded when it begins; one that has no end is still under way, or was killed, and is
-- undecided either way. Whoever runs it holds the advisory lock of its number meanwhile, so that
-- the two can be told apart.
--
-- Locks: creates new objects only.

create table hq_export.reconciliation (
  number      bigint generated always as identity,
  id          uuid        not null,
  started_at  timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at timestamptz,
  told_at     timestamptz,
  proven_at   timestamptz,
  proven_by   uuid,
  is_whole    boolean     not null,
  kind        text        not null,
  state       text        not null default 'undecided',
  request     jsonb       not null,
  run         jsonb,
  findings    jsonb,
  cost        jsonb,
  constraint reconciliation_pkey primary key (number),
  constraint reconciliation_id_key unique (id),
  constraint reconciliation_kind_check check (kind in ('command', 'daily', 'follow')),
  constraint reconciliation_state_check
    check (state in ('equal', 'different', 'repaired', 'undecided')),
  constraint reconciliation_finished_check check (
    (finished_at is not null) = (run is not null) and (run is not null) = (findings is not null)
    and (finished_at is not null or state = 'undecided')),
  constraint reconciliation_proven_check check (proven_at is null or state = 'repaired')
);
comment on table hq_export.reconciliation is
  'comparisons with HQ and what they found; kept for 400 days';
comment on column hq_export.reconciliation.finished_at is
  'null while it is under way, and for ever where it was killed';
comment on column hq_export.reconciliation.told_at is
  'when HQ was told; null while it has to be';
comment on column hq_export.reconciliation.proven_at is
  'of repaired: when a later reading found the keys that were sent once more equal';
comment on column hq_export.reconciliation.proven_by is
  'the run that found so; null where it was the reader that follows changes';
comment on column hq_export.reconciliation.is_whole is
  'every bound dataset was to be compared, without a limit';
comment on column hq_export.reconciliation.request is
  'what was to be compared and repaired';
comment on column hq_export.reconciliation.run is
  'what it came to, as it is told to HQ, without its findings';
comment on column hq_export.reconciliation.findings is
  'the first 10,000 keys that differed, with the names of their columns and no value';
comment on column hq_export.reconciliation.cost is
  'ranges, seconds of either side and rows read once more, by dataset';

create table hq_export.follow (
  one           boolean     not null default true,
  period_began  timestamptz not null default pg_catalog.clock_timestamp(),
  looked_at     timestamptz not null default pg_catalog.clock_timestamp(),
  keys_compared bigint      not null default 0,
  keys_found    bigint      not null default 0,
  keys_left_out bigint      not null default 0,
  rows_missed   bigint      not null default 0,
  epoch         text        not null,
  seen          pg_snapshot not null,
  outbox        jsonb       not null,
  constraint follow_pkey primary key (one),
  constraint follow_one_check check (one)
) with (fillfactor = 30);
comment on table hq_export.follow is
  'how far the keys that changed lately have been compared with HQ; one row';
comment on column hq_export.follow.period_began is
  'the numbers count from here; begun anew after a day';
comment on column hq_export.follow.keys_left_out is
  'keys beyond what is compared a second, and keys that changed all the while';
comment on column hq_export.follow.rows_missed is
  'rows that were truncated before they were seen, at most';
comment on column hq_export.follow.seen is
  'keys of rows that it shows have been compared';
comment on column hq_export.follow.outbox is
  'the outbox by then: its highest number, and of each table its file and what was still open when '
  'it was no longer written to';

grant select, insert, update, delete on hq_export.reconciliation, hq_export.follow
  to hq_export_relay;
-- One relay at a time makes the daily run.
insert into hq_export.advisory_lock (name, key) values ('reconcile', 7310590394217492837);
