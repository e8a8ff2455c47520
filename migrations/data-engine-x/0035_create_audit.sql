-- Who did what by hand at the source, and what is done from the operator's console as a job with an
-- outcome per item. Where in the row HQ found what it refused; and the indexes by which dead
-- letters are grouped by their cause and found by their batch, however many there are.
--
-- Locks: creates new objects; ACCESS EXCLUSIVE on hq_export.dead_letter for the moment of a catalog
-- change (no rewrite) and while two indexes are built. Only the relay and the command lines write
-- there.

create table hq_export.audit (
  id      bigint      generated always as identity,
  at      timestamptz not null default pg_catalog.clock_timestamp(),
  actor   text        not null,
  action  text        not null,
  subject text        not null,
  detail  jsonb       not null default '{}',
  constraint audit_pkey primary key (id)
);
comment on table hq_export.audit is
  'what operators did by hand, written in the transaction that did it; rows are only ever added';
comment on column hq_export.audit.actor is 'who: --by of the command, or the login role';
comment on column hq_export.audit.action is 'what, such as dead_letter.discard';
comment on column hq_export.audit.subject is 'to what, such as hq_export.dead_letter';
comment on column hq_export.audit.detail is
  'circumstances; never a secret, never a value of a row';
grant select, insert on hq_export.audit to hq_export_relay;

-- The id of an action is drawn when its confirmation is shown, so that sending the form twice acts
-- once. Its effect, its outcomes and its entry in the audit are written in one transaction, piece
-- by piece; how far it has come stands in the action, so that it goes on wherever its process
-- ended.
create table hq_export.action (
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
create index action_requested_idx on hq_export.action (requested_at, id);
create index action_running_idx on hq_export.action (requested_at) where state = 'running';
comment on table hq_export.action is
  'what was done from the console, and how far it has come; kept for 400 days';
comment on column hq_export.action.requested_at is 'when its form was sent';
comment on column hq_export.action.updated_at is 'when it came on last';
comment on column hq_export.action.finished_at is 'when it ended; null while it runs';
comment on column hq_export.action.done is 'items that were done';
comment on column hq_export.action.failed is 'items that failed, each with its reason';
comment on column hq_export.action.actor is 'who asked for it';
comment on column hq_export.action.state is
  'running, done, or stopped by somebody before its end';
comment on column hq_export.action.position is 'items up to this id have an outcome';
comment on column hq_export.action.through is 'last item: what came later is not touched';
comment on column hq_export.action.id is
  'drawn when its confirmation was shown: sent twice, done once';
comment on column hq_export.action.kind is 'what, as hq_export.audit.action says';
comment on column hq_export.action.reason is 'why, in the words of who asked for it';
comment on column hq_export.action.selection is 'to which items; never a value of a row';

create table hq_export.action_item (
  item    bigint not null,
  action  uuid   not null,
  outcome text   not null,
  reason  text,
  constraint action_item_pkey primary key (action, item),
  constraint action_item_action foreign key (action) references hq_export.action (id)
    on delete cascade,
  constraint action_item_outcome_check check (outcome in ('done', 'failed'))
);
-- Which actions a row went through.
create index action_item_item_idx on hq_export.action_item (item);
comment on table hq_export.action_item is 'what became of every item of an action';
comment on column hq_export.action_item.item is
  'id of the letter; of a repair, place of the finding in its run';
comment on column hq_export.action_item.action is 'the action';
comment on column hq_export.action_item.outcome is 'done or failed';
comment on column hq_export.action_item.reason is 'why it failed; never a value of a row';
grant select, insert, update, delete on hq_export.action, hq_export.action_item
  to hq_export_relay;

alter table hq_export.dead_letter add column pointer text not null default '';
comment on column hq_export.dead_letter.pointer is
  'where in the row HQ found it, such as /row/status; empty where HQ does not say';

create index dead_letter_cause_idx on hq_export.dead_letter
  (dataset, reason, pointer, last_failed_at, id) include (first_failed_at)
  where resolved_at is null;
create index dead_letter_batch_idx on hq_export.dead_letter (batch);
