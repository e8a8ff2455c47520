-- What is done from the operator's console, as a job with an outcome per item; and the index by
-- which refused rows are grouped by their cause, however many there are.
--
-- The id of an action is drawn when its confirmation is shown, so that sending the form twice acts
-- once. Its effect, its outcomes and its entry in ingest.audit are written in one transaction,
-- piece by piece; how far it has come stands in the action, so that it goes on wherever its process
-- ended.
--
-- Locks: creates new objects; SHARE on ingest.quarantine while an index on its open entries is
-- built: gateways that refuse a row wait meanwhile, readers do not.

create table ingest.action (
  requested_at timestamptz not null default pg_catalog.clock_timestamp(),
  updated_at   timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at  timestamptz,
  position     bigint      not null default 0,
  through      bigint      not null,
  done         integer     not null default 0,
  failed       integer     not null default 0,
  id           uuid        not null,
  kind         text        not null,
  actor        text        not null,
  state        text        not null default 'running',
  reason       text,
  selection    jsonb       not null,
  constraint action_pkey primary key (id),
  constraint action_state_check check (state in ('running', 'done', 'stopped')),
  constraint action_finished_check check ((finished_at is null) = (state = 'running'))
  -- Progress changes no indexed column and finds room on its page.
) with (fillfactor = 50);

create index action_requested_idx on ingest.action (requested_at, id);
create index action_running_idx on ingest.action (requested_at) where state = 'running';

comment on table ingest.action is
  'what was done from the console, and how far it has come; kept for 400 days';
comment on column ingest.action.requested_at is 'when its form was sent';
comment on column ingest.action.updated_at is 'when it came on last';
comment on column ingest.action.finished_at is 'when it ended; null while it runs';
comment on column ingest.action.done is 'items that were done';
comment on column ingest.action.failed is 'items that failed, each with its reason';
comment on column ingest.action.actor is 'who asked for it';
comment on column ingest.action.state is
  'running, done, or stopped by somebody before its end';
comment on column ingest.action.position is 'items up to this id have an outcome';
comment on column ingest.action.through is 'last item: what came later is not touched';
comment on column ingest.action.id is
  'drawn when its confirmation was shown: sent twice, done once';
comment on column ingest.action.kind is 'what, as ingest.audit.action says';
comment on column ingest.action.reason is 'why, in the words of who asked for it';
comment on column ingest.action.selection is 'to which items; never a value of a row';

create table ingest.action_item (
  item    bigint not null,
  action  uuid   not null,
  outcome text   not null,
  reason  text,
  constraint action_item_pkey primary key (action, item),
  constraint action_item_action foreign key (action) references ingest.action (id)
    on delete cascade,
  constraint action_item_outcome_check check (outcome in ('done', 'failed'))
);

-- Which actions a row went through.
create index action_item_item_idx on ingest.action_item (item);
comment on table ingest.action_item is 'what became of every item of an action';
comment on column ingest.action_item.item is 'id of the entry';
comment on column ingest.action_item.action is 'the action';
comment on column ingest.action_item.outcome is 'done or failed';
comment on column ingest.action_item.reason is 'why it failed; never a value of a row';

alter table ingest.action owner to hq_ingest_writer;
alter table ingest.action_item owner to hq_ingest_writer;
grant select on ingest.action, ingest.action_item to hq_console;

-- Cause: dataset, code, and where in the row. The pointer without the position in the batch, and
-- not longer than an index takes, whatever a source calls its columns. What a page tells of a cause
-- stands in the index; the pointer itself, too, because without it PostgreSQL would not know that
-- the index is enough.
create index quarantine_cause_idx on ingest.quarantine (
  dataset, code,
  (pg_catalog."left"(pg_catalog.regexp_replace(coalesce(pointer, ''), '^/rows/[0-9]+', ''), 200)),
  last_seen_at, id
) include (pointer, org_id, first_seen_at) where resolved_at is null;
