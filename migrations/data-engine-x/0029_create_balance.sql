-- The balance of a day: what was captured is what HQ decided, was refused, or waits. Both sides are
-- counted apart from each other: what was captured from the outbox tables, by snapshots of their
-- own; what became of it by the ack of each window, in the very row that says that it is settled.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.ack for an instant, which only relays use; nothing of the
-- application.

-- Insert-only like the ack itself: counters in a row of their own would be updated with each window,
-- and an old snapshot elsewhere would keep every version of them.
alter table hq_export.ack add column extends bigint, add column outcomes jsonb;
comment on column hq_export.ack.extends is
  'ack that the window began with; of two relays that settled one window, one acks it';
comment on column hq_export.ack.outcomes is
  'what became of the rows of the window: [{day, dataset, inserted, ...}]; null where there is none';
create unique index ack_extends_idx on hq_export.ack (extends);

create table hq_export.balance (
  captured   bigint   not null default 0,
  inserted   bigint   not null default 0,
  updated    bigint   not null default 0,
  superseded bigint   not null default 0,
  duplicate  bigint   not null default 0,
  stale      bigint   not null default 0,
  refused    bigint   not null default 0,
  filtered   bigint   not null default 0,
  day        date     not null,
  dataset    smallint not null,
  constraint balance_pkey primary key (day, dataset)
);
comment on table hq_export.balance is
  'rows of the outbox by UTC day of capture: how many there were, and what became of them; up to '
  'hq_export.balance_mark, kept 400 days';
comment on column hq_export.balance.captured is
  'rows that were in the outbox, and those that a filter left out';
comment on column hq_export.balance.superseded is
  'a newer version, or the projection of a row that was kept raw, went in its place';
comment on column hq_export.balance.refused is 'became a dead letter, or a conflict that was sent anew';
comment on column hq_export.balance.filtered is
  'inserted rows outside the filter of the binding; counted also where the transaction rolled back';

create table hq_export.balance_mark (
  folded     bigint      not null,
  is_only    boolean     not null default true,
  epoch      text        not null,
  counted    pg_snapshot not null,
  filtered   bigint[]    not null,
  constraint balance_mark_pkey primary key (is_only),
  constraint balance_mark_is_only_check check (is_only)
);
comment on table hq_export.balance_mark is 'how far hq_export.balance has counted: one row';
comment on column hq_export.balance_mark.counted is 'rows that it shows are counted as captured';
comment on column hq_export.balance_mark.folded is
  'acks up to this id are counted in hq_export.balance';
comment on column hq_export.balance_mark.filtered is
  'of the sequences hq_export.filtered_1 to filtered_4, what is counted';
comment on column hq_export.balance_mark.epoch is 'life of the server that these are of';

grant select, insert, update, delete on hq_export.balance to hq_export_relay;
grant select, insert, update on hq_export.balance_mark to hq_export_relay;
